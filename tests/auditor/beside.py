"""What goes out beside the ladder: confirmations, calls, signals, win-back, refresh (sections 4 to 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from schemas import billing, instructions
from schemas.policy import Call
from tests.auditor import days, ladder, outputs, plans, readings
from tests.auditor.handover import OPEN, Handover
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract

MONITORING_DAYS = 30
"""How long an agency may be silent in long_term_monitoring before it is asked."""


@dataclass
class Calling:
    """Requests of one call step. `outstanding`: the last one has no outcome yet; `over`: there will be no other."""

    step: Call
    attempt: int
    requested_on: date
    outstanding: bool = True
    over: bool = False


def confirm(contract: Contract, event: billing.PaymentReceived, status_before: str) -> None:
    """payment_confirmation, if the contract was in any status other than Clear before the payment."""
    view = contract.view(contract.today())
    wanted = view.policy.confirm_payments and status_before != "Clear"
    if wanted and event.data.via != "agency" and event.data.amount > 0:
        outputs.write_to_debtor(contract, view, "notice.payment_confirmation", {"payment_id": event.data.payment_id})


def plan_broken(contract: Contract, view: View) -> None:
    """plan_broken, once a plan; not under insolvency or after a death, nor later."""
    for plan in view.plans:
        if plan.broken and plan.ends_on <= view.day and plan.plan_id not in contract.plans_told:
            contract.plans_told.add(plan.plan_id)
            if not view.silenced_since(plan.ends_on):
                outputs.write_to_debtor(contract, view, "notice.plan_broken", {})


def remind_of_instalments(contract: Contract, view: View) -> None:
    """instalment_reminder at the first tick in [due_on - N, due_on], once per instalment, not for one already covered."""
    wanted = view.policy.instalment_reminder
    if wanted is None:
        return
    for plan in view.plans:
        paid = plans.paid_by(contract.ledger(), plan, view.day)
        sums = accumulate(one.amount for one in plan.instalments)
        for number, (one, asked) in enumerate(zip(plan.instalments, sums, strict=True)):
            first = one.due_on - timedelta(days=wanted.days_before)
            soon = first <= view.day <= one.due_on and not view.silenced_since(max(first, plan.agreed_on))
            told = (plan.plan_id, number) in contract.instalments_told
            if soon and not told and plan.agreed_on <= view.day < plan.ends_on and paid < asked:
                contract.instalments_told.add((plan.plan_id, number))
                instalment = {"due_on": one.due_on, "amount": one.amount}
                outputs.write_to_debtor(contract, view, "notice.instalment_reminder", {"instalment": instalment})


def call(contract: Contract, view: View, step: Call, covered: dict[str, int]) -> None:
    contract.calling = Calling(step, 1, view.day)
    _request(contract, view, contract.calling, covered)


def _request(contract: Contract, view: View, calling: Calling, covered: dict[str, int]) -> None:
    data = {"attempt": calling.attempt, "max_attempts": calling.step.max_attempts}
    outputs.write_to_debtor(contract, view, "notice.call_request", data, covered)


def attempted(contract: Contract, event: instructions.CallAttempted) -> None:
    """call.attempted; without an outstanding request it changes nothing."""
    calling = contract.calling
    if calling is None or not calling.outstanding or calling.attempt != event.data.attempt:
        return
    calling.outstanding = False
    calling.over = event.data.outcome == "reached" or calling.attempt >= calling.step.max_attempts


def call_again(contract: Contract, view: View, now: datetime) -> None:
    calling = contract.calling
    if calling is None or calling.outstanding or calling.over or contract.status not in ("Due", "Reminded"):
        return
    early = view.day < calling.requested_on + timedelta(days=calling.step.every_days)
    if not early and in_time_for_steps(contract, view, now):
        calling.attempt, calling.requested_on, calling.outstanding = calling.attempt + 1, view.day, True
        _request(contract, view, calling, {})


def in_time_for_steps(contract: Contract, view: View, now: datetime) -> bool:
    """At or after `at`, on a working day if the policy wants one."""
    return days.local_time(now, contract.zone_name()).strftime("%H:%M") >= view.policy.at and ladder.working_day_for_steps(view)


def signal_on(contract: Contract, view: View, name: str, covered: dict[str, int]) -> None:
    contract.signals.setdefault(name, set()).update(covered)
    contract.out.add_notice(contract, "notice.signal", {**outputs.notice(contract, view, covered), "name": name, "on": True})


def signals_off(contract: Contract, view: View) -> None:
    """When no receivable that it covered has principal open any more."""
    for name, covered in sorted(contract.signals.items()):
        if all(view.books.principal.get(one, 0) == 0 for one in covered):
            del contract.signals[name]
            contract.out.add_notice(contract, "notice.signal", {**outputs.notice(contract, view, {}), "name": name, "on": False})


def win_back(contract: Contract, view: View) -> None:
    """First tick of local day >= reset + N; nothing was overdue in between."""
    policy = contract.reset_policy if readings.WIN_BACK_BY_THE_ENDED_CYCLE else view.policy
    wanted = None if policy is None else policy.win_back
    if wanted is None or contract.reset_on is None or view.day < contract.reset_on + timedelta(days=wanted.days_after):
        return
    if view.silenced_since(contract.reset_on + timedelta(days=wanted.days_after)):
        return
    contract.reset_on = None
    outputs.write_to_debtor(contract, view, "notice.win_back", {})


def refresh(contract: Contract, view: View, now: datetime) -> None:
    """At the first tick of a local day at or after `refresh_at`, one case.refresh while the agency has been silent."""
    for case in [one for one in contract.handovers if one.state == "open"]:
        if case.last_reply_on is not None and (case is not contract.current or contract.status in OPEN[1:]):
            _refresh(contract, view, now, case, case.last_reply_on)


def _refresh(contract: Contract, view: View, now: datetime, case: Handover, last_reply_on: date) -> None:
    if days.local_time(now, contract.zone_name()).strftime("%H:%M") < view.policy.refresh_at or case.refreshed_on == view.day:
        return
    if case.stage == "long_term_monitoring":
        silent = view.day >= max(last_reply_on, case.refreshed_on or last_reply_on) + timedelta(days=MONITORING_DAYS)
    else:
        silent = last_reply_on < view.day - days.ONE_DAY
    if silent and not ("paid" in case.recalls and readings.A_PAID_RECALL_ENDS_REFRESHES):
        case.refreshed_on = view.day
        contract.out.add_command(contract, "case.refresh", {"handover_id": case.handover_id})


def after_event(contract: Contract, view: View) -> None:
    """What follows the change of status, whatever brought it."""
    signals_off(contract, view)


def after_tick(contract: Contract, now: datetime, day: date) -> None:
    view = contract.view(day)
    call_again(contract, view, now)
    remind_of_instalments(contract, view)
    signals_off(contract, view)
    win_back(contract, view)
    refresh(contract, view, now)
