"""Sections 4 and 5: the step offer_payment, and the ways to pay that offers and reminders carry."""

from typing import Any

import pytest

from tests.escalation.harness import World, world

CREDITOR = {"name": "Grünland Energie GmbH", "address": "Weg 1, 60311 Frankfurt", "iban": "DE02 1203 0000 0000 2020 51"}
LINK = "https://pay.example/{tenant}/{contract}/{cycle}"
OFFER: dict[str, Any] = {
    "kind": "offer_payment",
    "day": 9,
    "methods": ["link", "qr", "barcode"],
    "methods_if_account_unusable": ["barcode"],
}
STEPS = [{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 250}}, OFFER]


def offering(creditor: dict[str, Any] | None = CREDITOR, **changes: Any) -> World:
    one = world(**{"steps": STEPS, "payment_link": LINK, **changes})
    if creditor is not None:
        one.broadcast("tenant.configured", "2026-01-01", tenant="acme", creditor=creditor)
    return one


def offers(one: World) -> list[dict[str, Any]]:
    return [out.data for out in one.of("notice.payment_offer")]


def test_an_offer_is_a_step_with_every_way_to_pay() -> None:
    one = offering()
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    [offer] = offers(one)
    assert [offer[name] for name in ("amount", "costs", "currency", "reference")] == [10_000, 250, "EUR", "C-1/1"]
    assert offer["methods"] == ["link", "qr", "barcode"]
    assert offer["link"] == "https://pay.example/acme/C-1/1"
    assert offer["barcode"] == "C-1/1"
    assert [(each["invoice_id"], each["covered"]) for each in offer["receivables"]] == [("R1", True)]
    assert [one.status[name] for name in ("status", "dunning_level", "rung", "next_step")] == ["Reminded", 1, 2, None]


def test_the_qr_code_is_a_credit_transfer_over_all_that_is_asked_for() -> None:
    """EPC069-12: service tag, version, character set (1: UTF-8), identification, BIC, name, IBAN, amount, purpose, reference, text."""
    one = offering()
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    lines = ["BCD", "002", "1", "SCT", "", "Grünland Energie GmbH", "DE02120300000000202051", "EUR102.5", "", "", "C-1/1"]
    assert offers(one)[0]["qr_payload"].split("\n") == lines


def test_an_offer_is_no_reminder() -> None:
    one = offering(steps=[OFFER], default="first_reminder")
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    assert len(offers(one)) == 1
    assert [one.status[name] for name in ("status", "dunning_level", "rung")] == ["Due", 0, 1]


def test_reminders_carry_the_ways_to_pay() -> None:
    one = offering()
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    [reminder] = one.of("notice.reminder")
    assert [reminder.data[name] for name in ("link", "barcode")] == ["https://pay.example/acme/C-1/1", "C-1/1"]
    assert "EUR102.5" in reminder.data["qr_payload"].split("\n")


@pytest.mark.parametrize("creditor", [None, {"name": "Ohne Konto", "address": "Weg 1"}, {**CREDITOR, "iban": "DE"}])
def test_what_cannot_be_offered_is_left_out(creditor: dict[str, Any] | None) -> None:
    one = offering(creditor, payment_link=None) if creditor else offering(None)
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    offer = offers(one)[0]
    assert offer["methods"] == (["barcode"] if creditor else ["link", "barcode"])
    assert "qr_payload" not in offer


def test_names_in_a_link_are_quoted() -> None:
    one = offering(payment_link="https://pay.example/?c={contract}&t={tenant}")
    one.key = b"acme/Vertrag 7&8"
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    assert one.of("notice.reminder")[0].data["link"] == "https://pay.example/?c=Vertrag%207%268&t=acme"


def test_a_bar_code_holds_no_letters_beyond_ascii() -> None:
    one = offering()
    one.key = "acme/Größe".encode()
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    assert offers(one)[0]["methods"] == ["link", "qr"]


def test_a_link_with_an_unknown_placeholder_is_refused() -> None:
    one = World()
    one.apply_policy("2026-01-01", payment_link="https://pay.example/{customer}")
    assert "holds a placeholder nobody fills" in one.refused[0][1]


def returned(one: World, *, code: str, on: str, chargeback_id: str = "B1") -> None:
    one.event("chargeback.received", on, chargeback_id=chargeback_id, payment_id="P1", amount=100, reason_code=code, booked_on=on)


@pytest.mark.parametrize("code", ["AC04", "AC06", "AC01", "AC13", "AG01", "RC01", "SL01"])
def test_no_bank_link_for_somebody_without_a_bank_account(code: str) -> None:
    one = offering()
    one.invoice()
    one.pay("P1", "2026-01-10", 100)
    returned(one, code=code, on="2026-01-15")
    one.days("2026-01-19", "2026-01-28")
    assert offers(one)[0]["methods"] == ["barcode"]


def test_of_one_day_the_return_that_comes_last_by_kind_and_id_counts() -> None:
    """As money does (section 2), whatever the order in which they arrive."""
    one = offering()
    one.invoice()
    one.pay("P1", "2026-01-10", 100)
    one.event("payment.failed", "2026-01-15", payment_id="A-1", reason_code="MS03")
    returned(one, code="AC04", on="2026-01-15", chargeback_id="Z-9")
    one.days("2026-01-19", "2026-01-28")
    assert offers(one)[0]["methods"] == ["link", "qr", "barcode"]


def test_the_latest_return_counts_and_not_one_that_was_reversed() -> None:
    one = offering()
    one.invoice()
    one.pay("P1", "2026-01-10", 200)
    returned(one, code="AC04", on="2026-01-15")
    returned(one, code="AM04", on="2026-01-16", chargeback_id="B2")
    one.days("2026-01-19", "2026-01-28")
    assert offers(one)[0]["methods"] == ["link", "qr", "barcode"]
    other = offering()
    other.invoice()
    other.pay("P1", "2026-01-10", 200)
    returned(other, code="AC04", on="2026-01-15")
    other.event("chargeback.reversed", "2026-01-16", chargeback_id="B1", booked_on="2026-01-16")
    other.days("2026-01-19", "2026-01-28")
    assert offers(other)[0]["methods"] == ["link", "qr", "barcode"]


@pytest.mark.parametrize(("day", "methods"), [("2026-01-29", ["barcode"]), ("2026-01-28", ["link", "qr", "barcode"])])
def test_a_return_counts_for_ninety_days(day: str, methods: list[str]) -> None:
    """The offer is on 2026-04-29, which is 90 days after 2026-01-29."""
    one = offering(steps=[{**OFFER, "day": 100}])
    one.invoice()
    one.event("payment.failed", day, payment_id="P7", reason_code="AC04")
    one.days("2026-01-19", "2026-04-29")
    assert offers(one)[0]["methods"] == methods
