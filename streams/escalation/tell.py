"""Telling: the outputs' data, in the keys and the order of their schemas. Nothing is decided here."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.status import RECEIVABLES_MAX
from streams.escalation import interest, ladder, outputs, waiting
from streams.escalation.accounts import Account
from streams.escalation.law.agency_fees import agency_costs
from streams.escalation.law.limitation import limitation_on
from streams.escalation.law.tables import OutsideTable
from streams.escalation.ledger import PAYMENT
from streams.escalation.settlement import reopened_by
from streams.escalation.state import Case, Change, Contract
from streams.escalation.turn import Turn
from streams.escalation.worth import unreversed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW = 3
"""Changes that case-status shows."""

_ROW = (
    *("status", "dunning_level", "rung", "cycle", "open_amount", "overdue_amount", "currency", "costs", "interest", "credit"),
    *("agency_balance", "written_off", "agency", "agency_account", "handover_id", "case_id", "stage", "holds", "signals", "attention"),
    *("waiting_for", "next_step", "next_step_kind", "next_step_on", "changed_at", "version", "last_changes", "receivables"),
    "limitation_on",
)
_NO_CASE = (None, None, None, None, None)
_NO_STEP = (None, None, None)
_ROWS = msgspec.msgpack.Encoder()


@lru_cache(maxsize=4096)  # one event dates history, row and envelope with the same moment
def moment(time_us: int) -> datetime:
    """A moment as a time stamp in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)


def history(turn: Turn) -> None:
    """Record the change of (status, level, attention) since the last record, if there was one."""
    contract = turn.contract
    now = (contract.status, contract.level, contract.attention)
    if now == turn.noted:
        return
    change = Change(contract.clock_us, contract.status, contract.level)
    turn.contract = replace(contract, version=contract.version + 1, changes=(*contract.changes[-_FEW + 1 :], change))
    data = {
        "changed_at": moment(contract.clock_us),
        "from": turn.noted[0],
        "to": contract.status,
        "dunning_level": contract.level,
        "attention": contract.attention,
        "cause": turn.cause,
        "by": turn.by,
        "reason": turn.reason,
        "version": turn.contract.version,
    }
    turn.tell(outputs.HISTORY, data)
    turn.noted = now
    turn.reason = None


# --- case-status


def status(turn: Turn) -> None:
    """Tell how the contract stands, if anything of it but interest changed."""
    totals, listed = _owed(turn)
    values = _row(turn, totals, listed)
    shown = blake2b(_ROWS.encode(values), digest_size=16).digest()
    if shown == turn.contract.shown:
        return
    data = dict(zip(_ROW, values, strict=True))
    if totals.interest:
        data["interest"] = totals.interest
        for row in listed:
            row["interest"] = turn.books.accounts[row["invoice_id"]].interest
    turn.contract = replace(turn.contract, shown=shown)
    turn.tell(outputs.STATUS, data)


class _Totals(NamedTuple):
    principal: int
    costs: int
    interest: int


def _owed(turn: Turn) -> tuple[_Totals, list[dict[str, Any]]]:
    """What is open in all, and the receivables of which something is. Interest, which changes by itself, stands as 0 with each."""
    principal = costs = interest = 0
    listed: list[dict[str, Any]] = []
    for invoice_id, account in turn.books.accounts.items():
        owed = account.costs_open if account.costs else 0
        if not (account.open or owed or account.interest):
            continue
        principal += account.open
        costs += owed
        interest += account.interest
        if len(listed) < RECEIVABLES_MAX:
            listed.append(
                {
                    "invoice_id": invoice_id,
                    "due_on": account.due_on,
                    "open": account.open,
                    "costs": owed,
                    "interest": 0,
                    "rung": _rung_of(turn.contract, invoice_id),
                }
            )
    return _Totals(principal, costs, interest), listed


def _rung_of(contract: Contract, invoice_id: str) -> int:
    for standing in contract.standings:
        if standing.invoice_id == invoice_id:
            return standing.rung
    return 0


def _row(turn: Turn, totals: _Totals, listed: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The row's values in order; interest stands as 0."""
    contract, seen, case = turn.contract, turn.view, turn.case
    books, coming, changes = seen.books, turn.coming, contract.changes
    return (
        contract.status,
        contract.level,
        rung(turn),
        contract.cycle,
        totals.principal,
        seen.overdue_amount,
        contract.currency,
        totals.costs,
        0,
        books.credit,
        max(0, books.agency_balance),
        books.written_off,
        *((case.agency, case.account, case.handover_id, case.case_id, case.stage) if case else _NO_CASE),
        _holds(turn) if turn.spans else (),
        tuple(one.name for one in contract.signals),
        contract.attention,
        waiting.reasons(turn, coming, turn.day) if coming else (),
        *((coming.number, coming.step.kind, coming.on) if coming else _NO_STEP),
        moment(changes[-1].at_us) if changes else None,
        contract.version,
        [{"changed_at": moment(one.at_us), "to": one.to, "dunning_level": one.level} for one in changes],
        listed,
        _limitation_on(turn),
    )


def _limitation_on(turn: Turn) -> date | None:
    """The last day on which all that is open can be enforced (BGB 195, 199, 212; `domain.md` 6 has the three years).

    The debt arose when it was invoiced, as for interest, and a part payment to the creditor begins the period anew. One to the agency does
    not here: to be warned too early does no harm.
    """
    books = turn.books
    still_open = [account.invoice for account in books.accounts.values() if account.open]
    if not still_open:
        return None
    paid = _paid_in_part_on(turn) if books.parts else {}
    return min([limitation_on(invoice.issued_on, tuple(paid.get(invoice.invoice_id, ()))) for invoice in still_open])


def _paid_in_part_on(turn: Turn) -> dict[str, list[date]]:
    """Value dates of the payments that settled something of each receivable."""
    days = {payment.payment_id: payment.value_date for payment in turn.contract.facts.payments}
    found: dict[str, list[date]] = {}
    for (kind, money_id), parts in turn.books.parts.items():
        if kind == PAYMENT:
            for invoice_id, amount in parts.items():
                if amount > 0:
                    found.setdefault(invoice_id, []).append(days[money_id])
    return found


def rung(turn: Turn) -> int:
    """The contract's rung: its anchor's, or in a case the one it had at the handover."""
    if turn.contract.current is not None:
        return turn.contract.handover_rung
    first = ladder.anchor(turn.view.active, len(turn.rules.steps))
    return first.rung if first else 0


def _holds(turn: Turn) -> list[dict[str, Any]]:
    covering = [span for span in turn.spans if span.covers(turn.day)]
    return [
        {"hold_id": span.hold_id, "kind": span.kind, "invoice_id": span.invoice_id, "from": span.begin, "until": span.end}
        for span in sorted(covering, key=lambda span: (span.begin, span.hold_id, span.invoice_id or ""))
    ]


# --- commands


def submit(turn: Turn, case: Case) -> None:
    """Hand a claim over: everything the agency needs but person data."""
    accounts = [turn.books.accounts[invoice_id] for invoice_id in case.invoice_ids]
    open_amount = sum(account.open for account in accounts)
    data = {
        "handover_id": case.handover_id,
        "attempt": case.attempt,
        "agency_account": case.account,
        "claims": [_claim(turn, account) for account in accounts],
        "currency": turn.contract.currency,
        "open_amount": open_amount,
        "costs": sum(account.costs_open for account in accounts),
        "interest": sum(account.interest for account in accounts),
        "interest_basis": interest.basis(turn.interest, accounts[0]) if turn.interest and accounts else None,
        "expected_agency_costs": _agency_costs(turn, open_amount),
        "debtor_kind": turn.terms.debtor_kind,
        "creditor": turn.terms.creditor.model_dump(mode="json", exclude_none=True) if turn.terms.creditor else None,
    }
    turn.tell(outputs.SUBMIT, _present(data))


def _agency_costs(turn: Turn, claim_minor: int) -> int | None:
    """What the agency may charge the debtor of an undisputed claim, net (`domain.md` 6): of the principal alone, as RVG 2 and GKG 43 count
    it. None where the law as it is known here has no answer."""
    try:
        return agency_costs(claim_minor, turn.day, currency=turn.contract.currency or "").total
    except OutsideTable:
        return None


def _claim(turn: Turn, account: Account) -> dict[str, Any]:
    invoice = account.invoice
    reminded = interest.reminded_on(turn.contract, invoice.invoice_id)
    return _present(
        {
            "invoice_id": invoice.invoice_id,
            "number": invoice.number,
            "issued_on": invoice.issued_on,
            "due_on": account.due_on,
            "amount": account.amount,
            "open": account.open,
            "costs": account.costs_open,
            "interest": account.interest,
            "reminded_on": reminded,
            "default_on": interest.default_on(turn.contract, turn.rules, account),
            "subject_matter": invoice.subject_matter,
            "service_from": invoice.service_from,
            "service_to": invoice.service_to,
            "payment_method": invoice.payment_method,
            "chargeback_reason": _chargeback_reason(turn, invoice.invoice_id),
        }
    )


def _chargeback_reason(turn: Turn, invoice_id: str) -> str | None:
    """Reason of the last chargeback that reopened the receivable and stands."""
    standing = sorted(unreversed(turn.contract.facts), key=lambda one: (one.booked_on, one.chargeback_id), reverse=True)
    costs = turn.books.costs
    return next((one.reason_code for one in standing if reopened_by(turn.ledger, one, costs) == invoice_id), None)


def recall(turn: Turn, case: Case, reason: str) -> None:
    """Ask the agency to stop: `paid`, `ordered` or `claim_gone`."""
    turn.tell(outputs.RECALL, {"handover_id": case.handover_id, "reason": reason})


def report_payment(turn: Turn, case: Case, payment_id: str, amount: int, value_date: date) -> None:
    """Tell the agency what the creditor received, or took back (negative)."""
    turn.tell(
        outputs.REPORT_PAYMENT,
        {"handover_id": case.handover_id, "payment_id": payment_id, "amount": amount, "value_date": value_date},
    )


def refresh(turn: Turn, case: Case) -> None:
    """Ask how the case stands."""
    turn.tell(outputs.REFRESH, {"handover_id": case.handover_id})


def monitor(turn: Turn, case: Case) -> None:
    """Ask for long-term monitoring."""
    turn.tell(outputs.MONITOR, {"handover_id": case.handover_id})


def message(turn: Turn, case: Case, text_key: str) -> None:
    """Tell the agency something in a fixed text."""
    turn.tell(outputs.SEND_MESSAGE, {"handover_id": case.handover_id, "text_key": text_key})


def words(turn: Turn, case: Case, message_id: str, text: str) -> None:
    """Pass a person's words on to the agency, sealed as they came: nothing here can read them."""
    turn.tell(outputs.SEND_MESSAGE, {"handover_id": case.handover_id, "message_id": message_id, "text": text})


def answer(turn: Turn, case: Case, question_id: str, text: str) -> None:
    """Pass a person's answer to the agency's question on, sealed as it came."""
    turn.tell(outputs.ANSWER, {"handover_id": case.handover_id, "question_id": question_id, "answer": text})


def _present(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}
