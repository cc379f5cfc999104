"""Section 7, `domain.md` 6: case-status warns of the day until which everything open can be enforced."""

from tests.escalation.harness import world


def test_three_years_from_the_end_of_the_year_in_which_the_oldest_was_invoiced() -> None:
    one = world()
    one.invoice("R1", at="2025-12-31", due="2026-01-19")
    one.invoice("R2", at="2026-01-05")
    assert one.status["limitation_on"] == "2028-12-31"
    one.pay("P1", "2026-01-10", 10_000, invoice_id="R1")
    assert one.status["limitation_on"] == "2029-12-31"


def test_a_part_payment_begins_it_anew() -> None:
    one = world()
    one.invoice("R1", at="2025-06-01", due="2025-06-15")
    one.pay("P1", "2026-03-10", 4_000)
    assert one.status["limitation_on"] == "2029-03-10"
    one.event(
        "chargeback.received", "2026-03-20", chargeback_id="B1", payment_id="P1", amount=4_000, currency="EUR", booked_on="2026-03-19"
    )
    assert one.status["limitation_on"] == "2028-12-31"


def test_a_part_payment_in_the_year_of_the_invoice_changes_nothing() -> None:
    one = world()
    one.invoice("R1", at="2026-01-05")
    one.pay("P1", "2026-03-10", 4_000)
    assert one.status["limitation_on"] == "2029-12-31"


def test_of_what_is_paid_nothing_is_said() -> None:
    one = world()
    one.invoice("R1", at="2026-01-05")
    one.pay("P1", "2026-03-10", 10_000)
    assert one.status["limitation_on"] is None
