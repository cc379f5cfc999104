"""A payment that Kafka acknowledged just before a tick counts before any step of that tick, even behind a stranger's open transaction."""

import pytest
from confluent_kafka import Producer

from schemas import topics
from tests.chaos.acme import DAY_BEFORE, DAYS, POLICY, STEP, in_partition, invoice, payment, producer, send
from tests.chaos.cases import Cases
from tests.chaos.house import PARTITIONS, House, assert_clean, said
from tests.chaos.telling import tell
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(300)
TIMEOUT_MS = 8_000
ENDINGS = COMMITS, ABORTS, TIMES_OUT = "commits", "aborts", "times out"


def stranger(house: House, ending: str) -> Producer:
    """A client with a transaction of its own, that has begun it."""
    timeout_ms = TIMEOUT_MS if ending == TIMES_OUT else 60_000
    client = producer(house, **{"transactional.id": f"stranger that {ending}", "transaction.timeout.ms": timeout_ms})
    client.init_transactions(30.0)
    client.begin_transaction()
    return client


def test_a_payment_behind_an_open_transaction_counts_before_the_step(house: House) -> None:
    """In three partitions at once; in each a payer, a debtor who pays nothing, and somebody whose payment stands in the transaction."""
    people = {ending: in_partition(number, 3) for number, ending in enumerate(ENDINGS)}
    cases = Cases("acme", POLICY, tuple(invoice(contract) for of in people.values() for contract in of), DAY_BEFORE)
    house.furnish(cases)
    worker = house.worker("A")
    until(worker.ready, "the worker is ready")
    house.publish(cases.whole())
    house.settle()

    strangers = {ending: stranger(house, ending) for ending in ENDINGS}
    billing = producer(house)
    for ending, (payer, _, strange) in people.items():
        send(strangers[ending], payment(strange))
        send(billing, payment(payer))
    house.tick([STEP])
    ticks = PARTITIONS * (DAYS + 1)
    until(lambda: worker.figures().total("ticks_total") == ticks - len(ENDINGS), "every other partition has its tick")
    assert not house.exported(topics.NOTICES), "a step was taken although its tick had to wait"
    strangers[COMMITS].commit_transaction(30.0)
    strangers[ABORTS].abort_transaction(30.0)
    until(lambda: worker.figures().total("ticks_total") == ticks, "the ticks that waited are applied", 90.0)

    house.settle()
    reminded = {line["key"] for line in house.exported(topics.NOTICES)}
    rows = {key: row["data"] for key, row in house.status().items()}
    verdict = house.audit()
    tell(f"ticks waited {worker.figures().total('tick_wait_seconds_total')} s for strangers that {', '.join(ENDINGS)}; {said(verdict)}")
    assert_clean(verdict)
    for ending, (payer, debtor, strange) in people.items():
        assert (rows[f"acme/{payer}"]["status"], rows[f"acme/{payer}"]["open_amount"]) == ("Clear", 0), ending
        assert {f"acme/{payer}", f"acme/{debtor}", f"acme/{strange}"} & reminded == {
            f"acme/{debtor}",
            *(() if ending == COMMITS else (f"acme/{strange}",)),
        }, ending
