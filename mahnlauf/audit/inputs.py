"""The records of one partition in the order in which its journal says they were applied."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from mahnlauf import committed
from mahnlauf.audit.findings import Findings
from mahnlauf.failures import ClusterWrong
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.journal import Entry, RecordsStep, TickStep
from streams.engine.protocol import Record


class Ticked(NamedTuple):
    """A tick, of which this step visited the keys up to `to_key`; `first`: the tick begins here."""

    record: Record
    to_key: bytes | None
    first: bool
    last: bool


class Transaction(NamedTuple):
    """One transaction of the engine: records to apply and ticks to visit by, in order. `offset` is its journal entry's; `rules` decided."""

    offset: int
    rules: int
    steps: Sequence[Record | Ticked]


class Log:
    """One input of one partition, read forward as the journal names its ranges."""

    def __init__(self, connection: Connection, topic: str, partition: int, end: int, findings: Findings) -> None:
        self._topic, self._partition, self._findings = topic, partition, findings
        self._records = committed.read(connection, topic, partition, end=end)
        self._held: list[Record] = []
        self._next = 0
        self._named = 0
        """Offset up to which the journal has named what was applied."""

    async def between(self, first: int, after: int) -> list[Record]:
        """The committed records of [first, after). Those before `first` that no range has named are lost; named again, doubled."""
        if first < self._named:
            self._find("doubled", None, f"offsets {first} to {min(after, self._named) - 1} are named twice by the journal")
        found: list[Record] = []
        while (record := await self._peek()) is not None and record.offset < after:
            self._next += 1
            if record.offset >= first:
                found.append(record)
            else:
                self._find("lost", record.key, f"the record at offset {record.offset} was passed over")
        self._named = max(self._named, after)
        return found

    async def at(self, offset: int, *, again: bool) -> Record | None:
        """The tick at `offset`; `again`: the record of the step before it. None where the journal goes back, which is a finding."""
        if again and self._next and self._held[self._next - 1].offset == offset:
            return self._held[self._next - 1]
        goes_back = offset < self._named
        found = await self.between(offset, offset + 1)
        if goes_back:
            return None
        if not found:
            raise ClusterWrong(f"{self._topic}-{self._partition}: the journal names a tick at offset {offset}, and there is no record")
        return found[0]

    async def close(self) -> None:
        async with aclosing(self._records):  # type: ignore[type-var]  # an async generator, told as an iterator
            pass

    async def _peek(self) -> Record | None:
        if self._next == len(self._held):
            kept = self._held[-1:]  # a tick's next chunk asks for it again
            more = await anext(self._records, None)
            if more is None:
                return None
            self._held, self._next = [*kept, *more], len(kept)
        return self._held[self._next]

    def _find(self, kind: str, key: bytes | None, what: str) -> None:
        self._findings.add("lost" if kind == "lost" else "doubled", self._topic, self._partition, key, what)


class Inputs:
    """All inputs of one partition. `ends`: up to where each can be read."""

    def __init__(self, connection: Connection, partition: int, ends: Mapping[tuple[str, int], int], findings: Findings) -> None:
        self._connection, self._partition = connection, partition
        self._journal_end = ends[topics.JOURNAL, partition]
        self._logs = {name: Log(connection, name, partition, ends[name, partition], findings) for name in topics.INPUTS}
        self.positions: dict[str, int] = {}
        """Up to where each input was applied."""

    async def transactions(self) -> AsyncIterator[Transaction]:
        """Raises ClusterWrong for a journal that cannot be read or names what is not there."""
        async for records in committed.read(self._connection, topics.JOURNAL, self._partition, end=self._journal_end):
            for record in records:
                entry = self._entry(record)
                self.positions.update(entry.positions)
                yield Transaction(record.offset, entry.rules, [step async for step in self._steps(entry)])

    async def close(self) -> None:
        for log in self._logs.values():
            await log.close()

    def _entry(self, record: Record) -> Entry:
        try:
            return Entry.decode(record.value or b"")
        except ValueError as error:
            raise ClusterWrong(f"{topics.JOURNAL}-{self._partition} offset {record.offset}: {error}") from error

    async def _steps(self, entry: Entry) -> AsyncIterator[Record | Ticked]:
        for step in entry.steps:
            if isinstance(step, TickStep):
                tick = await self._logs[topics.TIMERS].at(step.offset, again=not step.first)
                if tick is not None:
                    yield Ticked(tick, step.to_key, step.first, step.last)
            else:
                for record in in_order(await self._ranges(step)):
                    yield record

    async def _ranges(self, step: RecordsStep) -> list[list[Record]]:
        """The records of each input, in the order of the inputs."""
        ranges = {topic: (first, after) for topic, first, after in step.ranges}
        unknown = ranges.keys() - self._logs.keys()
        if unknown:
            raise ClusterWrong(f"{topics.JOURNAL}-{self._partition} names {', '.join(sorted(unknown))}, no input of this release")
        return [await self._logs[topic].between(*ranges[topic]) for topic in topics.INPUTS if topic in ranges]


def in_order(inputs: Sequence[Sequence[Record]]) -> Iterator[Record]:
    """Records by (timestamp, order of the inputs), each input in its own order: at every step the earliest head is next."""
    heads = [(records[0].timestamp_ms, index, 0) for index, records in enumerate(inputs) if records]
    heapify(heads)
    while heads:
        _, index, position = heappop(heads)
        yield inputs[index][position]
        if position + 1 < len(inputs[index]):
            heappush(heads, (inputs[index][position + 1].timestamp_ms, index, position + 1))
