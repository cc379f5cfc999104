"""The projector: reads what the processor and the connectors wrote, committed records only, and keeps the views up to date.

No consumer group: the positions are the database's, in the same transaction as the views. A consumer that reads nothing for long is not
told from one whose reading task has died (aiokafka says nothing then), so it is compared with the end of the log and made anew.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from sqlalchemy.exc import OperationalError

from console.views.rows import VIEWS, storable
from console.views.store import Overtaken, Piece, Place, Store
from schemas import codec, topics
from streams.engine.cluster import Cluster, Connection
from streams.engine.identity import ids

log = logging.getLogger(__name__)

CLIENT_ID: Final = "mahnlauf-projector"
BATCH_RECORDS: Final = 2_000
"""Records of a transaction: enough that a transaction's own cost is small, few enough that readers of PostgreSQL see it within a moment."""
LOOK_AT_END_S: Final = 30.0
AGAIN_S: Final = 2.0
_POLL_MS: Final = 300


class Gone(ValueError):
    """The log no longer holds what is to be read next."""


@dataclass
class Progress:
    """What was done since the start, in records; `overtaken` counts batches that another projector had applied before."""

    applied: int = 0
    skipped: int = 0
    overtaken: int = 0


class Projector:
    """`run` follows until told; `drain` ends at the ends as they are when it begins."""

    def __init__(self, connection: Connection, store: Store, *, persons: bool = False) -> None:
        self._connection = connection
        self._store = store
        self._topics = [topic for topic in VIEWS if persons or topic != topics.DEBTORS]
        self._persons = persons
        self._positions: dict[Place, int] = {}
        self.progress = Progress()

    async def run(self, told: asyncio.Event) -> None:
        """Follow the topics until `told`. A Kafka or a database that is away is waited for. Raises Gone, OtherTopic, EngineError."""
        while not told.is_set():
            try:
                async with self._reading() as consumer:
                    await self._follow(consumer, told)
            except (KafkaError, OperationalError, TimeoutError) as error:
                log.warning("the views stand for now: %s", str(error) or type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), AGAIN_S)

    async def drain(self) -> None:
        """Apply what is there now. Raises Gone, OtherTopic, EngineError, KafkaError."""
        async with self._reading() as consumer:
            ends = await self._ends(consumer)
            while any(self._positions[place] < end for place, end in ends.items()):
                await self._once(consumer)
            await self._note_caught_up(ends)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Any]:
        topic_ids, partitions = await self._known()
        consumer = AIOKafkaConsumer(
            **self._connection.options(CLIENT_ID),
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=1 << 20,
        )
        try:
            await consumer.start()
            await self._begin(consumer, [TopicPartition(*place) for place in partitions], topic_ids)
            yield consumer
        except OffsetOutOfRangeError as error:
            raise Gone(f"Kafka no longer holds what the views need next: {error}; begin anew with mahnlauf project --rebuild") from error
        finally:
            await consumer.stop()

    async def _known(self) -> tuple[dict[str, str], list[Place]]:
        cluster = Cluster(self._connection, CLIENT_ID)
        try:
            await cluster.start()
            topic_ids = {topic: (await ids(cluster, topic))[1] for topic in self._topics}
            return topic_ids, [(topic, number) for topic in self._topics for number in range(await cluster.partitions(topic))]
        finally:
            await cluster.stop()

    async def _begin(self, consumer: Any, partitions: list[TopicPartition], topic_ids: Mapping[str, str]) -> None:
        if not self._persons:
            await asyncio.to_thread(self._store.forget_debtors)
        consumer.assign(partitions)
        beginnings = {(at.topic, at.partition): offset for at, offset in (await consumer.beginning_offsets(partitions)).items()}
        self._seek(consumer, await asyncio.to_thread(self._store.begin, beginnings, topic_ids))

    def _seek(self, consumer: Any, positions: Mapping[Place, int]) -> None:
        self._positions = dict(positions)
        for place, offset in positions.items():
            consumer.seek(TopicPartition(*place), offset)

    async def _follow(self, consumer: Any, told: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        looked_at = clock()
        while not told.is_set():
            if await self._once(consumer) and clock() - looked_at < LOOK_AT_END_S:
                continue
            if clock() - looked_at >= LOOK_AT_END_S:
                await self._look_at_end(consumer)
                looked_at = clock()

    async def _look_at_end(self, consumer: Any) -> None:
        """Raises TimeoutError where there is something to read and nothing comes: then the consumer is made anew."""
        ends = await self._ends(consumer)
        await self._note_caught_up(ends)
        behind = {place for place, end in ends.items() if self._positions[place] < end}
        before = dict(self._positions)
        if behind:
            await self._once(consumer, wait_ms=5_000)
            if self._positions == before:
                raise TimeoutError(f"{len(behind)} partitions hold more than is read; the reader is made anew")

    async def _ends(self, consumer: Any) -> dict[Place, int]:
        found = await consumer.end_offsets([TopicPartition(*place) for place in self._positions])
        return {(at.topic, at.partition): offset for at, offset in found.items()}

    async def _note_caught_up(self, ends: Mapping[Place, int]) -> None:
        reached = [place for place, end in ends.items() if self._positions[place] >= end]
        await asyncio.to_thread(self._store.caught_up, reached)

    async def _once(self, consumer: Any, wait_ms: int = _POLL_MS) -> bool:
        """Read and apply a batch; whether there was one."""
        fetched = await consumer.getmany(timeout_ms=wait_ms, max_records=BATCH_RECORDS)
        now = {place: await consumer.position(TopicPartition(*place)) for place in self._positions}
        pieces = {
            place: Piece(self._positions[place], end, self._rows(fetched.get(TopicPartition(*place), ())))
            for place, end in now.items()
            if end != self._positions[place]  # it also moves over markers and aborted records, without bringing any
        }
        if not pieces:
            return False
        try:
            await asyncio.to_thread(self._store.apply, pieces)
        except Overtaken:
            self.progress.overtaken += 1
            self._seek(consumer, await asyncio.to_thread(self._positions_now))
            return True
        self._positions = now
        self.progress.applied += sum(len(piece.rows) for piece in pieces.values())
        return True

    def _positions_now(self) -> dict[Place, int]:
        stored = self._store.positions()
        if not self._positions.keys() <= stored.keys():
            raise TimeoutError("the views are being rebuilt; beginning again")
        return {place: stored[place] for place in self._positions}

    def _rows(self, records: Iterable[Any]) -> list[tuple[int, tuple[str, str], dict[str, Any] | None]]:
        rows = []
        for record in records:
            if not VIEWS[record.topic].is_for(record.value):
                continue
            try:
                rows.append(_row(record))
            except codec.Unreadable as error:  # the processor dead-letters what is wrong among the replies; here it only isn't shown
                self.progress.skipped += 1
                log.warning("%s-%d offset %d is not shown: %s", record.topic, record.partition, record.offset, error.reason)
        return rows


def _row(record: Any) -> tuple[int, tuple[str, str], dict[str, Any] | None]:
    if record.value is None:
        tenant, _, contract = (record.key or b"").decode(errors="replace").partition("/")
        return record.offset, (tenant, contract), None
    event = codec.decode(record.topic, record.value, record.headers, record.key)
    row = VIEWS[record.topic].row(event)
    return record.offset, (event.tenant, event.subject), None if row is None else storable(row)
