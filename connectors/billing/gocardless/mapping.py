"""What GoCardless says, in our words. Its events are thin: the payment, refund or mandate they name is fetched.

The contract is `metadata.contract` of the payment, else of its mandate, else the subscription's id, else the mandate's. The invoice is
`metadata.invoice` of the payment.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connectors.billing.amounts import minor_units
from connectors.billing.upstream import Account, Fetch, Handler, Happened, NotUnderstood, Outcome, Told, day, handled
from schemas.fields import REASON_CODES

CAUSES: Final[Mapping[str, str]] = {
    "insufficient_funds": "AM04",
    "bank_account_closed": "AC04",
    "invalid_bank_details": "AC01",
    "direct_debit_not_enabled": "AG01",
    "authorisation_disputed": "MD01",
    "refund_requested": "MD06",
}
"""`details.cause` where `details.reason_code` is no SEPA code (Bacs, Autogiro and the others have their own)."""


EVENTS_MAX: Final = 500
"""The longest page of GoCardless' list of events; a payment has a handful."""


async def translate(account: Account, body: bytes, fetch: Fetch) -> tuple[Outcome, ...]:
    """The events of a body, in its order. Raises NotUnderstood, and what `fetch` raises."""
    try:
        events = [(_happened(account, told), told) for told in json.loads(body)["events"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotUnderstood("no list of events, each with id, created_at, resource_type and action") from None
    outcomes: list[Outcome] = []
    for happened, told in events:
        outcomes += await handled(_HANDLERS.get(happened.type), happened, told, fetch)
    return tuple(outcomes)


def _happened(account: Account, told: Told) -> Happened:
    at = datetime.fromisoformat(told["created_at"])
    if at.tzinfo is None:
        raise ValueError("created_at has no offset")
    return Happened(account, str(told["id"]), f"{told['resource_type']}.{told['action']}", at)


def reason_code(details: Told) -> str:
    """Ours for what the bank said; `other` where nobody can know. The original stands beside it."""
    code = details.get("reason_code")
    return code if code in REASON_CODES else CAUSES.get(str(details.get("cause")), "other")


def _original(details: Told) -> str | None:
    return details.get("reason_code") or details.get("cause")


async def _payment(told: Told, fetch: Fetch) -> tuple[Told, str | None]:
    """The payment an event names, and its contract."""
    payment = (await fetch(f"/payments/{told['links']['payment']}"))["payments"]
    return payment, await _contract(payment, fetch)


async def _contract(payment: Told, fetch: Fetch) -> str | None:
    links: Mapping[str, Any] = payment.get("links") or {}
    named = (payment.get("metadata") or {}).get("contract")
    if not named and links.get("mandate"):
        mandate = (await fetch(f"/mandates/{links['mandate']}"))["mandates"]
        named = (mandate.get("metadata") or {}).get("contract")
    return named or links.get("subscription") or links.get("mandate")


def _money(of: Told) -> int:
    return minor_units(of["amount"], of["currency"])


def _invoice(payment: Told) -> str | None:
    invoice: str | None = (payment.get("metadata") or {}).get("invoice")
    return invoice


async def _initiated(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    payment, contract = await _payment(told, fetch)
    data = {
        "payment_id": payment["id"],
        "amount": _money(payment),
        "currency": payment["currency"],
        "method": "direct_debit",
        "invoice_id": _invoice(payment),
    }
    # without expected_on: GoCardless may move charge_date, and a fact that changes would be refused as a conflicting one
    return (happened.published("payment.initiated", contract, payment["id"], data),)


async def _received(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    payment, contract = await _payment(told, fetch)
    data = {
        "payment_id": payment["id"],
        "amount": _money(payment),
        "currency": payment["currency"],
        "value_date": payment["charge_date"],
        "method": "direct_debit",
        "invoice_id": _invoice(payment),
    }
    return (happened.published("payment.received", contract, payment["id"], data),)


async def _failed(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    payment, contract = await _payment(told, fetch)
    details = told["details"]
    data = {"payment_id": payment["id"], "reason_code": reason_code(details), "reason": _original(details)}
    return (happened.published("payment.failed", contract, payment["id"], data),)


async def _charged_back(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    payment, contract = await _payment(told, fetch)
    details = told["details"]
    data = {
        "chargeback_id": await _chargeback_id(payment["id"], told, fetch, itself=True),
        "payment_id": payment["id"],
        "amount": _money(payment),
        "reason_code": reason_code(details),
        "booked_on": day(happened.at),
        "upstream_code": _original(details),
    }
    return (happened.published("chargeback.received", contract, payment["id"], data),)


async def _chargeback_cancelled(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    payment, contract = await _payment(told, fetch)
    chargeback_id = await _chargeback_id(payment["id"], told, fetch, itself=False)
    data = {"chargeback_id": chargeback_id, "booked_on": day(happened.at)}
    return (happened.published("chargeback.reversed", contract, payment["id"], data),)


async def _chargeback_id(payment_id: str, told: Told, fetch: Fetch, *, itself: bool) -> str:
    """A chargeback has no id at GoCardless, and once it was cancelled the payment may be charged back again: so they are counted. What is
    told is a chargeback `itself`, or the cancellation of the latest one before it."""
    listed = (await fetch(f"/events?payment={payment_id}&action=charged_back&limit={EVENTS_MAX}"))["events"]
    number = len({one["id"] for one in listed if _moment(one) < _moment(told)}) + itself
    return f"{payment_id}/chargeback" if number <= 1 else f"{payment_id}/chargeback/{number}"


def _moment(event: Told) -> tuple[datetime, str]:
    return datetime.fromisoformat(event["created_at"]), str(event["id"])


async def _refunded(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    refund = (await fetch(f"/refunds/{told['links']['refund']}"))["refunds"]
    _, contract = await _payment(refund, fetch)
    data = {
        "payment_id": refund["links"]["payment"],
        "refund_id": refund["id"],
        "amount": _money(refund),
        "refunded_on": day(happened.at),
    }
    return (happened.published("payment.refunded", contract, refund["id"], data),)


async def _nothing_new(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return (happened.skipped("no_news"),)


_HANDLERS: Final[Mapping[str, Handler]] = {
    "payments.created": _initiated,
    "payments.confirmed": _received,
    "payments.failed": _failed,
    "payments.cancelled": _failed,
    "payments.customer_approval_denied": _failed,
    "payments.charged_back": _charged_back,
    "payments.chargeback_cancelled": _chargeback_cancelled,
    "refunds.paid": _refunded,
    # told by another of the above, or of no matter to what is owed
    "payments.submitted": _nothing_new,
    "payments.paid_out": _nothing_new,
    "payments.chargeback_settled": _nothing_new,
    "payments.late_failure_settled": _nothing_new,
    "payments.resubmission_requested": _nothing_new,
    "mandates.created": _nothing_new,
}
