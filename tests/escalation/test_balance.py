"""Section 1: what billing states is compared with the books of that day; where they differ reminder and handover wait."""

from typing import Any

import pytest

from tests.escalation.harness import World, world


def due() -> World:
    """Due 2026-01-19: reminder on 2026-01-24."""
    one = world()
    one.invoice()
    return one


def state(one: World, at: str, amount: int, as_of: str | None = None) -> None:
    one.event("balance.stated", at, as_of=as_of or at, open_amount=amount)


def test_what_agrees_changes_nothing() -> None:
    one = due()
    state(one, "2026-01-20", 10_000)
    one.days("2026-01-20", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


def test_a_difference_makes_the_reminder_wait_until_a_later_one_agrees() -> None:
    one = due()
    state(one, "2026-01-22", 6_000)
    assert one.status["attention"] == ["balance_differs"]
    one.days("2026-01-22", "2026-01-26")
    assert (one.status["waiting_for"], one.status["next_step_on"], one.reminders) == (["balance"], "2026-01-24", [])
    one.pay("P1", "2026-01-21", 4_000, at="2026-01-26")
    assert one.status["attention"] == ["balance_differs"]
    state(one, "2026-01-27", 6_000)
    assert one.status["attention"] == []
    one.tick("2026-01-27")
    assert one.reminders == [("2026-01-27", 1)]


def test_it_may_be_cleared() -> None:
    one = due()
    state(one, "2026-01-22", 6_000)
    one.event("attention.cleared", "2026-01-23", by="ann", name="balance_differs")
    one.days("2026-01-23", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


def test_the_handover_waits_too() -> None:
    one = due()
    one.days("2026-01-20", "2026-02-10")
    state(one, "2026-02-10", 1)
    one.days("2026-02-11", "2026-02-20")
    assert (one.status["waiting_for"], one.commands) == (["balance"], [])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("payment.received", {"payment_id": "P1", "amount": 4_000, "currency": "EUR", "value_date": "2026-01-12"}),
        ("invoice.corrected", {"invoice_id": "R1", "amount": 6_000}),
        ("invoice.cancelled", {"invoice_id": "R1"}),
        ("invoice.written_off", {"invoice_id": "R1"}),
        ("credit_note.issued", {"credit_note_id": "N1", "invoice_id": "R1", "amount": 4_000}),
        ("invoice.issued", {"invoice_id": "R2", "issued_on": "2026-01-12", "due_on": "2026-02-12", "amount": 1, "currency": "EUR"}),
    ],
)
def test_the_books_are_those_of_the_day(kind: str, data: dict[str, Any]) -> None:
    one = due()
    one.event(kind, "2026-01-12", **data)
    state(one, "2026-01-13", 10_000, as_of="2026-01-11")
    assert one.status["attention"] == []
    state(one, "2026-01-14", 10_000, as_of="2026-01-12")
    assert one.status["attention"] == ["balance_differs"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("payment.failed", {"payment_id": "P1"}),
        ("payment.refunded", {"payment_id": "P1", "refund_id": "F1", "amount": 4_000}),
        ("payment.refunded", {"payment_id": "P1", "refund_id": "F1", "amount": 4_000, "refunded_on": "2026-01-12"}),
        ("chargeback.received", {"payment_id": "P1", "chargeback_id": "B1", "amount": 4_000, "booked_on": "2026-01-12"}),
    ],
)
def test_what_was_taken_back_later_was_still_there(kind: str, data: dict[str, Any]) -> None:
    one = due()
    one.pay("P1", "2026-01-08", 4_000)
    one.event(kind, "2026-01-12", **data)
    state(one, "2026-01-13", 6_000, as_of="2026-01-11")
    assert one.status["attention"] == []
    state(one, "2026-01-14", 10_000, as_of="2026-01-12")
    assert one.status["attention"] == []


def test_what_was_set_aside_before_its_receivable_was_issued_is_no_obstacle() -> None:
    """issued_on lies ahead of the invoice: on the day that is stated it was not there yet, though written off."""
    one = due()
    one.invoice("R2", at="2026-01-08", due="2026-01-10", amount=500, issued_on="2026-01-15")
    one.event("invoice.written_off", "2026-01-09", invoice_id="R2", amount=100)
    one.days("2026-01-20", "2026-02-03")
    state(one, "2026-02-03", 10_000, as_of="2026-01-12")
    assert one.status["attention"] == []


def test_a_fee_before_its_receivable_was_issued_is_no_obstacle() -> None:
    """issued_on lies after the reminders, as it may in a file that was put together later."""
    one = world()
    one.invoice("R1", at="2026-01-05", due="2026-01-10", issued_on="2026-03-01")
    one.days("2026-01-11", "2026-01-24")
    assert one.status["costs"] == 250
    state(one, "2026-01-25", 0, as_of="2026-01-24")
    assert one.status["attention"] == []


def test_costs_are_not_part_of_it() -> None:
    one = due()
    one.days("2026-01-20", "2026-02-03")
    assert one.status["costs"] == 250
    state(one, "2026-02-03", 10_000)
    assert one.status["attention"] == []


def test_an_older_statement_that_comes_late_says_nothing_about_today() -> None:
    one = due()
    state(one, "2026-01-20", 10_000)
    state(one, "2026-01-21", 1, as_of="2026-01-10")
    assert one.status["attention"] == []
    state(one, "2026-01-22", 1)
    state(one, "2026-01-23", 10_000, as_of="2026-01-10")
    assert one.status["attention"] == ["balance_differs"]


def test_it_is_over_with_the_cycle() -> None:
    one = due()
    one.tick("2026-01-20")
    state(one, "2026-01-20", 1)
    one.pay("P1", "2026-01-21", 10_000)
    assert (one.status["status"], one.status["attention"]) == ("Clear", [])
