"""A preview as a chart: a lane for each kind of step over the days, what comes with the policy above its line, what comes as it is below.

Only places and lengths are worked out here; the template draws them, and the sheet has the colours. Above and below, filled and outlined
tell the two apart without any colour.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from console.actions.office import Previewed, StepPreviewed

DAYS: Final = (30, 60, 90)
"""How far a page can look ahead."""
LEFT: Final = 8.0
WIDTH: Final = 744.0
HEAD: Final = 26.0
"""Of a lane: where its name stands."""
REACH: Final = 34.0
"""How far its longest bar goes from its line."""
THIN: Final = 1.5
"""What is there at all is seen, however small."""
LANE: Final = HEAD + 2 * REACH
FOOT: Final = 30.0
WEEK: Final = 7
MARKS_MAX: Final = 8


class Bar(NamedTuple):
    """`day`: what it is about, for who points at it."""

    x: float
    y: float
    width: float
    height: float
    day: date
    sent: int


class Lane(NamedTuple):
    """`line`: where it has its zero, `name_y` where its name stands; sums of all days."""

    kind: str
    line: float
    name_y: float
    before: Sequence[Bar]
    after: Sequence[Bar]
    before_sum: int
    after_sum: int


class Mark(NamedTuple):
    """A day on the axis."""

    x: float
    day: date


class Week(NamedTuple):
    """For the table: by step how many as it is and with the policy."""

    begins: date
    counts: Sequence[tuple[int, int]]


class Chart(NamedTuple):
    lanes: Sequence[Lane]
    marks: Sequence[Mark]
    weeks: Sequence[Week]
    width: float
    height: float

    @property
    def foot(self) -> float:
        """Where the axis is."""
        return self.height - FOOT


def chart(told: Previewed) -> Chart:
    """A lane is as high for ten letters as for ten thousand: its own largest day is its scale."""
    days = max((len(step.before) for step in told.steps), default=0)
    lanes = [_lane(number, step, told.first, WIDTH / max(days, 1)) for number, step in enumerate(told.steps)]
    return Chart(lanes, _marks(told.first, days), _weeks(told, days), LEFT + WIDTH + LEFT, LANE * len(lanes) + FOOT)


def _lane(number: int, step: StepPreviewed, first: date, slot: float) -> Lane:
    line = LANE * number + HEAD + REACH
    scale = REACH / max(*step.before, *step.after, 1)

    def bars(counts: Sequence[int], *, up: bool) -> list[Bar]:
        found = []
        for place, count in enumerate(counts):
            if count:
                length = round(max(count * scale, THIN), 1)
                left = round(LEFT + (place + 0.1) * slot, 1)
                found.append(Bar(left, line - length if up else line, round(0.8 * slot, 1), length, first + timedelta(days=place), count))
        return found

    sums = sum(step.before), sum(step.after)
    return Lane(step.kind, line, LANE * number + 17, bars(step.before, up=False), bars(step.after, up=True), *sums)


def _marks(first: date, days: int) -> list[Mark]:
    weeks = -(-days // WEEK)
    every = WEEK * -(-weeks // MARKS_MAX) if weeks else WEEK
    return [Mark(round(LEFT + place * WIDTH / days, 1), first + timedelta(days=place)) for place in range(0, days, every)]


def _weeks(told: Previewed, days: int) -> list[Week]:
    found = []
    for begin in range(0, days, WEEK):
        part = slice(begin, begin + WEEK)
        counts = [(sum(step.before[part]), sum(step.after[part])) for step in told.steps]
        if any(sum(both) for both in counts):
            found.append(Week(told.first + timedelta(days=begin), counts))
    return found
