"""billwerk: thin, unsigned hints, and which of our events follow from what they name."""

import itertools
import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.billing.amounts import AmountUnusable, decimal_minor_units, exponent
from connectors.billing.billwerk import mapping
from connectors.billing.billwerk.webhook import verify
from connectors.billing.upstream import Fetch, NotThere, NotUnderstood, Outcome, Published, Skipped
from connectors.delivery.webhook import ADDRESS_SECRET, NotGenuine
from tests.connectors import upstreams
from tests.connectors.test_upstreams import OWED
from tests.connectors.upstreams import (
    BOUNCED,
    CONTRACT,
    INVOICE,
    INVOICE_PATH,
    LEDGER_PATH,
    TRANSACTION,
    TRANSACTION_PATH,
    billwerk_document,
    billwerk_entry,
    billwerk_transaction,
    hint,
)

NOW = 1_800_000_000.0
SUCCEEDED = BOUNCED[:2]
RETURNED_AGAIN = (*BOUNCED, ("Succeeded", "2018-09-25T10:00:00.0000000Z"), ("Chargeback", "2018-09-28T10:00:00.0000000Z"))


def api(objects: Mapping[str, Any]) -> Fetch:
    async def fetch(path: str) -> Any:
        found = objects.get(path.partition("?")[0])
        if found is None:
            raise NotThere(f"GET {path}: HTTP 404")
        return found

    return fetch


async def of(body: bytes, objects: Mapping[str, Any]) -> tuple[Outcome, ...]:
    return await mapping.translate(upstreams.account("billwerk"), body, api(objects))


async def told(body: bytes, objects: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Type and data of each event."""
    outcomes = await of(body, objects)
    assert all(isinstance(outcome, Published) for outcome in outcomes), outcomes
    return [(outcome.envelope["type"], outcome.envelope["data"]) for outcome in outcomes if isinstance(outcome, Published)]


def succeeded(id: str = TRANSACTION) -> bytes:
    return hint("PaymentSucceeded", PaymentTransactionId=id)


def registered() -> bytes:
    return hint("PaymentRegistered", ContractId=CONTRACT)


# --- who sends


def test_the_secret_of_the_address_lets_in_and_news_with_the_same_body_is_never_taken_for_known() -> None:
    first, second = (verify(upstreams.SECRET, {ADDRESS_SECRET: upstreams.SECRET}, registered(), now) for now in (NOW, NOW + 0.001))
    assert first.id != second.id
    assert first.case_id is None


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, registered(), "signature_missing"),
        ({ADDRESS_SECRET: ""}, registered(), "signature_missing"),
        ({ADDRESS_SECRET: "another"}, registered(), "signature_wrong"),
        ({ADDRESS_SECRET: "ü"}, registered(), "signature_wrong"),
        ({ADDRESS_SECRET: upstreams.SECRET}, b"", "body_unreadable"),
        ({ADDRESS_SECRET: upstreams.SECRET}, b"[]", "body_unreadable"),
        ({ADDRESS_SECRET: upstreams.SECRET}, b'{"Event": 1}', "body_unreadable"),
    ],
)
def test_who_does_not_know_the_address_is_refused(headers: dict[str, str], body: bytes, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        verify(upstreams.SECRET, headers, body, NOW)


# --- amounts


@given(st.sampled_from(OWED), st.integers(min_value=-(10**13), max_value=10**13))
def test_a_decimal_amount_comes_back_through_json_as_the_minor_units_it_was(currency: str, minor: int) -> None:
    main = Decimal(minor).scaleb(-exponent(currency))
    assert decimal_minor_units(json.loads(json.dumps(float(main))), currency) == minor
    assert decimal_minor_units(f"{main:f}", currency) == minor


@pytest.mark.parametrize("amount", [None, True, "", "1,50", "NaN", "Infinity", 1.005, "1e30", [1]])
def test_what_is_no_amount_of_euros_is_refused_by_name(amount: object) -> None:
    with pytest.raises(AmountUnusable, match="EUR"):
        decimal_minor_units(amount, "EUR")


# --- invoices


async def test_an_invoice_is_issued_as_it_stands_there() -> None:
    [(type, data)] = await told(hint("InvoiceCreated", InvoiceId=INVOICE), {INVOICE_PATH: billwerk_document()})
    assert type == "invoice.issued"
    assert data == {
        "invoice_id": INVOICE,
        "number": "R2018-0022",
        "issued_on": "2018-09-10",
        "due_on": "2018-09-24",
        "amount": 8925,
        "currency": "EUR",
    }


async def test_a_credit_note_is_credit_on_the_contract() -> None:
    note = billwerk_document(IsInvoice=False, TotalGross=-20.5)
    assert await told(hint("InvoiceCreated", InvoiceId=INVOICE), {INVOICE_PATH: note}) == [
        ("credit_note.issued", {"credit_note_id": INVOICE, "amount": 2050, "currency": "EUR"})
    ]


async def test_a_correction_without_a_credit_note_voids_the_old_invoice_and_one_with_it_does_not() -> None:
    body = hint("InvoiceCorrected", OldInvoiceDraftId="0ld", NewInvoiceDraftId="new1", NewInvoiceDraftIds=["new1"], ContractId=CONTRACT)
    invoice, note = billwerk_document("new1"), billwerk_document("new2", IsInvoice=False)
    events = await told(body, {"/api/v1/invoices/new1": invoice})
    assert [(type, data["invoice_id"]) for type, data in events] == [("invoice.issued", "new1"), ("invoice.cancelled", "0ld")]
    both = hint("InvoiceCorrected", OldInvoiceDraftId="0ld", NewInvoiceDraftIds=["new1", "new2"], ContractId=CONTRACT)
    events = await told(both, {"/api/v1/invoices/new1": invoice, "/api/v1/invoices/new2": note})
    assert [type for type, _ in events] == ["invoice.issued", "credit_note.issued"]
    again = await of(hint("InvoiceCreated", InvoiceId="new1"), {"/api/v1/invoices/new1": invoice})
    assert again[0] == (await of(both, {"/api/v1/invoices/new1": invoice, "/api/v1/invoices/new2": note}))[0]


# --- payments


async def test_a_debit_is_on_its_way_and_then_received() -> None:
    events = await told(succeeded(), {TRANSACTION_PATH: billwerk_transaction(*SUCCEEDED)})
    money = {"payment_id": TRANSACTION, "amount": 8925, "currency": "EUR", "method": "direct_debit", "invoice_id": INVOICE}
    assert events == [("payment.initiated", money), ("payment.received", {**money, "value_date": "2018-09-12"})]


async def test_a_debit_that_bounced_has_no_hint_of_its_own_and_is_found_by_any_hint_of_the_contract() -> None:
    ledger = [
        billwerk_entry("Chargeback", 89.25, BOUNCED[2][1], PaymentTransactionId=TRANSACTION, PaymentTransactionStatus="Chargeback"),
        billwerk_entry("Payment", -89.25, BOUNCED[1][1], PaymentTransactionId=TRANSACTION, PaymentTransactionStatus="Chargeback"),
        billwerk_entry("Receivable", 89.25, "2018-09-10T06:24:29.0000000Z", InvoiceId=INVOICE),
    ]
    objects = {LEDGER_PATH: ledger, TRANSACTION_PATH: billwerk_transaction(*BOUNCED)}
    for event in ("PaymentProcessStatusChanged", "PaymentEscalated", "PaymentEscalationReset", "PaymentRegistered"):
        events = await told(hint(event, ContractId=CONTRACT), objects)
        assert [type for type, _ in events] == ["payment.initiated", "payment.received", "chargeback.received"]
    assert events[-1][1] == {
        "chargeback_id": f"{TRANSACTION}/chargeback",
        "payment_id": TRANSACTION,
        "amount": 8925,
        "reason_code": "other",
        "booked_on": "2018-09-20",
        "upstream_code": "Chargeback",
    }


async def test_a_debit_that_bounced_was_paid_and_bounced_again_is_two_chargebacks_of_which_one_is_reversed() -> None:
    events = await told(succeeded(), {TRANSACTION_PATH: billwerk_transaction(*RETURNED_AGAIN)})
    assert [(type, data.get("chargeback_id")) for type, data in events[2:]] == [
        ("chargeback.received", f"{TRANSACTION}/chargeback"),
        ("chargeback.reversed", f"{TRANSACTION}/chargeback"),
        ("chargeback.received", f"{TRANSACTION}/chargeback/2"),
    ]


@pytest.mark.parametrize("status", ["Failed", "Canceled", "Cancelled", "Chargeback"])
async def test_what_never_arrived_failed(status: str) -> None:
    transaction = billwerk_transaction(BOUNCED[0], (status, "2018-09-11T00:00:00Z"))
    events = await told(hint("PaymentFailed", PaymentTransactionId=TRANSACTION), {TRANSACTION_PATH: transaction})
    assert events[1:] == [("payment.failed", {"payment_id": TRANSACTION, "reason_code": "other", "reason": status})]


async def test_money_given_back_by_the_provider() -> None:
    transaction = billwerk_transaction(*SUCCEEDED, ("Refunded", "2018-09-15T00:00:00Z"))
    events = await told(succeeded(), {TRANSACTION_PATH: transaction})
    data = {"payment_id": TRANSACTION, "refund_id": f"{TRANSACTION}/refund", "amount": 8925, "refunded_on": "2018-09-15"}
    assert events[2:] == [("payment.refunded", data)]


async def test_two_transfers_of_one_moment_and_amount_are_two_payments() -> None:
    at = "2018-10-01T00:00:00.0000000Z"
    ledger = [billwerk_entry("Payment", -50.0, at), billwerk_entry("Payment", -50.0, at), billwerk_entry("Payment", -9.5, at)]
    events = await told(registered(), {LEDGER_PATH: ledger})
    assert [(data["payment_id"].removeprefix(f"{CONTRACT}/{at}/"), data["amount"]) for _, data in events] == [
        ("5000", 5000),
        ("5000/2", 5000),
        ("950", 950),
    ]
    assert {data["value_date"] for _, data in events} == {"2018-10-01"}


async def test_any_hint_of_a_thing_in_any_order_yields_the_same_events() -> None:
    """Read at any time, early or late: what was told before is told again, to the byte, and the rest is added."""
    ledger = [
        billwerk_entry("Payment", -10.0, "2018-09-30T00:00:00.0000000Z"),
        billwerk_entry("Payment", -89.25, BOUNCED[1][1], PaymentTransactionId=TRANSACTION),
    ]
    hints = [
        succeeded(),
        hint("PaymentFailed", PaymentTransactionId=TRANSACTION),
        registered(),
        hint("PaymentEscalated", ContractId=CONTRACT),
    ]
    seen: dict[str, bytes] = {}
    for length, body in itertools.product(range(1, len(RETURNED_AGAIN) + 1), random.Random(7).sample(hints, len(hints))):
        transaction = billwerk_transaction(*RETURNED_AGAIN[:length])
        for outcome in await of(body, {LEDGER_PATH: ledger, TRANSACTION_PATH: transaction}):
            assert isinstance(outcome, Published)
            assert seen.setdefault(outcome.envelope["id"], outcome.value) == outcome.value
    types = sorted(json.loads(value)["type"] for value in seen.values())
    assert types == [
        *("chargeback.received", "chargeback.received", "chargeback.reversed"),
        *("payment.initiated", "payment.received", "payment.received"),
    ]


# --- what is not taken


@pytest.mark.parametrize(
    ("body", "objects", "why", "detail"),
    [
        (hint("PlanCreated", PlanId="1"), {}, "unknown_type", ""),
        (hint("DunningCreated", ContractId=CONTRACT), {}, "no_news", ""),
        (succeeded("gone"), {}, "not_there", "gone"),
        (succeeded("../contracts"), {}, "unusable", ""),
        (succeeded("a?take=1"), {}, "unusable", ""),
        (hint("PaymentSucceeded"), {}, "unusable", "PaymentTransactionId"),
        (succeeded(), {TRANSACTION_PATH: billwerk_transaction(("Created", BOUNCED[0][1]))}, "no_news", ""),
        (succeeded(), {TRANSACTION_PATH: billwerk_transaction(("PartiallyRefunded", BOUNCED[0][1]))}, "unusable", "PartiallyRefunded"),
        (succeeded(), {TRANSACTION_PATH: billwerk_transaction(("Succeeded", "yesterday"))}, "unusable", ""),
        (succeeded(), {TRANSACTION_PATH: billwerk_transaction(SUCCEEDED[1], ContractId=None)}, "no_contract", ""),
        (succeeded(), {TRANSACTION_PATH: billwerk_transaction(SUCCEEDED[1], amount=0.005)}, "unusable", "EUR"),
        (registered(), {LEDGER_PATH: [billwerk_entry("Payment", 5.0, "2018-10-01T00:00:00Z")]}, "unusable", "2018-10-01"),
        (registered(), {LEDGER_PATH: []}, "no_news", ""),
        (hint("InvoiceCreated", InvoiceId=INVOICE), {INVOICE_PATH: {}}, "unusable", ""),
    ],
)
async def test_what_means_nothing_here_is_skipped_with_a_reason(body: bytes, objects: dict[str, Any], why: str, detail: str) -> None:
    [outcome] = await of(body, objects)
    assert isinstance(outcome, Skipped), outcome
    assert outcome.why == why
    assert detail in outcome.detail


async def test_one_entry_that_cant_be_used_holds_up_no_other() -> None:
    ledger = [
        billwerk_entry("Payment", -1.0, "2018-10-03T00:00:00Z", PaymentTransactionId="gone"),
        billwerk_entry("Payment", -0.001, "2018-10-02T00:00:00Z"),
        billwerk_entry("Payment", -7.0, "2018-10-01T00:00:00Z"),
    ]
    outcomes = await of(registered(), {LEDGER_PATH: ledger})
    assert [outcome.why if isinstance(outcome, Skipped) else outcome.envelope["type"] for outcome in outcomes] == [
        *("unusable", "payment.received", "not_there")
    ]


async def test_a_failure_after_success_is_left_to_a_person() -> None:
    transaction = billwerk_transaction(*SUCCEEDED, ("Failed", "2018-09-15T00:00:00Z"))
    *_, last = await of(succeeded(), {TRANSACTION_PATH: transaction})
    assert isinstance(last, Skipped)
    assert (last.why, TRANSACTION in last.detail) == ("unusable", True)


async def test_what_is_only_reserved_is_no_payment() -> None:
    transaction = billwerk_transaction(*SUCCEEDED)
    transaction["StatusHistory"] = [{**state, "Preauth": True} for state in transaction["StatusHistory"]]
    [outcome] = await of(succeeded(), {TRANSACTION_PATH: transaction})
    assert isinstance(outcome, Skipped)
    assert outcome.why == "no_news"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"Event"'])
async def test_what_is_no_hint_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        await of(body, {})
