"""Between Prokur's rows and ours. Columns and codes are assumed; a code that nobody knows is kept for a person, never guessed."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from connectors.agencies.prokur.sheet import OPTIONAL, REQUIRED
from connectors.delivery import validity
from connectors.delivery.agency import Accepted, Change, Closed, Passed, PaymentReceived, PhaseChanged, Rejected, Submission, Unmapped, What
from connectors.delivery.errors import Reason

OTHER: Final = "other"
CLAIMS_MAX: Final = 1_000
STATUSES: Final[Mapping[str, What]] = {
    "PASSED": Passed(),
    "ACCEPTED": Accepted(),
    "FIRST_DUNNING": PhaseChanged("first_dunning"),
    "SECOND_DUNNING": PhaseChanged("second_dunning"),
    "EXTRAJUDICIAL": PhaseChanged("collection", "extrajudicial"),
    "JUDICIAL_DUNNING": PhaseChanged("collection", "judicial_dunning"),
    "ENFORCEMENT": PhaseChanged("collection", "enforcement"),
}
OUTCOMES: Final = frozenset({"CLOSED_SUCCESSFUL", "CLOSED_UNSUCCESSFUL"})
CLOSE_REASONS: Final[Mapping[str, str]] = {
    "FULL_PAYMENT": "paid",
    "PAYMENT_BEFORE_HANDOVER": "paid_to_creditor",
    "PARTIAL_SUCCESS": "partial",
    "COMPLETED_BY_SETTLEMENT": "settlement",
    "RECALLED_BY_CLIENT": "recalled",
    "IRRECOVERABLE": "irrecoverable",
    "UNKNOWN_ADDRESS": "address_unknown",
    "CLAIM_DISPUTED": "disputed",
    "INSOLVENCY": "insolvency",
    "DEBTOR_DECEASED": "deceased",
    "PERIOD_OF_LIMITATION_REACHED": "limitation",
}
"""The words of Riverty's public list."""
REJECTION_REASONS: Final[Mapping[str, str]] = {
    "ADDRESS_INCOMPLETE": "address_incomplete",
    "AMOUNT_TOO_LOW": "amount_too_low",
    "AMOUNT_TOO_HIGH": "amount_too_high",
    "CLAIM_NOT_PLAUSIBLE": "claim_not_plausible",
    "INSOLVENCY": "insolvency",
    "CUSTOMER_ABROAD": "debtor_abroad",
}
REFERENCE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""A handover id that is a file's name."""
FIELDS: Final[Mapping[str, str]] = {
    "company": "debtor.company",
    "first_name": "debtor.first_name",
    "last_name": "debtor.last_name",
    "street": "debtor.addresses[0].street",
    "postal_code": "debtor.addresses[0].postal_code",
    "city": "debtor.addresses[0].city",
    "email": "debtor.emails[0]",
    "phone": "debtor.phones[0]",
    "claims": "claims",
    "contract": "contract",
}
"""Where the text of a column comes from."""

_AMOUNT = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d{1,13}),\d{2}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_GERMAN = re.compile(r"^(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
_LOCAL: Final = ZoneInfo("Europe/Berlin")


class FieldWrong(ValueError):
    """A cell that can't be what its column is. `field` is our name of it; nothing of what stands there is repeated."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


def problems(submission: Submission) -> Iterator[Reason]:
    """What can be told to be wrong before a file is written."""
    yield from validity.name(submission)
    yield from validity.address(submission)
    yield from validity.country(submission)
    yield from validity.claims(submission, CLAIMS_MAX)
    if not REFERENCE.fullmatch(submission.handover_id):
        yield Reason("data_invalid", field="handover_id")


def row_of(submission: Submission, mode: str) -> dict[str, str]:
    """A handover as one row."""
    data, debtor = submission.data, submission.debtor
    where = debtor.addresses[0]
    return {
        "reference": submission.handover_id,
        "mode": mode,
        "submitted_at": submission.submitted_at.astimezone(UTC).isoformat(),
        "contract": submission.contract,
        "company": debtor.company or "",
        "first_name": debtor.first_name or "",
        "last_name": debtor.last_name or "",
        "birth_date": debtor.birth_date.isoformat() if debtor.birth_date else "",
        "street": where.street,
        "postal_code": where.postal_code or "",
        "city": where.city,
        "country": where.country,
        "email": next(iter(debtor.emails), ""),
        "phone": _dialled(next(iter(debtor.phones), "")),
        "currency": data.currency,
        "open_amount": amount(data.open_amount),
        "costs": amount(data.costs),
        "interest": amount(data.interest),
        "due_on": min(claim.due_on for claim in data.claims).isoformat(),
        "claims": ", ".join(claim.number or claim.invoice_id for claim in data.claims),
    }


def _dialled(phone: str) -> str:
    """`+49 69 …` would be a formula; 00 is dialled for it."""
    return f"00{phone[1:]}" if phone.startswith("+") else phone


def amount(amount_minor: int) -> str:
    """Euros with a decimal comma."""
    return f"{amount_minor // 100},{amount_minor % 100:02d}"


def minor(text: str) -> int:
    """Cents of `1.234,50`. Raises FieldWrong for anything else: a point for a comma would be a hundredfold."""
    if not _AMOUNT.fullmatch(text):
        raise FieldWrong("amount", "an amount that is not written with a comma and two places")
    return int(text.replace(".", "").replace(",", ""))


def change_of(row: Mapping[str, str]) -> Change:
    """Its id comes from what is said, so that a row told twice is one change. Raises FieldWrong."""
    reference, at = row["reference"], _moment(row["moment"])
    if not REFERENCE.fullmatch(reference):
        raise FieldWrong("reference", "no reference of ours")
    name = sha256("\x1f".join(row[column] for column in (*REQUIRED, *OPTIONAL)).encode()).hexdigest()[:32]
    return Change(reference, reference, name, at, _what(row, at.astimezone(_LOCAL).date()))


def _what(row: Mapping[str, str], day: date) -> What:
    code, reason = row["code"], row["reason"]
    if code == "PAYMENT":
        return PaymentReceived(_number(row["payment_id"]), minor(row["amount"]), day)
    if code == "REJECTED":
        known = REJECTION_REASONS.get(reason)
        return Rejected((Reason(known or OTHER, None if known else _shown(reason)),))
    if code in OUTCOMES:
        known = CLOSE_REASONS.get(reason)
        return Closed("successful" if code == "CLOSED_SUCCESSFUL" else "unsuccessful", known or OTHER, None if known else _shown(reason))
    return STATUSES.get(code) or Unmapped("code", {"code": _shown(code)})


def _number(payment_id: str) -> str:
    """Two equal payments of one day must not be one."""
    if not _CODE.fullmatch(payment_id):
        raise FieldWrong("payment_id", "a payment without a number of its own")
    return payment_id


def _shown(code: str) -> str | None:
    """The agency's own code, if it is one: free text may hold anything."""
    return code if _CODE.fullmatch(code) else None


def _moment(text: str) -> datetime:
    """ISO 8601, or the German way in which a spreadsheet writes it again; one without an offset is German time (assumed)."""
    try:
        moment = datetime.fromisoformat(_GERMAN.sub(r"\3-\2-\1", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=_LOCAL)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FieldWrong("moment", "neither 2026-03-06 nor 06.03.2026, with or without a time") from None
