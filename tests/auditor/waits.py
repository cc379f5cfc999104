"""What makes a due step wait (section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from schemas.policy import HandOver, Step
from tests.auditor import accounts, days, ladder
from tests.auditor.ladder import NextStep, View

if TYPE_CHECKING:
    from tests.auditor.case import Contract

APPROVAL_DAYS = 5
"""Working days for which an approval is valid."""


@dataclass(frozen=True)
class Approval:
    """step.approved: by the overdue amount of that moment."""

    cycle: int
    step: int
    day: date
    overdue: int


def waits_for(contract: Contract, view: View, upcoming: NextStep) -> list[str]:
    """Why a due step is not taken, sorted."""
    step, names, found = upcoming.step, contract.attention.names, set()
    if step.kind in ("remind", "hand_over"):
        found |= {"unapplied"} if "unapplied_event" in names else set()
        found |= {"balance"} if "balance_differs" in names else set()
    if step.kind in ("remind", "call", "hand_over") and _payments_are_old(contract, view):
        found.add("payments")
    if step.kind == "hand_over" and "undeliverable" in names:
        found.add("address")
    if step.below == "wait" and below_minimum(view, step):
        found.add("amount")
    if step.approval is not None and not _approved(contract, view, upcoming.number):
        found.add("approval")
    if isinstance(step, HandOver) and accounts.by_ladder(contract, view, step, covered(contract, view, upcoming)) is None:
        found.add("account")
    return sorted(found)


def _payments_are_old(contract: Contract, view: View) -> bool:
    until, fresh = contract.settings.payments_until.get(contract.tenant), view.policy.fresh_payments
    return until is not None and fresh is not None and days.working_days_after(until, view.day, view.policy.calendar) > fresh


def below_minimum(view: View, step: Step) -> bool:
    return view.amount(view.overdue()) < (step.minimum or {}).get(view.currency or "", 0)


def _approved(contract: Contract, view: View, number: int) -> bool:
    overdue = view.amount(view.overdue())
    return any(
        one.cycle == contract.cycle and one.step == number and overdue <= one.overdue and _still_valid(view, one.day)
        for one in contract.approvals
    )


def _still_valid(view: View, day: date) -> bool:
    return days.working_days_after(day, view.day, view.policy.calendar) <= APPROVAL_DAYS


def covered(contract: Contract, view: View, upcoming: NextStep) -> list[str]:
    return ladder.handed_over(view, upcoming.number, ever_reminded(contract))


def ever_reminded(contract: Contract) -> set[str]:
    return {invoice_id for taken in contract.steps if taken.kind == "remind" for invoice_id in taken.rungs}
