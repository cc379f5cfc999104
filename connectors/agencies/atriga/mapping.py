"""Between atriga's words and ours: statuses, reasons, and the body of a handover.

A code that is not in a table becomes `other` with the original beside it, never a guess. A status that is not in the table is left
unmapped: a status has consequences.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from connectors.delivery.agency import (
    Accepted,
    Change,
    Closed,
    DocumentAdded,
    MessageReceived,
    Passed,
    PaymentReceived,
    PhaseChanged,
    QuestionAsked,
    Rejected,
    Submission,
    Unmapped,
    What,
)
from connectors.delivery.errors import Reason

OTHER: Final = "other"
TEXT_CHARS_MAX: Final = 20_000
"""Sealed it still fits into an event of 256 KiB."""

PHASES: Final[Mapping[str, Literal["first_dunning", "second_dunning", "collection"]]] = {
    "FirstDunningPhase": "first_dunning",
    "SecondDunningPhase": "second_dunning",
    "DebtCollection": "collection",
}
CLOSED: Final[Mapping[str, Literal["successful", "unsuccessful"]]] = {
    "SuccessfullyClosed": "successful",
    "UnsuccessfullyClosed": "unsuccessful",
}

CLOSE_REASONS: Final[Mapping[str, str]] = {
    "PAID_IN_FULL": "paid",
    "PAID_TO_CREDITOR": "paid_to_creditor",
    "PARTLY_PAID": "partial",
    "SETTLEMENT": "settlement",
    "RECALLED_BY_CLIENT": "recalled",
    "IRRECOVERABLE": "irrecoverable",
    "ADDRESS_UNKNOWN": "address_unknown",
    "CLAIM_DISPUTED": "disputed",
    "INSOLVENCY": "insolvency",
    "DEBTOR_DECEASED": "deceased",
    "LIMITATION": "limitation",
}
REJECTION_REASONS: Final[Mapping[str, str]] = {
    "ADDRESS_INCOMPLETE": "address_incomplete",
    "ADDRESS_UNKNOWN": "address_unknown",
    "AMOUNT_TOO_LOW": "amount_too_low",
    "AMOUNT_TOO_HIGH": "amount_too_high",
    "CLAIM_NOT_PLAUSIBLE": "claim_not_plausible",
    "CURRENCY_NOT_SUPPORTED": "currency_not_supported",
    "DEBTOR_ABROAD": "debtor_abroad",
    "FIELD_INVALID": "data_invalid",
    "INSOLVENCY": "insolvency",
}

_FIELD = re.compile(r"[A-Za-z0-9_.\[\]]{1,120}")
_CODE = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")


def rejection(code: object, field: object = None) -> Reason:
    """A rejection code in our words, and the field it is about."""
    known = REJECTION_REASONS.get(str(code))
    named = field if isinstance(field, str) and _FIELD.fullmatch(field) else None
    return Reason(known or OTHER, None if known else agency_code(code), named)


_TOLD = ("number", "case_number", "reference", "change", "at", "status", "dunning_level", "stage", "reason", "payment")


def redacted(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row can't hold person data: fields we know with values of our kinds, and the names of all others."""
    kept = {name: row[name] for name in _TOLD if name in row and _harmless(row[name])}
    return {**kept, "removed": sorted(str(name) for name in row if name not in kept)}


def _harmless(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(name in ("payment_id", "amount", "value_date") and _harmless(part) for name, part in value.items())
    return value is None or isinstance(value, int) or (isinstance(value, str) and bool(_CODE.fullmatch(value)))


def change_of(row: Mapping[str, Any]) -> Change:
    """A row of the feed, or of a case's changes. Raises KeyError, TypeError, ValueError for a row without reference, number or moment."""
    return Change(
        reference=str(row["reference"]),
        case_id=str(row["case_number"]),
        change_id=str(int(row["change"])),
        occurred_at=moment_of(row["at"]),
        what=_what(row),
    )


def moment_of(text: str) -> datetime:
    """A moment with its offset. Raises ValueError for one without."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return moment


def _what(row: Mapping[str, Any]) -> What:
    payment = row.get("payment")
    if payment is not None:
        return _payment(row, payment)
    if row.get("document") is not None:
        return _document(row, row["document"])
    if row.get("message") is not None:
        return _message(row, row["message"])
    if row.get("question") is not None:
        return _question(row, row["question"])
    return _status(row)


def _message(row: Mapping[str, Any], message: Any) -> What:
    try:
        return MessageReceived(str(message["message_id"]), str(message["text"])[:TEXT_CHARS_MAX])
    except (KeyError, TypeError):
        return Unmapped("message", redacted(row))


def _question(row: Mapping[str, Any], question: Any) -> What:
    try:
        options, until = question.get("options"), question.get("until")
        return QuestionAsked(
            str(question["question_id"]),
            str(question["text"])[:TEXT_CHARS_MAX],
            str(question["answer_type"]),
            None if options is None else tuple(str(option)[:TEXT_CHARS_MAX] for option in options),
            None if until is None else date.fromisoformat(until),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return Unmapped("question", redacted(row))


def _payment(row: Mapping[str, Any], payment: Any) -> What:
    try:
        amount = payment["amount"]
        if type(amount) is not int:
            raise TypeError
        return PaymentReceived(str(payment["payment_id"]), amount, date.fromisoformat(payment["value_date"]))
    except (KeyError, TypeError, ValueError):
        return Unmapped("payment", redacted(row))


def _document(row: Mapping[str, Any], document: Any) -> What:
    try:
        return DocumentAdded(str(document["document_id"]), str(document["kind"]), str(document["link"]))
    except (KeyError, TypeError):
        return Unmapped("document", redacted(row))


def _status(row: Mapping[str, Any]) -> What:
    status = str(row.get("status"))
    if status in PHASES:
        return _phase(PHASES[status], row)
    if status in CLOSED:
        return _closed(CLOSED[status], row.get("reason"))
    if status == "Passed":
        return Passed()
    if status == "Accepted":
        return Accepted()
    if status == "Rejected":
        return Rejected((rejection(row.get("reason")),))
    return Unmapped("status", redacted(row))


def _phase(phase: Literal["first_dunning", "second_dunning", "collection"], row: Mapping[str, Any]) -> What:
    stage, level = row.get("stage"), row.get("dunning_level")
    if not isinstance(stage, str | None) or type(level) not in (int, type(None)):
        return Unmapped("phase", redacted(row))
    return PhaseChanged(phase, stage, level)


def _closed(outcome: Literal["successful", "unsuccessful"], code: object) -> Closed:
    known = CLOSE_REASONS.get(str(code))
    return Closed(outcome, known) if known else Closed(outcome, OTHER, agency_code(code))


def agency_code(code: object) -> str | None:
    """The agency's own code, if it is one: free text may hold anything."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def body_of(submission: Submission) -> dict[str, Any]:
    """A handover in atriga's words."""
    data = submission.data.model_dump(mode="json", exclude={"handover_id", "attempt", "agency_account"}, exclude_none=True)
    return {
        "reference": submission.handover_id,
        "contract": submission.contract,
        "submitted_at": submission.submitted_at.isoformat(),
        "debtor": _debtor(submission),
        **data,
    }


def _debtor(submission: Submission) -> dict[str, Any]:
    person = submission.debtor.model_dump(mode="json", exclude={"addresses"}, exclude_none=True)
    address = submission.debtor.addresses[0].model_dump(mode="json", exclude_none=True) if submission.debtor.addresses else {}
    if "source" in address:
        address["address_source"] = address.pop("source")
    return {**person, **address}
