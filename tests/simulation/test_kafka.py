"""The Kafka of the simulator against the real one: what the product relies on is the same in both, told by the same clients."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from streams.engine import unpack
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import Fenced, Stopped
from streams.engine.fetch import PartitionFetch, Reader, through
from streams.engine.group import Group
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter
from tests.engine.kit import eventually, make_topics, read_all, unique
from tests.simulation.kafka.compaction import compact
from tests.simulation.world import World


@dataclass(frozen=True)
class Kafka:
    """A cluster to ask, and a topic with two partitions on it."""

    connection: Connection
    topic: str
    app: str
    compact: Callable[[], object] = field(default=lambda: None)
    """Compaction now, where it does not come by itself."""

    async def writer(self, name: str = "writer") -> TransactionalWriter:
        writer = TransactionalWriter(self.connection, f"{self.app}-{name}", client_id=name)
        await writer.start()
        return writer

    def output(self, value: str, partition: int = 0) -> Output:
        return Output(self.topic, b"key", value.encode(), 1_000, (), partition)

    def keyed(self, key: str, value: str | None) -> Output:
        """An output of the compacted topic, of now: its segments roll as time passes, and only those behind are compacted."""
        return Output(self.topic, key.encode(), None if value is None else value.encode(), int(time.time() * 1000), (), 0)

    async def values(self) -> list[str]:
        return [(record.value or b"").decode() for record in await read_all(self.connection.bootstrap, self.topic)]


_COMPACTED_WITHIN_S = 90.0
"""A broker looks every 15 s for something to clean."""

Case: TypeAlias = Callable[[Kafka], Awaitable[None]]


async def what_is_committed_is_read_in_order(kafka: Kafka) -> None:
    writer = await kafka.writer()
    await writer.commit([kafka.output("first"), kafka.output("second")])
    await writer.commit([kafka.output("third")])
    await writer.stop()
    assert await kafka.values() == ["first", "second", "third"]


async def a_successor_puts_its_predecessor_out(kafka: Kafka) -> None:
    earlier = await kafka.writer()
    await earlier.commit([kafka.output("before")])
    later = await kafka.writer()
    with pytest.raises(Fenced):
        await earlier.commit([kafka.output("too late")])
    await later.commit([kafka.output("after")])
    await earlier.stop()
    await later.stop()
    assert await kafka.values() == ["before", "after"]


async def a_successor_ends_what_was_open(kafka: Kafka) -> None:
    earlier = await kafka.writer()
    await earlier._producer.begin_transaction()
    await (await earlier._producer.send(kafka.topic, b"unfinished", b"key", 0, 1_000))
    later = await kafka.writer()
    await later.commit([kafka.output("after")])
    assert await kafka.values() == ["after"]
    await earlier.stop()
    await later.stop()


async def an_open_transaction_hides_what_follows(kafka: Kafka) -> None:
    hiding, other = await kafka.writer("hiding"), await kafka.writer("other")
    await hiding._producer.begin_transaction()
    await (await hiding._producer.send(kafka.topic, b"open", b"key", 0, 1_000))
    await other.commit([kafka.output("behind")])
    cluster = Cluster(kafka.connection, "asking")
    await cluster.start()
    reader = Reader(cluster, [kafka.topic], 0)
    reader.seek(kafka.topic, 0)
    assert await cluster.partitions(kafka.topic) == 2
    while kafka.topic not in reader.watermarks:
        assert await reader.poll(max_wait_ms=200) == []
    assert (await cluster.high_watermarks([kafka.topic], 0))[kafka.topic] >= 2
    assert reader.watermarks[kafka.topic].stable == 0
    await hiding._producer.abort_transaction()
    found: list[bytes | None] = []

    async def read() -> bool:
        found.extend(record.value for _, records in await reader.poll(max_wait_ms=100) for record in records)
        return bool(found)

    await eventually(read, "what was behind is read")
    assert found == [b"behind"]
    await reader.close()
    await cluster.stop()
    await hiding.stop()
    await other.stop()


async def positions_move_with_their_transaction(kafka: Kafka) -> None:
    writer = await kafka.writer()
    cluster = Cluster(kafka.connection, "asking")
    await cluster.start()
    await writer.commit([kafka.output("one")], {(kafka.topic, 0): 7}, group_id=kafka.app)

    async def moved() -> bool:
        return await cluster.committed(kafka.app, [kafka.topic], 0) == {kafka.topic: 7}

    await eventually(moved, "the positions are those of the transaction")
    earlier, later = writer, await kafka.writer()
    with pytest.raises(Fenced):
        await earlier.commit([kafka.output("two")], {(kafka.topic, 0): 9}, group_id=kafka.app)
    assert await moved()
    await earlier.stop()
    await later.stop()
    await cluster.stop()


async def a_position_outside_the_log_is_refused(kafka: Kafka) -> None:
    cluster = Cluster(kafka.connection, "asking")
    await cluster.start()
    await cluster.watch([kafka.topic])
    assert await cluster.partitions(kafka.topic) == 2
    reader = Reader(cluster, [kafka.topic], 1)
    reader.seek(kafka.topic, 99)

    async def read() -> bool:
        return bool(await reader.poll(max_wait_ms=100))

    with pytest.raises(Stopped, match="outside what the log holds"):
        await eventually(read, "the refusal")
    await reader.close()
    await cluster.stop()


async def members_divide_the_numbers(kafka: Kafka) -> None:
    def member(number: int) -> Group:
        address = f"127.0.0.1:{number}"
        return Group(
            kafka.connection, kafka.app, [kafka.topic], address=address, moved=lambda taken, given_up: None, session_timeout_ms=6_000
        )

    first, second = member(1), member(2)
    await first.start()

    async def alone() -> bool:
        return first.numbers == {0, 1}

    async def divided() -> bool:
        return len(first.numbers) == len(second.numbers) == 1 and first.numbers | second.numbers == {0, 1}

    await eventually(alone, "the first member has both")
    await second.start()
    await eventually(divided, "each has one")
    assert await first.confirmed(min(first.numbers))
    assert not await first.confirmed(min(second.numbers))
    assert await first.owners() == {min(first.numbers): "127.0.0.1:1", min(second.numbers): "127.0.0.1:2"}
    await second.stop()
    await eventually(alone, "the first one has both again")
    await first.stop()


async def compaction_leaves_the_latest_of_each_key(kafka: Kafka) -> None:
    """Where it was: what is read has holes, begins behind the log's first offset, and ends where the log ends."""
    writer = await kafka.writer()
    await writer.commit([kafka.keyed("a", "1"), kafka.keyed("b", "1")])  # offsets 0 and 1; each transaction ends with a marker
    await writer._producer.begin_transaction()
    await (await writer._producer.send(kafka.topic, b"undone", b"a", 0, int(time.time() * 1000)))  # 3
    await writer._producer.abort_transaction()
    await writer.commit([kafka.keyed("a", "2"), kafka.keyed("c", "1"), kafka.keyed("b", "2")])  # 5, 6, 7
    await writer.commit([kafka.keyed("c", None)])  # 9
    for number in range(5, 8):
        await writer.commit([kafka.keyed("later", str(number))])  # 11, 13, 15
    await writer.stop()
    kafka.compact()

    async def holes() -> bool:
        return [record.offset for record in await read_all(kafka.connection.bootstrap, kafka.topic)][:1] == [5]

    await eventually(holes, "what was replaced is gone", _COMPACTED_WITHIN_S)
    found = [(record.offset, record.key, record.value) for record in await read_all(kafka.connection.bootstrap, kafka.topic)]
    assert found[:3] == [(5, b"a", b"2"), (7, b"b", b"2"), (9, b"c", None)]
    assert found[-1] == (15, b"later", b"7")
    await _goes_on_behind_a_hole(kafka)


async def _goes_on_behind_a_hole(kafka: Kafka) -> None:
    cluster = Cluster(kafka.connection, "asking")
    await cluster.start()
    reader = PartitionFetch(cluster, 0, lambda _, batches: unpack.key_values(batches))
    assert await cluster.partitions(kafka.topic) == 2
    for position in (0, 1, 4, 6):
        reader.seek(kafka.topic, position)
        latest: dict[bytes, bytes | None] = {}
        async for values in through(reader, kafka.topic, (await cluster.high_watermarks([kafka.topic], 0))[kafka.topic]):
            latest |= values
        assert latest[b"b"] == b"2"
        assert latest[b"c"] is None
        assert latest[b"later"] == b"7"
    await reader.close()
    await cluster.stop()


CASES: list[Case] = [
    what_is_committed_is_read_in_order,
    a_successor_puts_its_predecessor_out,
    a_successor_ends_what_was_open,
    an_open_transaction_hides_what_follows,
    positions_move_with_their_transaction,
    a_position_outside_the_log_is_refused,
    members_divide_the_numbers,
]
ON_A_COMPACTED_TOPIC: list[Case] = [compaction_leaves_the_latest_of_each_key]
"""Of a topic with `cleanup.policy=compact`."""


@pytest.mark.parametrize("case", [*CASES, *ON_A_COMPACTED_TOPIC], ids=lambda case: case.__name__)
def test_of_the_simulator(case: Case) -> None:
    world = World(random.Random(case.__name__).randrange(1_000))
    world.calm = True
    world.cluster.create("topic", 2)

    async def run(_: World) -> None:
        await case(Kafka(world.connection, "topic", "app", lambda: compact(world.cluster.log("topic", 0), 1, 0.0)))

    world.run(run)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", [*CASES, *ON_A_COMPACTED_TOPIC], ids=lambda case: case.__name__)
def test_of_apache_kafka(case: Case, kafka: str) -> None:
    async def run() -> None:
        topic = unique("topic")
        settings = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "1"}
        await make_topics(kafka, [topic], 2, settings if case in ON_A_COMPACTED_TOPIC else {})
        await case(Kafka(Connection(kafka), topic, unique("app")))

    asyncio.run(run())
