"""A worker for tests of the audit: one partition after the other, everything at hand in one order, one transaction a week.

It shares the fold with the audit, so it proves nothing about the fold; it is there to make clusters that are right, and then wrong in one
place (`tamper` changes what a transaction writes).
"""

from collections.abc import Callable, Iterator

from mahnlauf import committed
from mahnlauf.audit.fold import Fold
from mahnlauf.audit.inputs import Ticked, in_order
from schemas import topics
from streams.engine import deadletter, reroute
from streams.engine.cluster import Connection
from streams.engine.journal import Entry, RecordsStep, Step, TickStep
from streams.engine.protocol import Output, Poison, Record, Tick
from streams.engine.transaction import TransactionalWriter
from streams.processor import EscalationProcessor

Tamper = Callable[[list[Output]], list[Output]]


async def work(connection: Connection, partitions: int, tamper: Tamper = lambda outputs: outputs) -> None:
    """Apply everything that stands on the inputs, and what that forwards."""
    written = [await _partition(connection, number, partitions, tamper) for number in range(partitions)]
    assert not any(written), "what was forwarded is applied by none: publish keys where they belong"


async def _partition(connection: Connection, number: int, partitions: int, tamper: Tamper) -> int:
    processor = EscalationProcessor()
    fold = Fold(processor, number, partitions, {})
    writer = TransactionalWriter(connection, f"plain-{number}", client_id="test")
    await writer.start()
    positions: dict[str, int] = {}
    for steps, records in _weeks(processor, list(in_order([await _read(connection, topic, number) for topic in topics.INPUTS]))):
        for record in records:
            if isinstance(processor.decode(record), Tick):
                fold.tick(Ticked(record, None, first=True, last=True))
            else:
                fold.apply(record)
            positions[record.topic] = record.offset + 1
        outputs = [*fold.outputs, *(_letter(letter.record, letter.reason) for letter in fold.letters)]
        outputs += [reroute.forwarded(forward.record, topics.REROUTED, forward.partition) for forward in fold.forwards]
        fold.outputs, fold.letters = [], []
        entry = Entry(processor.rules, dict(positions), steps)
        await writer.commit(tamper([*outputs, Output(topics.JOURNAL, None, entry.encode(), records[-1].timestamp_ms, (), number)]))
    await writer.stop()
    return len(fold.forwards)


def _weeks(processor: EscalationProcessor, records: list[Record]) -> Iterator[tuple[list[Step], list[Record]]]:
    """Transactions: seven ticks each with what lies before them; what is left."""
    steps: list[Step] = []
    taken: list[Record] = []
    since = 0
    for record in records:
        taken.append(record)
        if isinstance(processor.decode(record), Tick):
            steps += [*_ranges(taken[since:-1]), TickStep(record.offset, None, None, first=True, last=True)]
            since = len(taken)
        if sum(isinstance(step, TickStep) for step in steps) == 7:
            yield steps, taken
            steps, taken, since = [], [], 0
    if taken:
        yield [*steps, *_ranges(taken[since:])], taken


def _ranges(records: list[Record]) -> list[Step]:
    by_topic: dict[str, list[int]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record.offset)
    return [RecordsStep([(topic, offsets[0], offsets[-1] + 1) for topic, offsets in by_topic.items()])] if by_topic else []


def _letter(record: Record, reason: str) -> Output:
    return deadletter.letter(record, Poison(reason, "told by a test"), deadletter.APPLY, topics.DEAD_LETTERS_SUFFIX)


async def _read(connection: Connection, topic: str, number: int) -> list[Record]:
    return [record async for records in committed.read(connection, topic, number) for record in records]
