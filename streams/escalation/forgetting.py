"""Forgetting a contract of which nothing is left (`escalation.md` 1): case-status gets a tombstone, the history stays.

Of the state two numbers are kept, none of them about anybody: where ids go on. If the contract comes back, its first handover would
otherwise have the id of an old one, which the agency has had long since, and it would never be sent.
"""

from calendar import monthrange
from datetime import date

from streams.escalation import outputs
from streams.escalation.calendar import moment_ms
from streams.escalation.case import open_cases
from streams.escalation.outputs import Told
from streams.escalation.state import Contract
from streams.escalation.turn import Turn


def is_over(turn: Turn) -> bool:
    """Whether the day has come."""
    on = _on(turn)
    return on is not None and on <= turn.day


def due_ms(turn: Turn) -> int | None:
    """The earliest tick that forgets the contract, in ms; None while something is left of it."""
    on = _on(turn)
    return None if on is None else moment_ms(max(on, turn.day), 0, turn.terms.place)


def rest_of(contract: Contract) -> Contract:
    """What is left of a contract that is forgotten."""
    return Contract(cycle=contract.cycle + 1, version=contract.version, forgotten=True)


def tombstone(turn: Turn) -> Told:
    """What is told instead of a case-status."""
    return Told(outputs.STATUS, "", turn.contract.clock_us, None)


def _on(turn: Turn) -> date | None:
    months = turn.rules.policy.forget_after
    if months is None or _left(turn):
        return None
    # A state that an earlier version wrote doesn't say when the last event came: not after the clock.
    return _months_after(turn.local_day(turn.contract.heard_us or turn.contract.clock_us), months)


def _left(turn: Turn) -> bool:
    """Whether something is open, or money is to be given or asked for."""
    books = turn.books
    owed = books.credit or books.agency_balance or any(account.claim for account in books.accounts.values())
    return bool(owed) or turn.contract.current is not None or bool(open_cases(turn))


def _months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))
