"""Handing over: by the ladder or by a person's order, and to which account (section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import instructions
from schemas.policy import HandOver
from tests.auditor import accounts, agency, breathing, outputs, readings
from tests.auditor.attention import WAITING
from tests.auditor.handover import OPEN, Handover, Refused
from tests.auditor.ids import made_of
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def hand_over(
    contract: Contract, covered: list[str], account: str, view: View, cause: str, by: str | None, step: int | None = None
) -> None:
    breathing.begin(contract, view, "hand_over", [*view.overdue(), *covered])
    contract.attempt += 1
    contract.calling = None
    rung = outputs.rung(contract, view) if step is None else step
    for invoice_id in covered:
        contract.waiting.pop(invoice_id, None)
        contract.exhausted.discard(invoice_id)
    handover_id = made_of(contract.key, contract.cycle, contract.attempt)
    contract.current = Handover(handover_id, contract.cycle, account, tuple(covered), rung, view.day)
    agency.paid_before(contract, contract.current)
    view = contract.view(view.day)
    contract.current.reported = agency.already_counted(contract, contract.current, view)
    contract.handovers.append(contract.current)
    contract.status = "ToBePassed"
    contract.begin()
    contract.next_status(view)
    contract.attention.end(*(name for name in WAITING if not contract.still_wait(view, name)))
    contract.record(cause, by)
    contract.out.add_command(contract, "case.submit", outputs.submission(contract, contract.current, view))


def order(contract: Contract, event: instructions.HandoverOrdered) -> None:
    """handover.ordered: a person hands over by hand."""
    if not contract.known:
        raise Refused("nothing overdue")
    view = contract.view(contract.today())
    if contract.status in OPEN:
        raise Refused("a case is open")
    if contract.status == "Held" and not event.data.despite_hold:
        raise Refused("held")
    covered = _coverable(contract, view, event.data.despite_hold)
    if contract.status == "Clear" and not any(one in contract.waiting for one in covered):
        raise Refused("nothing overdue")
    if event.data.invoice_ids is not None:
        covered = [one for one in covered if one in event.data.invoice_ids]
    if not covered:
        raise Refused("nothing overdue")
    last = view.policy.steps[-1] if view.policy.steps else None
    by_step = accounts.by_ladder(contract, view, last, covered) if isinstance(last, HandOver) else None
    account = event.data.account or contract.account or by_step or "main"
    _check_second_placement(contract, account)
    hand_over(contract, covered, account, view, event.id, event.data.by)


def _coverable(contract: Contract, view: View, despite_hold: bool) -> list[str]:
    """What is overdue, what waits rejected or recalled, and after an unsuccessful case what was in it."""
    held_too = despite_hold and readings.DESPITE_HOLD_COVERS_WHAT_IS_HELD_BY_ITSELF
    overdue = view.past_due() if held_too else view.overdue()
    waiting = set(contract.waiting)
    if contract.status == "UnsuccessfullyClosed" and contract.current is not None:
        waiting |= set(contract.current.invoice_ids) & contract.exhausted
    return [one for one in view.receivables if one in overdue or (one in waiting and view.books.open(one) > 0)]


def _check_second_placement(contract: Contract, account: str) -> None:
    """After an unsuccessful case: another account, unless it was recalled; never after these reasons."""
    case = contract.current
    if contract.status == "UnsuccessfullyClosed" and case is not None and case.close_reason != "recalled":
        if case.close_reason in ("deceased", "insolvency", "limitation"):
            raise Refused("no second placement after this reason")
        if account == case.account:
            raise Refused("a second placement needs another account")
