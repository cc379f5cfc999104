"""When a contract must be looked at next: the earliest tick that could change it. Never too late, or a step would be missed; early only
by what a clock change of the zone leaves open. A tick of a day before the contract's own takes nothing."""

from collections.abc import Iterator
from datetime import date

from streams.escalation import attention, breathing_space, calls, forgetting, interest, plan_notices, refresh, waiting, win_back
from streams.escalation.calendar import ONE_DAY, moment_ms
from streams.escalation.ladder import NextStep
from streams.escalation.turn import Turn


def due_ms(turn: Turn) -> int | None:
    """Milliseconds of the earliest tick that would touch the contract as it stands on the day of the turn, or None."""
    place = turn.terms.place
    first = min((day for day in _days(turn) if day > turn.day), default=None)
    moments = (
        _step_ms(turn),
        calls.due_ms(turn),
        win_back.due_ms(turn),
        plan_notices.due_ms(turn),
        forgetting.due_ms(turn),
        refresh.due_ms(turn),
        breathing_space.due_ms(turn),
        None if first is None else moment_ms(first, 0, place),
    )
    return min((moment for moment in moments if moment is not None), default=None)


def _days(turn: Turn) -> Iterator[date]:
    """Days on which something changes, or changed, by itself."""
    seen = turn.view
    if seen.upcoming is not None:
        yield seen.upcoming
    if (no_rate_on := interest.rate_missing_on(turn.contract, turn.rules, turn.books)) is not None:
        yield no_rate_on
    for span in seen.spans:
        yield span.begin
        if span.end is not None:
            yield span.end
    for course in turn.courses:
        if course.runs and course.fails_on is not None:
            yield course.fails_on
    coming = turn.coming
    if coming is not None and coming.on is not None:
        yield from _waiting_days(turn, coming, coming.on)
    for case in turn.contract.cases:
        for asked_on in (attention.recall_asked_on(case), attention.passing_asked_on(case)):
            if asked_on is not None:
                yield turn.rules.working_days.day_number(turn.rules.answer_days + 1, asked_on)


def _waiting_days(turn: Turn, coming: NextStep, on: date) -> Iterator[date]:
    """Days on which a step begins to wait, or may cease to."""
    if on > turn.day and waiting.reasons(turn, coming, on):  # a day that is over is no news, and asking costs
        yield on
    for day in waiting.changes_on(turn, coming):
        yield max(day, on)


def _step_ms(turn: Turn) -> int | None:
    contract, rules, coming = turn.contract, turn.rules, turn.coming
    if coming is None or coming.on is None or turn.terms.binding is None:
        return None
    if waiting.reasons(turn, coming, max(coming.on, turn.day)):
        return None
    day = max(coming.on, turn.day)
    if contract.stepped_ever_on is not None and contract.stepped_ever_on >= day:
        day = contract.stepped_ever_on + ONE_DAY
    if rules.working_days_only:
        day = rules.working_days.next(day)
    return moment_ms(day, rules.at_minutes, turn.terms.place)
