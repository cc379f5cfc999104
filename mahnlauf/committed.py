"""The committed records of a topic partition, from one offset to another, read with a client of its own.

No group, no commit, no reset: who exports or audits must not move anybody's position, and an offset that the log no longer holds is an
error, not a reason to begin somewhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from mahnlauf.failures import ClusterWrong
from streams.engine.cluster import Cluster, Connection
from streams.engine.protocol import Record

CLIENT_ID: Final = "mahnlauf"
BATCH_RECORDS: Final = 5_000
ANSWER_WITHIN_S: Final = 30.0
READABLE_WITHIN_S: Final = 3.0
"""How long an acknowledged commit may take to become readable; it takes milliseconds."""
_POLL_MS: Final = 500


@asynccontextmanager
async def _consumer(connection: Connection) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **connection.options(CLIENT_ID),
        isolation_level="read_committed",
        auto_offset_reset="none",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    try:
        await consumer.start()
        yield consumer
    except OffsetOutOfRangeError as error:
        raise ClusterWrong(f"Kafka no longer holds what is to be read: {error}; was retention of that topic changed?") from error
    except KafkaError as error:
        raise ClusterWrong(f"Kafka at {connection.bootstrap} cannot be read: {error!r}") from error
    finally:
        await consumer.stop()


async def places(connection: Connection, topics: Iterable[str]) -> list[tuple[str, int]]:
    """Each partition of these topics. Raises EngineError if there is no such topic."""
    async with _asking(connection) as cluster:
        return [(topic, number) for topic in topics for number in range(await cluster.partitions(topic))]


async def whole_ends(connection: Connection, places: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """As `ends`, for what is decided by what stands there: everything that Kafka has acknowledged is readable. Raises ClusterWrong."""
    held = await _high_watermarks(connection, places)
    found = await ends(connection, places)
    for (topic, partition), end in found.items():
        if end < held[topic, partition]:
            raise ClusterWrong(
                f"{topic}-{partition}: somebody's transaction is open since offset {end}, and what stands behind it can't be read yet; if "
                "it stays so, see it with `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort`"
            )
    return found


async def ends(connection: Connection, places: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """For each (topic, partition) the offset up to which committed records can be read.

    A transaction becomes readable a moment after its commit was acknowledged, so what the broker holds now is waited for. An open
    transaction of somebody else hides what follows it: then the end is where it begins.
    """
    held = await _high_watermarks(connection, places)
    where = [TopicPartition(*place) for place in places]
    deadline = asyncio.get_running_loop().time() + READABLE_WITHIN_S
    async with _consumer(connection) as consumer:
        while True:
            found = {(at.topic, at.partition): offset for at, offset in (await consumer.end_offsets(where)).items()}
            if all(found[place] >= held[place] for place in places) or asyncio.get_running_loop().time() > deadline:
                return {place: found[place] for place in places}
            await asyncio.sleep(0.02)


async def _high_watermarks(connection: Connection, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    by_partition: dict[int, list[str]] = {}
    for topic, partition in places:
        by_partition.setdefault(partition, []).append(topic)
    async with _asking(connection) as cluster:
        await cluster.watch({topic for names in by_partition.values() for topic in names})
        return {
            (topic, partition): offset
            for partition, names in by_partition.items()
            for topic, offset in (await cluster.high_watermarks(names, partition)).items()
        }


@asynccontextmanager
async def _asking(connection: Connection) -> AsyncIterator[Cluster]:
    cluster = Cluster(connection, CLIENT_ID)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()


async def read(
    connection: Connection, topic: str, partition: int, *, begin: int | None = None, end: int | None = None
) -> AsyncIterator[list[Record]]:
    """The committed records of one partition in order of offset, from `begin` (None: the first that is held) up to but not including
    `end` (None: the end as it is now). Raises ClusterWrong."""
    where = TopicPartition(topic, partition)
    until = end if end is not None else (await ends(connection, [(topic, partition)]))[topic, partition]
    if begin is not None and begin >= until:  # (a consumer that is stopped before it has waited for anything raises CancelledError)
        return
    async with _consumer(connection) as consumer:
        consumer.assign([where])
        position = begin if begin is not None else (await consumer.beginning_offsets([where]))[where]
        consumer.seek(where, position)
        while position < until:
            found = await _next(consumer, where, position)
            position = await consumer.position(where)
            records = [_record(record) for record in found if record.offset < until]
            if records:
                yield records


async def _next(consumer: Any, where: TopicPartition, position: int) -> list[Any]:
    """The next records; none if only markers of transactions, or records of aborted ones, were passed."""
    deadline = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
    while True:
        found = (await consumer.getmany(where, timeout_ms=_POLL_MS, max_records=BATCH_RECORDS)).get(where, [])
        if found or await consumer.position(where) > position:
            return list(found)
        if asyncio.get_running_loop().time() > deadline:
            raise ClusterWrong(f"{where.topic}-{where.partition}: nothing was answered for {ANSWER_WITHIN_S:.0f} s at offset {position}")


def _record(found: Any) -> Record:
    return Record(found.topic, found.partition, found.offset, found.timestamp, found.key, found.value, tuple(found.headers))
