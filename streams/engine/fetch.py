"""Reading one partition number of several topics, read_committed, at positions the caller sets.

    reader = Reader(cluster, ["agency.outbox"], partition=3)
    reader.seek("agency.outbox", committed.get("agency.outbox", log_start))
    while running:
        for topic, records in await reader.poll(max_wait_ms=500):
            ...
        reader.positions["agency.outbox"]   # commit this: it passes transaction markers, last record + 1 would leave a lag for ever

There is no reset of positions: a position the log no longer (or not yet) holds raises `Stopped`, because skipping would lose events in
silence. While brokers are away `poll` returns nothing and tries again at the next call; `unreachable_since` tells since when.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import aiokafka.errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest

from streams.engine import unpack
from streams.engine.cluster import READ_COMMITTED, Cluster
from streams.engine.connections import close_group
from streams.engine.errors import EngineError, Stopped, Undecided
from streams.engine.protocol import Record

log = logging.getLogger(__name__)

FETCH_BYTES = 1 << 20
"""One answer's share of one topic: enough for a full batch of 2,000 records of 500 bytes. A larger single record comes all the same."""
BULK_FETCH_BYTES = _ANSWER_BYTES = 8 << 20
"""For reading through: fewer questions, each worth a tenth of a second of unpacking at most."""
_RETRY_AFTER_S = 0.1
_DECIDED_WITHIN_S = 10.0
"""Fencing ends what the partition's former owner had open before it returns; the markers follow within moments."""

_connection_groups = itertools.count(100)
"""A long poll occupies its connection at the broker, so each reader gets connections of its own from the shared client."""

Item = TypeVar("Item")


class Watermarks(NamedTuple):
    """What the last fetch said of a log: `stable` is the end for read_committed readers, `high` the end with open transactions."""

    stable: int
    high: int


class PartitionFetch(Generic[Item]):
    """Fetches of one partition number of several topics; `unpack` makes what is returned of each answer's batches.

    Safe to cancel: an answer is taken, and positions move, only inside a `poll` that returns it.
    """

    def __init__(
        self, cluster: Cluster, partition: int, take: Callable[[str, unpack.Batches], Item], *, fetch_bytes: int = FETCH_BYTES
    ) -> None:
        self._cluster = cluster
        self.partition = partition
        self._take = take
        self._fetch_bytes = fetch_bytes
        self._group = next(_connection_groups)
        self._asked: dict[asyncio.Task[Any], tuple[int, dict[str, int]]] = {}
        self._woken = asyncio.Event()
        self.positions: dict[str, int] = {}
        self.watermarks: dict[str, Watermarks] = {}
        self.unreachable_since: float | None = None

    def seek(self, topic: str, offset: int) -> None:
        """Read `topic` from `offset` on."""
        self.positions[topic] = offset

    def wake(self) -> None:
        """Let a waiting `poll` return now."""
        self._woken.set()

    async def poll(self, topics: Collection[str] | None = None, *, max_wait_ms: int = 500) -> list[tuple[str, Item]]:
        """What has arrived since the last call, by topic; waits up to `max_wait_ms` if there is nothing. Only `topics` are asked for."""
        self.ask(topics, max_wait_ms=max_wait_ms)
        await self._first_done(max_wait_ms / 1000)
        return self.arrived()

    def ask(self, topics: Collection[str] | None = None, *, max_wait_ms: int = 500) -> None:
        """Send for `topics` now and take the answers later, with `arrived`. A node that was asked and has not answered is not asked again:
        it would answer only after the first question's wait."""
        busy = {node for node, _ in self._asked.values()}
        by_node: dict[int, dict[str, int]] = {}
        for topic in self.positions if topics is None else topics:
            by_node.setdefault(self._leader(topic), {})[topic] = self.positions[topic]
        for node, positions in by_node.items():
            if node not in busy:
                self._asked[asyncio.create_task(self._send(node, positions, max_wait_ms))] = node, positions

    def arrived(self) -> list[tuple[str, Item]]:
        """What has arrived since the last call, without waiting."""
        return [found for task in list(self._asked) if task.done() for found in self._answer(task)]

    async def close(self) -> None:
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        self._asked.clear()
        close_group(self._cluster.client, self._group)

    def _leader(self, topic: str) -> int:
        try:
            return self._cluster.leader(topic, self.partition)
        except kafka_errors.KafkaError:
            return -1

    async def _send(self, node: int, positions: dict[str, int], max_wait_ms: int) -> Any:
        try:
            if node == -1:
                raise kafka_errors.LeaderNotAvailableError
            topics = [(topic, [(self.partition, offset, self._fetch_bytes)]) for topic, offset in positions.items()]
            request = FetchRequest(max_wait_ms, 1, _ANSWER_BYTES, READ_COMMITTED, topics)
            return await self._cluster.client.send(node, request, group=self._group)
        except kafka_errors.KafkaError as error:
            await self._back_off(error)
            return None

    async def _back_off(self, error: Exception) -> None:
        if self.unreachable_since is None:
            self.unreachable_since = asyncio.get_running_loop().time()
            log.warning("partition %d can't be fetched for now: %r", self.partition, error)
        await self._cluster.client.force_metadata_update()
        await asyncio.sleep(_RETRY_AFTER_S)

    async def _first_done(self, timeout_s: float) -> None:
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            # The broker answers a long poll after its own wait; a little more, so that an idle round is one request, not two.
            await asyncio.wait([woken, *self._asked], timeout=timeout_s + 0.1, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        self._woken.clear()

    def _answer(self, task: asyncio.Task[Any]) -> list[tuple[str, Item]]:
        _, asked = self._asked.pop(task)
        response = task.result()
        if response is None:
            return []
        self.unreachable_since = None
        found = [self._answer_of(topic, asked[topic], *part) for topic, [part] in response.topics]
        return [item for item in found if item is not None]

    def _answer_of(
        self, topic: str, asked: int, _partition: int, error_code: int, high: int, stable: int, *rest: Any
    ) -> tuple[str, Item] | None:
        if error_code:
            self._refused(topic, asked, error_code)
            return None
        if self.positions.get(topic) != asked:
            return None  # the caller has sought elsewhere in the meantime
        self.watermarks[topic] = Watermarks(stable, high)
        if not rest[-1]:
            return None
        aborted = next((part for part in rest[:-1] if isinstance(part, list)), None)
        batches = unpack.Batches(f"{topic}-{self.partition}", rest[-1], aborted, asked)
        item = self._unpacked(topic, batches)
        if batches.next_offset == asked:
            raise Stopped(f"{topic}-{self.partition}: the record at offset {asked} can't be fetched whole")
        self.positions[topic] = batches.next_offset
        return topic, item

    def _unpacked(self, topic: str, batches: unpack.Batches) -> Item:
        try:
            return self._take(topic, batches)
        except kafka_errors.UnsupportedCodecError as error:
            where = f"{topic}-{self.partition} offset {batches.next_offset}"
            raise Stopped(f"{where}: compressed in a way that this installation can't read ({error}); install cramjam") from error

    def _refused(self, topic: str, asked: int, error_code: int) -> None:
        error = kafka_errors.for_code(error_code)
        if error is kafka_errors.OffsetOutOfRangeError:
            raise Stopped(
                f"{topic}-{self.partition}: position {asked} is outside what the log holds: records were deleted before they were read, "
                "or the topic is another one than the group's offsets are "
                "of. Restore the topic, or set the group's offsets on purpose"
            )
        if not (error.retriable or error.invalid_metadata):
            raise EngineError(f"{topic}-{self.partition}: fetch refused, {error.__name__}")
        # Until the backoff is over the node counts as asked.
        self._asked[asyncio.create_task(self._back_off(error()))] = self._leader(topic), {topic: asked}


async def through(reader: PartitionFetch[Item], topic: str, end: int) -> AsyncIterator[Item]:
    """What `reader` gives of `topic` up to the offset `end`, of a log whose only writer is fenced, or writes within moments: nothing in it
    can stay open.

    Raises Undecided if something is.
    """
    loop = asyncio.get_running_loop()
    moved_at = loop.time()
    while (position := reader.positions[topic]) < end:
        for _, item in await reader.poll():
            yield item
        marks = reader.watermarks.get(topic)
        open_there = marks is not None and marks.stable <= position  # else the broker is slow, or away
        if reader.positions[topic] > position or not open_there:
            moved_at = loop.time()
        elif loop.time() - moved_at > _DECIDED_WITHIN_S:
            raise Undecided(_undecided(topic, reader.partition, position))


def _undecided(topic: str, partition: int, offset: int) -> str:
    return (
        f"{topic}-{partition}: a transaction is open since offset {offset} although whoever wrote it is fenced or gone, so its end is lost "
        "on the broker, and no committed record behind it can be read. See it with `kafka-transactions.sh find-hanging`, end it with "
        "`kafka-transactions.sh abort`; this partition goes on by itself then"
    )


class Reader(PartitionFetch[list[Record]]):
    """Records of one partition number of `topics`. Set every position by `seek` before the first `poll`."""

    def __init__(self, cluster: Cluster, topics: Sequence[str], partition: int) -> None:
        super().__init__(cluster, partition, self._records)
        self.topics = tuple(topics)

    def _records(self, topic: str, batches: unpack.Batches) -> list[Record]:
        return unpack.records(topic, self.partition, batches).records
