"""Section 6: money while a case is open, and what the agency must be told of it."""

from typing import Any

import pytest

from tests.escalation.cases import HAND_OVER, accepted, handed_over
from tests.escalation.harness import world


def test_what_the_agency_collects_settles_the_case_first_and_is_not_told_back() -> None:
    one = accepted()
    one.invoice("R0", at="2026-01-06", due="2026-01-10", amount=1_000)
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "credit")] == [7_000, 4_000, 0]
    assert one.status["receivables"][0]["invoice_id"] == "R0"
    one.reply("case.payment_received", "2026-02-03", payment_id="X2", amount=7_500, value_date="2026-02-02")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "credit")] == [0, 11_500, 500]
    assert [kind for kind, _ in one.commands] == ["case.submit"]


def test_a_negative_payment_of_the_agency_lowers_the_last_ones() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    one.reply("case.payment_received", "2026-02-03", payment_id="X2", amount=1_000, value_date="2026-02-02")
    one.reply("case.payment_received", "2026-02-04", payment_id="X3", amount=-2_500, value_date="2026-02-03")
    assert [one.status[name] for name in ("open_amount", "agency_balance")] == [7_500, 2_500]


def test_a_payment_that_came_back_on_its_own_day_whatever_its_id() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X2", amount=1_000, value_date="2026-02-02")
    one.reply("case.payment_received", "2026-02-03", payment_id="X1", amount=-1_000, value_date="2026-02-02")
    assert [one.status[name] for name in ("open_amount", "agency_balance")] == [10_000, 0]


def test_a_payout_lowers_the_balance_by_what_was_kept_too() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    one.pay("P1", "2026-02-10", 3_500, via="agency", withheld=500, statement_id="S")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "attention")] == [6_000, 0, []]


def test_a_payout_of_nothing_but_fees_lowers_the_balance_too() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=100, value_date="2026-02-01")
    one.pay("P1", "2026-02-10", 0, via="agency", withheld=100)
    assert [one.status[name] for name in ("agency_balance", "attention")] == [0, []]


def test_a_direct_payment_is_reported_once_and_its_difference_later() -> None:
    one = accepted()
    one.pay("P1", "2026-02-01", 3_000)
    one.event("payment.refunded", "2026-02-02", payment_id="P1", refund_id="F1", amount=500)
    one.event("chargeback.received", "2026-02-03", chargeback_id="B1", payment_id="P1", amount=2_500, booked_on="2026-02-03")
    one.event("chargeback.reversed", "2026-02-04", chargeback_id="B1", booked_on="2026-02-04")
    one.event("payment.failed", "2026-02-05", payment_id="P1")
    amounts = [out.data["amount"] for out in one.of("case.report_payment")]
    assert amounts == [3_000, -500, -2_500, 2_500, -2_500]
    assert {out.data["payment_id"] for out in one.of("case.report_payment")} == {"P1"}


def test_only_the_part_that_settled_the_case_is_reported() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-02-02", amount=1_000)
    one.pay("P1", "2026-02-03", 1_500, invoice_id="R2")
    assert [out.data["amount"] for out in one.of("case.report_payment")] == [500]
    one.pay("P2", "2026-02-04", 20_000)
    assert [out.data["amount"] for out in one.of("case.report_payment")] == [500, 9_500]


def test_a_payment_of_before_the_handover_that_comes_back_is_told() -> None:
    """The agency was given what was open; after the chargeback more is."""
    one = world(steps=HAND_OVER)
    one.invoice()
    one.pay("P1", "2026-01-20", 4_000)
    one.days("2026-01-20", "2026-01-29")
    assert one.commands == [("case.submit", 6_000)]
    one.event("chargeback.received", "2026-01-30", chargeback_id="B1", payment_id="P1", amount=4_000, booked_on="2026-01-30")
    assert one.commands[1:] == [("case.report_payment", -4_000)]


@pytest.mark.parametrize("passed", [False, True])
def test_paid_before_the_agency_began_is_a_recall(passed: bool) -> None:
    one = handed_over()
    if passed:
        one.reply("case.passed", "2026-01-30", agency="atriga")
    one.pay("P1", "2026-01-31", 10_000)
    assert one.commands == [("case.submit", 10_000), ("case.recall", "paid")]
    one.pay("P2", "2026-02-01", 10_000)
    one.event("chargeback.received", "2026-02-02", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-02-02")
    one.event("dispute.opened", "2026-02-03", dispute_id="D1")
    one.event("handover.recalled", "2026-02-04", by="ann")
    assert len(one.commands) == 2  # after a recall with reason paid nothing more is sent
    one.reply("case.closed", "2026-02-05", outcome="unsuccessful", reason="recalled")
    assert [to for _, to in one.history[-2:]] == ["UnsuccessfullyClosed", "Clear"]


def test_paid_while_the_agency_works_is_a_report() -> None:
    one = accepted()
    one.pay("P1", "2026-02-01", 10_000)
    assert one.commands[1:] == [("case.report_payment", 10_000)]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("invoice.corrected", {"invoice_id": "R1", "amount": 9_000}),
        ("invoice.corrected", {"invoice_id": "R1", "due_on": "2026-01-21"}),
        ("invoice.written_off", {"invoice_id": "R1", "amount": 500}),
        ("credit_note.issued", {"credit_note_id": "N", "invoice_id": "R1", "amount": 500}),
        ("credit_note.issued", {"credit_note_id": "N", "amount": 500}),
    ],
)
def test_a_changed_claim_is_told(kind: str, data: dict[str, Any]) -> None:
    one = accepted()
    one.event(kind, "2026-02-01", **data)
    assert one.commands[1:] == [("case.send_message", "claim_changed")]


def test_money_that_flows_on_into_the_case_is_told() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-03-20", amount=1_000)
    one.pay("P1", "2026-02-02", 1_000, invoice_id="R2")
    one.event("invoice.cancelled", "2026-02-03", invoice_id="R2")
    assert one.status["open_amount"] == 9_000
    assert one.commands[1:] == [("case.send_message", "claim_changed")]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("invoice.cancelled", {"invoice_id": "R1"}),
        ("invoice.written_off", {"invoice_id": "R1"}),
        ("credit_note.issued", {"credit_note_id": "N", "invoice_id": "R1", "amount": 10_000}),
    ],
)
def test_a_claim_that_is_gone_is_recalled_once(kind: str, data: dict[str, Any]) -> None:
    one = accepted()
    one.event(kind, "2026-02-01", **data)
    one.event("invoice.corrected", "2026-01-31", invoice_id="R1", due_on="2026-01-22")
    assert one.commands[1:] == [("case.recall", "claim_gone")]


def test_what_does_not_touch_the_case_is_not_told() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-02-20", amount=1_000)
    one.event("invoice.corrected", "2026-02-02", invoice_id="R2", amount=900)
    one.event("dispute.opened", "2026-02-03", dispute_id="D1", invoice_id="R2")
    assert [kind for kind, _ in one.commands] == ["case.submit"]


def test_disputes_are_told() -> None:
    one = accepted()
    one.event("dispute.opened", "2026-02-01", dispute_id="D1")
    one.event("dispute.resolved", "2026-02-03", dispute_id="D1", outcome="rejected")
    one.event("dispute.opened", "2026-02-04", dispute_id="D2", invoice_id="R1")
    one.event("dispute.resolved", "2026-02-05", dispute_id="D2", outcome="upheld")
    assert [about for _, about in one.commands[1:]] == ["disputed", "dispute_rejected", "disputed"]


def test_a_recall_by_hand_goes_out_once() -> None:
    one = accepted()
    one.event("handover.recalled", "2026-02-01", by="ann")
    one.event("handover.recalled", "2026-02-02", by="ann")
    assert one.commands[1:] == [("case.recall", "ordered")]
    assert one.status["status"] == "Accepted"
    one.reply("case.closed", "2026-02-03", outcome="unsuccessful", reason="recalled")
    assert [one.status[name] for name in ("status", "attention")] == ["UnsuccessfullyClosed", ["recalled"]]
    one.event("handover.recalled", "2026-02-04", by="ann")
    assert [reason for reason, _ in one.refused] == ["no open case"]
