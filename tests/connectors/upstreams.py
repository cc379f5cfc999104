"""What upstreams send and what their APIs answer, for the tests: written from their public documents, sharing nothing with the adapters."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from connectors.billing.upstream import Account, Fetch

REAL: Final = Path(__file__).parents[3] / "shared" / "data" / "upstream"
SECRET: Final = "whsec_s3cret"
needs_real: Final = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real webhooks are not at {REAL}")


def account(upstream: str, tenant: str = "acme") -> Account:
    return Account(upstream, tenant, "main", "test")


def answering(objects: Mapping[str, Any]) -> Fetch:
    """An API that has these objects, by path."""

    async def fetch(path: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = objects[path]
        return found

    return fetch


def stripe_signed(body: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    return {"stripe-signature": f"t={at},v1={hmac.new(secret.encode(), str(at).encode() + b'.' + body, sha256).hexdigest()},v0=00"}


def gocardless_signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"webhook-signature": hmac.new(secret.encode(), body, sha256).hexdigest()}


def stripe_event(type: str, about: Mapping[str, Any], id: str = "evt_1", created: int = 1_700_000_000, live: bool = False) -> bytes:
    told = {"id": id, "object": "event", "created": created, "livemode": live, "type": type, "data": {"object": about}}
    return json.dumps(told).encode()


def gocardless_event(resource: str, action: str, links: Mapping[str, str], id: str = "EV1", **details: str) -> dict[str, Any]:
    return {
        "id": id,
        "created_at": "2026-03-04T10:11:12.123Z",
        "resource_type": resource,
        "action": action,
        "links": links,
        "details": {"origin": "bank", "cause": "other", "description": "", **details},
        "metadata": {},
    }


def gocardless_body(*events: Mapping[str, Any]) -> bytes:
    return json.dumps({"events": events}).encode()


PAYMENT: Final = {
    "id": "PM1",
    "amount": 4990,
    "currency": "EUR",
    "charge_date": "2026-03-02",
    "status": "charged_back",
    "metadata": {"invoice": "R-1"},
    "links": {"mandate": "MD1", "creditor": "CR1"},
}
CHARGED_BACK: Final = "/events?payment=PM1&action=charged_back&limit=500"
GOCARDLESS_API: Final = {
    CHARGED_BACK: {"events": []},
    "/events": {"events": []},
    "/payments/PM1": {"payments": PAYMENT},
    "/mandates/MD1": {"mandates": {"id": "MD1", "metadata": {"contract": "C-1"}}},
    "/refunds/RF1": {"refunds": {"id": "RF1", "amount": 100, "currency": "EUR", "links": {"payment": "PM1"}}},
}


# --- billwerk

CONTRACT: Final = "6298a006e636b694d807080f"
TRANSACTION: Final = "5b960e2a88472c05603cdb22"
INVOICE: Final = "51d97067cb596a1239fff423"


def hint(event: str, **named: Any) -> bytes:
    """What billwerk sends: which event, and ids."""
    return json.dumps({**named, "Event": event, "EntityId": "62148e3c0c14e1609e9ca5c1"}).encode()


def billwerk_document(id: str = INVOICE, **more: Any) -> dict[str, Any]:
    return {
        "Id": id,
        "InvoiceNumber": "R2018-0022",
        "ContractId": CONTRACT,
        "CustomerId": "5b960dd488472d07fc704bdd",
        "Created": "2018-09-10T06:24:29.1230000Z",
        "SentAt": "2018-09-10T06:24:38.0000000Z",
        "DocumentDate": "2018-09-10",
        "DueDate": "2018-09-24T00:00:00.0000000Z",
        "Currency": "EUR",
        "TotalNet": 75.0,
        "TotalGross": 89.25,
        "IsInvoice": True,
        **more,
    }


def billwerk_transaction(*states: tuple[str, str], id: str = TRANSACTION, amount: float = 89.25, **more: Any) -> dict[str, Any]:
    """`states`: each a status and its time."""
    history = [{"Status": status, "Timestamp": at, "Amount": amount, "HttpCode": 0, "Preauth": False} for status, at in states]
    return {
        "Id": id,
        "InvoiceId": INVOICE,
        "ContractId": CONTRACT,
        "CustomerId": "5b960dd488472d07fc704bdd",
        "PaymentProvider": "FakeProvider",
        "PaymentProviderRole": "Debit",
        "Trigger": "Recurring",
        "Amount": amount,
        "Currency": "EUR",
        "StatusHistory": history,
        **more,
    }


def billwerk_entry(type: str, amount: float, at: str, **more: Any) -> dict[str, Any]:
    return {"Type": type, "ContractId": CONTRACT, "Currency": "EUR", "Amount": amount, "AmountType": "GrossAmount", "Timestamp": at, **more}


LEDGER_PATH: Final = f"/api/v1/contracts/{CONTRACT}/ledgerEntries"
TRANSACTION_PATH: Final = f"/api/v1/PaymentTransactions/{TRANSACTION}"
INVOICE_PATH: Final = f"/api/v1/invoices/{INVOICE}"
BOUNCED: Final = (
    ("InProgress", "2018-09-10T06:24:42.9910000Z"),
    ("Succeeded", "2018-09-12T06:24:44.9940000Z"),
    ("Chargeback", "2018-09-20T10:00:00.0000000Z"),
)
