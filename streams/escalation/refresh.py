"""Asking the agency how a case stands: daily while it is silent, or when a person orders it (`escalation.md` 6, refresh)."""

from datetime import date, timedelta

from streams.escalation import case, tell
from streams.escalation.calendar import moment_ms
from streams.escalation.evaluate import MONITORING
from streams.escalation.state import Case
from streams.escalation.statuses import TO_BE_PASSED
from streams.escalation.turn import Turn

SILENT_DAYS = timedelta(days=2)
"""From a reply to the first day whose yesterday lies after it."""
MONITORING_DAYS = timedelta(days=30)
"""Between two questions in long-term monitoring, where nothing happens for years."""


def order_refresh(turn: Turn) -> None:
    """A person wants to know how the case stands. Raises Refused."""
    _ask(turn, case.addressed(turn, "refresh"))


def order_monitoring(turn: Turn) -> None:
    """A person lets the agency put the case into long-term monitoring. Raises Refused."""
    number = case.addressed(turn, "monitor")
    asked = turn.contract.cases[number]
    if not case.settled(asked):
        tell.monitor(turn, asked)


def ask_if_silent(turn: Turn, minutes: int) -> None:
    """Ask about each open case that was silent for too long, at `refresh_at` (`minutes` of the local day) or later."""
    if not turn.contract.cases or minutes < turn.rules.refresh_at_minutes:
        return
    for number, one in case.open_cases(turn):
        on = _ask_on(one)
        if on is not None and turn.day >= on:
            _ask(turn, number)


def due_ms(turn: Turn) -> int | None:
    """When a silent case is to be asked about, or None."""
    if not turn.contract.cases:
        return None
    days = [on for _, one in case.open_cases(turn) if (on := _ask_on(one)) is not None]
    return moment_ms(max(min(days), turn.day), turn.rules.refresh_at_minutes, turn.terms.place) if days else None


def _ask(turn: Turn, number: int) -> None:
    turn.set_case(number, refreshed_on=turn.day)
    tell.refresh(turn, turn.contract.cases[number])


def _ask_on(asked: Case) -> date | None:
    """The first day on which to ask; None before the agency has the case. After a recall because all is paid nothing more is told, but
    still asked: a question tells nothing, and the answer to the recall may be what was lost."""
    if asked.status == TO_BE_PASSED:
        return None
    heard_on = asked.heard_on or asked.handed_over_on  # of a case that was taken over nothing was heard since, but it is known as of then
    if asked.stage == MONITORING:
        return max(heard_on, asked.refreshed_on or heard_on) + MONITORING_DAYS
    silent_on = heard_on + SILENT_DAYS
    return silent_on if asked.refreshed_on is None else max(silent_on, asked.refreshed_on + timedelta(days=1))
