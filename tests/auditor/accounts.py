"""Which agency account a handover goes to (sections 4 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.policy import AccountCondition, HandOver
from tests.auditor import readings
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def by_ladder(contract: Contract, view: View, step: HandOver, covered: list[str]) -> str | None:
    """The account a hand_over step goes to: the contract's own, the first rule that matches, the step's, else `main`."""
    if contract.account is not None or step.accounts is None:
        return contract.account or step.account or "main"
    return next((rule.account for rule in step.accounts if _matches(contract, view, rule.when, covered)), None)


def _matches(contract: Contract, view: View, when: AccountCondition, covered: list[str]) -> bool:
    amount = view.amount(covered if readings.ACCOUNT_RULES_COUNT_WHAT_IS_HANDED_OVER else view.overdue())
    anchor = view.anchor()
    overdue_days = (view.day - view.due_day(anchor)).days if anchor is not None else 0
    return (
        (when.amount_from is None or amount >= when.amount_from)
        and (when.amount_below is None or amount < when.amount_below)
        and when.debtor_kind in (None, contract.debtor_kind)
        and when.country in (None, contract.country)
        and (when.overdue_days_from is None or overdue_days >= when.overdue_days_from)
        and when.attempt in (None, contract.attempt + 1)
    )
