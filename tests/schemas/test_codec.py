"""Reading events: what is accepted, what is refused, and what the refusal says."""

import json
from typing import Any

import pytest

from schemas import topics
from schemas.billing import InvoiceIssued
from schemas.codec import EVENT_MAX_BYTES, UnknownType, Unreadable, decode, encode

INVOICE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/billing/acme",
    "type": "invoice.issued",
    "subject": "C-1",
    "time": "2026-01-05T09:00:00Z",
    "tenant": "acme",
    "data": {"invoice_id": "I-1", "issued_on": "2026-01-05", "due_on": "2026-01-19", "amount": 1999, "currency": "EUR"},
}


def _bytes(**changes: Any) -> bytes:
    return json.dumps({**INVOICE, **changes}).encode()


def _data(**changes: Any) -> bytes:
    return _bytes(data={**INVOICE["data"], **changes})


def _refusal(value: bytes | None, topic: str = topics.INVOICES, key: bytes | None = None) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        decode(topic, value, (), key)
    return refusal.value


def test_structured_event_is_read_with_its_key() -> None:
    event = decode(topics.INVOICES, _bytes(), (), b"acme/C-1")
    assert isinstance(event, InvoiceIssued)
    assert (event.key, event.data.amount, str(event.data.due_on)) == ("acme/C-1", 1999, "2026-01-19")


def test_binary_mode_reads_as_structured_mode_does() -> None:
    headers = [(f"ce_{name}", str(value).encode()) for name, value in INVOICE.items() if name != "data"]
    assert decode(topics.INVOICES, json.dumps(INVOICE["data"]).encode(), headers) == decode(topics.INVOICES, _bytes())


@pytest.mark.parametrize("fraction", ["", ".1", ".123456", ".1234567", ".123456789012345"])
def test_any_number_of_fractional_digits(fraction: str) -> None:
    event = decode(topics.INVOICES, _bytes(time=f"2026-01-05T09:00:00{fraction}+01:00"))
    assert event.time.isoformat().startswith("2026-01-05T09:00:00")


def test_unknown_fields_are_ignored_and_open_lists_take_other() -> None:
    event = decode(topics.INVOICES, _data(payment_method="barter", colour="green"))
    assert event.data.payment_method == "other"


@pytest.mark.parametrize(
    ("value", "reason", "place"),
    [
        (b"{", "not JSON", "EOF"),
        (b"\xff\xfe", "not JSON", ""),
        (b"[]", "invalid", "the envelope"),
        (b"null", "invalid", "the envelope"),
        (_bytes(tenant="a/b"), "invalid", "tenant"),
        (_bytes(subject=""), "invalid", "subject"),
        (_bytes(specversion="0.3"), "invalid", "specversion"),
        (_bytes(time="2026-01-05T09:00:00"), "invalid", "time"),
        (_bytes(time="2026-01-05"), "invalid", "time"),
        (_bytes(time="1700000000"), "invalid", "time"),
        (_bytes(time=1700000000), "invalid", "time"),
        (_bytes(time="1969-12-31T00:00:00Z"), "invalid", "time"),
        (_data(amount=1.0), "invalid", "data.amount"),
        (_data(amount="5"), "invalid", "data.amount"),
        (_data(amount=True), "invalid", "data.amount"),
        (_data(amount=-1), "invalid", "data.amount"),
        (_data(amount=2**53), "invalid", "data.amount"),
        (_data(currency="euro"), "invalid", "data.currency"),
        (_data(due_on="2026-02-30"), "invalid", "data.due_on"),
        (_data(due_on="20260101"), "invalid", "data.due_on"),
        (_data(due_on="2026-01-01T00:00:00"), "invalid", "data.due_on"),
        (_data(due_on="1767225600"), "invalid", "data.due_on"),
        (_data(due_on="9999-12-31"), "invalid", "data.due_on"),
        (None, "no value", "billing.invoices"),
        (b" " * (EVENT_MAX_BYTES + 1), "too large", "bytes"),
    ],
)
def test_refusal_names_the_reason_and_the_field(value: bytes | None, reason: str, place: str) -> None:
    refusal = _refusal(value)
    assert refusal.reason == reason
    assert place in refusal.detail


def test_missing_field_is_named() -> None:
    data = {name: value for name, value in INVOICE["data"].items() if name != "due_on"}
    assert "data.due_on" in _refusal(_bytes(data=data)).detail
    assert "type" in _refusal(json.dumps({k: v for k, v in INVOICE.items() if k != "type"}).encode()).detail


def test_refusal_never_repeats_the_value() -> None:
    described = {**INVOICE, "type": "debtor.described", "data": {"kind": "Erika Mustermann"}}
    assert "Mustermann" not in _refusal(json.dumps(described).encode(), topics.DEBTORS).detail


def test_key_must_agree_with_the_envelope() -> None:
    assert _refusal(_bytes(), key=b"acme/C-2").reason == "wrong key"
    assert _refusal(_bytes(), key=b"other/C-1").reason == "wrong key"


@pytest.mark.parametrize("topic", [topics.INVOICES, topics.PAYMENTS, topics.TIMERS, topics.REPLIES])
def test_unknown_type_is_told_apart(topic: str) -> None:
    with pytest.raises(UnknownType) as refusal:
        decode(topic, _bytes(type="invoice.admired"))
    assert refusal.value.event_type == "invoice.admired"


def test_a_type_of_another_topic_is_unknown_here() -> None:
    with pytest.raises(UnknownType):
        decode(topics.PAYMENTS, _bytes())


@pytest.mark.parametrize(("field", "value"), [("outcome", "maybe"), ("phase", "fourth_dunning")])
def test_closed_lists_refuse_unknown_values(field: str, value: str) -> None:
    kind = {"outcome": "case.closed", "phase": "case.phase_changed"}[field]
    data = {"handover_id": "h", "occurred_at": "2026-01-05T09:00:00Z", "reason": "r", field: value}
    assert f"data.{field}" in _refusal(_bytes(type=kind, data=data), topics.REPLIES).detail


def test_written_events_read_back_equal() -> None:
    event = decode(topics.INVOICES, _data(number="2026/1", payment_method="transfer"))
    assert decode(topics.INVOICES, encode(event)) == event
    assert b"null" not in encode(event)


def test_holds_write_from_under_its_public_name() -> None:
    data = {"hold_id": "h", "kind": "manual", "from": "2026-01-05", "by": "erika"}
    event = decode(topics.INSTRUCTIONS, _bytes(type="hold.placed", data=data))
    assert json.loads(encode(event))["data"]["from"] == "2026-01-05"
