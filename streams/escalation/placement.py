"""Which account of which agency gets a claim (`escalation.md` 4, hand_over, and 6, the account)."""

from collections.abc import Iterator
from datetime import date, timedelta

from schemas.policy import AccountCondition, HandOver
from streams.escalation import ladder
from streams.escalation.turn import Turn

MAIN_ACCOUNT = "main"
CONSUMER = "consumer"
"""What a debtor is of whom nothing is said."""


def account(turn: Turn, ordered: str | None = None) -> str:
    """The agency account: the order's, else the contract's, else the step's, else `main`."""
    last = turn.rules.steps[-1] if turn.rules.steps else None
    by_step = _of_step(turn, last, turn.day) if isinstance(last, HandOver) else None
    return ordered or turn.terms.agency_account or by_step or MAIN_ACCOUNT


def is_missing(turn: Turn, step: HandOver, day: date) -> bool:
    """Whether the step names accounts by rule and none of the rules matches on that day."""
    return step.accounts is not None and turn.terms.agency_account is None and _of_step(turn, step, day) is None


def may_match_on(turn: Turn, step: HandOver) -> Iterator[date]:
    """Days on which a rule begins to match by the passing of time alone."""
    first = ladder.anchor(turn.view.active, len(turn.rules.steps))
    for rule in step.accounts or ():
        if first is not None and rule.when.overdue_days_from is not None:
            yield first.due + timedelta(days=rule.when.overdue_days_from)


def _of_step(turn: Turn, step: HandOver, day: date) -> str | None:
    """The account the step names, or that of its first rule that matches."""
    if step.accounts is None:
        return step.account
    return next((rule.account for rule in step.accounts if _matches(turn, rule.when, day)), None)


def _matches(turn: Turn, when: AccountCondition, day: date) -> bool:
    # Amount is what is overdue, as for a step's own minimum; days are those of the anchor, held or not.
    amount, terms = turn.view.overdue_amount, turn.terms
    first = ladder.anchor(turn.view.active, len(turn.rules.steps))
    overdue_days = (day - first.due).days if first is not None else 0
    return (
        (when.amount_from is None or amount >= when.amount_from)
        and (when.amount_below is None or amount < when.amount_below)
        and (when.debtor_kind is None or when.debtor_kind == (terms.debtor_kind or CONSUMER))
        and (when.country is None or when.country == terms.country)
        and (when.overdue_days_from is None or overdue_days >= when.overdue_days_from)
        and (when.attempt is None or turn.contract.attempt + 1 == when.attempt)
    )
