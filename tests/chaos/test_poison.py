"""Poison in one partition: beside its topic with its reason, its bytes and its headers; everything around it is applied."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from mahnlauf import committed
from schemas import topics
from streams.engine.protocol import Record
from streams.replay import replay
from tests.chaos.acme import DAY_BEFORE, POLICY, STEP, event, in_partition, invoice, payment, producer
from tests.chaos.cases import Cases, Line, Slice
from tests.chaos.house import House, assert_clean, latest, said, standing
from tests.chaos.telling import tell
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(300)
PARTITION = 0
ERRORS = "__mahnlauf.errors."
TRACE = ("trace", b"\x00\xff")
LARGE_BYTES = 1_000_000
LAST_DAY = STEP.date() + timedelta(days=7)
KINDS: dict[str, str] = {
    "not JSON": "not JSON",
    "a field missing": "invalid",
    "wrong key": "wrong key",
    "another currency": "currency mismatch",
    "1 MB": "too large",
    "no value": "no value",
    "unknown type": "unknown type",
}
"""What a publisher with a defect writes, and the reason for which it cannot be applied."""
PRICED = (topics.INVOICES, topics.PAYMENTS)
"""Topics whose events name a currency."""
KEYED = (*topics.BILLING_INPUTS, topics.INSTRUCTIONS, topics.REPLIES)
HANDOVER = "0b8f4b0e-2f0a-5f0c-9d3e-3a1f6f1f0a01"
BEFORE_THE_STEP = "2025-01-15T11:59:00Z"


def proper(topic: str, contract: str) -> Line:
    """An event of that topic as it ought to be."""
    kind, data = {
        topics.INVOICES: (
            "invoice.issued",
            {"invoice_id": f"S-{contract}", "issued_on": "2025-01-15", "due_on": "2025-03-01", "amount": 700, "currency": "EUR"},
        ),
        topics.PAYMENTS: ("payment.received", payment(contract).content["value"]["data"]),
        topics.CHARGEBACKS: (
            "chargeback.received",
            {"chargeback_id": f"B-{contract}", "payment_id": f"P-{contract}", "amount": 100, "booked_on": "2025-01-15"},
        ),
        topics.CONTRACTS: ("dispute.opened", {"dispute_id": f"D-{contract}", "invoice_id": f"R-{contract}"}),
        topics.INSTRUCTIONS: ("step.approved", {"by": "clerk", "step": 1}),
        topics.REPLIES: ("case.accepted", {"handover_id": HANDOVER, "occurred_at": BEFORE_THE_STEP, "agency": "atriga"}),
    }[topic]
    return event(topic, kind, contract, BEFORE_THE_STEP, **data)


@dataclass(frozen=True)
class Poison:
    """A record as a publisher with a defect writes it, and the event it ought to have been."""

    kind: str
    meant: Line
    value: bytes | None

    @classmethod
    def of(cls, kind: str, meant: Line) -> "Poison":
        return cls(kind, meant, spoiled(kind, meant.content["value"]))

    @property
    def topic(self) -> str:
        return str(self.meant.content["topic"])

    @property
    def key(self) -> bytes:
        return self.meant.key


def spoiled(kind: str, content: dict[str, Any]) -> bytes | None:
    """The JSON of an event with that defect."""
    content = {**content, "data": dict(content["data"])}
    if kind == "a field missing":
        del content["data"][next(name for name in content["data"] if name not in ("by", "invoice_id"))]
    elif kind == "wrong key":
        content["subject"] = "somebody else"
    elif kind == "another currency":
        content["data"]["currency"] = "USD"
    elif kind == "1 MB":
        content["data"]["memo"] = "x" * LARGE_BYTES
    elif kind == "unknown type":
        content["type"] += ".imagined"
    text = json.dumps(content).encode()
    return {"not JSON": text[:-30], "no value": None}.get(kind, text)


POISONS = [(topic, kind) for topic in KEYED for kind in KINDS if kind != "another currency" or topic in PRICED]
*POISONED, PAYER, DEBTOR = in_partition(PARTITION, len(POISONS) + 2)
"""Contracts, one for each poison; the last two are their neighbours, to whom nothing happens."""
RECORDS = [Poison.of(kind, proper(topic, contract)) for (topic, kind), contract in zip(POISONS, POISONED, strict=True)]
SKIPPED = [record for record in RECORDS if record.kind == "unknown type" and record.topic in topics.BILLING_INPUTS]
LETTERS = [record for record in RECORDS if record not in SKIPPED]
BILLED = [letter for letter in LETTERS if letter.topic in topics.BILLING_INPUTS]
WAITING = {letter.key.decode() for letter in BILLED}
MENDED = tuple(letter.meant for letter in BILLED)
CLEARED = tuple(
    event(
        *(topics.INSTRUCTIONS, "attention.cleared", letter.key.decode().removeprefix("acme/"), "2025-01-15T12:30:00Z"),
        by="clerk", name="unapplied_event",
    )
    for letter in BILLED
    if letter.kind in ("not JSON", "no value")
)  # fmt: skip
"""Where not even the id could be read, nobody but a person knows that it was mended."""
TIMERS = (
    (b'{"type": ', "not JSON"),
    (b'{"specversion":"1.0","id":"t","source":"/t","type":"clock.ticked","time":"2025-01-15T11:59:00Z","data":{}}', "invalid"),
    (b'{"specversion":"1.0","id":"t","source":"/t","type":"clock.melted","time":"2025-01-15T11:59:00Z","data":{}}', "unknown type"),
)
"""Without a key, as the clock's own records are."""


def test_poison_holds_up_nobody_and_mended_gives_what_no_poison_would_have_given(house: House) -> None:
    invoices = tuple(invoice(contract) for contract in (*POISONED, PAYER, DEBTOR))
    house.furnish(Cases("acme", POLICY, invoices, DAY_BEFORE))
    worker = house.worker("A")
    until(worker.ready, "the worker is ready")
    house.publish(Slice(invoices, DAY_BEFORE))
    client = producer(house, **{"message.max.bytes": 2 << 20})
    for record in RECORDS:
        write(client, record.topic, record.key, record.value)
    for value, _ in TIMERS:
        write(client, topics.TIMERS, None, value)
    house.publish(Slice((payment(PAYER),), STEP.date()))
    house.settle()

    found = {record.key: record for topic in KEYED for record in letters(house, topic)}
    assert found.keys() == {letter.key for letter in LETTERS}
    for letter in LETTERS:
        assert found[letter.key].value == letter.value, letter.kind
        assert_unchanged(found[letter.key], letter.topic, KINDS[letter.kind])
    of_timers = letters(house, topics.TIMERS)
    assert [letter.value for letter in of_timers] == [value for value, _ in TIMERS]
    for letter_of_timers, (_, reason) in zip(of_timers, TIMERS, strict=True):
        assert_unchanged(letter_of_timers, topics.TIMERS, reason)
    figures = worker.figures()
    for topic in topics.BILLING_INPUTS:
        assert figures.total("skipped_total", topic=topic, type="unknown type") == 1
    assert figures.total("skipped_total") == len(SKIPPED)
    assert figures.total("dead_letters_total") == len(LETTERS) + len(TIMERS)
    assert reminded(house) == {f"acme/{contract}" for contract in (*POISONED, DEBTOR)} - WAITING
    rows = {key: row["data"] for key, row in house.status().items()}
    assert rows[f"acme/{PAYER}"]["open_amount"] == 0
    assert {key for key, row in rows.items() if row["attention"] == ["unapplied_event"]} == WAITING
    assert {key for key, row in rows.items() if row["waiting_for"] == ["unapplied"]} == WAITING
    assert_clean(house.audit())

    pays_late = payment(DEBTOR, "2025-01-20T10:00:00Z")
    house.publish(Slice(MENDED, STEP.date()), ticks=False)
    house.publish(Slice((*CLEARED, pays_late), LAST_DAY))
    house.settle()
    unspoiled = replay([line.event for line in (*invoices, payment(PAYER), *MENDED, pays_late)], [POLICY], LAST_DAY)
    rows, wanted = house.status(), latest(unspoiled)
    assert {key: standing(row) for key, row in rows.items()} == {key: standing(row) for key, row in wanted.items()}
    verdict = house.audit()
    tell(
        f"{len(LETTERS) + len(TIMERS)} dead letters of {len(KEYED) + 1} topics, {len(MENDED)} mended and published again: every contract "
        f"stands where it would; {said(verdict)}"
    )
    assert_clean(verdict)


def write(client: Producer, topic: str, key: bytes | None, value: bytes | None) -> None:
    """Returns once it is acknowledged."""
    timestamp = payment(DEBTOR, BEFORE_THE_STEP).time_ms
    client.produce(topic, value, key, timestamp=timestamp, headers=[TRACE], **({} if key else {"partition": PARTITION}))
    assert client.flush(30.0) == 0


def letters(house: House, topic: str) -> list[Record]:
    async def read() -> list[Record]:
        name = topics.dead_letters(topic)
        return [record async for records in committed.read(house.connection, name, PARTITION) for record in records]

    return asyncio.run(read())


def assert_unchanged(found: Record, topic: str, reason: str) -> None:
    """Timestamp and headers as they were published, and beside them where and why."""
    told = {name.removeprefix(ERRORS): value.decode() for name, value in found.headers if name.startswith(ERRORS)}
    assert found.timestamp_ms == payment(DEBTOR, BEFORE_THE_STEP).time_ms
    assert found.headers[0] == TRACE
    assert told["exception.class.name"] == reason, found
    assert (told["topic"], told["partition"]) == (topic, str(PARTITION))
    assert told["exception.message"]
    assert "Traceback" not in told["exception.message"]


def reminded(house: House) -> set[str]:
    return {line["key"] for line in house.exported(topics.NOTICES)}
