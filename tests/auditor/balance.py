"""What billing says is open, against our own fold of that day (section 1)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from schemas.billing import BalanceStated, BalanceStatedData
from tests.auditor import charges, days, interest, plans, readings

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def open_on(contract: Contract, day: date) -> int:
    """Principal open by what was so by the end of a day: what is dated later does not count, though it is known."""
    policy = contract.policy()
    facts, decided = contract.facts.up_to(day), contract.decided.up_to(day)
    holds = days.holds(facts, policy.transit_days)
    terms = interest.terms(contract, policy, days.holds(contract.facts, policy.transit_days), facts)
    costs = tuple(charges.costs(facts, decided, holds, terms))
    return sum(plans.Ledger(facts, decided, costs, terms).on(day).principal.values())


def compare(contract: Contract, stated: BalanceStatedData) -> None:
    """A difference stands until a later one agrees."""
    latest = max(reversed(contract.facts.of(BalanceStated)), key=lambda one: (one.event.data.as_of, one.event.time))
    if readings.A_LATER_BALANCE_IS_OF_A_LATER_DAY and latest.event.data is not stated:
        return
    if open_on(contract, stated.as_of) == stated.open_amount:
        contract.attention.end("balance_differs")
    else:
        contract.attention.raise_("balance_differs")
