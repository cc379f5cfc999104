"""What must be applied before a tick: of every other input, all that Kafka holds now and that is not younger than the tick.

For each input there is a *cut*: the offset after the last record, below the high watermark asked for when the tick came next, whose
timestamp is up to the tick's `now` + `skew`. A log is applied in order, so younger records in front of the cut come along. The cut
is found in what is buffered; where more lies on the broker than a partition buffers (a backlog of years), a look-ahead reads on to the
watermark and remembers timestamps only: a tenth of a microsecond a record, once for all ticks of the backlog.

A record behind a stranger's open transaction counts: it is waited for, at most that publisher's transaction timeout.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams.engine import unpack
from streams.engine.buffer import Buffer
from streams.engine.cluster import Cluster
from streams.engine.fetch import BULK_FETCH_BYTES, PartitionFetch

_CHUNK = 1_000
"""Records summed up in one entry of the look-ahead: 16 bytes a thousand records of backlog."""
_MAX_WAIT_MS = 500


class Chunk(NamedTuple):
    """A run of records ahead: the last of its oldest records, and the offset after the run."""

    min_timestamp_ms: int
    min_offset: int
    end: int


class Bound(NamedTuple):
    """`offset`: everything below it comes before the tick. `final`: nothing else does."""

    offset: int
    final: bool


class LookAhead:
    """The oldest timestamps of one input beyond what is buffered.

    Only chunks that no later chunk undercuts are kept (a later one that is as old answers every question an earlier one could), so
    their timestamps increase and the last one old enough is what matters.
    """

    def __init__(self) -> None:
        self.scanned: int | None = None
        """Offset up to which the log was looked at."""
        self._chunks: list[Chunk] = []

    def add(self, records: list[tuple[int, int]], scanned: int) -> None:
        """Take note of (offset, timestamp in ms) of records, the log being looked at up to `scanned`."""
        for start in range(0, len(records), _CHUNK):
            part = records[start : start + _CHUNK]
            oldest = min(timestamp_ms for _, timestamp_ms in part)
            last_oldest = max(offset for offset, timestamp_ms in part if timestamp_ms == oldest)
            while self._chunks and self._chunks[-1].min_timestamp_ms >= oldest:
                self._chunks.pop()
            self._chunks.append(Chunk(oldest, last_oldest, part[-1][0] + 1))
        self.scanned = scanned

    def last_up_to(self, timestamp_ms: int, fetched: int) -> Chunk | None:
        """The last chunk, of those not wholly fetched yet, that holds a record up to `timestamp_ms`."""
        self._chunks = [chunk for chunk in self._chunks if chunk.end > fetched]
        old_enough = [chunk for chunk in self._chunks if chunk.min_timestamp_ms <= timestamp_ms]
        return old_enough[-1] if old_enough else None


class Barrier:
    """The cuts of one tick: `marks` are the high watermarks of the other inputs, asked for once the tick was next in order."""

    def __init__(self, marks: Mapping[str, int], limit_ms: int, ahead: Mapping[str, LookAhead]) -> None:
        self._marks = marks
        self._limit_ms = limit_ms
        self._ahead = ahead

    def bound(self, topic: str, buffer: Buffer) -> Bound:
        """How far `topic` is known to come before the tick, from what is buffered and looked at."""
        mark = self._marks[topic]
        last = buffer.last_up_to(self._limit_ms, mark)
        offset = buffer.position if last is None else last + 1
        if buffer.fetched >= mark:
            return Bound(offset, True)
        chunk = self._ahead[topic].last_up_to(self._limit_ms, buffer.fetched)
        if chunk is not None:
            return Bound(max(offset, chunk.min_offset + 1), False)
        return Bound(offset, not self.unknown(topic, buffer))

    def mark(self, topic: str) -> int:
        return self._marks[topic]

    def unknown(self, topic: str, buffer: Buffer) -> bool:
        """Whether part of the log below the watermark was neither fetched nor looked at."""
        return max(buffer.fetched, self._ahead[topic].scanned or 0) < self._marks[topic]


async def look_ahead(cluster: Cluster, topic: str, partition: int, ahead: LookAhead, start: int, mark: int) -> bool:
    """Look at the timestamps of `topic`, from what was already looked at or else `start`, up to `mark` or to an open transaction.

    Returns whether there was anything to see.
    """
    begin = max(start, ahead.scanned or 0)
    reader = PartitionFetch(cluster, partition, lambda _, batches: unpack.timestamps(batches), fetch_bytes=BULK_FETCH_BYTES)
    reader.seek(topic, begin)
    try:
        while reader.positions[topic] < mark:
            answers = await reader.poll(max_wait_ms=_MAX_WAIT_MS)
            for _, records in answers:
                ahead.add(records, reader.positions[topic])
            if not answers:
                break
    finally:
        await reader.close()
    return reader.positions[topic] > begin
