"""The events of the benchmarks: drawn from a seed, written to the broker in batches before anything is measured."""

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas import topics
from streams.engine.placing import partition_of

SEED: Final = 20_260_105
FIRST_DAY: Final = date(2025, 1, 1)
PAD: Final = "x" * 100
"""Brings an event to the 436 bytes of the measurements that the decisions rest on."""
_BATCH_BYTES: Final = 512 * 1024


class Made(NamedTuple):
    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


def counted(topic: str, events: int, contracts: int) -> Iterator[Made]:
    """Payments of random contracts, all on one topic: what the counter and its peers read."""
    draw = random.Random(SEED)
    for number in range(events):
        contract = draw.randrange(contracts)
        data = {"payment_id": f"P-{number}", "amount": draw.randrange(1, 100_000), "currency": "EUR", "value_date": "2025-01-01"}
        yield made(topic, "payment.received", contract, number, _moment(number, events), {**data, "pad": PAD})


def lives(events: int, contracts: int) -> Iterator[Made]:
    """Five events a contract over five months, interleaved: invoice, half paid, second invoice, chargeback of the half, first paid."""
    rounds = events // contracts
    for step in range(rounds):
        for contract in range(contracts):
            number = step * contracts + contract
            yield _life_event(step % 5, step // 5, contract, number, _moment(number, events))


def _life_event(step: int, year: int, contract: int, number: int, at: datetime) -> Made:
    today, mark = at.date(), f"{contract}-{year}"
    first = {"issued_on": str(today), "due_on": str(today + timedelta(14)), "amount": 4990, "currency": "EUR", "subject_matter": PAD}
    kind, topic, data = (
        ("invoice.issued", topics.INVOICES, {"invoice_id": f"I-{mark}-1", "number": mark, **first}),
        ("payment.received", topics.PAYMENTS, _payment(f"P-{mark}-1", 2000, today)),
        ("invoice.issued", topics.INVOICES, {"invoice_id": f"I-{mark}-2", "number": mark, **first}),
        ("chargeback.received", topics.CHARGEBACKS, _chargeback(mark, today)),
        ("payment.received", topics.PAYMENTS, _payment(f"P-{mark}-2", 4990, today)),
    )[step]
    return made(topic, kind, contract, number, at, data)


def _payment(payment_id: str, amount_minor: int, value_date: date) -> dict[str, object]:
    return {"payment_id": payment_id, "amount": amount_minor, "currency": "EUR", "value_date": str(value_date), "pad": PAD}


def _chargeback(mark: str, booked_on: date) -> dict[str, object]:
    return {"chargeback_id": f"B-{mark}", "payment_id": f"P-{mark}-1", "amount": 2000, "booked_on": str(booked_on), "pad": PAD}


def _moment(number: int, events: int) -> datetime:
    return datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(seconds=number * 150 * 86_400 // events)


def made(topic: str, kind: str, contract: int, number: int, at: datetime, data: dict[str, object]) -> Made:
    subject = f"C-{contract:07d}"
    event = {
        "specversion": "1.0",
        "id": f"{number:032d}",
        "source": "/billing/bench",
        "type": kind,
        "subject": subject,
        "time": at.isoformat(),
        "tenant": "bench",
        "data": data,
    }
    return Made(topic, f"bench/{subject}".encode(), json.dumps(event).encode(), int(at.timestamp() * 1000))


async def publish(bootstrap: str, events: Iterator[Made], partitions: int) -> None:
    """Write `events`, placed by murmur2; returns when every batch is acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=_BATCH_BYTES)
    await producer.start()
    batches: dict[tuple[str, int], object] = {}
    sent: list[asyncio.Future[object]] = []
    try:
        for event in events:
            where = (event.topic, partition_of(event.key, partitions))
            batch = batches.get(where) or batches.setdefault(where, producer.create_batch())
            if batch.append(timestamp=event.timestamp_ms, key=event.key, value=event.value) is None:  # type: ignore[attr-defined]
                sent.append(await producer.send_batch(batch, where[0], partition=where[1]))
                batches[where] = batch = producer.create_batch()
                batch.append(timestamp=event.timestamp_ms, key=event.key, value=event.value)
        for where, batch in batches.items():
            sent.append(await producer.send_batch(batch, where[0], partition=where[1]))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
