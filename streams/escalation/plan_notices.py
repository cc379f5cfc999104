"""What is told of a payment plan: once that it was broken, and before each instalment a reminder (`escalation.md` 5)."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from streams.escalation import holds, notices
from streams.escalation.calendar import moment_ms
from streams.escalation.state import PlanNotice
from streams.escalation.turn import Turn


def tell_broken(turn: Turn) -> None:
    """Say once of each plan that it was broken. Under a hold that forbids to write it is never said."""
    for course in turn.courses:
        known = PlanNotice(course.plan.plan_id, None)
        if course.broken and known not in turn.contract.plan_notices:
            assert course.end is not None
            turn.set(plan_notices=(*turn.contract.plan_notices, known))
            if not holds.silence(turn.spans, course.end, turn.day):
                notices.plan_broken(turn)


class _Coming(NamedTuple):
    """A reminder that is to go out at the first tick from `first` to the day on which the instalment is due."""

    known: PlanNotice
    first: date
    due_on: date
    amount: int


def _coming(turn: Turn) -> Iterator[_Coming]:
    """Reminders of instalments that were not yet told, nor covered by what was paid. One whose time came while nobody might be written to
    is not made up for."""
    wanted = turn.rules.policy.instalment_reminder
    if wanted is None:
        return
    for course in turn.courses:
        if course.runs:
            sums = accumulate(amount for _, amount in course.plan.instalments)
            for number, ((due_on, amount), asked) in enumerate(zip(course.plan.instalments, sums, strict=True), start=1):
                first = max(due_on - timedelta(days=wanted.days_before), course.begin)
                known = PlanNotice(course.plan.plan_id, number)
                told = known in turn.contract.plan_notices or holds.silence(turn.spans, first, max(first, turn.day))
                if course.settled < asked and not told:
                    yield _Coming(known, first, due_on, amount)


def remind(turn: Turn) -> None:
    """Remind of the instalments that fall due soon."""
    for coming in tuple(_coming(turn)):
        if coming.first <= turn.day <= coming.due_on:
            turn.set(plan_notices=(*turn.contract.plan_notices, coming.known))
            notices.instalment_reminder(turn, coming.due_on, coming.amount)


def due_ms(turn: Turn) -> int | None:
    """The earliest tick that reminds of an instalment, in ms."""
    coming = ((max(one.first, turn.day), one.due_on) for one in _coming(turn))
    return min((moment_ms(first, 0, turn.terms.place) for first, due_on in coming if first <= due_on), default=None)
