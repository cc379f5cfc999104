"""Ways to pay that a notice offers, as data: a link, the payload of an EPC QR code, the payload of a bar code (`escalation.md` 5).

Whoever prints the notice draws the codes. What asks for money asks for all of it: principal, costs and interest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from barcode import Code128
from barcode.errors import BarcodeError
from segno import helpers

from schemas.policy import OfferPayment, PaymentOfferMethod
from streams.escalation.turn import Turn
from streams.escalation.worth import unreversed

ALL: tuple[PaymentOfferMethod, ...] = ("link", "qr", "barcode")
FIELDS: Mapping[PaymentOfferMethod, str] = {"link": "link", "qr": "qr_payload", "barcode": "barcode"}
"""Where a notice carries what a method needs."""
ACCOUNT_UNUSABLE = frozenset({"AC04", "AC06", "AC01", "AC13", "AG01", "RC01", "SL01"})
"""Return codes of an account that is closed, blocked or wrong, or blocked by the debtor's service (`domain.md` 7)."""
UNUSABLE_FOR = timedelta(days=90)
EPC_NAME_MAX = 70
"""Characters of a name that an EPC QR code takes."""

_EPC_QR_DATA: Callable[..., bytes] = helpers._make_epc_qr_data  # type: ignore[attr-defined]  # the public one draws and keeps the text


def suitable(turn: Turn, step: OfferPayment) -> tuple[PaymentOfferMethod, ...]:
    """The step's methods, or those for somebody whose bank account cannot be used."""
    instead = step.methods_if_account_unusable
    return instead if instead is not None and _account_unusable(turn) else step.methods


def _account_unusable(turn: Turn) -> bool:
    """Whether the latest chargeback or failed payment of the last 90 days says so."""
    latest = max((one for one in _returns(turn) if turn.day - UNUSABLE_FOR <= one.day <= turn.day), default=None)
    return latest is not None and latest.code in ACCOUNT_UNUSABLE


class _Return(NamedTuple):
    """Compares as money does: by day, kind and id (section 2)."""

    day: date
    kind: str
    id: str
    code: str


def _returns(turn: Turn) -> Iterator[_Return]:
    """What came back, or never came. A chargeback that was reversed says nothing of the account."""
    facts = turn.contract.facts
    for chargeback in unreversed(facts):
        yield _Return(chargeback.booked_on, "chargeback.received", chargeback.chargeback_id, chargeback.reason_code or "")
    for failure in facts.failures:
        yield _Return(turn.local_day(failure.time_us), "payment.failed", failure.payment_id, failure.reason_code or "")


def data(turn: Turn, notice: Mapping[str, Any], methods: Sequence[PaymentOfferMethod]) -> dict[str, str]:
    """What the methods need to pay what the notice asks for, by the field of the notice; without what cannot be offered."""
    asked = notice["amount"] + notice["costs"] + notice["interest"]
    found: dict[str, str | None] = {}
    for method in ALL:
        if method not in methods:
            continue
        if method == "link":
            found[FIELDS[method]] = _link(turn)
        elif method == "qr":
            found[FIELDS[method]] = _qr_payload(turn, asked, notice["reference"])
        else:
            found[FIELDS[method]] = _barcode(notice["reference"])
    return {name: value for name, value in found.items() if value is not None}


def _link(turn: Turn) -> str | None:
    template = turn.rules.policy.payment_link
    if template is None:
        return None
    values = {"{tenant}": turn.tenant, "{contract}": turn.contract_id, "{cycle}": str(turn.contract.cycle)}
    for name, value in values.items():
        template = template.replace(name, quote(value, safe=""))
    return template


def _qr_payload(turn: Turn, asked: int, reference: str) -> str | None:
    """A SEPA credit transfer as the European Payments Council's QR code (EPC069-12) carries it."""
    creditor = turn.terms.creditor
    if creditor is None or creditor.iban is None or turn.contract.currency != "EUR":
        return None
    amount = Decimal(asked).scaleb(-2)
    try:
        payload = _EPC_QR_DATA(creditor.name[:EPC_NAME_MAX], creditor.iban.replace(" ", ""), amount, text=reference, encoding="utf-8")
    except ValueError:  # more than a code can carry: an amount of a billion, a reference too long
        return None
    return payload.decode()


@lru_cache(maxsize=4096)
def _barcode(reference: str) -> str | None:
    """The reference as Code 128 carries it: ASCII alone."""
    try:
        return str(Code128(reference).get_fullcode())
    except BarcodeError:
        return None
