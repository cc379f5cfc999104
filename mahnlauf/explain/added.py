"""What is added to what is owed, from when and why not yet: interest and breathing spaces (`escalation.md` 2)."""

from collections.abc import Iterator

from mahnlauf.explain.words import day
from schemas.policy import FixedInterest
from streams.escalation.calendar import ONE_DAY
from streams.escalation.interest import basis
from streams.escalation.turn import Turn


def interest(turn: Turn) -> Iterator[str]:
    """Of each receivable that is open: at which rate it bears interest and since when, or that it does not yet."""
    asked = turn.interest
    if asked is None:
        return
    for invoice_id, account in turn.books.accounts.items():
        if account.open:
            after = asked.default_on(account)
            name = account.invoice.number or invoice_id
            if after is None:
                yield f"{name} bears no interest yet: default begins with the first reminder that covers it"
            elif after >= turn.day:
                yield f"{name} bears interest from {day(after + ONE_DAY)} on"
            else:
                rate = _rate(turn, basis(asked, account))
                yield f"{name} bears interest since {day(after + ONE_DAY)}, now {rate}"


def _rate(turn: Turn, known: dict[str, str]) -> str:
    if isinstance(turn.rules.policy.interest, FixedInterest):
        return f"{known['percent']} percent a year"
    return f"{known['percent']} percent a year, {known['base_rate_percent']} of it the base rate"


def breathing_spaces(turn: Turn) -> Iterator[str]:
    """Those that have not ended."""
    for space in turn.contract.breathing_spaces:
        if space.end > turn.day:
            what = ", ".join(space.invoice_ids) or "what was overdue then"
            yield f"breathing space until {day(space.end)} (exclusive): {what} bears no interest before its end, and fees wait for it"
