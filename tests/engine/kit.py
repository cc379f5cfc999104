"""What the engine's tests share: topics of a test's own, publishing, reading back."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.engine.cluster import Cluster, Connection
from streams.engine.config import EngineConfig
from streams.engine.engine import Engine
from streams.engine.fetch import Reader
from streams.engine.protocol import Record
from tests.engine.counter import Count, Counter, Factor


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def make_topics(bootstrap: str, topics: Iterable[str], partitions: int, config: Mapping[str, str] | None = None) -> None:
    topics, admin = list(topics), AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        settings = {"retention.ms": "-1", **(config or {})}
        answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings) for topic in topics])
        assert all(error_code == 0 for _, error_code, *_ in answer.topic_errors), answer
        await eventually(lambda: _all_led(admin, topics), "every new partition has a leader")
    finally:
        await admin.close()


async def _all_led(admin: AIOKafkaAdminClient, topics: list[str]) -> bool:
    described = await admin.describe_topics(topics)
    return all(topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"]) for topic in described)


class Publisher:
    """A stranger that writes to the inputs; `transactional_id` for one with transactions of its own."""

    def __init__(self, bootstrap: str, transactional_id: str | None = None) -> None:
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id, acks="all")

    async def __aenter__(self) -> "Publisher":
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int = 1_000,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Write one record and wait for it. Returns its offset."""
        sent = await self.producer.send_and_wait(topic, value, key, partition, timestamp_ms, list(headers))
        return int(sent.offset)

    async def send_many(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None, int]], partition: int | None = None) -> None:
        """Write (key, value, timestamp_ms) in order and wait for all."""
        sent = [await self.producer.send(topic, value, key, partition, timestamp_ms) for key, value, timestamp_ms in records]
        await asyncio.gather(*sent)


async def read_all(bootstrap: str, topic: str) -> list[Record]:
    """Every committed record of `topic`, by partition and offset; waits until transactions that are being committed have ended."""
    cluster = Cluster(Connection(bootstrap), "test")
    await cluster.start()
    try:
        found = [await _read(cluster, topic, number) for number in range(await cluster.partitions(topic))]
        return [record for records in found for record in records]
    finally:
        await cluster.stop()


async def _read(cluster: Cluster, topic: str, partition: int) -> list[Record]:
    end = (await cluster.high_watermarks([topic], partition))[topic]
    reader = Reader(cluster, [topic], partition)
    reader.seek(topic, (await cluster.log_starts([topic], partition))[topic])
    found: list[Record] = []
    async with asyncio.timeout(60):
        while reader.positions[topic] < end:
            for _, records in await reader.poll(max_wait_ms=50):
                found += records
    await reader.close()
    return found


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = 60.0) -> None:
    """Wait until `condition` holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not await condition():
        assert loop.time() < deadline, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.02)  # between two looks


def as_json(records: Iterable[Any]) -> list[Any]:
    return [json.loads(record.value) for record in records]


@dataclass(frozen=True)
class House:
    """Topics of one test's own, and engines on them."""

    bootstrap: str
    config: EngineConfig
    out: str

    @classmethod
    async def build(cls, bootstrap: str, partitions: int = 2, inputs: Sequence[str] = ("a", "b"), **settings: Any) -> "House":
        mark = uuid.uuid4().hex[:8]
        names = [f"{name}-{mark}" for name in (*inputs, "rerouted", "timers", "changelog", "journal", "out")]
        dead = [f"{name}.dead-letters" for name in names[: len(inputs) + 2]]
        compacted = names[len(inputs) + 2]
        await make_topics(bootstrap, [name for name in [*names, *dead] if name != compacted], partitions)
        await make_topics(bootstrap, [compacted], partitions, {"cleanup.policy": "compact"})
        *read, rerouted, timers, changelog, journal, out = names
        config = EngineConfig(
            f"app-{mark}", Connection(bootstrap), tuple(read), rerouted, timers, changelog, journal, partitions, "127.0.0.1:6066",
            session_timeout_ms=6_000, **settings,
        )  # fmt: skip
        return cls(bootstrap, config, out)

    def engine(self, **changes: Any) -> "Engine[Count, Factor, dict[str, Any]]":
        config = replace(self.config, **changes)
        return Engine(config, Counter(self.out, config.timers))

    async def drain(self, **changes: Any) -> "Engine[Count, Factor, dict[str, Any]]":
        """Run one engine over everything there is. Returns it, stopped."""
        engine = self.engine(**changes)
        async with asyncio.timeout(90):
            await engine.drain()
        return engine

    async def tick(self, publisher: Publisher, now_ms: int, *, timestamp_ms: int | None = None, skew: int = 0) -> None:
        """Publish a tick to every partition."""
        value = json.dumps({"tick": now_ms, "skew": skew}).encode()
        for partition in range(self.config.partitions):
            await publisher.send(self.config.timers, None, value, now_ms if timestamp_ms is None else timestamp_ms, partition=partition)

    async def outputs(self) -> list[tuple[bytes | None, dict[str, Any]]]:
        return [(record.key, json.loads(record.value or b"")) for record in await read_all(self.bootstrap, self.out)]

    async def totals(self) -> dict[bytes, int]:
        """The last total told of each key."""
        return {key: content["total"] for key, content in await self.outputs() if key is not None}
