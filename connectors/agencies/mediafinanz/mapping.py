"""Between mediafinanz's words and ours: status codes, closing reasons, and the body of a handover.

One status code is public (10210: cancelled by the client). The others are agreed between this table and our sandbox, outside the range of
the public one, so that none of them can be mistaken for a live code: what mediafinanz says live is kept for a person until its own list is
entered in `STATUSES`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from connectors.delivery import validity
from connectors.delivery.agency import Accepted, Closed, Passed, PhaseChanged, Rejected, Submission, Unmapped, What
from connectors.delivery.errors import Reason
from schemas.debtors import DebtorDescribedData

OTHER: Final = "other"
CLAIMS_MAX: Final = 1_000
REFERENCE_MAX: Final = 40
MEMO_MAX: Final = 200
REMARK_MAX: Final = 200
"""Assumed to be as long as Memo may be."""
AMOUNT_MAX_MINOR: Final = 10**14
"""Below it, a float of two decimal places has the text that was meant."""
DAYS_AFTER_ORDER: Final = 10
DAYS_AFTER_REMINDER: Final = 5

CANCELLED_BY_CLIENT: Final = 10210
SUCCESSFUL: Final = 90200
UNSUCCESSFUL: Final = 90205
REJECTED: Final = 90030
ENDED: Final = frozenset({CANCELLED_BY_CLIENT, SUCCESSFUL, UNSUCCESSFUL, REJECTED})
STATUSES: Final[Mapping[int, What]] = {
    90010: Passed(),
    90020: Accepted(),
    90101: PhaseChanged("first_dunning"),
    90102: PhaseChanged("second_dunning"),
    90110: PhaseChanged("collection", "extrajudicial"),
    90120: PhaseChanged("collection", "judicial_dunning"),
    90130: PhaseChanged("collection", "enforcement"),
    CANCELLED_BY_CLIENT: Closed("unsuccessful", "recalled"),
}
CLOSE_REASONS: Final[Mapping[str, str]] = {
    "FULL_PAYMENT": "paid",
    "PAYMENT_BEFORE_HANDOVER": "paid_to_creditor",
    "PARTIAL_SUCCESS": "partial",
    "COMPLETED_BY_SETTLEMENT": "settlement",
    "IRRECOVERABLE": "irrecoverable",
    "UNKNOWN_ADDRESS": "address_unknown",
    "CLAIM_DISPUTED": "disputed",
    "INSOLVENCY": "insolvency",
    "DEBTOR_DECEASED": "deceased",
    "PERIOD_OF_LIMITATION_REACHED": "limitation",
}
"""Assumed: the words of Riverty's public list, where mediafinanz gives closingReasonExplanation."""
REJECTION_REASONS: Final[Mapping[str, str]] = {
    "ADDRESS_INCOMPLETE": "address_incomplete",
    "AMOUNT_TOO_LOW": "amount_too_low",
    "AMOUNT_TOO_HIGH": "amount_too_high",
    "CLAIM_NOT_PLAUSIBLE": "claim_not_plausible",
    "INSOLVENCY": "insolvency",
    "INCORRECT_CURRENCY": "currency_not_supported",
    "CUSTOMER_ABROAD": "debtor_abroad",
}
"""Assumed, as CLOSE_REASONS."""

_CODE = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_./\[\]]{1,120}")


def agency_code(code: object) -> str | None:
    """The agency's own code, if it is one: free text may hold anything."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def wrong_field(name: object) -> Reason:
    """A field that did not pass mediafinanz's validation."""
    return Reason("data_invalid", field=name if isinstance(name, str) and _FIELD.fullmatch(name) else None)


def status(code: int, explanation: object) -> What:
    """What a status says. The original of a reason that is `other` is its word, or where that is free text the status code."""
    original = agency_code(explanation) or str(code)
    if code == REJECTED:
        known = REJECTION_REASONS.get(str(explanation))
        return Rejected((Reason(known or OTHER, None if known else original),))
    if code in (SUCCESSFUL, UNSUCCESSFUL):
        known = CLOSE_REASONS.get(str(explanation))
        return Closed("successful" if code == SUCCESSFUL else "unsuccessful", known or OTHER, None if known else original)
    return STATUSES.get(code) or Unmapped("status", {"statusCode": code})


def problems(submission: Submission) -> Iterator[Reason]:
    """What mediafinanz would refuse, before anything is sent."""
    yield from validity.name(submission)
    yield from validity.address(submission)
    yield from validity.country(submission)
    yield from validity.claims(submission, CLAIMS_MAX)
    yield from _too_early(submission)
    if len(submission.handover_id) > REFERENCE_MAX:
        yield Reason("data_invalid", field="handover_id")
    if submission.data.open_amount + submission.data.costs > AMOUNT_MAX_MINOR:
        yield Reason("amount_too_high", field="open_amount")


def _too_early(submission: Submission) -> Iterator[Reason]:
    """At least 10 days after the order and 5 after the last reminder: mediafinanz's rules."""
    day = submission.submitted_at.date()
    for number, claim in enumerate(submission.data.claims):
        if day - claim.issued_on < timedelta(days=DAYS_AFTER_ORDER):
            yield Reason("data_invalid", field=f"claims[{number}].issued_on")
        if claim.reminded_on and day - max(claim.reminded_on) < timedelta(days=DAYS_AFTER_REMINDER):
            yield Reason("data_invalid", field=f"claims[{number}].reminded_on")


def body_of(submission: Submission) -> dict[str, Any]:
    """A handover in mediafinanz's words: one principal claim of all that is open, named by the oldest claim. Interest is the agency's."""
    data = submission.data
    oldest = min(data.claims, key=lambda claim: claim.due_on)
    number, issued_on = oldest.number or oldest.invoice_id, oldest.issued_on
    claim = {
        "Amount": amount(data.open_amount + data.costs),
        "ContractDate": issued_on.isoformat(),
        "ContractualItemCatalogueNo": "01",  # as in mediafinanz's example; its catalogue is not public
        "ContractualCondition": 1,
        "Reason": (oldest.subject_matter or "invoice")[:REMARK_MAX],
        "PrincipalClaim": _position(number, data.open_amount, issued_on, ", ".join(each.number or each.invoice_id for each in data.claims)),
    }
    if data.costs:
        claim["DunningCosts"] = _position(number, data.costs, max(oldest.reminded_on, default=oldest.due_on), "Mahnkosten")
    return {
        "ClientCustomerRefNo": submission.handover_id,
        "Stage": "V",
        "Debtor": _debtor(submission.debtor),
        "Claim": claim,
        "Memo": submission.contract[:MEMO_MAX],
    }


def _position(number: str, amount_minor: int, day: date, remark: str) -> dict[str, Any]:
    return {"Number": number, "Value": amount(amount_minor), "Date": day.isoformat(), "Remark": remark[:REMARK_MAX]}


def amount(amount_minor: int) -> float:
    """An amount as the number that JSON wants of it: up to AMOUNT_MAX_MINOR a float's shortest text is exact."""
    return amount_minor / 100


def _debtor(debtor: DebtorDescribedData) -> dict[str, Any]:
    """PersonType and Means as in mediafinanz's example (a person, e-mail, telephone); 2 for a company is assumed."""
    born = {} if debtor.birth_date is None else {"BirthDate": debtor.birth_date.isoformat()}
    return {
        **born,
        "PersonType": 2 if debtor.company else 1,
        "Company": debtor.company or "",
        "LastName": debtor.last_name or "",
        "FirstName": debtor.first_name or "",
        "PostalAddress": _address(debtor),
        "Communications": [*_reached(1, debtor.emails), *_reached(2, debtor.phones)],
    }


def _address(debtor: DebtorDescribedData) -> dict[str, Any]:
    address = debtor.addresses[0]
    where = {"Street": address.street, "PostalCode": address.postal_code, "City": address.city}
    return {"Annex": "", **where, "CountryCode": address.country, "Validity": 1}


def _reached(means: int, values: Sequence[str]) -> Iterator[dict[str, Any]]:
    for value in values:
        yield {"Means": means, "Type": 1, "Value": value, "Validity": 1}
