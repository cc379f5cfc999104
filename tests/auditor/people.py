"""What people order of one contract, and what becomes of it (sections 4 and 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schemas import instructions
from tests.auditor import agency, beside, climb, ladder, placement, readings, waits
from tests.auditor.handover import Handover, Refused

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def obey(contract: Contract, event: Any) -> None:
    """Do what an instruction says. Raises `Refused` before anything changed."""
    if isinstance(event, instructions.HandoverOrdered):
        placement.order(contract, event)
    elif isinstance(event, instructions.HandoverRecalled):
        agency.recall(contract, _open_case(contract), "ordered")
    elif isinstance(event, instructions.AttentionCleared):
        contract.attention.end(event.data.name)
    elif isinstance(event, instructions.StepSkipped):
        _skip(contract, event)
    elif isinstance(event, instructions.StepApproved):
        _approve(contract, event)
    elif isinstance(event, instructions.CallAttempted):
        beside.attempted(contract, event)
    elif isinstance(event, instructions.NoticeFailed):
        _notice_failed(contract, event)
    else:
        _to_the_agency(contract, event)


def _open_case(contract: Contract) -> Handover:
    """The one that decides the status, else the last that stepped back and is open still."""
    still = [one for one in contract.handovers if one.state == "open"]
    if not still:
        raise Refused("no open case")
    return contract.current if contract.current in still else still[-1]


def _to_the_agency(contract: Contract, event: Any) -> None:
    """Words and wishes for the agency of an open case."""
    if isinstance(event, instructions.CaseRefreshOrdered):
        _open_case(contract).refreshed_on = contract.today()
        _command(contract, "case.refresh", {})
    elif isinstance(event, instructions.CaseMonitoringOrdered):
        _command(contract, "case.monitor", {})
    elif isinstance(event, instructions.CaseMessageWritten):
        _command(contract, "case.send_message", {"message_id": event.data.message_id, "text": event.data.text})
    elif isinstance(event, instructions.CaseQuestionAnswered):
        _command(contract, "case.answer", {"question_id": event.data.question_id, "answer": event.data.answer})
        contract.attention.end("question")


def _command(contract: Contract, kind: str, data: dict[str, Any]) -> None:
    """After a recall with reason paid nothing more is sent."""
    case = _open_case(contract)
    refreshed = kind == "case.refresh" and not readings.A_PAID_RECALL_ENDS_REFRESHES
    if "paid" not in case.recalls or refreshed:
        contract.out.add_command(contract, kind, {"handover_id": case.handover_id, **data})


def _skip(contract: Contract, event: instructions.StepSkipped) -> None:
    """step.skipped: counts as taken on that day, without notice and fee."""
    if not contract.known or contract.status not in ("Due", "Reminded", "Held"):
        raise Refused("no step to skip")
    view = contract.view(contract.today())
    upcoming = ladder.next_step(view)
    if upcoming is None or event.data.step not in (None, upcoming.number):
        raise Refused("not the next step")
    climb.skip(contract, view, upcoming)


def _approve(contract: Contract, event: instructions.StepApproved) -> None:
    if contract.known:
        view = contract.view(contract.today())
        contract.approvals.append(waits.Approval(contract.cycle, event.data.step, contract.today(), view.amount(view.overdue())))


def _notice_failed(contract: Contract, event: instructions.NoticeFailed) -> None:
    """A reminder that did not arrive is one that was skipped, its fee with it."""
    reminders = [one for one in contract.out.notices if one["type"] == "notice.reminder"]
    known = reminders if readings.NOTICE_FAILED_KNOWS_REMINDERS_ALONE else contract.out.notices
    if all(one["id"] != event.data.notice_id for one in known):
        raise Refused("unknown notice")
    for number, taken in enumerate(contract.steps):
        if taken.notice_id == event.data.notice_id and taken.kind != "skipped":
            contract.steps[number] = replace(taken, kind="skipped")
            for fees in (contract.decided.fees, contract.waiting_fees):
                fees[:] = [fee for fee in fees if (fee.taken_on, fee.step) != (taken.day, taken.step)]
            contract.attention.raise_("undeliverable")
