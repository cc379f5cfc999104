"""Calls: one request after the other until the debtor is reached or the attempts are used up (`escalation.md` 4, call)."""

from datetime import date, timedelta

from schemas.instructions import CallAttemptedData
from schemas.policy import Call
from streams.escalation import notices
from streams.escalation.calendar import moment_ms
from streams.escalation.ladder import Position
from streams.escalation.state import CallSeries
from streams.escalation.statuses import CLIMBING
from streams.escalation.turn import Turn


def begin(turn: Turn, step: Call, positions: tuple[Position, ...], covered: tuple[str, ...]) -> None:
    """The first request of a step. A series that an earlier step began ends with it."""
    turn.set(calls=CallSeries(1, step.max_attempts, step.every_days, turn.day))
    notices.call_request(turn, 1, step.max_attempts, positions, covered)


def attempted(turn: Turn, data: CallAttemptedData) -> None:
    """Somebody called. Without an outstanding request of that number nothing changes."""
    series = turn.contract.calls
    if series is None or series.unreached or series.attempt != data.attempt:
        return
    goes_on = data.outcome != "reached" and series.attempt < series.max_attempts
    turn.set(calls=series.failed() if goes_on else None)


def request_again(turn: Turn, minutes: int) -> None:
    """The next request, if its day and time have come. `minutes`: time of the local day."""
    series, on = turn.contract.calls, _next_on(turn)
    if series is None or on is None or turn.day < on or minutes < turn.rules.at_minutes:
        return
    if turn.rules.working_days_only and not turn.rules.working_days.includes(turn.day):
        return
    turn.set(calls=CallSeries(series.attempt + 1, series.max_attempts, series.every_days, turn.day))
    notices.call_request(turn, series.attempt + 1, series.max_attempts, turn.view.overdue, ())


def due_ms(turn: Turn) -> int | None:
    """When the next request is to be made, or None."""
    on = _next_on(turn)
    if on is None:
        return None
    day = max(on, turn.day)
    if turn.rules.working_days_only:
        day = turn.rules.working_days.next(day)
    return moment_ms(day, turn.rules.at_minutes, turn.terms.place)


def _next_on(turn: Turn) -> date | None:
    """The first day of the next request; None if there is none to come, or while held."""
    series = turn.contract.calls
    if series is None or not series.unreached or turn.contract.status not in CLIMBING or turn.terms.binding is None:
        return None
    return series.asked_on + timedelta(days=series.every_days)
