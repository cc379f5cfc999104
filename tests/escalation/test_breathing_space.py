"""Section 2: the breathing space. For so many days, once a cycle, neither interest nor the fee of a step is added; the steps go on."""

from typing import Any

import pytest

from tests.escalation.harness import World, world

FEES = [
    {"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 100}},
    {"kind": "remind", "day": 10, "level": 2, "fee": {"EUR": 250}},
    {"kind": "remind", "day": 30, "level": 3, "fee": {"EUR": 400}},
]
"""R1 is due on 2026-01-19: steps on the 24th and 29th of January, inside 14 days until February 6th, and on the 18th."""
BORNE: dict[str, Any] = {"interest": {"kind": "fixed", "percent": "36.5"}, "default": "due_date"}
"""A tenth of a percent a day: 10 cents on 100 EUR."""


def breathing(days: int = 14, start: str = "first_step", **changes: Any) -> World:
    one = world(**{"steps": FEES, "breathing_space": {"days": days, "from": start}, **changes})
    one.invoice()
    return one


def charged(one: World) -> list[tuple[str, int]]:
    """(day of the books, amount) of each cost booked."""
    return [(out.data["dated"], out.data["amount"]) for out in one.of("booking.recorded") if out.data["component"] == "costs"]


def interest_on(one: World, day: str, until: str) -> int:
    one.event("hold.placed", day, hold_id=f"told on {day}", kind="manual", until=until)
    return int(one.status["interest"])


def test_fees_inside_it_are_charged_on_the_day_after_its_last() -> None:
    one = breathing()
    one.days("2026-01-20", "2026-02-06")
    assert (one.reminders, charged(one), one.status["costs"]) == ([("2026-01-24", 1), ("2026-01-29", 2)], [], 0)
    one.tick("2026-02-07")
    assert (charged(one), one.status["costs"]) == ([("2026-02-07", 350)], 350)
    one.days("2026-02-08", "2026-02-20")
    assert charged(one)[1:] == [("2026-02-18", 400)]


def test_a_later_tick_charges_them_too_dated_with_the_day_after() -> None:
    one = breathing()
    one.days("2026-01-20", "2026-01-30")
    one.event("hold.placed", "2026-01-31", hold_id="h", kind="manual")
    one.tick("2026-02-15")
    assert charged(one) == [("2026-02-15", 350)]
    one.pay("p", "2026-02-06", 350)  # before the day they are dated with: principal, and no cost
    assert (one.status["costs"], one.status["open_amount"]) == (350, 9_650)
    one.pay("q", "2026-02-07", 350)
    assert (one.status["costs"], one.status["open_amount"]) == (0, 9_650)


def test_paid_by_then_they_are_never_charged_whatever_is_reopened_later() -> None:
    one = breathing(steps=FEES[:1])
    one.days("2026-01-20", "2026-01-31")
    one.pay("p", "2026-02-01", 10_000)
    assert one.tick("2026-02-07") == []
    one.event("chargeback.received", "2026-02-10", chargeback_id="b", payment_id="p", amount=10_000, currency="EUR",
              reason_code="AM04", booked_on="2026-02-10")  # fmt: skip
    one.days("2026-02-11", "2026-02-28")
    assert (one.status["status"], one.reminders[-1][1], charged(one), one.status["costs"]) == ("Reminded", 1, [], 0)


def test_what_is_paid_on_the_day_after_its_last_bears_no_fee() -> None:
    one = breathing(steps=FEES[:1])
    one.days("2026-01-20", "2026-02-07")
    assert one.status["costs"] == 100
    one.pay("p", "2026-02-07", 10_000)
    assert (one.status["costs"], one.status["status"]) == (0, "Clear")
    assert charged(one) == [("2026-02-07", 100), ("2026-02-07", -100)]


def test_a_reminder_that_could_not_be_delivered_brings_none() -> None:
    one = breathing(steps=FEES[:1])
    one.days("2026-01-20", "2026-01-31")
    notice_id = one.of("notice.reminder")[0].data["notice_id"]
    one.event("notice.failed", "2026-02-01", by="printer", notice_id=notice_id, reason="returned")
    one.days("2026-02-02", "2026-02-28")
    assert charged(one) == []


def test_not_on_a_day_under_a_moratorium() -> None:
    one = breathing(steps=FEES[:1])
    one.days("2026-01-20", "2026-01-31")
    one.event("hold.placed", "2026-02-01", hold_id="m", kind="statutory_moratorium", until="2026-03-01")
    one.days("2026-02-02", "2026-03-10")
    assert (charged(one), one.status["costs"]) == ([], 0)


@pytest.mark.parametrize(("breathes", "reminded", "last", "after"), [(True, 0, 0, 10), (False, 50, 180, 190)])
def test_before_its_end_nothing_is_borne_not_even_what_was_before_it_began(breathes: bool, reminded: int, last: int, after: int) -> None:
    one = breathing(**{**BORNE, **({} if breathes else {"breathing_space": None})})
    one.days("2026-01-20", "2026-01-24")
    assert one.of("notice.reminder")[0].data["interest"] == reminded
    assert interest_on(one, "2026-02-06", "2026-02-07") == last
    assert one.status["costs"] == (0 if breathes else 100)
    assert interest_on(one, "2026-02-07", "2026-02-08") == after


def test_what_falls_due_later_has_none_of_it() -> None:
    one = breathing(steps=FEES[:1], **BORNE)
    one.invoice("R2", due="2026-01-26")
    one.days("2026-01-20", "2026-01-30")
    assert interest_on(one, "2026-01-31", "2026-02-01") == 50


def test_once_a_cycle_and_again_in_the_next() -> None:
    one = breathing(days=3)
    one.days("2026-01-20", "2026-01-30")
    assert charged(one) == [("2026-01-27", 100), ("2026-01-29", 250)]  # the second step is after it, and begins no other
    one.pay("p", "2026-01-31", 10_350)
    one.invoice("R2", "2026-02-01", "2026-02-10")
    one.days("2026-02-01", "2026-02-20")
    assert (one.reminders[2:], charged(one)[2:]) == ([("2026-02-15", 1), ("2026-02-20", 2)], [("2026-02-18", 100), ("2026-02-20", 250)])


def test_from_the_handover() -> None:
    steps = [{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 100}}, {"kind": "hand_over", "day": 12}]
    one = breathing(start="hand_over", steps=steps, **BORNE)
    one.days("2026-01-20", "2026-01-31")
    assert (one.status["status"], charged(one)) == ("ToBePassed", [("2026-01-24", 100)])
    [claim] = one.of("case.submit")[0].data["claims"]
    assert (claim["interest"], claim["costs"]) == (0, 100)
    one.reply("case.passed", "2026-02-13", agency="atriga", case_id="A-1")
    assert one.status["interest"] == 0
    one.reply("case.accepted", "2026-02-14", agency="atriga", case_id="A-1")
    assert one.status["interest"] == 10


def test_days_count_and_steps_are_taken_as_ever() -> None:
    with_space, without = breathing(), world(steps=FEES)
    without.invoice()
    for one in (with_space, without):
        one.days("2026-01-20", "2026-03-01")
    assert with_space.reminders == without.reminders
    assert with_space.history == without.history
    assert with_space.status["costs"] == without.status["costs"] == 750


def test_a_policy_without_it_takes_nothing_back() -> None:
    one = breathing()
    one.days("2026-01-20", "2026-01-26")
    one.apply_policy("2026-01-27", version=2, steps=FEES, applies="at_once")
    one.days("2026-01-27", "2026-02-08")
    assert charged(one) == [("2026-02-07", 350)]
