"""Publishes at a fixed rate and reads what the engine writes, read_committed: milliseconds from sending an event to having its output."""

import asyncio
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.counting import OUT_TOPIC
from bench.layout import COUNTER_INPUT
from bench.measuring import settings, tell
from bench.workload import counted

WARM_UP_EVENTS = 200
WITHIN_S = 60.0
READY_WITHIN_S = 120.0
PROBE = "probe"


async def main() -> None:
    asked = settings()
    producer = AIOKafkaProducer(bootstrap_servers=asked["bootstrap"], acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(OUT_TOPIC, bootstrap_servers=asked["bootstrap"], isolation_level="read_committed", fetch_max_wait_ms=100)
    await producer.start()
    await consumer.start()
    try:
        await consumer.seek_to_end()
        await _answered(producer, consumer)
        waits_ms = await _measure(producer, consumer, asked["rate"], asked["events"])
    finally:
        await producer.stop()
        await consumer.stop()
    kept = sorted(waits_ms[WARM_UP_EVENTS:])
    tell(events=len(kept), p50_ms=_share(kept, 0.5), p99_ms=_share(kept, 0.99), p999_ms=_share(kept, 0.999))


async def _answered(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
    """Wait until the engine has started and has nothing left of earlier events."""
    [probe] = counted(COUNTER_INPUT, 1, 1)
    await producer.send(probe.topic, probe.value.replace(b"0" * 32, PROBE.encode()), probe.key)
    async with asyncio.timeout(READY_WITHIN_S):
        while msgspec.json.decode((await consumer.getone()).value)["event"] != PROBE:
            pass


async def _measure(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, rate: int, events: int) -> list[float]:
    sent_s: dict[str, float] = {}
    waits_ms: list[float] = []
    publishing = asyncio.create_task(_publish(producer, rate, events, sent_s))
    async with asyncio.timeout(events / rate + WITHIN_S):
        while len(waits_ms) < events:
            record = await consumer.getone()
            event = msgspec.json.decode(record.value)["event"]
            if event in sent_s:
                waits_ms.append((time.monotonic() - sent_s[event]) * 1000)
    await publishing
    return waits_ms


async def _publish(producer: AIOKafkaProducer, rate: int, events: int, sent_s: dict[str, float]) -> None:
    began = time.monotonic()
    for number, event in enumerate(counted(COUNTER_INPUT, events, events)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sent_s[f"{number:032d}"] = time.monotonic()
        await producer.send(event.topic, event.value, event.key, timestamp_ms=int(time.time() * 1000))


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


if __name__ == "__main__":
    uvloop.run(main())
