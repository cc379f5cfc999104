"""Moving in with open dunning, and with a case that an agency has already (section 1, contract.taken_over)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from schemas.billing import ContractTakenOver, TakenOverCase, TakenOverReceivable
from tests.auditor import agency, readings
from tests.auditor.facts import receivables
from tests.auditor.handover import OPEN, Handover, Refused
from tests.auditor.ids import made_of
from tests.auditor.ladder import StepTaken

if TYPE_CHECKING:
    from tests.auditor.case import Contract


@dataclass(frozen=True)
class MovedIn:
    """A receivable whose first `rung` steps somebody else took: their fees are decided for ever."""

    invoice_id: str
    rung: int


def take_over(contract: Contract, event: ContractTakenOver) -> None:
    """Raises `Refused` once a step was taken in the cycle that has begun, or for a case that is not open."""
    case = event.data.case
    if contract.begun and _stepped(contract):
        raise Refused("a step was taken")
    if case is not None and case.status not in OPEN:
        raise Refused("not an open case")
    if case is not None and any(one.handover_id == case.handover_id for one in contract.handovers):
        raise Refused("an id of another case")
    unknown = case is not None and not set(case.invoice_ids) <= set(receivables(contract.facts))
    if unknown and readings.A_TAKEN_OVER_CASE_NEEDS_ITS_RECEIVABLES:
        raise Refused("unknown receivable")
    named = {one.invoice_id for one in event.data.receivables}
    contract.moved_in = [one for one in contract.moved_in if one.invoice_id not in named]
    contract.steps = [taken for taken in contract.steps if taken.cycle != contract.cycle or not named & set(taken.rungs)]
    contract.moved_in += [MovedIn(one.invoice_id, _rung(contract, one)) for one in event.data.receivables]
    contract.steps += [taken for one in event.data.receivables for taken in _steps(contract, one, event.data.as_of)]
    contract.steps.sort(key=lambda taken: (taken.cycle, taken.day))
    if any(_rung(contract, one) for one in event.data.receivables):
        dates = [day for one in event.data.receivables for day in reminded_on(one)]
        contract.stepped_elsewhere.append((contract.cycle, max(dates, default=event.data.as_of)))
    if case is not None:
        _adopt(contract, case, event.data.as_of)


def _stepped(contract: Contract) -> bool:
    here = any(taken.cycle == contract.cycle and not taken.taken_over for taken in contract.steps)
    elsewhere = any(cycle == contract.cycle for cycle, _ in contract.stepped_elsewhere)
    return here or elsewhere or contract.attempt > 0 or contract.current is not None


def reminded_on(receivable: TakenOverReceivable) -> tuple[date, ...]:
    told = receivable.reminded_on
    return () if told is None else (told,) if isinstance(told, date) else tuple(sorted(told))


def _rung(contract: Contract, receivable: TakenOverReceivable) -> int:
    """No higher than the ladder."""
    return min(receivable.rung, len(contract.policy().steps))


def _steps(contract: Contract, receivable: TakenOverReceivable, as_of: date) -> list[StepTaken]:
    """One step a reminder that was told of; without any, one that stands for all of its rung."""
    rung = _rung(contract, receivable)
    rungs = {receivable.invoice_id: rung}
    reminders = reminded_on(receivable)
    kind = "remind" if reminders or receivable.level > 0 else "taken over"
    if not reminders and rung == 0 and kind != "remind":
        return []
    days = reminders or (as_of,)
    return [StepTaken(contract.cycle, rung, kind, receivable.level, day, rungs, taken_over=True) for day in days]


def _adopt(contract: Contract, case: TakenOverCase, as_of: date) -> None:
    """The case goes on under the id that is named, or ours; what was paid up to `as_of` the agency knows."""
    contract.attempt += 1
    handover_id = case.handover_id or made_of(contract.key, contract.cycle, contract.attempt)
    covered = [taken for taken in contract.steps if taken.cycle == contract.cycle and set(taken.rungs) & set(case.invoice_ids)]
    rung = max((max(taken.rungs.values()) for taken in covered), default=0)
    adopted = Handover(handover_id, contract.cycle, case.agency_account, case.invoice_ids, rung, as_of)
    adopted.case_id, adopted.last_reply_on, adopted.known_until = case.case_id, as_of, as_of
    contract.current = adopted
    contract.handovers.append(adopted)
    contract.status = case.status
    contract.level = max((taken.level for taken in covered), default=0)
    contract.begin()


def adopted(contract: Contract, event: ContractTakenOver) -> None:
    """What follows once the event counts: what was paid is as good as reported, and the change is told."""
    case = contract.current
    if event.data.case is None or case is None or not contract.facts.of(ContractTakenOver):
        return
    agency.paid_before(contract, case)
    view = contract.view(contract.today())
    case.reported = agency.already_counted(contract, case, view)
    contract.update_attention(view)
    contract.record(event.id, None)
