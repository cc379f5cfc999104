"""Taking steps: what waits, what a step does when it is taken, and the end of the ladder (section 4)."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from schemas.policy import HandOver, Remind
from tests.auditor import days, ladder, money, outputs, placement
from tests.auditor.ladder import NextStep, StepTaken, View

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def waits_for(contract: Contract, kind: str) -> list[str]:
    return ["unapplied"] if "unapplied_event" in contract.attention.names and kind in ("remind", "hand_over") else []


def take_step(contract: Contract, now: datetime, day: date) -> bool:
    """Take the next step if it is due on this tick."""
    view = contract.view(day)
    upcoming = ladder.next_step(view) if contract.status in ("Due", "Reminded") else None
    if upcoming is None or upcoming.on is None or day < upcoming.on or waits_for(contract, upcoming.step.kind):
        return False
    if days.local_time(now, contract.zone_name()).strftime("%H:%M") < view.policy.at or not ladder.working_day_for_steps(view):
        return False
    if any(taken.day == day for taken in contract.steps):
        return False
    _step(contract, view, upcoming)
    contract.evaluate(day, "tick", None)
    return True


def _step(contract: Contract, view: View, upcoming: NextStep) -> None:
    step, number = upcoming.step, upcoming.number
    rungs = ladder.climbed(view, number, upcoming.anchor)
    covered = ladder.handed_over(view, number, ever_reminded(contract)) if isinstance(step, HandOver) else []
    level = step.level if isinstance(step, Remind) else 0
    contract.steps.append(StepTaken(contract.cycle, number, step.kind, level, view.day, rungs))
    contract.ladder_ended_told = False
    if isinstance(step, Remind):
        _charge(contract, view, step, upcoming)
        _remind(contract, view.day, rungs, level)
    elif covered:
        account = contract.account or placement.step_account(view.policy) or "main"
        placement.hand_over(contract, covered, account, contract.view(view.day), "tick", None, number)


def ever_reminded(contract: Contract) -> set[str]:
    return {invoice_id for taken in contract.steps if taken.kind == "remind" for invoice_id in taken.rungs}


def _charge(contract: Contract, view: View, step: Remind, upcoming: NextStep) -> None:
    """The fee of a step: decided once for ever, per number and step."""
    name = (view.receivables[upcoming.anchor].fee_name, upcoming.number)
    amount = (step.fee or {}).get(contract.currency or "")
    undecided = name not in contract.fees_decided
    contract.fees_decided.add(name)
    if undecided and amount is not None:
        contract.decided.fees.append(money.StepFee(upcoming.anchor, view.day, amount, upcoming.number))


def _remind(contract: Contract, day: date, rungs: dict[str, int], level: int) -> None:
    view = contract.view(day)
    contract.status, contract.level = ladder.standing(view)
    contract.record("tick", None)
    contract.out.add_notice(contract, "notice.reminder", {**outputs.notice(contract, view, rungs), "level": level})


def ladder_end(contract: Contract, view: View, cause: str, by: str | None) -> None:
    """Attention `ladder_ended` and its notice, once after each last step; a history record of its own."""
    taken, overdue = view.steps_of_cycle(), view.overdue()
    if contract.status not in ("Due", "Reminded", "Held") or contract.ladder_ended_told or not taken or not overdue:
        return
    if not view.policy.steps or any(view.rung(one) < len(view.policy.steps) for one in overdue):
        return
    contract.ladder_ended_told = True
    contract.attention.raise_("ladder_ended")
    contract.record(cause, by)
    reason = "nothing_to_hand_over" if taken[-1].kind == "hand_over" else None
    contract.out.add_notice(contract, "notice.ladder_ended", {**outputs.notice(contract, view, {}), "reason": reason})
