"""Records of one input that are fetched and not yet committed."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from streams.engine.protocol import Record


class Buffer:
    """Records in order of offset, and a cursor between what the open batch has applied and what it has not."""

    def __init__(self, position: int) -> None:
        self.fetched = position
        """Offset after everything fetched."""
        self.bytes = 0
        """Size of what was fetched since the buffer was last empty: an upper bound of what it holds."""
        self._records: list[Record] = []
        self._settled = 0
        self._cursor = 0
        self._oldest: tuple[list[int], list[int]] | None = None

    def __len__(self) -> int:
        return len(self._records) - self._cursor

    @property
    def position(self) -> int:
        """Offset of the first record not applied, or after everything fetched: what to commit, since it passes what needs no applying."""
        return self._records[self._cursor].offset if len(self) else self.fetched

    def extend(self, records: Sequence[Record], fetched: int, size: int) -> None:
        """Append what was fetched, the log being read up to `fetched`; `size` in bytes."""
        self._records += records
        self.bytes += size
        self.fetched = fetched
        self._oldest = None

    def head(self, limit: int) -> Sequence[Record]:
        """The first `limit` records."""
        return self._records[self._cursor : self._cursor + limit]

    def since(self, offset: int) -> Sequence[Record]:
        """Everything not applied from `offset` on."""
        return self._records[bisect_left(self._records, offset, self._cursor, key=_offset) :]

    def up_to(self, timestamp_ms: int, limit: int) -> Sequence[Record]:
        """The first records, at most `limit`, before one that is younger than `timestamp_ms`."""
        head = self.head(limit)
        younger = next((index for index, record in enumerate(head) if record.timestamp_ms > timestamp_ms), len(head))
        return head[:younger]

    def below(self, offset: int, limit: int) -> Sequence[Record]:
        """The first records, at most `limit`, with an offset below `offset`."""
        end = bisect_left(self._records, offset, self._cursor, key=_offset)
        return self._records[self._cursor : min(end, self._cursor + limit)]

    def advance(self, count: int) -> None:
        """The next `count` records are applied."""
        self._cursor += count

    def settle(self) -> None:
        """What was applied is committed."""
        if self._cursor == len(self._records):
            self._records, self._cursor, self.bytes = [], 0, 0
        elif self._cursor > len(self._records) // 2:
            del self._records[: self._cursor]
            self._cursor = 0
        self._settled = self._cursor

    def take_back(self) -> None:
        """What was applied since `settle` must be applied again."""
        self._cursor = self._settled

    def last_up_to(self, timestamp_ms: int, below: int) -> int | None:
        """Offset of the last record, with an offset below `below`, that is not younger than `timestamp_ms`."""
        if self.fetched > below:
            old_enough = [record.offset for record in self.below(below, len(self)) if record.timestamp_ms <= timestamp_ms]
            return old_enough[-1] if old_enough else None
        timestamps, offsets = self._oldest or self._find_oldest()
        index = bisect_right(timestamps, timestamp_ms)
        found = offsets[index - 1] if index else None
        return found if found is not None and found >= self.position else None

    def _find_oldest(self) -> tuple[list[int], list[int]]:
        """Records older than all behind them: their timestamps increase, so the last one old enough is found by halving."""
        timestamps: list[int] = []
        offsets: list[int] = []
        for record in reversed(self._records):
            if not timestamps or record.timestamp_ms < timestamps[-1]:
                timestamps.append(record.timestamp_ms)
                offsets.append(record.offset)
        self._oldest = timestamps[::-1], offsets[::-1]
        return self._oldest


def _offset(record: Record) -> int:
    return record.offset
