"""Sections 2, 6 and 7 by hand: what agencies remit and keep, what debtors designate, and what accounting is told of all of it."""

import pytest

from tests.auditor.tale import JUDGES, Tale, Verdict

pytestmark = pytest.mark.parametrize("judge", JUDGES)


def handed_over() -> Tale:
    """R1 over 100.00, reminded on 24 January and 2 February (fee 2.50), with the agency since 18 February."""
    one = Tale()
    one.invoice()
    one.days("2026-01-19", "2026-02-18")
    one.replies("case.passed", "2026-02-19", agency="atriga", case_id="A-1")
    return one


def booked(verdict: Verdict) -> list[tuple[str | int, ...]]:
    names = ("dated", "booking", "invoice_id", "component", "amount")
    return [tuple(one["data"][name] for name in names) for one in verdict.told.lists["bookings"]]


# --- payouts net of fees


def test_a_payout_counts_with_the_fees_that_the_agency_kept(judge: str) -> None:
    """40.00 collected; 35.00 come, 5.00 were kept: nothing is left. Of what comes and goes back, only what is left counts."""
    one = handed_over()
    one.replies("case.payment_received", "2026-02-20", payment_id="X1", amount=4_000, value_date="2026-02-20")
    assert one.by(judge).now("agency_balance", "open_amount", "costs") == [4_000, 6_250, 0]
    one.pays("P1", "2026-03-01", 3_500, via="agency", withheld=500, statement_id="S-1")
    assert one.by(judge).now("agency_balance", "open_amount", "attention") == [0, 6_250, []]
    one.event("payment.refunded", "2026-03-02", payment_id="P1", refund_id="F1", amount=1_000)
    assert one.by(judge).now("agency_balance", "open_amount") == [1_000, 6_250]
    one.event("payment.failed", "2026-03-03", payment_id="P1")
    assert one.by(judge).now("agency_balance", "open_amount") == [4_000, 6_250]
    assert "case.report_payment" not in [kind for _, kind in one.by(judge).commands()]


def test_a_payout_of_which_nobody_told_asks_for_attention_until_somebody_did(judge: str) -> None:
    one = handed_over()
    one.pays("P1", "2026-03-01", 3_500, via="agency", withheld=500)
    assert one.by(judge).now("agency_balance", "open_amount", "attention") == [0, 10_000, ["payout_unmatched"]]
    one.event("attention.cleared", "2026-03-02", by="ann", name="payout_unmatched")
    one.tick("2026-03-02")
    assert one.by(judge).now("attention") == [[]]
    one.replies("case.payment_received", "2026-03-03", payment_id="X1", amount=4_000, value_date="2026-02-20")
    one.pays("P2", "2026-03-04", 0, via="agency", withheld=1)
    assert one.by(judge).now("agency_balance", "open_amount", "attention") == [0, 6_250, ["payout_unmatched"]]


# --- allocations


def test_what_is_allocated_settles_that_much_and_the_rest_what_is_oldest(judge: str) -> None:
    """90.00: 30.00 of R3, 10.00 of R2, and the rest of 50.00 in the order of the law, R1 first. Taken back the other way round."""
    one = Tale(steps=[])
    for number, due in enumerate(("2026-01-10", "2026-01-11", "2026-01-12"), 1):
        one.invoice(f"R{number}", due=due, amount=4_000)
    parts = [{"invoice_id": "R3", "amount": 3_000}, {"invoice_id": "R2", "amount": 1_000}]
    one.pays("P1", "2026-01-20", 9_000, allocations=parts)
    assert left(one, judge) == {"R2": 2_000, "R3": 1_000}
    one.event("payment.refunded", "2026-01-21", payment_id="P1", refund_id="F1", amount=5_500)
    assert left(one, judge) == {"R1": 4_000, "R2": 3_500, "R3": 1_000}
    one.event("chargeback.received", "2026-01-22", chargeback_id="B1", payment_id="P1", amount=1_500, booked_on="2026-01-22")
    assert left(one, judge) == {"R1": 4_000, "R2": 4_000, "R3": 2_000}


def test_what_is_allocated_to_what_is_not_known_or_owed_flows_on(judge: str) -> None:
    one = Tale(steps=[])
    one.invoice("R1", amount=4_000)
    one.invoice("R2", amount=4_000)
    one.event("invoice.cancelled", "2026-01-06", invoice_id="R2")
    parts = [{"invoice_id": "R3", "amount": 3_000}, {"invoice_id": "R2", "amount": 1_000}]
    one.pays("P1", "2026-01-20", 3_500, allocations=parts)
    assert left(one, judge) == {"R1": 500}
    one.invoice("R3", at="2026-01-21", due="2026-02-01", amount=5_000)
    assert left(one, judge) == {"R1": 3_500, "R3": 2_000}


def left(one: Tale, judge: str) -> dict[str, int]:
    return {row["invoice_id"]: row["open"] for row in one.by(judge).status["receivables"]}


# --- balance.stated


def test_a_statement_of_billing_agrees_with_principal_alone(judge: str) -> None:
    """On 3 February 60.00 are open beside the fee of the day before; what was paid on the 4th is none of its business."""
    one = Tale()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pays("P1", "2026-02-03", 4_250)
    one.pays("P2", "2026-02-04", 1_000)
    one.event("balance.stated", "2026-02-05", as_of="2026-02-03", open_amount=10_000)
    one.days("2026-02-18", "2026-02-19")
    assert one.by(judge).now("attention", "waiting_for", "status") == [["balance_differs"], ["balance"], "Reminded"]
    one.event("balance.stated", "2026-02-19", as_of="2026-02-03", open_amount=6_000)
    one.tick("2026-02-20")
    assert one.by(judge).now("attention", "status", "open_amount") == [[], "ToBePassed", 5_000]


# --- bookings


def test_accounting_is_told_of_the_fee_and_of_what_became_of_it(judge: str) -> None:
    """P1 of 30 January is found on 5 February: without it the fee of the 2nd would be owed, with it it is not."""
    one = Tale()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pays("P1", "2026-02-05", 10_000, value_date="2026-01-30")
    one.event("payment.refunded", "2026-02-06", payment_id="P1", refund_id="F1", amount=1)
    assert booked(one.by(judge)) == [
        ("2026-02-02", "cost_charged", "R1", "costs", 250),
        ("2026-02-05", "cost_cancelled", "R1", "costs", -250),
        ("2026-02-06", "cost_charged", "R1", "costs", 250),
    ]


def test_accounting_is_told_what_the_agency_settled_or_gave_up(judge: str) -> None:
    """60.00 of the agency settle the fee first; a direct payment of before takes its place, and the rest is written off at the close."""
    one = handed_over()
    one.replies("case.payment_received", "2026-02-20", payment_id="X1", amount=6_000, value_date="2026-02-20")
    one.pays("P1", "2026-02-21", 1_250, value_date="2026-02-10")
    one.replies("case.closed", "2026-02-25", outcome="successful", reason="settlement")
    one.pays("P9", "2026-03-01", 5_000, via="agency", withheld=1_000)
    assert booked(one.by(judge)) == [
        ("2026-02-02", "cost_charged", "R1", "costs", 250),
        ("2026-02-20", "agency_settled", "R1", "principal", 5_750),
        ("2026-02-20", "agency_settled", "R1", "costs", 250),
        ("2026-02-21", "agency_settled", "R1", "principal", 250),
        ("2026-02-21", "agency_settled", "R1", "costs", -250),
        ("2026-02-25", "written_off", "R1", "principal", 3_000),
    ]
    assert one.by(judge).now("open_amount", "costs", "written_off", "agency_balance") == [0, 0, 3_000, 0]


def test_what_an_agency_settles_beyond_its_case_is_booked_where_it_went(judge: str) -> None:
    one = handed_over()
    one.invoice("R2", at="2026-02-19", due="2026-03-05", amount=2_000)
    one.replies("case.payment_received", "2026-02-20", payment_id="X1", amount=13_000, value_date="2026-02-20")
    one.invoice("R3", at="2026-02-21", due="2026-03-07", amount=2_000)
    assert booked(one.by(judge))[1:] == [
        ("2026-02-20", "agency_settled", "R1", "principal", 10_000),
        ("2026-02-20", "agency_settled", "R1", "costs", 250),
        ("2026-02-20", "agency_settled", "R2", "principal", 2_000),
        ("2026-02-21", "agency_settled", "R3", "principal", 750),
    ]
    assert one.by(judge).now("agency_balance", "credit", "open_amount") == [13_000, 0, 1_250]
