"""What is published in a world: random lives of a few contracts, each a tenant's own, under one clock, with what strangers do wrong."""

import asyncio
import json
import random
from datetime import datetime
from typing import Any

from aiokafka.errors import KafkaError

from schemas import topics
from streams.engine.placing import partition_of
from tests.auditor.life import Life, Line
from tests.simulation.world import World

_EVENTS = 75
"""Of all lives of a world together."""
_FEWEST_EVENTS = 12
_FLOW_S = (0.0, 0.0, 0.01, 0.2)
"""Between two records, on the average; drawn for each world."""
_NOT_DESCRIBED = 0.1
_KNOWN_WITHIN_S = 600.0
_POISON = json.dumps({"specversion": "1.0", "id": "poison", "type": "payment.received", "time": "2024-01-01T00:00:00Z"}).encode()
"""No source, no data: a dead letter."""


def told(seed: int, lives: int, *, alike: bool, life: type[Life] = Life) -> list[Line]:
    """The lines of some lives of a kind in order of time; a life keeps its own order. Ticks of one life are everybody's.

    Lives that are `alike` have something due at the same ticks.
    """
    merged: list[tuple[float, int, int, Line]] = []
    for number in range(lives):
        latest = 0.0
        for index, line in enumerate(life(seed * 10 + (0 if alike else number), max(_EVENTS // lives, _FEWEST_EVENTS)).lines):
            latest = max(latest, _time(line))
            if alike and number and line["topic"] == topics.TIMERS and line["value"]["type"] == "clock.ticked":
                continue
            merged.append((latest, number, index, _of_tenant(line, f"acme{number}")))
    return [line for *_, line in sorted(merged, key=lambda one: one[:3])]


def described(chance: random.Random, lives: int) -> list[Line]:
    """Who the debtors of some lives are; one in ten is described to nobody."""
    where = {"street": "Hauptstr. 1", "postal_code": "60311", "city": "Frankfurt", "country": "DE"}
    data = {"kind": "consumer", "first_name": "Erika", "last_name": "Muster", "addresses": [where]}
    envelope = {"specversion": "1.0", "source": "/billing", "type": "debtor.described", "time": "2020-01-01T00:00:00Z", "subject": "C-1"}
    return [
        {"topic": topics.DEBTORS, "key": f"acme{n}/C-1", "value": {**envelope, "id": f"d-{n}", "tenant": f"acme{n}", "data": data}}
        for n in range(lives)
        if chance.random() > _NOT_DESCRIBED
    ]


async def publish(world: World, lines: list[Line]) -> None:
    """As a publisher of the product would: each record acknowledged, asked again where the answer did not come, ticks to everybody."""
    chance, pause_s = world.chance, world.chance.choice(_FLOW_S)
    wrong_place, poison = chance.choice((0.0, 0.02)), chance.choice((0.0, 0.01))
    producer = world.producer()
    await until_taken(producer.start)
    stamp = 0
    for line in lines:
        value, stamp = json.dumps(line["value"]).encode(), max(stamp, int(_time(line) * 1000))
        if chance.random() < poison:
            await _send(producer, topics.PAYMENTS, _POISON, b"acme0/C-1", stamp, None)
        if line["topic"] == topics.TIMERS:
            for number in range(world.partitions):
                await _send(producer, topics.TIMERS, value, None, stamp, number)
        else:
            key = line["key"].encode()
            home = partition_of(key, world.partitions)
            misplaced = chance.random() < wrong_place
            await _send(producer, line["topic"], value, key, stamp, (home + 1) % world.partitions if misplaced else home)
        if line["value"]["type"] == "policy.applied":
            await world.until(world.applied, "a policy is known before the events that need it", _KNOWN_WITHIN_S)
        if pause_s:
            await asyncio.sleep(chance.expovariate(1 / pause_s))
    await producer.stop()


async def _send(producer: Any, topic: str, value: bytes, key: bytes | None, timestamp_ms: int, partition: int | None) -> None:
    await until_taken(lambda: producer.send_and_wait(topic, value, key, partition, timestamp_ms))


async def until_taken(ask: Any) -> None:
    """Ask Kafka until it answers."""
    while True:
        try:
            await ask()
        except KafkaError:
            await asyncio.sleep(0.1)
        else:
            return


def _of_tenant(line: Line, tenant: str) -> Line:
    changed: Line = json.loads(json.dumps(line).replace('"acme"', f'"{tenant}"').replace('"acme/', f'"{tenant}/'))
    return changed


def _time(line: Line) -> float:
    return datetime.fromisoformat(line["value"]["time"]).timestamp()
