"""The lines of event files with the moment each belongs to, as publish and replay order them.

- The moment is the event's `time` cut to ms, else the `timestamp` of its line. What names neither (a tombstone, a poisoned value) keeps
  its place in the file: it takes the moment of the line before it, at the beginning of a file the first that a line of the file names (in
  a file that names none, the beginning of everything).
- A policy version without a time counts from the beginning.
- Exports of escalation.timers hold a copy from each partition: those that say they were elsewhere than in partition 0 are passed over.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from mahnlauf import lines
from mahnlauf.failures import BadInput
from mahnlauf.line_files import LineFiles, Place
from mahnlauf.policy_lines import PolicyLine, PolicyLineError
from schemas import topics

PLAIN: Final = (topics.DEBTORS, *topics.BILLING_INPUTS, topics.INSTRUCTIONS, topics.REPLIES)
"""Topics whose lines stand for records as they are; of the same moment they come in this order (the inputs in the processor's)."""
ACCEPTED: Final = (*PLAIN, topics.TIMERS, topics.POLICIES)
THE_BEGINNING: Final = 0
MISTAKES_TOLD: Final = 10

_RANKS: Final = {topic: rank for rank, topic in enumerate(ACCEPTED, start=1)}


class EventLine(NamedTuple):
    """`sequence`: by which LineFiles finds it again. `when_ms`: 0 is the beginning of everything. `rank` orders what is of one moment.
    `place`: where a person finds it."""

    sequence: int
    when_ms: int
    rank: int
    line: lines.Line
    place: Place


@dataclass(slots=True)
class Read:
    """What was seen on the way. `first_ms` and `last_ms` are of what names its own time."""

    first_ms: int | None = None
    last_ms: int | None = None
    without_time: int = 0
    copies: int = 0


def read(
    files: LineFiles, seen: Read, *, latest_ms: int | None = None, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Iterator[EventLine]:
    """Every line in file order. Raises BadInput that tells the first mistakes with file and line, at the end if there are few: use
    nothing before that. An event after `latest_ms` is a mistake. `progress` is told bytes."""
    reading = _Reading(seen, latest_ms)
    mistakes: list[str] = []
    done, whole = 0, files.size_bytes
    for sequence, place, text in files:
        try:
            found = reading.placed(sequence, place, lines.parse(text))
        except (lines.LineError, PolicyLineError) as error:
            mistakes.append(f"{place}: {error}")
            if len(mistakes) == MISTAKES_TOLD:
                break
            continue
        yield from found
        done += len(text) + 1
        if sequence % 10_000 == 0:
            progress(done, whole)
    yield from reading.rest()
    progress(whole, whole)
    if mistakes:
        more = f"\n(only the first {MISTAKES_TOLD} mistakes are told)" if len(mistakes) == MISTAKES_TOLD else ""
        raise BadInput("nothing was done:\n" + "\n".join(mistakes) + more)


class _Reading:
    def __init__(self, seen: Read, latest_ms: int | None) -> None:
        self._seen, self._latest_ms = seen, latest_ms
        self._path: Path | None = None
        self._before_ms: int | None = None
        self._head: list[EventLine] = []
        """Of the file being read, what stands before the first moment."""

    def placed(self, sequence: int, place: Place, line: lines.Line) -> Sequence[EventLine]:
        """What has its moment now, in order: none for a copy or at the head of a file. Raises LineError, PolicyLineError."""
        if line.topic not in _RANKS:
            raise lines.LineError(f"{line.topic!r} is no topic of events: one of {', '.join(ACCEPTED)} is")
        before = self._begun(place.path)
        if line.topic == topics.TIMERS and line.partition:
            self._seen.copies += 1
            return before
        if line.topic == topics.POLICIES and PolicyLine.read(line).counts_from_the_beginning:
            return (*before, EventLine(sequence, THE_BEGINNING, 0, line, place))
        when = self._when(line)
        found = EventLine(sequence, THE_BEGINNING if when is None else when, _RANKS[line.topic], line, place)
        if when is None:
            self._head.append(found)
            return before
        return (*before, *self._placed_head(when), found)

    def rest(self) -> Sequence[EventLine]:
        """What is left at the end of a file that names no moment."""
        return self._placed_head(THE_BEGINNING)

    def _begun(self, path: Path) -> Sequence[EventLine]:
        """What the file before has left, where a file begins."""
        if path == self._path:
            return ()
        self._path, self._before_ms = path, None
        return self.rest()

    def _placed_head(self, when: int) -> Sequence[EventLine]:
        head, self._head = self._head, []
        return [found._replace(when_ms=when) for found in head]

    def _when(self, line: lines.Line) -> int | None:
        """None before the first moment of a file."""
        when = lines.time_ms(line)
        if when is None:
            self._seen.without_time += 1
            return self._before_ms
        if self._latest_ms is not None and when > self._latest_ms:
            raise lines.LineError(f"its time {lines.moment(when).isoformat()} lies in the future, and Kafka refuses records of the future")
        self._before_ms = when
        self._seen.first_ms = when if self._seen.first_ms is None else min(self._seen.first_ms, when)
        self._seen.last_ms = when if self._seen.last_ms is None else max(self._seen.last_ms, when)
        return when
