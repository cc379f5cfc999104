"""audit over what the real engine made of odd records: wrong partitions, poison of every kind, unknown types, keys nobody may use."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from mahnlauf import topics
from mahnlauf.audit.auditing import audit
from mahnlauf.configuration import apply_policy
from schemas import topics as names
from schemas.codec import encode
from schemas.policy import Policy
from schemas.timers import ClockTicked, ClockTickedData
from streams.engine.cluster import Connection
from streams.engine.engine import Engine
from streams.engine.placing import partition_of
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter
from streams.processor import EscalationProcessor
from streams.worker.config import engine_config

PARTITIONS = 2
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY = {
    "policy": "standard",
    "time_zone": "Europe/Berlin",
    "steps": [{"kind": "remind", "day": 1, "level": 1}, {"kind": "hand_over", "day": 3}],
}


@pytest.fixture
async def cluster(own_kafka: str) -> Connection:
    connection = Connection(own_kafka)
    await topics.create(connection, PARTITIONS)
    await apply_policy(connection, "acme", Policy.model_validate_json(json.dumps(POLICY)))
    return connection


def _event(kind: str, contract: str, number: int, **data: Any) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": f"{kind}-{contract}-{number}",
        "source": "/t",
        "type": kind,
        "subject": contract,
        "tenant": "acme",
    }
    return json.dumps({**envelope, "time": (START + timedelta(seconds=number)).isoformat(), "data": data}).encode()


def _invoice(contract: str, number: int, currency: str = "EUR") -> bytes:
    money = {"amount": 2_000, "currency": currency}
    return _event("invoice.issued", contract, number, invoice_id=f"R{number}", issued_on="2026-03-01", due_on="2026-03-03", **money)


class _Publisher:
    """Stamps each record a second later than the one before."""

    def __init__(self, producer: Any) -> None:
        self._producer, self.number = producer, 0

    async def send(self, topic: str, key: bytes | None, value: bytes | None, *, misplaced: bool = False) -> None:
        self.number += 1
        place = partition_of(key, PARTITIONS) if key else 0
        stamp = int((START + timedelta(seconds=self.number)).timestamp() * 1000)
        await self._producer.send_and_wait(topic, value, key, (place + misplaced) % PARTITIONS, stamp)


@asynccontextmanager
async def _publisher(cluster: Connection) -> AsyncIterator[_Publisher]:
    producer = AIOKafkaProducer(**cluster.options("test"))
    await producer.start()
    try:
        yield _Publisher(producer)
    finally:
        await producer.stop()


async def _tick(cluster: Connection, days: int) -> None:
    writer = TransactionalWriter(cluster, "test-tick", client_id="test")
    await writer.start()
    now = START + timedelta(days=days, hours=3)
    value, stamp = encode(ClockTicked(id=str(now), source="/t", time=now, data=ClockTickedData(now=now))), int(now.timestamp() * 1000)
    await writer.commit([Output(names.TIMERS, None, value, stamp, (), number) for number in range(PARTITIONS)])
    await writer.stop()


async def _drain(cluster: Connection) -> None:
    await Engine(engine_config(cluster, PARTITIONS, "127.0.0.1:1"), EscalationProcessor()).drain()


async def test_odd_records_are_accounted_for(cluster: Connection) -> None:
    async with _publisher(cluster) as publisher:
        for number in range(8):
            contract = f"C-{number}"
            await publisher.send(names.INVOICES, f"acme/{contract}".encode(), _invoice(contract, number), misplaced=number % 2 == 0)
        key = b"acme/C-1"
        for odd in (b"no JSON", b"\xff", None, b"{}", _invoice("C-2", 20), _event("invoice.melted", "C-1", 21), _invoice("C-1", 22, "CHF")):
            await publisher.send(names.INVOICES, key, odd)
        await publisher.send(names.INSTRUCTIONS, key, _event("instruction.unknown", "C-1", 23))
        await publisher.send(names.INSTRUCTIONS, key, _event("handover.recalled", "C-1", 24, by="k"))
        await publisher.send(names.PAYMENTS, None, _event("payment.received", "C-1", 25))
        await publisher.send(names.PAYMENTS, b"\0reserved", b"{}")
        await publisher.send(names.PAYMENTS, key, b'"' + b"x" * 300_000 + b'"')
    for days in range(1, 8):
        await _tick(cluster, days)
        if days % 3 == 0:
            await _drain(cluster)
    await _drain(cluster)
    told = await audit(cluster, EscalationProcessor(), lambda done, whole: None)
    assert told.clean, told.findings
    assert (told.contracts, told.forwarded) == (8, 4)
    assert told.dead_letters >= 10
    assert told.outputs[names.COMMANDS] > 0
