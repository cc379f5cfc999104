"""The ledger of one outbox partition: kept in memory, written in transactions.

Whoever has something to write hands in an `Entry` and waits; what has come together meanwhile is written in one transaction, so a hundred
requests at a time cost a few commits and not two hundred. Changes of a handover are steps (Handover -> Handover), applied in the order in
which they came, so a feed and a command that concern the same handover never overwrite each other.

What stands on `collection.ledger`, always on this partition:
    <handover id>               ledger.Handover
    route/<handover id>         the account its submit named; on the partition of the contract's commands
    cursor/<tenant>/<account>   where the account's feed was read up to
    waiting/<inbox offset>      the account of an upstream's delivery that waits (aside.py); a tombstone when it has gone
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from connectors.delivery import ledger, replies
from connectors.delivery.ledger import Handover
from connectors.delivery.progress import Progress
from connectors.delivery.replies import Told
from schemas import topics
from streams.engine import unpack
from streams.engine.cluster import Cluster
from streams.engine.fetch import PartitionFetch, through
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter

ROUTE: Final = "route/"
CURSOR: Final = "cursor/"
WAITING: Final = "waiting/"
ENTRIES_MAX: Final = 500
"""Entries a transaction: enough to make commits cheap, few enough that one does not take a second."""

Step: TypeAlias = Callable[[Handover], Handover]


class Clock(Protocol):
    """Calendar time in ms; 0 before the first tick."""

    now_ms: int


@dataclass(frozen=True, slots=True)
class Edit:
    """A step for one handover, and what is told with it. What was told before is not told again.

    `first`: the handover as it is before its first record; absent where there surely is one. `proves`: written also where it changes
    nothing, because the commit alone says that the partition is still ours.
    """

    handover_id: str
    step: Step
    told: tuple[Told, ...] = ()
    first: Handover | None = None
    proves: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written together. `finished` are offsets by topic; `aside` are offsets of the inbox with the account, None: it has
    gone."""

    edits: tuple[Edit, ...] = ()
    outputs: tuple[Output, ...] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    cursors: Mapping[str, str] = field(default_factory=dict)
    aside: Mapping[int, str | None] = field(default_factory=dict)
    finished: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Contents:
    """All that the partition's ledger says."""

    handovers: dict[str, Handover] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)

    def load(self, records: Mapping[bytes, bytes | None]) -> None:
        """Take in records of the ledger topic. Raises LedgerUnreadable."""
        for raw_key, value in records.items():
            key = raw_key.decode()
            if key.startswith(WAITING):
                self.move({int(key.removeprefix(WAITING)): None if value is None else value.decode()})
            elif value is None:
                continue
            elif key.startswith(ROUTE):
                self.routes[key.removeprefix(ROUTE)] = value.decode()
            elif key.startswith(CURSOR):
                self.cursors[key.removeprefix(CURSOR)] = value.decode()
            else:
                self.handovers[key] = ledger.decode(value)

    def move(self, aside: Mapping[int, str | None]) -> None:
        """Note what waits from now on, and (None) what has gone."""
        for offset, account in aside.items():
            if account is None:
                self.waiting.pop(offset, None)
            else:
                self.waiting[offset] = account


async def recovered(cluster: Cluster, partition: int) -> Contents:
    """Read the partition's ledger to its end. Call after the partition's writer has started: then nobody else is writing it.

    Raises Undecided.
    """
    topic = topics.LEDGER
    end = (await cluster.high_watermarks([topic], partition))[topic]
    reader = PartitionFetch(cluster, partition, lambda _, batches: unpack.key_values(batches))
    reader.seek(topic, (await cluster.log_starts([topic], partition))[topic])
    contents = Contents()
    try:
        async for records in through(reader, topic, end):
            contents.load(records)
    finally:
        await reader.close()
    return contents


class Book:
    """See the module's first lines. `run` writes until it is cancelled; an error of it means: give the partition up."""

    def __init__(
        self,
        partition: int,
        contents: Contents,
        writer: TransactionalWriter,
        clock: Clock,
        agency_of: Callable[[str], str],
        progress: Mapping[str, Progress],
        group_id: str,
        wrote: Callable[[Iterable[Output]], None],
    ) -> None:
        self._partition = partition
        self.contents = contents
        self._writer = writer
        self._clock = clock
        self._agency_of = agency_of
        self._progress = progress
        self._group_id = group_id
        self._wrote = wrote
        self._queue: asyncio.Queue[tuple[Entry, asyncio.Future[None]]] = asyncio.Queue()

    @property
    def now_ms(self) -> int:
        """Calendar time."""
        return self._clock.now_ms

    def handover(self, handover_id: str) -> Handover | None:
        return self.contents.handovers.get(handover_id)

    async def write(self, entry: Entry) -> None:
        """Returns once the entry is committed."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((entry, written))
        await written

    async def run(self) -> None:
        """Raises Fenced, TransactionFailed."""
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < ENTRIES_MAX and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            await self._commit([entry for entry, _ in waiting])
            for _, written in waiting:
                if not written.done():
                    written.set_result(None)

    async def _commit(self, entries: list[Entry]) -> None:
        draft = _Draft(self.contents.handovers, self._clock.now_ms, self._agency_of)
        for entry in entries:
            draft.take(entry)
        outputs = [*draft.outputs, *self._ledger_records(draft, entries)]
        for entry in entries:
            for topic, offset in entry.finished:
                self._progress[topic].finish(offset)
        positions = {(topic, self._partition): at.done for topic, at in self._progress.items() if at.done != at.committed}
        if not outputs and not positions:
            return
        await self._writer.commit(outputs, positions, group_id=self._group_id)
        for (topic, _), offset in positions.items():
            self._progress[topic].committed = offset
        self._take_over(draft, entries)
        self._wrote(outputs)

    def _ledger_records(self, draft: "_Draft", entries: list[Entry]) -> Iterable[Output]:
        for handover_id, handover in draft.changed.items():
            yield self._record(handover_id, ledger.encode(handover), max(draft.now_ms, handover.time_ms))
        for entry in entries:
            for handover_id, account in entry.routes.items():
                yield self._record(ROUTE + handover_id, account.encode(), draft.now_ms)
            for account, cursor in entry.cursors.items():
                yield self._record(CURSOR + account, cursor.encode(), draft.now_ms)
            for offset, key in entry.aside.items():
                yield self._record(f"{WAITING}{offset}", None if key is None else key.encode(), draft.now_ms)

    def _record(self, key: str, value: bytes | None, at_ms: int) -> Output:
        return Output(topics.LEDGER, key.encode(), value, at_ms, partition=self._partition, latest_only=True)

    def _take_over(self, draft: "_Draft", entries: list[Entry]) -> None:
        self.contents.handovers.update(draft.changed)
        for entry in entries:
            self.contents.routes.update(entry.routes)
            self.contents.cursors.update(entry.cursors)
            self.contents.move(entry.aside)


class _Draft:
    """What a transaction will change, on top of what is committed."""

    def __init__(self, committed: Mapping[str, Handover], now_ms: int, agency_of: Callable[[str], str]) -> None:
        self._committed = committed
        self._agency_of = agency_of
        self.now_ms = now_ms
        self.changed: dict[str, Handover] = {}
        self.outputs: list[Output] = []

    def take(self, entry: Entry) -> None:
        self.outputs += entry.outputs
        for edit in entry.edits:
            handover = self._now(edit)
            after = self._tell(edit.step(handover), edit.told)
            if edit.proves or after != self._committed.get(edit.handover_id) or edit.handover_id in self.changed:
                self.changed[edit.handover_id] = after

    def _now(self, edit: Edit) -> Handover:
        now = self.changed.get(edit.handover_id) or self._committed.get(edit.handover_id) or edit.first
        assert now is not None
        return now

    def _tell(self, handover: Handover, said: tuple[Told, ...]) -> Handover:
        for told in said:
            if told.name not in handover.told:
                handover = ledger.told(handover, told.name)
                handover = ledger.closed(handover) if told.closes else handover
                at_ms = max(self.now_ms, handover.time_ms)
                self.outputs.append(replies.output(handover, told, self._agency_of(handover.account), at_ms))
        return handover
