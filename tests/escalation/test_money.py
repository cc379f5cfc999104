"""Section 2: what is owed."""

from typing import Any

import pytest

from tests.escalation.harness import World, world


def open_of(one: World) -> dict[str, tuple[int, int]]:
    """(principal, costs) open by receivable."""
    return {each["invoice_id"]: (each["open"], each["costs"]) for each in one.status["receivables"]}


def two() -> World:
    """R1 of 100.00 due 2026-01-19, R2 of 50.00 due 2026-02-19."""
    one = world()
    one.invoice("R1", due="2026-01-19", amount=10_000)
    one.invoice("R2", due="2026-02-19", amount=5_000)
    return one


def test_due_first_then_older_first() -> None:
    one = two()
    one.pay("P1", "2026-01-10", 12_000)
    assert open_of(one) == {"R2": (3_000, 0)}
    one.pay("P2", "2026-01-11", 4_000)
    assert open_of(one) == {}
    assert one.status["credit"] == 1_000


def test_what_is_due_comes_before_what_is_older() -> None:
    one = world()
    one.invoice("late", due="2026-01-19", amount=1_000)
    one.invoice("soon", due="2026-01-12", amount=1_000)
    one.pay("P1", "2026-01-12", 1_000)
    assert open_of(one) == {"late": (1_000, 0)}


def test_a_designation_goes_before_the_order_of_the_law() -> None:
    one = two()
    one.pay("P1", "2026-01-20", 6_000, invoice_id="R2")
    assert open_of(one) == {"R1": (9_000, 0)}


def test_allocations_up_to_their_amounts_and_the_rest_in_order() -> None:
    one = two()
    one.pay("P1", "2026-01-20", 4_000, allocations=[{"invoice_id": "R2", "amount": 1_000}])
    assert open_of(one) == {"R1": (7_000, 0), "R2": (4_000, 0)}


def test_a_refund_takes_back_what_came_last() -> None:
    one = two()
    one.pay("P1", "2026-01-20", 4_000, allocations=[{"invoice_id": "R2", "amount": 1_000}, {"invoice_id": "R1", "amount": 3_000}])
    one.event("payment.refunded", "2026-01-21", payment_id="P1", refund_id="F1", amount=2_500)
    assert open_of(one) == {"R1": (9_500, 0), "R2": (4_000, 0)}


def test_costs_before_principal() -> None:
    """The second reminder's fee of 2.50 is settled first (BGB 367)."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert open_of(one) == {"R1": (10_000, 250)}
    one.pay("P1", "2026-02-03", 1_000)
    assert open_of(one) == {"R1": (9_250, 0)}


def test_principal_first_if_the_policy_says_so() -> None:
    one = world(settlement="principal_first")
    one.invoice("R1")
    one.invoice("R2", due="2026-01-20", amount=2_000)
    one.days("2026-01-19", "2026-02-02")
    assert open_of(one) == {"R1": (10_000, 250), "R2": (2_000, 0)}
    one.pay("P1", "2026-02-03", 10_500, invoice_id="R1")
    assert open_of(one) == {"R2": (1_750, 0)}
    one.pay("P2", "2026-02-04", 100)
    assert open_of(one) == {"R2": (1_650, 0)}


def test_principal_first_settles_all_due_principal_before_any_costs() -> None:
    one = world(settlement="principal_first")
    one.invoice("R1")
    one.invoice("R2", due="2026-01-20", amount=2_000)
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-03", 12_100)
    assert open_of(one) == {"R1": (0, 150)}


def test_a_payment_settles_costs_up_to_its_value_date_only() -> None:
    """A part payment of the day before the fee reaches us after it: it settles principal, not the later fee."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-01", 4_000, at="2026-02-03")
    assert open_of(one) == {"R1": (6_000, 250)}


def test_a_fee_falls_if_the_principal_was_paid_by_the_end_of_its_day() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert one.status["costs"] == 250
    one.pay("P1", "2026-02-02", 10_000, at="2026-02-04")
    assert [one.status[name] for name in ("costs", "open_amount", "credit", "status")] == [0, 0, 0, "Clear"]


def test_a_fee_stays_if_the_principal_was_paid_the_day_after() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-03", 10_000)
    assert [one.status[name] for name in ("costs", "open_amount")] == [0, 250]


def test_a_fee_is_decided_once_for_ever() -> None:
    """Charged back and reminded anew in a second cycle: no second fee for the same step."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-03", 10_250)
    one.event("chargeback.received", "2026-02-10", chargeback_id="B1", payment_id="P1", amount=10_250, booked_on="2026-02-10")
    assert (one.status["status"], one.status["cycle"], one.status["costs"]) == ("Clear", 2, 250)
    one.days("2026-02-11", "2026-02-28")
    assert one.reminders[2:] == [("2026-02-15", 1), ("2026-02-24", 2)]
    assert one.status["costs"] == 250


def test_parts_of_one_invoice_share_the_fee_of_a_step() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 300}}])
    one.invoice("R1/1", number="R1", due="2026-01-19", amount=1_000)
    one.invoice("R1/2", number="R1", due="2026-02-19", amount=1_000)
    one.invoice("R2", due="2026-03-19", amount=1_000)
    one.days("2026-01-19", "2026-04-01")
    assert open_of(one) == {"R1/1": (1_000, 300), "R1/2": (1_000, 0), "R2": (1_000, 300)}


def test_no_fee_on_a_day_under_a_moratorium_that_was_told_later() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.event("hold.placed", "2026-02-05", hold_id="H1", kind="statutory_moratorium", **{"from": "2026-02-01", "until": "2026-02-04"})
    assert one.status["costs"] == 0


def test_a_correction_by_time_and_not_by_arrival() -> None:
    one = world()
    one.invoice()
    one.event("invoice.corrected", "2026-01-08", invoice_id="R1", amount=8_000)
    one.event("invoice.corrected", "2026-01-07", invoice_id="R1", amount=7_000, due_on="2026-01-30")
    assert one.status["receivables"][0]["due_on"] == "2026-01-30"
    assert open_of(one) == {"R1": (8_000, 0)}


def test_what_exceeds_a_lowered_principal_flows_on() -> None:
    one = two()
    one.pay("P1", "2026-01-20", 10_000)
    one.event("invoice.corrected", "2026-01-21", invoice_id="R1", amount=7_000)
    assert open_of(one) == {"R2": (2_000, 0)}
    one.event("invoice.cancelled", "2026-01-22", invoice_id="R2")
    assert (open_of(one), one.status["credit"]) == ({}, 3_000)


def test_cancelled_takes_its_costs_with_it() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.event("invoice.cancelled", "2026-02-03", invoice_id="R1")
    assert [one.status[name] for name in ("open_amount", "costs", "credit", "status")] == [0, 0, 0, "Clear"]


def test_a_credit_note_lowers_its_receivable_and_never_below_nothing() -> None:
    one = world()
    one.invoice()
    one.event("credit_note.issued", "2026-01-10", credit_note_id="N1", invoice_id="R1", amount=12_000)
    assert [one.status[name] for name in ("open_amount", "credit")] == [0, 0]
    one.event("credit_note.cancelled", "2026-01-11", credit_note_id="N1")
    assert one.status["open_amount"] == 10_000


def test_a_credit_note_without_a_receivable_is_credit() -> None:
    one = world()
    one.event("credit_note.issued", "2026-01-04", credit_note_id="N1", amount=3_000, currency="EUR")
    assert one.status["credit"] == 3_000
    one.invoice()
    assert [one.status[name] for name in ("open_amount", "credit")] == [7_000, 0]


def test_written_off_is_what_is_open_at_that_moment() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-03", 4_250)
    one.event("invoice.written_off", "2026-02-04", invoice_id="R1")
    assert [one.status[name] for name in ("open_amount", "written_off", "costs", "status")] == [0, 6_000, 0, "Clear"]
    one.pay("P2", "2026-02-05", 500)
    assert [one.status[name] for name in ("written_off", "credit")] == [6_000, 500]
    one.event("invoice.corrected", "2026-02-06", invoice_id="R1", amount=10_000)
    assert [one.status[name] for name in ("open_amount", "written_off", "credit")] == [5_500, 0, 0]


def test_part_of_the_principal_is_written_off() -> None:
    one = world()
    one.invoice()
    one.event("invoice.written_off", "2026-01-10", invoice_id="R1", amount=2_500)
    assert [one.status[name] for name in ("open_amount", "written_off")] == [7_500, 2_500]
    one.event("invoice.written_off", "2026-01-11", invoice_id="R1", amount=99_000)
    assert [one.status[name] for name in ("open_amount", "written_off")] == [0, 10_000]


def test_a_payment_of_the_future_counts_from_its_arrival() -> None:
    one = world()
    one.invoice()
    one.tick("2026-01-20")
    one.pay("P1", "2026-02-28", 10_000, at="2026-01-21")
    assert one.status["status"] == "Clear"


def test_a_failed_payment_takes_back_what_is_left_of_it() -> None:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-10", 10_000)
    one.event("payment.refunded", "2026-01-11", payment_id="P1", refund_id="F1", amount=1_000)
    one.event("payment.failed", "2026-01-12", payment_id="P1")
    assert one.status["open_amount"] == 10_000


def test_a_failure_before_the_payment_was_received_is_an_earlier_try() -> None:
    one = world()
    one.invoice()
    one.event("payment.failed", "2026-01-09", payment_id="P1")
    one.pay("P1", "2026-01-10", 10_000)
    assert one.status["open_amount"] == 0


@pytest.mark.parametrize(("reason", "owed"), [(None, 600), ("AM04", 600), ("MD06", 600), ("MD01", 0), ("AM05", 0), ("unheard-of", 600)])
def test_the_fee_of_a_chargeback(reason: str | None, owed: int) -> None:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-10", 10_000)
    more: dict[str, Any] = {"reason_code": reason} if reason else {}
    one.event(
        "chargeback.received", "2026-01-20", chargeback_id="B1", payment_id="P1", amount=10_000, fee=600, booked_on="2026-01-20", **more
    )
    assert (one.status["costs"], one.status["open_amount"]) == (owed, 10_000)
    one.event("chargeback.reversed", "2026-01-22", chargeback_id="B1", booked_on="2026-01-22")
    assert (one.status["costs"], one.status["open_amount"], one.status["credit"]) == (0, 0, 0)


def test_the_fee_of_a_chargeback_is_a_cost_of_what_it_reopens() -> None:
    one = two()
    one.pay("P1", "2026-01-10", 2_000, invoice_id="R2")
    one.pay("P2", "2026-01-20", 3_000)
    one.event("chargeback.received", "2026-01-25", chargeback_id="B1", payment_id="P1", amount=2_000, fee=100, booked_on="2026-01-25")
    one.event("chargeback.received", "2026-01-25", chargeback_id="B2", payment_id="P2", amount=3_000, fee=200, booked_on="2026-01-25")
    assert open_of(one) == {"R1": (10_000, 200), "R2": (5_000, 100)}


def test_what_is_written_off_later_keeps_the_fee_of_a_chargeback() -> None:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-10", 10_000)
    one.event("chargeback.received", "2026-01-20", chargeback_id="B1", payment_id="P1", amount=10_000, fee=600, booked_on="2026-01-20")
    one.event("invoice.written_off", "2026-01-21", invoice_id="R1")
    assert [one.status[name] for name in ("open_amount", "costs", "written_off")] == [0, 0, 10_600]


def test_a_chargeback_before_its_payment_counts_once_both_are_there() -> None:
    one = world()
    one.invoice()
    one.event("chargeback.received", "2026-01-20", chargeback_id="B1", payment_id="P1", amount=10_000, fee=600, booked_on="2026-01-20")
    assert (one.status["costs"], one.status["open_amount"]) == (0, 10_000)
    one.pay("P1", "2026-01-10", 10_000, at="2026-01-21")
    assert (one.status["costs"], one.status["open_amount"]) == (600, 10_000)


def test_reopened_before_it_climbed_it_falls_due_anew() -> None:
    """Paid in time, returned on 2026-03-02 (a Monday): the first reminder comes five days after that."""
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-10", 10_000)
    one.event("chargeback.received", "2026-03-03", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-03-02")
    one.days("2026-03-03", "2026-03-10")
    assert one.history == [("2026-03-03", "Due"), ("2026-03-07", "Reminded")]


def test_reopened_with_a_rung_it_goes_on_where_it_stood() -> None:
    one = world()
    one.invoice("R1")
    one.invoice("R2", due="2026-01-20", amount=1_000)
    one.days("2026-01-19", "2026-01-25")
    one.pay("P1", "2026-01-26", 10_000, invoice_id="R1")
    assert one.status["cycle"] == 1
    one.event("chargeback.received", "2026-01-28", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-01-28")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_on")] == [1, 2, "2026-02-02"]


def test_a_payout_settles_nothing_and_lowers_the_agency_balance() -> None:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-21", 5_000, via="agency", withheld=300)
    assert [one.status[name] for name in ("open_amount", "agency_balance", "attention")] == [10_000, 0, ["payout_unmatched"]]
    one.event("payment.failed", "2026-01-22", payment_id="P1")
    assert one.status["attention"] == []


def test_a_payment_before_its_invoice_is_kept() -> None:
    one = world()
    one.pay("P1", "2026-01-04", 10_000, invoice_id="R1")
    assert [one.status[name] for name in ("currency", "credit")] == [None, 10_000]
    one.invoice()
    assert [one.status[name] for name in ("currency", "credit", "open_amount")] == ["EUR", 0, 0]


def chargeback(one: World, chargeback_id: str, payment_id: str, on: str, amount: int = 0, fee: int = 300, **more: Any) -> None:
    data = {"chargeback_id": chargeback_id, "payment_id": payment_id, "amount": amount, "fee": fee, "booked_on": on, **more}
    one.event("chargeback.received", on, **data)


def test_credit_settles_in_the_order_in_which_debts_become_owed() -> None:
    """What credit of 500 settled on the 25th never opens again because of what arises on the 27th on an older receivable."""
    one = world()
    one.invoice("R1", due="2026-01-10", amount=1_000)
    one.invoice("R2", due="2026-01-20", amount=1_000)
    one.pay("P1", "2026-01-10", 1_000, invoice_id="R1")
    one.pay("P2", "2026-01-20", 1_000, invoice_id="R2")
    one.pay("P3", "2026-01-21", 500)
    chargeback(one, "B1", "P2", "2026-01-25")
    assert (open_of(one), one.status["credit"]) == ({}, 200)
    chargeback(one, "B2", "P1", "2026-01-27")
    assert (open_of(one), one.status["credit"]) == ({"R1": (0, 100)}, 0)


def test_credit_settles_a_step_s_fee_on_its_day() -> None:
    """The fee of 02-02 became owed before the cost of 02-10 on the older receivable: credit of before goes there."""
    one = world()
    one.invoice("R1", due="2026-01-10", amount=1_000)
    one.pay("P1", "2026-01-09", 1_000, invoice_id="R1")
    one.invoice("R2", due="2026-01-19", amount=1_000)
    one.days("2026-01-19", "2026-02-02")
    assert open_of(one) == {"R2": (1_000, 250)}
    one.pay("P2", "2026-02-01", 1_250, at="2026-02-03", allocations=[{"invoice_id": "R2", "amount": 999}])
    assert (open_of(one), one.status["credit"]) == ({}, 250)


def test_each_cost_is_placed_by_the_costs_of_before() -> None:
    """P2 settled the cost that the first chargeback had brought on R1: so R1 is what the return of P2 reopens, then and ever after."""
    one = world(settlement="principal_first")
    one.invoice("R1", due="2026-01-16", amount=400)
    one.event("invoice.corrected", "2026-01-06", invoice_id="R1", amount=0)
    one.pay("P1", "2026-01-05", 500, at="2026-01-07", allocations=[{"invoice_id": "R1", "amount": 184}])
    chargeback(one, "B1", "P1", "2026-02-03", amount=500)
    assert open_of(one) == {"R1": (0, 300)}
    one.pay("P2", "2026-02-27", 2_000)
    assert (open_of(one), one.status["credit"]) == ({}, 1_700)
    chargeback(one, "B2", "P2", "2026-05-21", amount=2_000)
    assert open_of(one) == {"R1": (0, 600)}
    one.invoice("R5", at="2026-06-16", due="2026-08-16", amount=9_000)
    assert open_of(one) == {"R1": (0, 600), "R5": (9_000, 0)}


def test_a_later_step_s_fee_does_not_move_what_was_placed_before() -> None:
    one = two()
    one.pay("P1", "2026-01-20", 4_000)
    chargeback(one, "B1", "P1", "2026-01-25", amount=4_000)
    assert open_of(one) == {"R1": (10_000, 300), "R2": (5_000, 0)}
    one.days("2026-01-26", "2026-02-09")
    assert open_of(one) == {"R1": (10_000, 550), "R2": (5_000, 0)}


def test_what_was_written_off_is_what_was_open_by_then() -> None:
    """The costs written off were taken away since; those of a later day were not open then and stay."""
    one = world()
    one.invoice("R1", due="2026-01-09", amount=1_234)
    one.pay("P1", "2026-01-19", 500)
    chargeback(one, "B1", "P1", "2026-01-27", amount=500)
    one.event("invoice.written_off", "2026-02-14", invoice_id="R1")
    assert (open_of(one), one.status["written_off"]) == ({}, 1_534)
    chargeback(one, "B2", "P1", "2026-02-15", amount=500)
    assert (open_of(one), one.status["written_off"]) == ({"R1": (0, 300)}, 1_534)
    one.event("chargeback.reversed", "2026-03-14", chargeback_id="B1", booked_on="2026-03-14")
    assert (open_of(one), one.status["written_off"]) == ({"R1": (0, 300)}, 1_234)


def test_what_a_close_settled_is_what_was_open_by_then() -> None:
    """What no longer meets a cost of its day flows on as money of that day: it settles the later cost as credit does."""
    one = world()
    one.invoice("R1", due="2026-01-09", amount=1_234)
    one.invoice("R2", due="2026-06-30", amount=1_000)
    one.pay("P1", "2026-01-19", 500)
    chargeback(one, "B1", "P1", "2026-01-27", amount=500)
    one.event("handover.ordered", "2026-01-28", by="ann")
    one.reply("case.closed", "2026-02-14", outcome="successful", reason="paid")
    assert open_of(one) == {"R2": (1_000, 0)}
    one.event("chargeback.reversed", "2026-02-15", chargeback_id="B1", booked_on="2026-02-15")
    assert open_of(one) == {"R2": (200, 0)}
    chargeback(one, "B2", "P1", "2026-02-16", amount=500)
    assert open_of(one) == {"R1": (0, 300), "R2": (700, 0)}


def test_a_reminder_without_a_fee_decides_it_too() -> None:
    """Reminded by a policy without fees, reopened, reminded by one with: the fee of that step was decided, not charged, once for ever."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-01-25")
    one.pay("P1", "2026-01-26", 10_000)
    one.apply_policy("2026-01-26", version=2, steps=[{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 300}}])
    one.event("chargeback.received", "2026-02-10", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-02-10")
    one.days("2026-02-11", "2026-02-28")
    assert (one.reminders, one.status["costs"]) == ([("2026-01-24", 1), ("2026-02-15", 1)], 0)


def test_a_skipped_reminder_decides_its_fee_too() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 300}}])
    one.invoice()
    one.tick("2026-01-20")
    one.event("step.skipped", "2026-01-21", by="ann")
    one.pay("P1", "2026-01-26", 10_000)
    one.event("chargeback.received", "2026-02-10", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-02-10")
    one.days("2026-02-11", "2026-02-28")
    assert (one.reminders, one.status["costs"]) == ([("2026-02-15", 1)], 0)
