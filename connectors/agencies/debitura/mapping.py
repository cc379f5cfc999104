"""Between Debitura's words and ours: lifecycles, phases, closing codes, and the body of a handover.

Its document names two closing codes; every other is `other` with the original beside it. Amounts are JSON numbers there: they are read as
decimals, and written by the one function that says why a float does no harm.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from connectors.delivery import validity
from connectors.delivery.agency import Closed, PhaseChanged, Submission, Unmapped
from connectors.delivery.errors import Reason
from schemas.debtors import DebtorDescribedData

OTHER: Final = "other"
CLAIMS_MAX: Final = 1_000
AMOUNT_MAX_MINOR: Final = 10**14
"""Below it, a float of two decimal places has the text that was meant."""
TEXT_MAX: Final = 4_000

WAITING: Final = frozenset(
    {
        *("PendingContractSigning", "PendingVerificationInternal", "PendingVerification", "NeedsAdditionalDetails"),
        *("Leads", "LeadsQuoteGiven"),
    }
)
RUNNING: Final = frozenset({"Active", "Paused"})
PHASES: Final[Mapping[str, str]] = {"Pre-legal": "extrajudicial", "Legal": "judicial_dunning", "Enforcement": "enforcement"}
CLOSE_CODES: Final[Mapping[str, tuple[Literal["successful", "unsuccessful"], str]]] = {
    "Paid": ("successful", "paid"),
    "PreLegalExhaustedNoPayment": ("unsuccessful", "irrecoverable"),
}

_CODE = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_.$\[\]]{1,120}")


def agency_code(code: object) -> str | None:
    """The agency's own code, if it is one: free text may hold anything."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def business_error(kind: object) -> Reason:
    """A rule of business that a handover broke. The list of types is not public."""
    return Reason(OTHER, agency_code(kind))


def wrong_field(name: object) -> Reason:
    """A field that is not valid."""
    return Reason("data_invalid", field=name if isinstance(name, str) and _FIELD.fullmatch(name) else None)


def closed(code: object, remainder: Decimal) -> Closed:
    """How a case ended; by what is still owed where the code is not known."""
    known = CLOSE_CODES.get(str(code))
    if known is not None:
        return Closed(*known)
    return Closed("unsuccessful" if remainder > 0 else "successful", OTHER, agency_code(code))


def phase(name: str) -> PhaseChanged | Unmapped:
    known = PHASES.get(name)
    return PhaseChanged("collection", known) if known else Unmapped("currentEngagementPhase", {"phase": agency_code(name)})


def minor(amount: Any) -> int:
    """Minor units of an amount that was read as a decimal. Raises TypeError, ValueError for what is none of two decimal places."""
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise TypeError("an amount that is no number")
    cents = Decimal(amount) * 100
    if not cents.is_finite() or cents != cents.to_integral_value():
        raise ValueError("an amount with more than two decimal places")
    return int(cents)


def number(amount_minor: int) -> float:
    """An amount as the number that JSON wants of it: up to AMOUNT_MAX_MINOR a float's shortest text is exact."""
    return amount_minor / 100


def problems(submission: Submission) -> Iterator[Reason]:
    """What Debitura would refuse, before anything is sent."""
    yield from validity.name(submission)
    yield from validity.address(submission, postal_code=False)
    yield from validity.country(submission)
    yield from validity.claims(submission, CLAIMS_MAX)
    if submission.data.open_amount + submission.data.costs > AMOUNT_MAX_MINOR:
        yield Reason("amount_too_high", field="open_amount")
    if any(address.country == "US" for address in submission.debtor.addresses[:1]):
        yield Reason("debtor_abroad", field="debtor.addresses[0].country")  # it wants a state, which a debtor's address has not


def case_of(submission: Submission, *, test: bool) -> dict[str, Any]:
    """The body of a handover. What is to be recovered is principal and costs; interest is the agency's to reckon."""
    data = submission.data
    oldest = min(data.claims, key=lambda claim: claim.due_on)
    return {
        "currencyCode": data.currency,
        "date": f"{oldest.issued_on.isoformat()}T00:00:00Z",
        "dueDate": f"{oldest.due_on.isoformat()}T00:00:00Z",
        "claimDescription": _described(submission)[:TEXT_MAX],
        "creditorReference": submission.handover_id,
        "debtor": _debtor(submission.debtor),
        "amountToRecover": number(data.open_amount + data.costs),
        "isTest": test,
    }


def _described(submission: Submission) -> str:
    claims = submission.data.claims
    lines = (f"{claim.number or claim.invoice_id}: {claim.subject_matter or 'invoice'}, due {claim.due_on}" for claim in claims)
    return "\n".join([f"Contract {submission.contract}", *lines])


def _debtor(debtor: DebtorDescribedData) -> dict[str, Any]:
    address = debtor.addresses[0]
    person = f"{debtor.first_name} {debtor.last_name}"
    told = {
        "type": "Company" if debtor.company else "Private",
        "name": debtor.company or person,
        "address": address.street,
        "zipCode": address.postal_code,
        "city": address.city,
        "countryAlpha2": address.country,
        "email": next(iter(debtor.emails), None),
        "phone": next(iter(debtor.phones), None),
    }
    return {name: value for name, value in told.items() if value is not None}
