"""Between contract and agency: what its replies do, and what it is told while it has a case (section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas import billing, replies
from tests.auditor import days, money, readings
from tests.auditor.facts import Fact
from tests.auditor.handover import OPEN, Handover, Waiting
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract

PHASES = {"first_dunning": "FirstDunningPhase", "second_dunning": "SecondDunningPhase", "collection": "DebtCollection"}
STATUS_REPLIES = (replies.CasePassed, replies.CaseAccepted, replies.CaseRejected, replies.CasePhaseChanged, replies.CaseClosed)
KEPT = (replies.CaseDocumentAdded, replies.CaseMessageReceived, replies.CaseQuestionAsked)
CHANGING = (billing.InvoiceCorrected, billing.InvoiceCancelled, billing.CreditNoteIssued, billing.CreditNoteCancelled)


def case_open_minor(books: money.Books, case: Handover) -> int:
    return sum(books.open(one) for one in case.invoice_ids)


# --- replies


def reply(contract: Contract, event: Any, fact: Fact[Any]) -> None:
    """What a reply does at once: status of the case, money, attention."""
    case = next((one for one in contract.handovers if one.handover_id == event.data.handover_id), None)
    closed = case is not None and case.state in ("successful", "unsuccessful")
    if case is None or (closed and (not isinstance(event, KEPT) or readings.MESSAGES_TO_A_CLOSED_CASE_ARE_UNMATCHED)):
        contract.attention.raise_("unmatched_reply")
    if case is None:
        return
    if isinstance(event, KEPT) or not (closed or _changes_nothing(contract, case, event)):
        case.case_id = event.data.case_id or case.case_id
        case.agency = getattr(event.data, "agency", None) or case.agency
    case.last_reply_on = fact.arrived_on
    if isinstance(event, replies.CaseQuestionAsked):
        contract.attention.raise_("question")
    if isinstance(event, replies.CasePaymentReceived):
        _paid(contract, case, fact)
    elif case.state in ("open", "rejected"):
        _answered(contract, case, event)


def _paid(contract: Contract, case: Handover, fact: Fact[replies.CasePaymentReceived]) -> None:
    """Settles, unless a successful close has counted it."""
    if case.state != "successful":
        data = fact.event.data
        dated = money.effective_date(data.value_date, fact.arrived_on)
        contract.decided.agency_payments.append(
            money.AgencyPayment(case.handover_id, data.payment_id, data.amount, dated, case.invoice_ids)
        )


def paid_before(contract: Contract, case: Handover) -> None:
    """What is told of a handover not yet known is kept and counts once it is (section 1)."""
    for fact in contract.facts.of(replies.CasePaymentReceived):
        counted = any(
            (one.handover_id, one.payment_id) == (case.handover_id, fact.event.data.payment_id) for one in contract.decided.agency_payments
        )
        if fact.event.data.handover_id == case.handover_id and not counted:
            _paid(contract, case, fact)


def _answered(contract: Contract, case: Handover, event: Any) -> None:
    if isinstance(event, (replies.CaseSubmissionUnknown, replies.CaseFailed)):
        if case is contract.current and contract.status == "ToBePassed":
            contract.attention.raise_("failed" if isinstance(event, replies.CaseFailed) else "submission_unknown")
    elif isinstance(event, STATUS_REPLIES):
        contract.attention.end("not_passed")
        if case.recall_counted_from is not None:
            case.recall_counted_from = contract.today()
        older = case.last_status_at is not None and event.data.occurred_at < case.last_status_at
        if isinstance(event, replies.CaseClosed) and (case.state == "open" or not older):
            _close(contract, case, event)
        elif not isinstance(event, replies.CaseClosed) and not older and case.state == "open":
            if case is contract.current:
                _follow(contract, case, event)
            elif isinstance(event, replies.CasePhaseChanged):
                case.stage = event.data.stage  # it stepped back: no status, but how it is asked


def _way(event: Any) -> tuple[tuple[str, ...], str]:
    """The table of section 6: from which statuses a reply leads where."""
    if isinstance(event, replies.CasePassed):
        return ("ToBePassed",), "Passed"
    if isinstance(event, replies.CaseAccepted):
        return ("ToBePassed", "Passed"), "Accepted"
    if isinstance(event, replies.CaseRejected):
        return ("ToBePassed", "Passed"), "Rejected"
    return OPEN, PHASES[event.data.phase]


def _changes_nothing(contract: Contract, case: Handover, event: Any) -> bool:
    """A newer status reply that the table does not allow is kept and changes nothing."""
    if not isinstance(event, STATUS_REPLIES[:-1]) or case is not contract.current:
        return False
    older = case.last_status_at is not None and event.data.occurred_at < case.last_status_at
    return not older and contract.status not in _way(event)[0]


def _follow(contract: Contract, case: Handover, event: Any) -> None:
    allowed, to = _way(event)
    if contract.status not in allowed:
        return
    if to != contract.status:
        contract.next_status(contract.view(contract.today()))
    contract.status, case.last_status_at = to, event.data.occurred_at
    if isinstance(event, replies.CaseRejected):
        case.state = "rejected"
        contract.waiting.update(dict.fromkeys(case.invoice_ids, Waiting("rejected", case.handover_id)))
        contract.attention.raise_("rejected")
    if isinstance(event, replies.CasePhaseChanged):
        case.stage = event.data.stage
        contract.level = contract.level if event.data.dunning_level is None else event.data.dunning_level
    contract.update_attention(contract.view(contract.today()))
    contract.record(event.id, None)


def _close(contract: Contract, case: Handover, event: replies.CaseClosed) -> None:
    """case.closed: its receivables are settled, exhausted or wait for a person."""
    view = contract.view(contract.today())
    with_status = case is contract.current and contract.status in (*OPEN, "Rejected")
    mine = [one for one in case.invoice_ids if case.state == "open" or contract.waiting.get(one) == Waiting("rejected", case.handover_id)]
    for one in mine:
        contract.waiting.pop(one, None)
    contract.attention.end("recall_unanswered")
    if with_status:
        contract.next_status(view)
    case.last_status_at, case.state, case.close_reason = event.data.occurred_at, event.data.outcome, event.data.reason
    if event.data.outcome == "successful":
        _settle(contract, case, mine, event, view)
    elif event.data.reason == "recalled":
        contract.waiting.update(dict.fromkeys(mine, Waiting("recalled", case.handover_id)))
        if with_status:
            contract.follow_recalled(view)
    else:
        contract.exhausted.update(mine)
    if with_status:
        contract.status = "SuccessfullyClosed" if event.data.outcome == "successful" else "UnsuccessfullyClosed"
        contract.update_attention(contract.view(contract.today()))
        contract.record(event.id, None)


def _settle(contract: Contract, case: Handover, mine: list[str], event: replies.CaseClosed, view: View) -> None:
    books = view.books
    if event.data.reason in ("settlement", "partial"):
        contract.decided.write_offs += [
            money.WriteOff(one, event.id, None, view.day, books.principal[one], books.open_costs(one), books.open_interest(one))
            for one in mine
            if one in books.principal
        ]
    else:
        here = [one for one in mine if one in books.principal]
        parts: list[tuple[str, money.Component, int]] = [(one, "costs", books.open_costs(one)) for one in here]
        parts += [(one, "interest", books.open_interest(one)) for one in here]
        parts += [(one, "principal", books.principal[one]) for one in here]
        contract.decided.closes.append(money.Close(case.handover_id, view.day, tuple(parts)))


def watch_answers(contract: Contract, view: View) -> None:
    """recall_unanswered and not_passed: an agency that stays silent does not stay invisible."""
    case, late, calendar = contract.current, view.policy.answer_days, view.policy.calendar
    recalled = [one.recall_counted_from for one in contract.handovers if one.state == "open" and one.recall_counted_from is not None]
    no_recall_answer = any(days.working_days_after(since, view.day, calendar) > late for since in recalled)
    not_passed = False
    if case is not None and case.state == "open":
        start = case.last_reply_on or case.began_on
        not_passed = contract.status == "ToBePassed" and days.working_days_after(start, view.day, calendar) > late
    contract.attention.alarm("recall_unanswered", no_recall_answer)
    contract.attention.alarm("not_passed", not_passed)


# --- what the agency is told


def recall(contract: Contract, case: Handover, reason: str) -> None:
    """Once per reason, none after `paid`."""
    if reason not in case.recalls and "paid" not in case.recalls:
        case.recalls.add(reason)
        case.recall_counted_from = case.recall_counted_from or contract.today()
        contract.out.add_command(contract, "case.recall", {"handover_id": case.handover_id, "reason": reason})


def tell(contract: Contract, before: View, fact: Fact[Any]) -> None:
    """Tell the agency of an open case what an accepted fact changed for it."""
    for case in [one for one in contract.handovers if one.state == "open"]:
        _tell(contract, case, before, fact)


def _tell(contract: Contract, case: Handover, before: View, fact: Fact[Any]) -> None:
    event, now = fact.event, contract.view(before.day)
    if isinstance(event, billing.PaymentReceived):
        _tell_payment(contract, case, event, now)
    elif isinstance(event, (billing.PaymentRefunded, billing.PaymentFailed, billing.ChargebackReceived, billing.ChargebackReversed)):
        _tell_difference(contract, case, event, now)
    else:
        _tell_change(contract, case, fact, before, now)


def _tell_payment(contract: Contract, case: Handover, event: billing.PaymentReceived, now: View) -> None:
    if event.data.via == "agency":
        return
    payment_id = event.data.payment_id
    part = _part(case, payment_id, now)
    if case.known_until is not None and event.data.value_date <= case.known_until:
        case.reported[payment_id] = part
        return
    case.reported[payment_id] = 0
    if part > 0 and case is contract.current and contract.status in ("ToBePassed", "Passed") and case_open_minor(now.books, case) == 0:
        recall(contract, case, "paid")
    elif part > 0:
        _report(contract, case, payment_id, part)


def already_counted(contract: Contract, case: Handover, view: View) -> dict[str, int]:
    """What the claim as handed over counts as paid, by payment: as good as reported."""
    known = [fact.event.data.payment_id for fact in contract.facts.of(billing.PaymentReceived) if fact.event.data.via != "agency"]
    return {payment_id: _part(case, payment_id, view) for payment_id in known}


def _part(case: Handover, payment_id: str, now: View) -> int:
    shares = now.books.settled.get(money.payment_key(payment_id), {})
    return sum(amount for one, amount in shares.items() if one in case.invoice_ids)


def _tell_difference(contract: Contract, case: Handover, event: Any, now: View) -> None:
    """After a chargeback, refund, failure or reversal: the difference to what was reported."""
    payment_id = getattr(event.data, "payment_id", None)
    if payment_id is None:
        charged = contract.facts.of(billing.ChargebackReceived)
        mine = [one.event.data.payment_id for one in charged if one.event.data.chargeback_id == event.data.chargeback_id]
        payment_id = mine[0] if mine else None
    if payment_id in case.reported:
        difference = _part(case, payment_id, now) - case.reported[payment_id]
        early = case is contract.current and contract.status in ("ToBePassed", "Passed")
        if difference > 0 and early and case_open_minor(now.books, case) == 0:
            recall(contract, case, "paid")
        elif difference != 0:
            _report(contract, case, payment_id, difference)


def _report(contract: Contract, case: Handover, payment_id: str, amount: int) -> None:
    if "paid" in case.recalls:
        return
    case.reported[payment_id] += amount
    payment = next(one for one in contract.facts.of(billing.PaymentReceived) if one.event.data.payment_id == payment_id)
    data = {"handover_id": case.handover_id, "payment_id": payment_id, "amount": amount, "value_date": payment.event.data.value_date}
    contract.out.add_command(contract, "case.report_payment", data)


def _tell_change(contract: Contract, case: Handover, fact: Fact[Any], before: View, now: View) -> None:
    text_key = _what_changed(contract, case, fact, before, now)
    if text_key is None or "paid" in case.recalls:
        return
    if case_open_minor(now.books, case) == 0:
        recall(contract, case, "claim_gone")
    else:
        contract.out.add_command(contract, "case.send_message", {"handover_id": case.handover_id, "text_key": text_key})


def _what_changed(contract: Contract, case: Handover, fact: Fact[Any], before: View, now: View) -> str | None:
    event = fact.event
    if isinstance(event, billing.DisputeOpened):
        over = any(hold.hold_id == event.data.dispute_id and hold.end <= now.day for hold in now.holds)
        return "disputed" if not over and (event.data.invoice_id is None or event.data.invoice_id in case.invoice_ids) else None
    if isinstance(event, billing.DisputeResolved):
        return _dispute_ended(contract, case, fact)
    if isinstance(event, (billing.InsolvencyOpened, billing.DebtorDeceased)):
        kind = "insolvency" if isinstance(event, billing.InsolvencyOpened) else "deceased"
        return kind if any(hold.hold_id == kind and hold.end > now.day for hold in now.holds) else None
    if isinstance(event, billing.InvoiceWrittenOff):
        moved = before.books.written_off != now.books.written_off
        return "claim_changed" if moved and event.data.invoice_id in case.invoice_ids else None
    for one in [one for one in case.invoice_ids if one in before.receivables]:
        was, is_now = before.receivables[one], now.receivables[one]
        if (was.principal, was.due_on) != (is_now.principal, is_now.due_on):
            return "claim_changed"
        moved = before.books.open(one) != now.books.open(one)
        if isinstance(event, CHANGING) and moved and readings.WHAT_MOVES_MONEY_OF_THE_CASE_CHANGES_THE_CLAIM:
            return "claim_changed"
    return None


def _dispute_ended(contract: Contract, case: Handover, fact: Fact[billing.DisputeResolved]) -> str | None:
    dispute_id = fact.event.data.dispute_id
    opened = [one.event.data for one in contract.facts.of(billing.DisputeOpened) if one.event.data.dispute_id == dispute_id]
    concerned = any(one.invoice_id is None or one.invoice_id in case.invoice_ids for one in opened)
    counts = days.resolution(contract.facts, dispute_id) is fact
    return "dispute_rejected" if concerned and counts and fact.event.data.outcome == "rejected" else None
