"""A partition's inputs: what is fetched, what of it is next in order, and what a tick must wait for.

The timers topic is the last of the inputs. Its first tick splits what is buffered: `certain` gives only what comes before it, and when
nothing does, the tick is next and `before_tick` gives what its barrier demands.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from streams.engine import merge, unpack
from streams.engine.barrier import Barrier, LookAhead, look_ahead
from streams.engine.buffer import Buffer
from streams.engine.cluster import Cluster
from streams.engine.config import EngineConfig
from streams.engine.fetch import PartitionFetch
from streams.engine.merge import Source
from streams.engine.protocol import Record, Tick

_MARKS_SERVE_S = 0.25
"""Watermarks asked for after a tick was fetched hold whatever was acknowledged before it was published, so those of one question serve
all ticks of a backlog that were at hand by then; not for longer than this, so that what was acknowledged later counts too."""

_SHARE_AT_LEAST = 200
"""Records of one input looked at together, however many inputs there are."""


class Fetched(NamedTuple):
    records: list[Record]
    size: int


class Marks(NamedTuple):
    """High watermarks by topic, when they were asked for (loop time) and up to where the timers topic was fetched by then."""

    offsets: dict[str, int]
    asked_at: float
    timers_fetched: int


class Intake:
    """Reads the inputs of one partition in their order. `decode` tells a tick from other records of the timers topic."""

    def __init__(self, cluster: Cluster, config: EngineConfig, partition: int, decode: Callable[[Record], Any]) -> None:
        self._cluster = cluster
        self._config = config
        self._partition = partition
        self._decode = decode
        self._topics = config.ordered_inputs
        self._others = self._topics[:-1]
        self._fetch: PartitionFetch[Fetched] = PartitionFetch(cluster, partition, self._unpacked, fetch_bytes=config.limits.fetch_bytes)
        self._buffers: dict[str, Buffer] = {}
        self._ahead = {topic: LookAhead() for topic in self._others}
        self._tick: tuple[Record, Tick[Any]] | None = None
        self._looked_for_tick = 0
        self._marks: Marks | None = None
        self._barrier: Barrier | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Begin at `positions`, one for each input."""
        for topic, offset in positions.items():
            self._fetch.seek(topic, offset)
            self._buffers[topic] = Buffer(offset)

    async def close(self) -> None:
        await self._fetch.close()

    def wake(self) -> None:
        self._fetch.wake()

    @property
    def positions(self) -> dict[str, int]:
        """What to commit, by topic."""
        return {topic: buffer.position for topic, buffer in self._buffers.items()}

    @property
    def lag(self) -> int:
        """Records (and markers) the broker holds that are not applied, as of the last answers."""
        return sum(
            max(marks.high - self._buffers[topic].position, 0) for topic, marks in self._fetch.watermarks.items()
        )  # fmt: skip

    def hidden(self) -> dict[str, int]:
        """Inputs that hold more than can be read, all of which was fetched: where the open transaction begins, by topic."""
        read = self._fetch.positions
        return {topic: marks.stable for topic, marks in self._fetch.watermarks.items() if read[topic] == marks.stable < marks.high}

    @property
    def at_barrier(self) -> bool:
        """Whether a tick is next and not everything its barrier demands is there."""
        return self._barrier is not None

    @property
    def unreachable_since(self) -> float | None:
        return self._fetch.unreachable_since

    def oldest_timestamp_ms(self) -> int | None:
        """Timestamp of the oldest head that is not applied."""
        return min((buffer.head(1)[0].timestamp_ms for buffer in self._buffers.values() if len(buffer)), default=None)

    def collect(self) -> None:
        """Take what has arrived and send for more, without waiting."""
        self._take(self._fetch.arrived())
        wanted = self._wanted(self._needed())
        if wanted:
            # While some input is not asked for, the broker must not sit on the question: that input may be wanted in a millisecond.
            self._fetch.ask(wanted, max_wait_ms=self._long_poll_ms(wanted, 0))

    async def wait(self, max_wait_ms: int) -> bool:
        """Wait for further records. False if nothing came."""
        if await self._look_ahead():
            return True
        answers = await self._fetch.poll(self._wanted(self._needed()), max_wait_ms=max_wait_ms)
        self._take(answers)
        return bool(answers)

    def certain(self, limit: int) -> merge.Placed:
        """The next records in order, before the first tick."""
        self._find_tick()
        # Of each input a share is looked at, not `limit`: what is sorted and not taken now would be sorted again the next time.
        busy = sum(len(buffer) > 0 for buffer in self._buffers.values())
        share = max(limit // max(busy, 1), min(limit, _SHARE_AT_LEAST))
        return merge.certain([self._source(topic, share) for topic in self._topics], limit)

    def next_tick(self) -> tuple[Record, Tick[Any]] | None:
        """The tick, if it is the next thing in order."""
        self._find_tick()
        if self._tick is None or self._buffers[self._config.timers].head(1)[0] is not self._tick[0]:
            return None
        sources = [self._source(topic, 1) for topic in self._others]
        return self._tick if all(source.complete and not source.records for source in sources) else None

    def resumed_tick(self, offset: int) -> tuple[Record, Tick[Any]] | None:
        """The tick at `offset`, which had begun when the partition was last given up; None until it is fetched."""
        self._find_tick()
        return self._tick if self._tick is not None and self._tick[0].offset == offset else None

    async def before_tick(self, limit: int) -> merge.Placed | None:
        """Records that the next tick's barrier demands; none if some must be waited for; None if the tick may begin."""
        assert self._tick is not None
        if self._barrier is None:
            self._barrier = Barrier(await self._asked_marks(self._tick[0]), self._tick[1].now_ms + self._tick[1].skew_ms, self._ahead)
        bounds = {topic: self._barrier.bound(topic, self._buffers[topic]) for topic in self._others}
        sources = [
            Source(
                self._buffers[topic].below(bound.offset, limit), bound.final and self._buffers[topic].fetched >= bound.offset
            )
            for topic, bound in bounds.items()
        ]  # fmt: skip
        if all(source.complete and not source.records for source in sources):
            return None
        return merge.certain(sources, limit)

    def advance(self, applied: merge.Placed) -> list[tuple[str, int, int]]:
        """`applied` is done, in that order. Returns the ranges (topic, first offset, next offset) it covers."""
        counts = Counter(applied.inputs)
        ranges = []
        for index in sorted(counts):
            buffer = self._buffers[self._topics[index]]
            first = buffer.position
            buffer.advance(counts[index])
            ranges.append((self._topics[index], first, buffer.position))
        return ranges

    def tick_done(self) -> None:
        """The tick that was next is applied."""
        self._buffers[self._config.timers].advance(1)
        self._tick = self._barrier = None

    def settle(self) -> None:
        for buffer in self._buffers.values():
            buffer.settle()

    def take_back(self) -> None:
        for buffer in self._buffers.values():
            buffer.take_back()
        self._tick = self._barrier = None
        self._looked_for_tick = 0

    def _unpacked(self, topic: str, batches: unpack.Batches) -> Fetched:
        return Fetched(unpack.records(topic, self._partition, batches).records, batches.size)

    def _take(self, answers: list[tuple[str, Fetched]]) -> None:
        for topic, (records, size) in answers:
            self._buffers[topic].extend(records, self._fetch.positions[topic], size)

    def _wanted(self, needed: Sequence[str]) -> list[str]:
        """Inputs to ask for: two batches are kept at hand, so that the next one is there when this one's transaction ends."""
        limits = self._config.limits
        return [
            topic
            for topic, buffer in self._buffers.items()
            if topic in needed or (len(buffer) < 2 * limits.batch_records and buffer.bytes < limits.buffered_bytes)
        ]

    def _long_poll_ms(self, wanted: Sequence[str], otherwise: int) -> int:
        return 500 if len(wanted) == len(self._topics) else otherwise

    def _needed(self) -> list[str]:
        """Inputs the barrier can't decide about without the next records, however much is buffered."""
        barrier = self._barrier
        if barrier is None:
            return []
        undecided = [topic for topic in self._others if not barrier.bound(topic, self._buffers[topic]).final]
        return [topic for topic in undecided if not barrier.unknown(topic, self._buffers[topic])]

    async def _look_ahead(self) -> bool:
        """Look past full buffers for what the barrier demands. False if there is nothing (more) to see."""
        barrier = self._barrier
        if barrier is None:
            return False
        wanted = self._wanted(())
        unknown = [topic for topic in self._others if topic not in wanted and barrier.unknown(topic, self._buffers[topic])]
        seen = [
            await look_ahead(self._cluster, topic, self._partition, self._ahead[topic], self._buffers[topic].fetched, barrier.mark(topic))
            for topic in unknown
        ]
        return any(seen)

    async def _asked_marks(self, tick: Record) -> dict[str, int]:
        marks = self._marks
        now = asyncio.get_running_loop().time()
        if marks is None or tick.offset >= marks.timers_fetched or now - marks.asked_at > _MARKS_SERVE_S:
            timers_fetched = self._buffers[self._config.timers].fetched
            offsets = await self._cluster.high_watermarks(self._others, self._partition)
            self._marks = marks = Marks(offsets, now, timers_fetched)
        return marks.offsets

    def _find_tick(self) -> None:
        """The first tick among the buffered timers, if it is not known yet."""
        if self._tick is not None:
            return
        for record in self._buffers[self._config.timers].since(self._looked_for_tick):
            decoded = self._decode(record)
            self._looked_for_tick = record.offset + 1
            if isinstance(decoded, Tick):
                self._tick = record, decoded
                return

    def _source(self, topic: str, limit: int) -> Source:
        buffer = self._buffers[topic]
        more = self._more(topic, buffer)
        if self._tick is None:
            return Source(buffer.head(limit), len(buffer) <= limit and not more)
        if topic == self._config.timers:
            below = buffer.below(self._tick[0].offset, limit)
            return Source(below, len(below) < limit)
        before = buffer.up_to(self._tick_rank_ms(), limit)
        return Source(before, len(before) < min(len(buffer), limit) or (len(before) == len(buffer) and not more))

    def _more(self, topic: str, buffer: Buffer) -> bool:
        """Whether the broker is known to hold more of an input. Of the timers what stands in an open transaction counts too: a commit is
        acknowledged a moment before it can be read, and an event published in that moment must not overtake the tick before it."""
        marks = self._fetch.watermarks.get(topic)
        return marks is None or (marks.high if topic == self._config.timers else marks.stable) > buffer.fetched

    def _tick_rank_ms(self) -> int:
        """The tick's place in the order: a timers record older than one before it in the log comes right behind that one."""
        assert self._tick is not None
        timers = self._buffers[self._config.timers]
        return max([record.timestamp_ms for record in timers.below(self._tick[0].offset + 1, len(timers))])
