"""When a contract must be looked at next: the earliest tick that could change it. Never too late, or a step would be missed; early only
by what a clock change of the zone leaves open."""

from collections.abc import Iterator
from datetime import date

from streams.escalation import attention, ladder
from streams.escalation.calendar import ONE_DAY, moment_ms
from streams.escalation.statuses import CLIMBING
from streams.escalation.turn import Turn


def due_ms(turn: Turn) -> int | None:
    """Milliseconds of the earliest tick that would touch the contract as it stands on the day of the turn, or None."""
    place = turn.terms.place
    first = min(_days(turn), default=None)
    step = _step_ms(turn)
    if first is None:
        return step
    start = moment_ms(first, 0, place)
    return start if step is None else min(start, step)


def _days(turn: Turn) -> Iterator[date]:
    """Days after this one on which something changes by itself."""
    seen = turn.view
    if seen.upcoming is not None:
        yield seen.upcoming
    for span in seen.spans:
        if span.begin > turn.day:
            yield span.begin
        if span.end is not None and span.end > turn.day:
            yield span.end
    for case in turn.contract.cases:
        for asked_on in (attention.recall_asked_on(case), attention.passing_asked_on(case)):
            if asked_on is not None:
                over = turn.rules.working_days.day_number(turn.rules.answer_days + 1, asked_on)
                if over > turn.day:
                    yield over


def _step_ms(turn: Turn) -> int | None:
    contract, rules = turn.contract, turn.rules
    if contract.status not in CLIMBING or turn.terms.binding is None:
        return None
    coming = ladder.next_step(contract, turn.view, rules)
    if coming is None or coming.on is None:
        return None
    if ladder.waiting_for(contract, coming, coming.on):
        return moment_ms(coming.on, 0, turn.terms.place) if coming.on > turn.day else None
    day = max(coming.on, turn.day)
    if contract.stepped_ever_on is not None and contract.stepped_ever_on >= day:
        day = contract.stepped_ever_on + ONE_DAY
    if rules.working_days_only:
        day = rules.working_days.next(day)
    return moment_ms(day, rules.at_minutes, turn.terms.place)
