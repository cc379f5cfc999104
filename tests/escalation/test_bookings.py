"""Section 7: what accounting books. That the sums hold at every moment is held by `drawn.conserved`, in every drawn life."""

from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.escalation.drawn import Event, by_time, facts, holds, live, moments, publish
from tests.escalation.harness import LADDER, Out, World, world
from tests.escalation.test_always import slow

STATUTORY: dict[str, Any] = {"interest": {"kind": "statutory"}, "default": "due_date", "steps": []}


def told(outs: list[Out]) -> list[tuple[str, str, str, int]]:
    """(booking, receivable, component, amount) of each."""
    names = ("booking", "invoice_id", "component", "amount")
    return [tuple(out.data[name] for name in names) for out in outs if out.type == "booking.recorded"]


def with_fee() -> World:
    """R1, in the second reminder of 2 February, with its fee of 2.50."""
    one = world()
    one.invoice("R1", due="2026-01-19")
    one.days("2026-01-20", "2026-02-02")
    return one


def handed_over() -> World:
    one = with_fee()
    one.days("2026-02-03", "2026-02-18")
    one.reply("case.passed", "2026-02-18", agency="atriga", case_id="A-1")
    return one


def test_an_invoice_and_its_payment_are_no_bookings_of_ours() -> None:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-19", 10_000)
    assert told(one.outs) == []
    assert one.state is not None
    assert one.state.booked == ()


def test_a_fee_is_booked_when_its_step_is_taken() -> None:
    one = with_fee()
    assert told(one.outs) == [("cost_charged", "R1", "costs", 250)]
    booking = one.of("booking.recorded")[0]
    assert (booking.data["dated"], booking.data["cause"]) == ("2026-02-02", "tick")


def test_what_was_charged_before_anybody_was_told_is_booked_with_the_next_event() -> None:
    """A state of the release before, which knew of no bookings."""
    one = with_fee()
    assert one.state is not None
    one.state = replace(one.state, booked=())
    assert told(one.event("hold.placed", "2026-02-04", id="later", hold_id="H1", kind="manual")) == [("cost_charged", "R1", "costs", 250)]
    assert one.of("booking.recorded")[-1].data["cause"] == "later"


def test_a_fee_that_falls_is_booked_back_on_the_day_on_which_that_became_known() -> None:
    one = with_fee()
    assert told(one.pay("P1", "2026-01-30", 10_000, at="2026-02-05", id="late")) == [("cost_cancelled", "R1", "costs", -250)]
    booking = one.of("booking.recorded")[-1]
    assert (booking.data["dated"], booking.data["cause"]) == ("2026-02-05", "late")


def test_a_fee_that_fell_and_is_owed_again_is_charged_again() -> None:
    one = with_fee()
    one.pay("P1", "2026-01-30", 10_000, at="2026-02-05")
    returned: dict[str, Any] = {"chargeback_id": "B1", "payment_id": "P1", "amount": 10_000, "fee": 35, "booked_on": "2026-02-07"}
    assert told(one.event("chargeback.received", "2026-02-07", **returned)) == [("cost_charged", "R1", "costs", 285)]
    assert told(one.event("chargeback.reversed", "2026-02-08", chargeback_id="B1", booked_on="2026-02-08")) == [
        ("cost_cancelled", "R1", "costs", -285)
    ]


def test_a_cancelled_receivable_takes_its_costs_out_of_the_books() -> None:
    assert told(with_fee().event("invoice.cancelled", "2026-02-05", invoice_id="R1")) == [("cost_cancelled", "R1", "costs", -250)]


def test_a_write_off_is_booked_by_component_and_back_if_it_is_taken_back() -> None:
    one = with_fee()
    assert told(one.event("invoice.written_off", "2026-02-05", invoice_id="R1")) == [
        ("written_off", "R1", "principal", 10_000),
        ("written_off", "R1", "costs", 250),
    ]
    assert told(one.event("invoice.corrected", "2026-02-06", invoice_id="R1", amount=9_000)) == [
        ("written_off", "R1", "principal", -10_000),
        ("written_off", "R1", "costs", -250),
    ]


def test_interest_is_booked_when_something_settles_it() -> None:
    one = world(**STATUTORY)
    one.invoice("R1", "2022-12-01", "2022-12-15", 100_000)
    assert told(one.days("2022-12-16", "2023-01-30")) == []
    assert told(one.pay("P1", "2023-01-31", 50_000)) == [("interest_settled", "R1", "interest", 743)]
    assert told(one.event("payment.refunded", "2023-02-01", payment_id="P1", refund_id="F1", amount=50_000)) == [
        ("interest_settled", "R1", "interest", -743)
    ]


def test_a_payment_that_comes_late_books_the_difference() -> None:
    one = world(**STATUTORY)
    one.invoice("R1", "2022-12-01", "2022-12-15", 100_000)
    one.pay("P2", "2023-01-31", 50_000)
    late = one.pay("P1", "2022-12-31", 50_000, at="2023-02-05")
    assert told(late) == [("interest_settled", "R1", "interest", 181 + 282 - 743)]


def test_interest_that_is_written_off_is_a_claim_that_is_given_up() -> None:
    one = world(**STATUTORY)
    one.invoice("R1", "2022-12-01", "2022-12-15", 100_000)
    assert told(one.event("invoice.written_off", "2022-12-31", invoice_id="R1")) == [
        ("interest_settled", "R1", "interest", 181),
        ("written_off", "R1", "principal", 100_000),
        ("written_off", "R1", "interest", 181),
    ]


def test_what_the_agency_collects_is_settled_through_it_costs_first() -> None:
    one = handed_over()
    assert told(one.reply("case.payment_received", "2026-02-20", payment_id="X1", amount=1_000, value_date="2026-02-20")) == [
        ("agency_settled", "R1", "principal", 750),
        ("agency_settled", "R1", "costs", 250),
    ]
    assert told(one.reply("case.payment_received", "2026-02-21", payment_id="X2", amount=-900, value_date="2026-02-21")) == [
        ("agency_settled", "R1", "principal", -750),
        ("agency_settled", "R1", "costs", -150),
    ]


def test_a_successful_close_settles_the_rest_through_the_agency_and_its_payout_books_nothing() -> None:
    one = handed_over()
    closed = one.reply("case.closed", "2026-02-25", outcome="successful", reason="paid")
    assert told(closed) == [("agency_settled", "R1", "principal", 10_000), ("agency_settled", "R1", "costs", 250)]
    assert told(one.pay("P9", "2026-03-01", 10_000, via="agency", withheld=250)) == []
    assert one.status["agency_balance"] == 0


def test_a_settlement_writes_the_rest_off() -> None:
    one = handed_over()
    one.reply("case.payment_received", "2026-02-20", payment_id="X1", amount=5_000, value_date="2026-02-20")
    closed = one.reply("case.closed", "2026-02-25", outcome="successful", reason="settlement")
    assert told(closed) == [("written_off", "R1", "principal", 5_250)]


def test_a_direct_payment_found_later_moves_what_the_agency_settled() -> None:
    """The agency's money was in the order behind it: it settles R2 now, which is booked as a difference at both."""
    one = handed_over()
    one.invoice("R2", at="2026-02-18", due="2026-02-19", amount=4_000)
    one.reply("case.payment_received", "2026-02-20", payment_id="X1", amount=10_250, value_date="2026-02-20")
    moved = told(one.pay("P1", "2026-02-19", 10_250, at="2026-02-21"))
    assert moved == [
        ("agency_settled", "R1", "principal", -10_000),
        ("agency_settled", "R1", "costs", -250),
        ("agency_settled", "R2", "principal", 4_000),
    ]


def test_what_an_agency_paid_too_much_settles_what_comes_later_as_its_money() -> None:
    one = handed_over()
    one.reply("case.payment_received", "2026-02-20", payment_id="X1", amount=12_250, value_date="2026-02-20")
    assert told(one.invoice("R2", at="2026-02-21", due="2026-03-01", amount=5_000)) == [("agency_settled", "R2", "principal", 2_000)]


def test_bookings_are_in_the_order_in_which_receivables_are_settled() -> None:
    one = world(steps=[LADDER["steps"][0], {"kind": "hand_over", "day": 6}])
    one.invoice("B", due="2026-01-18")
    one.invoice("A", due="2026-01-19")
    one.days("2026-01-19", "2026-01-26")
    closed = one.reply("case.closed", "2026-01-27", outcome="successful", reason="paid")
    assert [invoice_id for _, invoice_id, _, _ in told(closed)] == ["B", "A"]


def test_a_reset_counts_bookings_of_the_next_cycle() -> None:
    """Ids are numbered by contract, cycle and kind: what ended the cycle is booked after the change, in the new one."""
    one = with_fee()
    one.pay("P1", "2026-01-30", 10_000, at="2026-02-05")
    assert len({out.id for out in one.of("booking.recorded")}) == 2
    assert one.state is not None
    assert (one.state.cycle, one.state.booked) == (2, ())


@slow
@given(facts(holds, moments, most=14), st.sampled_from(("costs_first", "principal_first")))
def test_facts_told_again_book_nothing(events: list[Event], settlement: str) -> None:
    note(events)
    one = live(events, settlement=settlement)
    before = len(one.of("booking.recorded"))
    for event in by_time(events):
        publish(one, event)
    assert len(one.of("booking.recorded")) == before
