"""What Stripe says, in our words. A payment is a charge: an intent may need several, and disputes and refunds name the charge.

The contract is `metadata.contract` of the object, else of its invoice or that one's subscription, else the subscription's id; where an
object names only its charge or invoice, those are fetched.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from connectors.billing.amounts import minor_units
from connectors.billing.upstream import Account, Fetch, Handler, Happened, NotUnderstood, Outcome, Told, day, handled, moment

DECIMALS: Final[Mapping[str, int]] = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe counts other decimals than ISO 4217: two for krona and shilling, which have none, and none for the ariary."""

DISPUTE_REASONS: Final[Mapping[str, str]] = {
    "insufficient_funds": "AM04",
    "incorrect_account_details": "AC01",
    "debit_not_authorized": "MD01",
    "fraudulent": "MD01",
    "customer_initiated": "MD06",
    "duplicate": "AM05",
    "general": "MS03",
}
"""`reason` of a dispute; every other one is `other`, with the original beside it."""
FAILURES: Final[Mapping[str, str]] = {
    "insufficient_funds": "AM04",
    "account_closed": "AC04",
    "bank_account_restricted": "AC06",
    "invalid_account_number": "AC01",
    "no_account": "AC01",
    "debit_not_authorized": "MD01",
    "refer_to_customer": "MS03",
}
"""`failure_code` of a charge, or the issuer's reason or decline code."""
METHODS: Final[Mapping[str, str]] = {
    "sepa_debit": "direct_debit",
    "bacs_debit": "direct_debit",
    "card": "card",
    "customer_balance": "transfer",
}


async def translate(account: Account, body: bytes, fetch: Fetch) -> tuple[Outcome, ...]:
    """What follows from one event. Raises NotUnderstood, and what `fetch` raises."""
    try:
        told = json.loads(body)
        happened, live = Happened(account, told["id"], told["type"], moment(told["created"])), told["livemode"]
        about = told["data"]["object"]
    except (ValueError, KeyError, TypeError, OverflowError):
        raise NotUnderstood("no event with id, type, created, livemode and data.object") from None
    if live is not (account.mode == "live"):
        return (happened.skipped("other_mode"),)
    return await handled(_HANDLERS.get(happened.type), happened, about, fetch)


def _currency(of: Told) -> str:
    return str(of["currency"]).upper()


def _minor(of: Told, field: str = "amount") -> int:
    return minor_units(of[field], _currency(of), DECIMALS)


def _named(of: Told) -> str | None:
    contract: str | None = (of.get("metadata") or {}).get("contract")
    return contract


def _id(of: Any) -> str | None:
    """The id of what a field names, which may stand there whole."""
    named: str | None = of["id"] if isinstance(of, Mapping) else of
    return named


def contract_of_invoice(invoice: Told) -> str | None:
    """Both places of the subscription: releases of Stripe's API before and after 2025-03-31."""
    parent: Told = (invoice.get("parent") or {}).get("subscription_details") or {}
    lines = (invoice.get("lines") or {}).get("data") or [{}]
    details: Told = invoice.get("subscription_details") or parent
    return (
        _named(invoice) or _named(details) or _id(invoice.get("subscription") or parent.get("subscription") or lines[0].get("subscription"))
    )


async def _with_invoice(charge: Told, fetch: Fetch) -> Told:
    """Events of releases from 2025-03-31 on don't name a charge's invoice; what is fetched is of the release before (`registry.py`)."""
    return charge if "invoice" in charge else await fetch(f"/v1/charges/{charge['id']}")


async def _contract_of_charge(charge: Told, fetch: Fetch) -> str | None:
    if named := _named(charge):
        return named
    charge = await _with_invoice(charge, fetch)
    invoice = charge.get("invoice")
    if isinstance(invoice, str):
        invoice = await fetch(f"/v1/invoices/{invoice}")
    return contract_of_invoice(invoice) if invoice else None


async def _contract_of_payment(charge_id: str, fetch: Fetch) -> str | None:
    return await _contract_of_charge(await fetch(f"/v1/charges/{charge_id}"), fetch)


async def _issued(happened: Happened, invoice: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    issued = (invoice.get("status_transitions") or {}).get("finalized_at") or invoice["created"]
    data = {
        "invoice_id": invoice["id"],
        "number": invoice.get("number"),
        "issued_on": day(moment(issued)),
        "due_on": day(moment(invoice.get("due_date") or issued)),
        "amount": _minor(invoice, "amount_due"),
        "currency": _currency(invoice),
        "payment_method": "transfer" if invoice.get("collection_method") == "send_invoice" else None,
    }
    return (happened.published("invoice.issued", contract_of_invoice(invoice), invoice["id"], data),)


async def _cancelled(happened: Happened, invoice: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    data = {"invoice_id": invoice["id"], "reason": "void"}
    return (happened.published("invoice.cancelled", contract_of_invoice(invoice), invoice["id"], data),)


async def _written_off(happened: Happened, invoice: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return (happened.published("invoice.written_off", contract_of_invoice(invoice), invoice["id"], {"invoice_id": invoice["id"]}),)


async def _paid(happened: Happened, invoice: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """What was paid by a charge is told by the charge; only what was paid past Stripe is told here alone."""
    if not invoice.get("paid_out_of_band"):
        return (happened.skipped("no_news"),)
    data = {
        "payment_id": f"{invoice['id']}/out_of_band",
        "amount": _minor(invoice, "amount_paid"),
        "currency": _currency(invoice),
        "value_date": day(happened.at),
        "invoice_id": invoice["id"],
    }
    return (happened.published("payment.received", contract_of_invoice(invoice), invoice["id"], data),)


def _payment(charge: Told) -> dict[str, Any]:
    method = (charge.get("payment_method_details") or {}).get("type")
    return {
        "payment_id": charge["id"],
        "amount": _minor(charge),
        "currency": _currency(charge),
        "method": METHODS.get(str(method), "other"),
        "invoice_id": _id(charge.get("invoice")),
    }


async def _initiated(happened: Happened, charge: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    charge = await _with_invoice(charge, fetch)
    contract = await _contract_of_charge(charge, fetch)
    return (happened.published("payment.initiated", contract, charge["id"], _payment(charge)),)


async def _received(happened: Happened, charge: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    charge = await _with_invoice(charge, fetch)
    data = {**_payment(charge), "value_date": day(happened.at)}
    return (happened.published("payment.received", await _contract_of_charge(charge, fetch), charge["id"], data),)


def _failure(*codes: object) -> dict[str, Any]:
    """The most telling code first; the original is the first that stands there."""
    told = [str(code) for code in codes if code]
    return {"reason_code": next((FAILURES[code] for code in told if code in FAILURES), "other"), "reason": told[0] if told else None}


async def _failed(happened: Happened, charge: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    why = _failure((charge.get("outcome") or {}).get("reason"), charge.get("failure_code"))
    contract = await _contract_of_charge(charge, fetch)
    return (happened.published("payment.failed", contract, charge["id"], {"payment_id": charge["id"], **why}),)


async def _intent_failed(happened: Happened, intent: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """An attempt without a charge moved no money and is nothing of ours."""
    error: Told = intent.get("last_payment_error") or {}
    charge_id = _id(intent.get("latest_charge")) or _id(error.get("charge"))
    if charge_id is None:
        return (happened.skipped("no_news"),)
    contract = _named(intent) or await _contract_of_payment(charge_id, fetch)
    why = _failure(error.get("decline_code"), error.get("code"))
    return (happened.published("payment.failed", contract, charge_id, {"payment_id": charge_id, **why}),)


async def _refund(happened: Happened, refund: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    charge_id = _id(refund.get("charge"))
    if refund.get("status") != "succeeded" or charge_id is None:
        return (happened.skipped("no_news"),)
    data = {"payment_id": charge_id, "refund_id": refund["id"], "amount": _minor(refund), "refunded_on": day(moment(refund["created"]))}
    contract = _named(refund) or await _contract_of_payment(charge_id, fetch)
    return (happened.published("payment.refunded", contract, refund["id"], data),)


async def _charged_back(happened: Happened, dispute: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    charge_id = str(_id(dispute["charge"]))
    data = {
        "chargeback_id": dispute["id"],
        "payment_id": charge_id,
        "amount": _minor(dispute),
        "reason_code": DISPUTE_REASONS.get(dispute["reason"], "other"),
        "booked_on": day(moment(dispute["created"])),
        "upstream_code": dispute["reason"],
    }
    contract = _named(dispute) or await _contract_of_payment(charge_id, fetch)
    return (happened.published("chargeback.received", contract, dispute["id"], data),)


async def _reinstated(happened: Happened, dispute: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    data = {"chargeback_id": dispute["id"], "booked_on": day(happened.at)}
    contract = _named(dispute) or await _contract_of_payment(str(_id(dispute["charge"])), fetch)
    return (happened.published("chargeback.reversed", contract, dispute["id"], data),)


async def _nothing_new(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return (happened.skipped("no_news"),)


_HANDLERS: Final[Mapping[str, Handler]] = {
    "invoice.finalized": _issued,
    "invoice.voided": _cancelled,
    "invoice.marked_uncollectible": _written_off,
    "invoice.paid": _paid,
    "charge.pending": _initiated,
    "charge.succeeded": _received,
    "charge.failed": _failed,
    "payment_intent.payment_failed": _intent_failed,
    "refund.created": _refund,
    "refund.updated": _refund,
    "charge.refund.updated": _refund,
    "charge.dispute.funds_withdrawn": _charged_back,
    "charge.dispute.funds_reinstated": _reinstated,
    # told by another of the above: only money that moved counts
    "charge.dispute.created": _nothing_new,
    "charge.dispute.closed": _nothing_new,
    "charge.refunded": _nothing_new,
    "payment_intent.succeeded": _nothing_new,
}
