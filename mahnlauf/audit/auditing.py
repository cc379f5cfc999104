"""The audit itself: one partition after the other, then what the partitions passed on to each other, then the verdict.

Workers may be at work meanwhile, so that there are records which nobody has applied yet is no finding. That a partition which has some
commits nothing for `STANDS_AFTER_S` is one: nothing of it is wrong, but what it owes is not there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from mahnlauf import committed
from mahnlauf.audit.findings import Findings
from mahnlauf.audit.fold import Fold
from mahnlauf.audit.inputs import Inputs, Transaction
from mahnlauf.audit.outcome import Kept, Latest, Span
from mahnlauf.audit.passed_on import PassedOn, letter_of
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.protocol import Output, Processor, Record

KEPT: Final = (topics.COMMANDS, topics.CASE_HISTORY, topics.NOTICES, topics.BOOKINGS)
STANDS_AFTER_S: Final = 10.0
"""A session's length: a partition that only moves from one worker to another is taken up by then."""
_LOOK_S: Final = 0.5

OUTPUTS: Final = (*KEPT, topics.CASE_STATUS)


@dataclass(slots=True)
class Audit:
    """The verdict. `ticks`: of the partition that saw most. `not_applied`: input records (or markers) behind the journal's end, which no
    worker has applied yet; `standing`: how many of them by partition, where nothing is applied although there are records."""

    findings: Findings = field(default_factory=Findings)
    partitions: int = 0
    transactions: int = 0
    events: int = 0
    ticks: int = 0
    contracts: int = 0
    outputs: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    forwarded: int = 0
    not_applied: int = 0
    standing: dict[int, int] = field(default_factory=dict)
    other_rules: Counter[int] = field(default_factory=Counter)
    """Transactions by the number of the rules that decided them, where these are not the rules of this release."""

    @property
    def clean(self) -> bool:
        """Whether everything is there, once."""
        return self.findings.none and not self.standing


async def audit(
    connection: Connection,
    processor: Processor[Any, Any, Any],
    progress: Callable[[int, int], None],
    *,
    stands_after_s: float = STANDS_AFTER_S,
) -> Audit:
    """Compute everything again and compare. `progress` is told journal offsets done, of all. Raises ClusterWrong, EngineError."""
    return await _Auditing(connection, processor, progress, stands_after_s).run()


class _Auditing:
    def __init__(
        self,
        connection: Connection,
        processor: Processor[Any, Any, Any],
        progress: Callable[[int, int], None],
        stands_after_s: float,
    ) -> None:
        self._connection, self._processor, self._progress = connection, processor, progress
        self._stands_after_s = stands_after_s
        self._positions: dict[int, Mapping[str, int]] = {}
        self._told = Audit()
        self._passed_on = PassedOn()
        self._ends: Mapping[tuple[str, int], int] = {}
        self._spans: Mapping[tuple[str, int], Span] = {}

    async def run(self) -> Audit:
        await self._ask()
        begun = asyncio.get_running_loop().time()
        await self._passed_on.read(self._connection, self._spans)
        for number in range(self._told.partitions):
            await self._partition(number)
        self._passed_on.finish(self._told.findings)
        await self._find_standing(begun + self._stands_after_s)
        return self._told

    async def _ask(self) -> None:
        """Where everything ends, in the order that `outcome` explains."""
        journal = await committed.places(self._connection, [topics.JOURNAL])
        self._told.partitions = len(journal)
        written = [*await committed.places(self._connection, OUTPUTS), *PassedOn.places(len(journal))]
        settled = await committed.ends(self._connection, written)
        inputs = [(name, number) for name in topics.INPUTS for number in range(len(journal))]
        journal_ends = await committed.ends(self._connection, journal)
        ends = await committed.ends(self._connection, list({*written, *inputs}))
        self._ends = {**ends, **journal_ends}
        self._spans = {place: Span(settled[place], ends[place]) for place in written}

    async def _partition(self, number: int) -> None:
        findings, told = self._told.findings, self._told
        inputs = Inputs(self._connection, number, self._ends, findings)
        fold = Fold(self._processor, number, told.partitions, self._passed_on.refused())
        outcome: dict[str, Kept | Latest] = {
            name: Kept(self._connection, name, number, self._spans[name, number], findings) for name in KEPT
        }
        outcome[topics.CASE_STATUS] = Latest(
            self._connection, topics.CASE_STATUS, number, self._spans[topics.CASE_STATUS, number], findings
        )
        try:
            async for transaction in inputs.transactions():
                self._apply(fold, transaction)
                await self._compare(fold, outcome)
                self._tell(number, transaction.offset)
            for topic in outcome.values():
                await topic.finish()
        finally:
            await inputs.close()
            for topic in outcome.values():
                await topic.close()
        told.contracts += fold.contracts
        told.ticks = max(told.ticks, fold.ticks)
        told.events += fold.applied
        self._positions[number] = inputs.positions
        told.not_applied += sum(self._left(number).values())
        told.outputs.update({name: topic.count for name, topic in outcome.items()})
        self._tell(number, self._ends[topics.JOURNAL, number])

    def _apply(self, fold: Fold, transaction: Transaction) -> None:
        self._told.transactions += 1
        if transaction.rules != self._processor.rules:
            self._told.other_rules[transaction.rules] += 1
        for step in transaction.steps:
            if isinstance(step, Record):
                fold.apply(step)
            else:
                fold.tick(step)

    async def _compare(self, fold: Fold, outcome: Mapping[str, Kept | Latest]) -> None:
        by_topic: dict[str, list[Output]] = {}
        for output in fold.outputs:
            by_topic.setdefault(output.topic, []).append(output)
        letters = list(fold.letters)
        for topic, outputs in by_topic.items():
            if topic in outcome:
                await outcome[topic].expect(outputs)
            else:  # a record that was kept until it could be judged
                letters += [letter_of(output) for output in outputs]
        for letter in letters:
            self._passed_on.strike_letter(letter, self._told.findings)
        for forward in fold.forwards:
            self._passed_on.strike_forward(forward, self._told.findings)
        self._told.dead_letters += len(letters)
        self._told.forwarded += len(fold.forwards)
        fold.outputs, fold.letters, fold.forwards = [], [], []

    def _left(self, number: int) -> dict[str, int]:
        """How many records (or markers) of each input the journal's end leaves, of inputs that have some."""
        left = {name: self._ends[name, number] - self._positions[number].get(name, 0) for name in topics.INPUTS}
        return {name: count for name, count in left.items() if count > 0}

    async def _find_standing(self, deadline: float) -> None:
        """Partitions that have not gone on by `deadline` (loop time)."""
        waiting = [number for number in range(self._told.partitions) if await self._waits(number)]
        while waiting:
            journal = await committed.ends(self._connection, [(topics.JOURNAL, number) for number in waiting])
            waiting = [number for number in waiting if journal[topics.JOURNAL, number] == self._ends[topics.JOURNAL, number]]
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(_LOOK_S)
        self._told.standing = {number: sum(self._left(number).values()) for number in waiting}

    async def _waits(self, number: int) -> bool:
        """Whether there is a record to apply, not markers of transactions alone."""
        for name in self._left(number):
            begin, end = self._positions[number].get(name), self._ends[name, number]
            async with aclosing(committed.read(self._connection, name, number, begin=begin, end=end)) as unapplied:  # type: ignore[type-var]
                async for _ in unapplied:
                    return True
        return False

    def _tell(self, number: int, offset: int) -> None:
        ends = [self._ends[topics.JOURNAL, partition] for partition in range(self._told.partitions)]
        self._progress(sum(ends[:number]) + offset, sum(ends))
