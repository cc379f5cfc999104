"""What an agency answers, applied (`escalation.md` 6, the table of replies)."""

from typing import Any

from msgspec.structs import replace

from schemas.replies import (
    CaseClosed,
    CaseClosedData,
    CasePaymentReceived,
    CasePhaseChanged,
    CaseRejected,
    ReplyData,
)
from streams.escalation import attention, statuses
from streams.escalation.calendar import microseconds
from streams.escalation.evaluate import give_up, move
from streams.escalation.facts import AgencyPayment, Portion
from streams.escalation.state import EXHAUSTED, FREE, RECALLED, REJECTED, Case, Fixed
from streams.escalation.turn import Refused, Turn

STATUS_REPLIES = frozenset({"case.passed", "case.accepted", "case.rejected", "case.phase_changed", "case.closed"})
TROUBLE = {"case.submission_unknown": "submission_unknown", "case.failed": "failed"}
WITHOUT_RECEIVABLES = frozenset({"settlement", "partial"})
"""Reasons of a successful close whose rest is written off: the debtor need not pay it."""

Reply = Any
"""One of the events of `schemas.replies`."""


def reply(turn: Turn, event: Reply) -> None:
    """Apply one reply. What cannot be matched is kept, with attention."""
    data: ReplyData = event.data
    number = next((n for n, case in enumerate(turn.contract.cases) if case.handover_id == data.handover_id), None)
    if isinstance(event, CasePaymentReceived):
        _keep_payment(turn, event, number)
    if number is None:
        attention.add(turn, "unmatched_reply")
        return
    case = turn.contract.cases[number]
    if event.type in ("case.document_added", "case.message_received", "case.question_asked"):
        _name(turn, number, event)
        if event.type == "case.question_asked":
            attention.add(turn, "question")
    elif case.status in (statuses.SUCCEEDED, statuses.FAILED):
        attention.add(turn, "unmatched_reply")
        return
    elif event.type in STATUS_REPLIES:
        _apply_status(turn, number, event)
    else:
        _name(turn, number, event)
        if event.type in TROUBLE and case.status == statuses.TO_BE_PASSED and number == turn.contract.current:
            attention.add(turn, TROUBLE[event.type])
    turn.set_case(number, heard_on=turn.day)


def _name(turn: Turn, number: int, event: Reply) -> None:
    """A reply names the case, and the agency."""
    case = turn.contract.cases[number]
    agency = getattr(event.data, "agency", None) or case.agency
    case_id = event.data.case_id or case.case_id
    if (agency, case_id) != (case.agency, case.case_id):
        turn.set_case(number, agency=agency, case_id=case_id)


def _keep_payment(turn: Turn, event: CasePaymentReceived, number: int | None) -> None:
    data, facts = event.data, turn.contract.facts
    for known in facts.agency_payments:
        if (known.handover_id, known.payment_id) == (data.handover_id, data.payment_id):
            raise Refused("conflicting fact", f"payment_id {data.payment_id}: known with another amount or value date")
    counted = number is not None and turn.contract.cases[number].status == statuses.SUCCEEDED
    payment = AgencyPayment(
        data.handover_id, data.payment_id, data.amount, data.value_date, min(data.value_date, turn.day), counts=not counted
    )
    turn.set(facts=replace(facts, agency_payments=(*facts.agency_payments, payment)))


# --- status


def _apply_status(turn: Turn, number: int, event: Reply) -> None:
    case = turn.contract.cases[number]
    occurred_us = microseconds(event.data.occurred_at)
    attention.drop(turn, "not_passed")
    turn.set_case(number, status_heard_on=turn.day)
    older = case.status_at_us is not None and occurred_us < case.status_at_us
    if isinstance(event, CaseClosed) and (case.status in statuses.OPEN or not older):
        _name(turn, number, event)
        _close(turn, number, event.data)
        return
    if older:
        _name(turn, number, event)
        return
    trigger = f"{event.type} {event.data.phase}" if isinstance(event, CasePhaseChanged) else event.type
    target = statuses.after(case.status, trigger)
    if target is None:
        return
    _name(turn, number, event)
    turn.set_case(number, status=target, status_at_us=occurred_us)
    if isinstance(event, CasePhaseChanged):
        turn.set_case(number, stage=event.data.stage)
    _follow(turn, number, trigger, event)


def _follow(turn: Turn, number: int, trigger: str, event: Reply) -> None:
    """The contract follows the case in which it stands."""
    if isinstance(event, CaseRejected):
        give_up(turn, number, REJECTED)
    if number != turn.contract.current:
        return
    level = event.data.dunning_level if isinstance(event, CasePhaseChanged) else None
    move(turn, trigger, level)
    if isinstance(event, CaseRejected):
        turn.reason = ",".join(reason.code for reason in event.data.reasons) or None
        attention.add(turn, "rejected")


def _close(turn: Turn, number: int, data: CaseClosedData) -> None:
    case = turn.contract.cases[number]
    trigger = f"case.closed {data.outcome}"
    target = statuses.after(case.status, trigger)
    assert target is not None, "every open case can be closed"
    turn.set_case(number, status=target, close_reason=data.reason)
    attention.drop(turn, "recall_unanswered")
    if data.outcome == "successful":
        _fix(turn, number, case, written_off=data.reason in WITHOUT_RECEIVABLES)
        give_up(turn, number, FREE)
    else:
        give_up(turn, number, RECALLED if data.reason == "recalled" else EXHAUSTED)
    if number == turn.contract.current:
        turn.reason = data.reason
        move(turn, trigger)


def _fix(turn: Turn, number: int, case: Case, written_off: bool) -> None:
    """What is open on the case's receivables at this moment counts as collected by the agency, or as written off."""
    portions = tuple(
        Portion(standing.invoice_id, account.open, account.costs_open, account.interest)
        for standing in turn.contract.standings
        if standing.case == number and (account := turn.books.accounts[standing.invoice_id]).claim > 0
    )
    if portions:
        turn.set(fixed=(*turn.contract.fixed, Fixed(case.handover_id, turn.day, written_off, portions)))
