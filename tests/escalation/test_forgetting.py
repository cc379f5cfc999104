"""Section 1: a contract of which nothing is left is forgotten on a tick, with tombstones for its state and its case-status."""

from datetime import UTC, datetime

import pytest

from tests.escalation.harness import World, world


def paid(**changes: int) -> World:
    """Paid on 2026-01-31."""
    one = world(forget_after=14, **changes)
    one.invoice(amount=100)
    one.pay("P1", "2026-01-31", 100)
    return one


def test_it_is_forgotten_on_the_day() -> None:
    one = paid()
    one.tick("2027-03-30")
    assert one.of("tombstone") == []
    assert [out.type for out in one.tick("2027-03-31")] == ["tombstone"]
    assert one.state is None
    assert one.due_ms is None


def test_until_then_it_is_not_visited() -> None:
    one = paid()
    assert one.due_ms == int(datetime(2027, 3, 30, 22, tzinfo=UTC).timestamp()) * 1000  # midnight in Berlin, in summer time


def test_a_month_that_is_shorter_ends_earlier() -> None:
    one = world(forget_after=25)
    one.invoice(amount=100)
    one.pay("P1", "2026-01-31", 100)
    one.tick("2028-02-28")
    assert one.state is not None
    one.tick("2028-02-29")
    assert one.state is None


def test_each_fact_counts_the_months_anew() -> None:
    one = paid()
    one.event("contract.ended", "2026-05-01", ended_on="2026-05-01")
    one.tick("2027-04-01")
    assert one.state is not None
    one.tick("2027-07-01")
    assert one.state is None


def test_a_hold_that_ends_is_no_fact() -> None:
    one = paid()
    one.event("hold.placed", "2026-01-31", hold_id="H1", kind="manual", until="2026-06-01")
    one.tick("2026-06-01")
    one.tick("2027-03-31")
    assert one.state is None


@pytest.mark.parametrize("left", ["open", "credit", "agency balance", "case"])
def test_while_something_is_left_it_is_remembered(left: str) -> None:
    one = world(forget_after=14)
    one.invoice(amount=10_000)
    if left == "credit":
        one.pay("P1", "2026-01-10", 10_001)
    elif left != "open":
        one.days("2026-01-19", "2026-02-19")
        if left == "agency balance":
            one.reply("case.closed", "2026-02-20", outcome="successful", reason="paid")
    one.tick("2029-01-01")
    assert one.state is not None


def test_without_the_key_nothing_is_forgotten() -> None:
    one = world()
    one.invoice(amount=100)
    one.pay("P1", "2026-01-10", 100)
    assert one.due_ms is None
    one.tick("2040-01-01")
    assert one.state is not None


def test_a_newer_policy_forgets_with_the_next_tick() -> None:
    one = world()
    one.invoice(amount=100)
    one.pay("P1", "2026-01-10", 100)
    one.tick("2028-01-01")
    one.apply_policy("2028-01-02", 2, forget_after=14)
    one.tick("2028-01-02")
    assert one.state is None


def test_what_comes_after_begins_anew() -> None:
    one = paid()
    one.tick("2027-04-01")
    one.invoice("R2", at="2027-05-01", due="2027-05-10", amount=5)
    assert (one.status["cycle"], one.status["open_amount"]) == (1, 5)
