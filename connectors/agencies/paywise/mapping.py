"""Between paywise's words and ours: codes, and the bodies of a handover.

A code that is not in a table becomes `other` with the original beside it, never a guess; paywise calls its lists open.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from connectors.delivery import validity
from connectors.delivery.agency import Closed, Submission
from connectors.delivery.errors import Reason
from schemas.commands import Claim
from schemas.debtors import Address, DebtorDescribedData

OTHER: Final = "other"
CLAIMS_MAX: Final = 50

CLOSING_CODES: Final[Mapping[str, str]] = {
    "IP01": "paid",
    "IP02": "partial",
    "IP03": "paid_to_creditor",
    "IP04": "settlement",
    "IN011": "poor_credit_rating",
    "IN014": "missing_data",
    "IN015": "address_unknown",
    "IN016": "deceased",
    "IN017": "disputed",
    "IN018": "paid_to_creditor",
    "IN02": "recalled",
    "IN03": "irrecoverable",
    "IN04": "insolvency",
    "IN05": "deceased",
    "IN06": "irrecoverable",
}
STAGES: Final[Mapping[str, str]] = {
    "extrajudicial": "extrajudicial",
    "judicial_dunning": "judicial_dunning",
    "foreclosure": "enforcement",
    "long_term_monitoring": "long_term_monitoring",
}

FIELDS: Final[Mapping[str, str]] = {
    "required": "data_invalid",
    "invalid": "data_invalid",
    "does_not_exist": "data_invalid",
}

_CODE = re.compile(r"[A-Za-z0-9Ü_.:+-]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]]{1,120}")


def agency_code(code: object) -> str | None:
    """The agency's own code, if it is one: free text may hold anything."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def rejection(code: object) -> Reason:
    """Why an order was declined. The keys of paywise's standard reasons are not public, so none is translated."""
    return Reason(OTHER, agency_code(code))


def field_error(error: Any) -> Reason:
    """What is wrong with a field of a request. Raises TypeError, KeyError for what is no such thing."""
    field = error.get("field")
    known = FIELDS.get(str(error["code"]))
    named = field if isinstance(field, str) and _FIELD.fullmatch(field) else None
    return Reason(known or OTHER, None if known else agency_code(error["code"]), named)


def closed(closing: Mapping[str, Any]) -> Closed:
    """How a case ended, as a statement tells it."""
    code = closing.get("closing_code")
    outcome: Any = "successful" if closing["closing_type"] == "positive" else "unsuccessful"
    known = CLOSING_CODES.get(str(code))
    return Closed(outcome, known) if known else Closed(outcome, OTHER, agency_code(code))


def money(minor: int) -> dict[str, str]:
    """paywise takes EUR alone: two decimal places."""
    return {"value": f"{minor // 100}.{minor % 100:02d}", "currency": "EUR"}


def minor(amount: Mapping[str, Any] | None) -> int:
    """Minor units of an amount; 0 where there is none. Raises ValueError for what is no amount in EUR with at most two places."""
    if amount is None or amount.get("value") is None:
        return 0
    try:
        cents = Decimal(str(amount["value"])) * 100
    except InvalidOperation:
        raise ValueError("an amount that is no number") from None
    if amount.get("currency", "EUR") != "EUR" or not cents.is_finite() or cents != cents.to_integral_value():
        raise ValueError("an amount that is no amount in EUR")
    return int(cents)


def problems(submission: Submission) -> Iterator[Reason]:
    """What paywise would refuse, before anything is sent."""
    if submission.data.currency != "EUR":
        yield Reason("currency_not_supported", field="currency")
    yield from validity.name(submission)
    yield from validity.address(submission)
    yield from validity.country(submission)
    yield from validity.claims(submission, CLAIMS_MAX)


def debtor_of(submission: Submission) -> dict[str, Any]:
    """The body that makes the debtor."""
    debtor = submission.debtor
    who: dict[str, Any] = {"organization": {"name": debtor.company}} if debtor.company else {"person": _person(debtor)}
    bank = {"bank_accounts": [{"iban": debtor.iban}]} if debtor.iban else {}
    return {
        "acting_as": "business" if debtor.company else debtor.kind,
        **who,
        "addresses": [_address(debtor.addresses[0])],
        "communication_channels": _channels(debtor),
        **bank,
        "your_reference": debtor.customer_id or submission.contract,
    }


def _person(debtor: DebtorDescribedData) -> dict[str, Any]:
    told = {"first_name": debtor.first_name, "last_name": debtor.last_name}
    return {**told, "birth_date": debtor.birth_date.isoformat()} if debtor.birth_date else told


def _address(address: Address) -> dict[str, Any]:
    parts = {"street": address.street, "postal_code": address.postal_code, "city": address.city, "country": address.country}
    return {**parts, "primary": True}


def _channels(debtor: DebtorDescribedData) -> list[dict[str, str]]:
    """paywise takes ten."""
    emails = [{"type": "email", "value": email} for email in debtor.emails]
    return [*emails, *({"type": "phone", "value": phone} for phone in debtor.phones)][:10]


def order_of(submission: Submission, debtor_id: str) -> dict[str, Any]:
    """The body that makes the draft."""
    claims = [claim_of(submission, claim) for claim in submission.data.claims]
    return {"type": "invoice", "debtor_id": debtor_id, "creditor_obligation_fulfilled": True, "claims": claims}


def claim_of(submission: Submission, claim: Claim) -> dict[str, Any]:
    """One invoice. The principal is what is open of it: paywise wants the day of each earlier payment, which a handover does not tell.
    Interest is left to paywise, which reckons it from the day of default."""
    number = claim.number or claim.invoice_id
    told = {
        "type": "receivable",
        "principal_amount": money(claim.open),
        "is_disputed": False,
        "document_date": claim.issued_on.isoformat(),
        "document_reference": number,
        "due_date": max(claim.due_on, claim.issued_on).isoformat(),
        "delay_date": _default_on(claim),
        "subject_matter": claim.subject_matter or f"Rechnung {number}",
        "your_reference": submission.handover_id,
        "reminders": [{"date": day.isoformat()} for day in sorted(claim.reminded_on) if day >= claim.due_on],
        "additional_charges": _charges(submission, claim),
        "metadata": list(_metadata(submission, claim)),
    }
    return {name: value for name, value in told.items() if value is not None}


def _default_on(claim: Claim) -> str | None:
    """paywise wants it after the due date; without one it reckons it itself."""
    return claim.default_on.isoformat() if claim.default_on and claim.default_on > claim.due_on else None


def _charges(submission: Submission, claim: Claim) -> list[dict[str, Any]]:
    if claim.costs == 0:
        return []
    kind = "bank_charge" if claim.chargeback_reason and not claim.reminded_on else "reminder_fee"
    return [{"type": kind, "amount": money(claim.costs), "occurrence_date": _arose_on(submission, claim).isoformat()}]


def _arose_on(submission: Submission, claim: Claim) -> date:
    return max(claim.reminded_on, default=claim.default_on or submission.submitted_at.date())


def _metadata(submission: Submission, claim: Claim) -> Iterator[dict[str, str]]:
    yield {"type": "contract:reference", "value": submission.contract}
    if claim.payment_method:
        yield {"type": "payment:method", "value": claim.payment_method}
    if claim.chargeback_reason:
        yield {"type": "chargeback:reason", "value": claim.chargeback_reason}
