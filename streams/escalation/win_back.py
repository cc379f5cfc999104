"""Winning a debtor back: a notice some days after everything was paid (`escalation.md` 5)."""

from datetime import date, timedelta

from streams.escalation import holds, notices
from streams.escalation.calendar import moment_ms
from streams.escalation.turn import Turn


def await_reset_day(turn: Turn) -> None:
    """A cycle is about to be reset. The policy it had says when the notice goes out, if it had a reminder or a case. What an earlier cycle
    left to be told is over: something was due in between, if only held."""
    wanted = turn.rules.policy.win_back
    contract = turn.contract
    reminded = any(one.cycle == contract.cycle and not one.skipped for one in contract.reminders)
    if wanted is not None and (reminded or contract.attempt or contract.current is not None):
        turn.set(win_back_on=turn.day + timedelta(days=wanted.days_after))
    elif contract.win_back_on is not None:
        turn.set(win_back_on=None)


def cancel_if_overdue(turn: Turn) -> None:
    """Anything overdue in between, or a case, cancels it."""
    if turn.contract.win_back_on is not None and (turn.view.overdue or turn.contract.current is not None):
        turn.set(win_back_on=None)


def tell_if_due(turn: Turn) -> None:
    """Once, with the first tick of its day or later. While nobody may be written to it is not told, nor later."""
    on = _on(turn)
    if on is not None and turn.day >= on:
        turn.set(win_back_on=None)
        notices.win_back(turn)


def due_ms(turn: Turn) -> int | None:
    """When the notice is due, or None."""
    on = _on(turn)
    return None if on is None else moment_ms(max(on, turn.day), 0, turn.terms.place)


def _on(turn: Turn) -> date | None:
    """The day of the notice, or None if there is none, or none any more: on its day nobody might be written to."""
    on = turn.contract.win_back_on
    return None if on is None or holds.silence(turn.spans, on, max(on, turn.day)) else on
