"""Taking steps: what a step does when it is taken, and the end of the ladder (section 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from schemas.billing import ChargebackReceived, PaymentFailed
from schemas.policy import Call, HandOver, OfferPayment, Remind, Signal
from tests.auditor import accounts, beside, breathing, ladder, money, outputs, placement, readings, waits
from tests.auditor.facts import reversed_chargebacks
from tests.auditor.ladder import NextStep, StepTaken, View

if TYPE_CHECKING:
    from tests.auditor.case import Contract


UNUSABLE_DAYS = 90
"""How long a returned debit or failed payment speaks against the account it came from."""
UNUSABLE = frozenset({"AC04", "AC06", "AC01", "AC13", "AG01", "RC01", "SL01"})
"""Return codes of the class "account closed, blocked or wrong", and SL01 (`domain.md` 7)."""


def take_step(contract: Contract, now: datetime, day: date) -> None:
    """Take the next step if it is due on this tick."""
    view = contract.view(day)
    upcoming = ladder.next_step(view) if contract.status in ("Due", "Reminded") else None
    if upcoming is None or upcoming.on is None or day < upcoming.on or waits.waits_for(contract, view, upcoming):
        return
    stepped = [taken.day for taken in contract.steps if not taken.taken_over] + [one for _, one in contract.stepped_elsewhere]
    if day in stepped or not beside.in_time_for_steps(contract, view, now):
        return
    if waits.below_minimum(view, upcoming.step):
        skip(contract, view, upcoming)
    else:
        _step(contract, view, upcoming)
    contract.evaluate(day, "tick", None)


def skip(contract: Contract, view: View, upcoming: NextStep) -> None:
    """Counts as taken, without notice and fee."""
    rungs = ladder.climbed(view, upcoming.number, upcoming.anchor)
    if isinstance(upcoming.step, Remind):
        contract.fees_decided.add((view.receivables[upcoming.anchor].fee_name, upcoming.number))  # decided: not charged, then or later
    breathing.begin(contract, view, "first_step", view.overdue())
    contract.steps.append(StepTaken(contract.cycle, upcoming.number, "skipped", 0, view.day, rungs))
    contract.ladder_ended_told = False


def _step(contract: Contract, view: View, upcoming: NextStep) -> None:
    step, number = upcoming.step, upcoming.number
    rungs = ladder.climbed(view, number, upcoming.anchor)
    covered = waits.covered(contract, view, upcoming) if isinstance(step, HandOver) else []
    account = accounts.by_ladder(contract, view, step, covered) if isinstance(step, HandOver) else None
    level = step.level if isinstance(step, Remind) else 0
    breathing.begin(contract, view, "first_step", view.overdue())
    contract.steps.append(StepTaken(contract.cycle, number, step.kind, level, view.day, rungs))
    contract.ladder_ended_told = False
    contract.update_attention(contract.view(view.day))
    if isinstance(step, Remind):
        _charge(contract, view, step, upcoming)
        _remind(contract, view.day, rungs, level)
    elif isinstance(step, HandOver):
        if covered and account is not None:
            placement.hand_over(contract, covered, account, contract.view(view.day), "tick", None, number)
    else:
        contract.record("tick", None)
        _write(contract, contract.view(view.day), step, rungs)


def _write(contract: Contract, view: View, step: OfferPayment | Call | Signal, rungs: dict[str, int]) -> None:
    """Steps that are a notice and change no status."""
    if isinstance(step, OfferPayment):
        unusable = step.methods_if_account_unusable is not None and _account_is_unusable(contract, view.day)
        methods = (step.methods_if_account_unusable if unusable else step.methods) or ()
        possible = [one for one in methods if readings.METHODS_WITHOUT_DATA_ARE_OFFERED or _has_data(contract, view, one)]
        outputs.write_to_debtor(contract, view, "notice.payment_offer", {"methods": possible}, rungs)
    elif isinstance(step, Call):
        beside.call(contract, view, step, rungs)
    else:
        beside.signal_on(contract, view, step.name, rungs)


def _has_data(contract: Contract, view: View, method: str) -> bool:
    """A link needs the policy's template, an EPC QR code the creditor's IBAN and a debt in euro."""
    settings = contract.settings.tenants.get(contract.tenant)
    creditor = None if settings is None else settings.creditor
    iban = None if creditor is None else creditor.iban
    return {"link": view.policy.payment_link is not None, "qr": iban is not None and view.currency == "EUR"}.get(method, True)


def _account_is_unusable(contract: Contract, day: date) -> bool:
    """The latest chargeback or failed payment of the last 90 days says so; one that was reversed says nothing of the account."""
    undone = reversed_chargebacks(contract.facts)
    charged = [fact.event.data for fact in contract.facts.by_time(ChargebackReceived) if fact.event.data.chargeback_id not in undone]
    returned = [(data.booked_on, "chargeback.received", data.chargeback_id, data.reason_code or "") for data in charged]
    failed = contract.facts.by_time(PaymentFailed)
    returned += [(one.day, "payment.failed", one.event.data.payment_id, one.event.data.reason_code or "") for one in failed]
    recent = [one for one in returned if day - timedelta(days=UNUSABLE_DAYS) <= one[0] <= day]
    return bool(recent) and max(recent)[-1] in UNUSABLE


def _charge(contract: Contract, view: View, step: Remind, upcoming: NextStep) -> None:
    """The fee of a step: decided once for ever, per number and step."""
    name = (view.receivables[upcoming.anchor].fee_name, upcoming.number)
    amount = (step.fee or {}).get(contract.currency or "")
    undecided = name not in contract.fees_decided and not _taken_over(contract, view, name)
    contract.fees_decided.add(name)
    if undecided and amount is not None:
        breathing.charge(contract, money.StepFee(upcoming.anchor, view.day, amount, upcoming.number, view.day))


def _taken_over(contract: Contract, view: View, name: tuple[str, int]) -> bool:
    """Fees of steps that somebody else took are decided (section 1, moving in)."""
    known = [one for one in contract.moved_in if one.invoice_id in view.receivables and one.rung >= name[1]]
    return any(view.receivables[one.invoice_id].fee_name == name[0] for one in known)


def _remind(contract: Contract, day: date, rungs: dict[str, int], level: int) -> None:
    view = contract.view(day)
    contract.status, contract.level = ladder.standing(view)
    contract.attention.end("undeliverable")
    contract.record("tick", None)
    if outputs.write_to_debtor(contract, view, "notice.reminder", {"level": level}, rungs):
        contract.steps[-1] = replace(contract.steps[-1], notice_id=contract.out.notices[-1]["id"])


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
