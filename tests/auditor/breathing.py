"""The breathing space of a policy: fees of steps inside it are decided after it (section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.auditor import money
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract


@dataclass(frozen=True)
class Space:
    """The days from `start` up to but not including `end`. `overdue`: what was overdue when it began."""

    cycle: int
    start: date
    end: date
    overdue: frozenset[str]


def begin(contract: Contract, view: View, start: str, overdue: list[str]) -> None:
    """Once a cycle: with its first step, wherever that was taken, or with the handover."""
    asked = view.policy.breathing_space
    if asked is None or asked.from_ != start or any(one.cycle == contract.cycle for one in contract.spaces):
        return
    stepped = view.steps_of_cycle() or view.stepped_elsewhere
    if start == "hand_over" or not stepped:
        contract.spaces.append(Space(contract.cycle, view.day, view.day + timedelta(days=asked.days), frozenset(overdue)))


def charge(contract: Contract, fee: money.StepFee) -> None:
    """A fee counts from its day on; inside a breathing space it is dated with the day after it, and waits for a tick to decide it."""
    ends = [space.end for space in contract.spaces if space.start <= fee.dated < space.end]
    if ends:
        contract.waiting_fees.append(money.StepFee(fee.invoice_id, max(ends), fee.amount, fee.step, fee.taken_on))
    else:
        contract.decided.fees.append(fee)


def decide(contract: Contract, day: date) -> None:
    """On a tick of that day: charged if principal of the receivable is open then, else never."""
    books = contract.view(day).books
    for fee in [one for one in contract.waiting_fees if one.dated <= day]:
        contract.waiting_fees.remove(fee)
        if books.principal.get(fee.invoice_id, 0) > 0:
            contract.decided.fees.append(fee)
