"""One partition of a topic: batches in order, who has a transaction open in them, and what each isolation level may read."""

import asyncio
import bisect
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.kafka import batches, errors

READ_COMMITTED = 1
_REMEMBERED_BATCHES = 5
"""Of each producer, to tell a batch that is sent again from a new one."""


class Stored(NamedTuple):
    """A batch. `at`: when it was appended, in the world's time."""

    base: int
    last: int
    data: bytes
    at: float


class Aborted(NamedTuple):
    producer_id: int
    first: int
    last: int


class Answer(NamedTuple):
    """What a fetch is told of a partition."""

    error: int
    high: int
    stable: int
    aborted: list[tuple[int, int]]
    data: bytes


@dataclass
class _Producer:
    epoch: int
    recent: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_BATCHES))
    """(first sequence, last sequence, base offset)"""


class Log:
    """A partition without replicas: what is appended is kept, or compacted (compaction.py)."""

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self.stored: list[Stored] = []
        self.open: dict[int, int] = {}
        """First offset of each transaction that is open here, by producer id."""
        self.changed = asyncio.Event()
        self.aborted: list[Aborted] = []
        self._producers: dict[int, _Producer] = {}

    @property
    def stable(self) -> int:
        return min(self.open.values(), default=self.end)

    def append(self, batch: bytes) -> tuple[int, int]:
        """(error code, base offset). A batch that is here already gets the offset it got the first time."""
        head = batches.head(batch)
        if head.producer_id >= 0:
            error, known = self._judge(head)
            if error or known >= 0:
                return error, known
        base = self._store(batch, head.records)
        if head.transactional:
            self.open.setdefault(head.producer_id, base)
        return errors.NONE, base

    def mark(self, producer_id: int, epoch: int, now_ms: int, *, commit: bool) -> None:
        """End a producer's transaction here."""
        self._producers.setdefault(producer_id, _Producer(epoch))
        if self._producers[producer_id].epoch < epoch:
            self._producers[producer_id] = _Producer(epoch)
        base = self._store(batches.marker(self.end, producer_id, epoch, now_ms, commit=commit), 1)
        first = self.open.pop(producer_id, None)
        if first is not None and not commit:
            self.aborted.append(Aborted(producer_id, first, base))

    def read(self, offset: int, isolation: int, max_bytes: int) -> Answer:
        """From the batch that holds `offset` on; at least one batch, if there is one."""
        upto = self.stable if isolation == READ_COMMITTED else self.end
        if not self.start <= offset <= self.end:
            return Answer(errors.OFFSET_OUT_OF_RANGE, -1, -1, [], b"")
        found: list[Stored] = []
        size = 0
        for batch in self.stored[bisect.bisect_left(self.stored, offset, key=lambda one: one.last) :]:
            if batch.base >= upto or (found and size + len(batch.data) > max_bytes):
                break
            found.append(batch)
            size += len(batch.data)
        aborted = [] if not found or isolation != READ_COMMITTED else self._aborted_among(offset, found[-1].last)
        return Answer(errors.NONE, self.end, self.stable, aborted, b"".join(batch.data for batch in found))

    def committed(self) -> list[Stored]:
        """The batches a reader of committed records gets to see in the end, without markers."""
        return [one for one in self.stored if one.base < self.stable and self._counts(batches.head(one.data))]

    def _counts(self, head: batches.Head) -> bool:
        gone = any(one.producer_id == head.producer_id and one.first <= head.base_offset < one.last for one in self.aborted)
        return not head.control and not (head.transactional and gone)

    def _aborted_among(self, first: int, last: int) -> list[tuple[int, int]]:
        return [(gone.producer_id, gone.first) for gone in self.aborted if gone.last >= first and gone.first <= last]

    def _store(self, batch: bytes, count: int) -> int:
        base = self.end
        self.stored.append(Stored(base, base + count - 1, batches.placed(batch, base), asyncio.get_running_loop().time()))
        self.end = base + count
        self.changed.set()
        self.changed = asyncio.Event()
        return base

    def _judge(self, head: batches.Head) -> tuple[int, int]:
        """(error, offset of the same batch if it was appended before, else -1)."""
        known = self._producers.get(head.producer_id)
        if known is None or known.epoch < head.producer_epoch:
            if head.sequence != 0 and known is not None:
                return errors.OUT_OF_ORDER_SEQUENCE, -1
            known = self._producers[head.producer_id] = _Producer(head.producer_epoch)
        if head.producer_epoch < known.epoch:
            return errors.INVALID_PRODUCER_EPOCH, -1
        last = head.sequence + head.records - 1
        for first_known, last_known, base in known.recent:
            if (first_known, last_known) == (head.sequence, last):
                return errors.NONE, base
        if known.recent and head.sequence != known.recent[-1][1] + 1:
            return errors.OUT_OF_ORDER_SEQUENCE, -1
        known.recent.append((head.sequence, last, self.end))
        return errors.NONE, -1
