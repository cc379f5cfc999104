"""Sections 1 and 4: when a policy takes its first step (starts_on, ramp), and how fresh payments must be (fresh_payments)."""

from datetime import date, timedelta
from uuid import NAMESPACE_DNS, uuid5

import pytest

from tests.escalation.harness import World, world
from tests.escalation.test_waiting import waiting

CALENDAR = {"country": "DE", "subdivision": "HE"}


def test_no_step_before_the_day_on_which_the_policy_starts() -> None:
    one = world(starts_on="2026-03-02")
    one.invoice()
    one.days("2026-01-19", "2026-02-28")
    assert one.history == [("2026-01-20", "Due")]
    assert waiting(one) == [1, "2026-03-02", []]
    one.days("2026-03-01", "2026-03-31")
    assert one.reminders == [("2026-03-02", 1), ("2026-03-11", 2)]


def test_a_start_on_a_sunday_waits_for_a_working_day() -> None:
    one = world(starts_on="2026-03-01", calendar=CALENDAR, working_days_only=True)
    one.invoice()
    one.days("2026-01-19", "2026-03-03")
    assert one.reminders == [("2026-03-02", 1)]


def test_what_falls_due_later_has_its_own_days() -> None:
    one = world(starts_on="2026-01-01", ramp={"days": 1000})
    one.invoice()
    one.days("2026-01-19", "2026-01-31")
    assert one.reminders == [("2026-01-24", 1)]


def number(key: str, days: int) -> int:
    return uuid5(uuid5(NAMESPACE_DNS, "mahnlauf"), key).int % days


@pytest.mark.parametrize("contract", ["C-1", "C-2", "C-3"])
def test_old_debts_get_their_first_step_spread_over_days(contract: str) -> None:
    key = f"acme/{contract}"
    expected = date(2026, 3, 2) + timedelta(days=number(key, 10))
    one = world(starts_on="2026-03-02", ramp={"days": 10})
    one.key = key.encode()
    one.invoice()
    one.days("2026-02-25", "2026-03-31")
    assert one.reminders[0] == (expected.isoformat(), 1)
    assert one.reminders[1] == ((expected + timedelta(days=9)).isoformat(), 2)


def test_the_contracts_of_a_ramp_differ() -> None:
    assert len({number(f"acme/C-{n}", 10) for n in range(1, 4)}) == 3


def test_a_ramp_counts_working_days() -> None:
    """Number 6 after Monday, 2 March is Tuesday, 10 March."""
    contract = next(f"C-{n}" for n in range(100) if number(f"acme/C-{n}", 10) == 6)
    one = world(starts_on="2026-03-02", ramp={"days": 10}, calendar=CALENDAR)
    one.key = f"acme/{contract}".encode()
    one.invoice()
    one.days("2026-02-25", "2026-03-12")
    assert one.reminders == [("2026-03-10", 1)]


# --- fresh_payments


def imported(one: World, until: str) -> None:
    one.broadcast("payments.imported", until, tenant="acme", until=until)


def test_steps_wait_while_payments_are_not_known() -> None:
    """Known up to Tuesday the 20th: the fourth working day after it is Monday the 26th."""
    one = world(fresh_payments=3, calendar=CALENDAR)
    one.invoice()
    imported(one, "2026-01-20")
    one.days("2026-01-20", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]  # only three working days after: Wednesday to Friday
    one.days("2026-01-25", "2026-02-02")
    assert waiting(one) == [2, "2026-02-02", ["payments"]]
    imported(one, "2026-01-28")  # Thursday, Friday, Monday
    one.tick("2026-02-02")
    assert [level for _, level in one.reminders] == [1, 2]


def test_of_several_imports_the_latest_day_counts() -> None:
    one = world(fresh_payments=0)
    one.invoice()
    imported(one, "2026-01-24")
    imported(one, "2026-01-22")
    one.days("2026-01-20", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


def test_nothing_waits_where_nobody_ever_said_how_far_payments_are_known() -> None:
    one = world(fresh_payments=0)
    one.invoice()
    one.days("2026-01-20", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


@pytest.mark.parametrize(
    ("step", "waits"),
    [
        ({"kind": "remind", "level": 1}, True),
        ({"kind": "call", "max_attempts": 1}, True),
        ({"kind": "hand_over"}, True),
        ({"kind": "offer_payment", "methods": ["barcode"]}, False),
        ({"kind": "signal", "name": "block"}, False),
    ],
)
def test_what_asks_or_hands_over_waits_and_the_rest_does_not(step: dict[str, object], waits: bool) -> None:
    one = world(fresh_payments=2, steps=[{**step, "day": 5}])
    one.invoice()
    imported(one, "2026-01-21")
    one.days("2026-01-19", "2026-01-25")
    assert one.status["waiting_for"] == (["payments"] if waits else [])
    assert (one.status["rung"] == 0) is waits


def test_a_step_that_no_tick_took_begins_to_wait() -> None:
    """Ticks come before `at` only: the 24th would have been the day, from the 25th on payments are too old."""
    one = world(fresh_payments=3)
    one.invoice()
    imported(one, "2026-01-21")
    for day in ("2026-01-20", "2026-01-24", "2026-01-25"):
        one.tick(f"{day}T01:00:00+00:00")
    assert waiting(one) == [1, "2026-01-24", ["payments"]]
