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
from tests.chaos.acme import DAY_BEFORE, POLICY, STEP, in_partition, invoice, payment, producer
from tests.chaos.cases import Cases, Slice
from tests.chaos.house import House, assert_clean, latest, said, standing
from tests.chaos.telling import tell
from tests.chaos.waiting import until

pytestmark = pytest.mark.timeout(300)
PARTITION = 0
ERRORS = "__mahnlauf.errors."
TRACE = ("trace", b"\x00\xff")
NOT_JSON, NO_AMOUNT, WRONG_KEY, DOLLARS, LARGE, EMPTY, UNKNOWN, ORDER, PAYER, DEBTOR = in_partition(PARTITION, 10)
"""Contracts by what happens to them; the last two are their neighbours, to whom nothing happens."""
LARGE_BYTES = 1_000_000
LAST_DAY = STEP.date() + timedelta(days=7)


@dataclass(frozen=True)
class Poison:
    """A record as a publisher with a defect writes it, and the reason for which it cannot be applied."""

    topic: str
    contract: str
    value: bytes | None
    reason: str

    @property
    def key(self) -> bytes:
        return f"acme/{self.contract}".encode()


def spoiled(contract: str, **changes: Any) -> bytes:
    """A payment as JSON, its envelope and data changed."""
    content = payment(contract).content["value"]
    return json.dumps({**content, **{name: value for name, value in changes.items() if name != "data"},
                       "data": {**content["data"], **changes.get("data", {})}}).encode()  # fmt: skip


def without_amount() -> bytes:
    content = json.loads(spoiled(NO_AMOUNT))
    del content["data"]["amount"]
    return json.dumps(content).encode()


LETTERS = (
    Poison(topics.PAYMENTS, NOT_JSON, spoiled(NOT_JSON)[:-30], "not JSON"),
    Poison(topics.PAYMENTS, NO_AMOUNT, without_amount(), "invalid"),
    Poison(topics.PAYMENTS, WRONG_KEY, spoiled(WRONG_KEY, subject="somebody else"), "wrong key"),
    Poison(topics.PAYMENTS, DOLLARS, spoiled(DOLLARS, data={"currency": "USD"}), "currency mismatch"),
    Poison(topics.PAYMENTS, LARGE, spoiled(LARGE, data={"memo": "x" * LARGE_BYTES}), "too large"),
    Poison(topics.PAYMENTS, EMPTY, None, "no value"),
    Poison(topics.INSTRUCTIONS, ORDER, spoiled(ORDER, type="step.imagined"), "unknown type"),
)
SKIPPED = Poison(topics.PAYMENTS, UNKNOWN, spoiled(UNKNOWN, type="payment.imagined"), "")
WAITING = {f"acme/{letter.contract}" for letter in LETTERS if letter.topic == topics.PAYMENTS}
MENDED = tuple(payment(letter.contract) for letter in LETTERS if letter.topic == topics.PAYMENTS)


def test_poison_holds_up_nobody_and_mended_gives_what_no_poison_would_have_given(house: House) -> None:
    invoices = tuple(invoice(contract) for contract in in_partition(PARTITION, 10))
    house.furnish(Cases("acme", POLICY, invoices, DAY_BEFORE))
    worker = house.worker("A")
    until(worker.ready, "the worker is ready")
    house.publish(Slice(invoices, DAY_BEFORE))
    client = producer(house, **{"message.max.bytes": 2 << 20})
    for letter in (*LETTERS, SKIPPED):
        write(client, letter)
    house.publish(Slice((payment(PAYER),), STEP.date()))
    house.settle()

    found = {record.key: record for topic in (topics.PAYMENTS, topics.INSTRUCTIONS) for record in letters(house, topic)}
    assert found.keys() == {letter.key for letter in LETTERS}
    for letter in LETTERS:
        assert_unchanged(found[letter.key], letter)
    figures = worker.figures()
    assert figures.total("skipped_total", topic=topics.PAYMENTS, type="unknown type") == 1
    assert figures.total("dead_letters_total") == len(LETTERS)
    assert reminded(house) == {f"acme/{contract}" for contract in (UNKNOWN, ORDER, DEBTOR)}
    rows = {key: row["data"] for key, row in house.status().items()}
    assert rows[f"acme/{PAYER}"]["open_amount"] == 0
    assert {key for key, row in rows.items() if row["attention"] == ["unapplied_event"]} == WAITING
    assert {key for key, row in rows.items() if row["waiting_for"] == ["unapplied"]} == WAITING
    assert_clean(house.audit())

    pays_late = payment(DEBTOR, "2025-01-20T10:00:00Z")
    house.publish(Slice(MENDED, STEP.date()), ticks=False)
    house.publish(Slice((pays_late,), LAST_DAY))
    house.settle()
    unspoiled = replay([line.event for line in (*invoices, payment(PAYER), *MENDED, pays_late)], [POLICY], LAST_DAY)
    rows, wanted = house.status(), latest(unspoiled)
    assert {key: standing(row) for key, row in rows.items()} == {key: standing(row) for key, row in wanted.items()}
    verdict = house.audit()
    tell(f"{len(LETTERS)} dead letters, {len(MENDED)} mended and published again: every contract stands where it would; {said(verdict)}")
    assert_clean(verdict)


def write(client: Producer, poison: Poison) -> None:
    """Returns once it is acknowledged."""
    client.produce(poison.topic, poison.value, poison.key, timestamp=payment(poison.contract).time_ms, headers=[TRACE])
    assert client.flush(30.0) == 0


def letters(house: House, topic: str) -> list[Record]:
    async def read() -> list[Record]:
        name = topics.dead_letters(topic)
        return [record async for records in committed.read(house.connection, name, PARTITION) for record in records]

    return asyncio.run(read())


def assert_unchanged(found: Record, written: Poison) -> None:
    """Key, value, timestamp and headers as they were published, and beside them where and why."""
    told = {name.removeprefix(ERRORS): value.decode() for name, value in found.headers if name.startswith(ERRORS)}
    assert found.value == written.value
    assert found.timestamp_ms == payment(written.contract).time_ms
    assert found.headers[0] == TRACE
    assert told["exception.class.name"] == written.reason
    assert (told["topic"], told["partition"]) == (written.topic, str(PARTITION))
    assert told["exception.message"]
    assert "Traceback" not in told["exception.message"]


def reminded(house: House) -> set[str]:
    return {line["key"] for line in house.exported(topics.NOTICES)}
