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
    assert one.forgotten
    assert one.due_ms is None


def test_until_then_it_is_not_visited() -> None:
    one = paid()
    assert one.due_ms == int(datetime(2027, 3, 30, 22, tzinfo=UTC).timestamp()) * 1000  # midnight in Berlin, in summer time


def test_a_month_that_is_shorter_ends_earlier() -> None:
    one = world(forget_after=25)
    one.invoice(amount=100)
    one.pay("P1", "2026-01-31", 100)
    one.tick("2028-02-28")
    assert not one.forgotten
    one.tick("2028-02-29")
    assert one.forgotten


def test_each_fact_counts_the_months_anew() -> None:
    one = paid()
    one.event("contract.ended", "2026-05-01", ended_on="2026-05-01")
    one.tick("2027-04-01")
    assert not one.forgotten
    one.tick("2027-07-01")
    assert one.forgotten


def test_a_hold_that_ends_is_no_fact() -> None:
    one = paid()
    one.event("hold.placed", "2026-01-31", hold_id="H1", kind="manual", until="2026-06-01")
    one.tick("2026-06-01")
    one.tick("2027-03-31")
    assert one.forgotten


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
    assert not one.forgotten


def test_without_the_key_nothing_is_forgotten() -> None:
    one = world()
    one.invoice(amount=100)
    one.pay("P1", "2026-01-10", 100)
    assert one.due_ms is None
    one.tick("2040-01-01")
    assert not one.forgotten


def test_a_newer_policy_forgets_with_the_next_tick() -> None:
    one = world()
    one.invoice(amount=100)
    one.pay("P1", "2026-01-10", 100)
    one.tick("2028-01-01")
    one.apply_policy("2028-01-02", 2, forget_after=14)
    one.tick("2028-01-02")
    assert one.forgotten


def test_what_comes_after_begins_with_the_next_cycle() -> None:
    """The first ended when it was paid."""
    one = paid()
    one.tick("2027-04-01")
    one.invoice("R2", at="2027-05-01", due="2027-05-10", amount=5)
    assert (one.status["cycle"], one.status["open_amount"]) == (3, 5)
    assert [receivable["invoice_id"] for receivable in one.status["receivables"]] == ["R2"]


def test_no_id_is_given_twice() -> None:
    """Else the second claim would be taken for the first, which an agency has had, and a letter for one that was sent."""
    one = world(forget_after=14)
    ids: list[str] = []
    for year in (2026, 2030):
        one.invoice(f"R{year}", at=f"{year}-01-01", due=f"{year}-01-05", amount=10_000)
        one.days(f"{year}-01-05", f"{year}-02-19")
        submitted = one.of("case.submit")[-1]
        one.reply("case.closed", f"{year}-02-20", handover_id=submitted.data["handover_id"], outcome="successful", reason="paid")
        one.pay(f"O{year}", f"{year}-02-25", 10_250, via="agency")
        one.days(f"{year}-02-26", f"{year}-02-27")
        one.tick(f"{year + 3}-01-01")
        ids.append(submitted.data["handover_id"])
    assert one.of("tombstone")
    assert len(set(ids)) == 2
    told = [out.id for out in one.outs if out.type != "tombstone"]
    assert len(told) == len(set(told))


def test_what_is_forgotten_stays_so() -> None:
    """What is kept are numbers: it is not visited, no policy wakes it, and what is about nothing known is about nothing known still."""
    one = paid()
    one.tick("2027-04-01")
    one.outs.clear()
    one.apply_policy("2027-05-01", 2, forget_after=20)
    one.tick("2027-05-02")
    one.tick("2035-01-01")
    assert one.outs == []
    assert one.due_ms is None
    assert one.event("handover.ordered", "2035-01-02", by="k.weber") == []
    assert one.refused
    assert one.due_ms is None
