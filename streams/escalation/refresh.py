"""Asking the agency how a case stands: when a person orders it (`escalation.md` 6, refresh)."""

from streams.escalation import case, tell
from streams.escalation.turn import Turn


def order_refresh(turn: Turn) -> None:
    """A person wants to know how the case stands. Raises Refused."""
    _ask(turn, case.addressed(turn, "refresh"))


def order_monitoring(turn: Turn) -> None:
    """A person lets the agency put the case into long-term monitoring. Raises Refused."""
    number = case.addressed(turn, "monitor")
    asked = turn.contract.cases[number]
    if not case.settled(asked):
        tell.monitor(turn, asked)


def _ask(turn: Turn, number: int) -> None:
    asked = turn.contract.cases[number]
    if not case.settled(asked):
        turn.set_case(number, refreshed_on=turn.day)
        tell.refresh(turn, asked)
