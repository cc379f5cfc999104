"""Section 3: a payment in transit holds the whole contract until it comes or fails, but not for ever."""

from datetime import date
from typing import Any

import pytest

from tests.escalation.harness import World, world

ONE_REMINDER = [{"kind": "remind", "day": 5, "level": 1}]


def due(**changes: Any) -> World:
    """Due 2026-01-19, one reminder on day 5: 2026-01-24 if nothing holds."""
    one = world(steps=ONE_REMINDER, **changes)
    one.invoice()
    return one


def initiate(one: World, at: str, payment_id: str = "P1", amount: int = 10_000, **more: Any) -> None:
    one.event("payment.initiated", at, payment_id=payment_id, amount=amount, currency="EUR", **more)


def reminded_on(one: World) -> str | None:
    assert one.state is not None
    one.days(date.fromtimestamp(one.state.clock_us / 1e6).isoformat(), "2026-03-31")
    return one.reminders[0][0] if one.reminders else None


def test_it_holds_up_to_and_including_the_last_day_of_transit() -> None:
    one = due()
    initiate(one, "2026-01-21")
    assert one.status["holds"] == [
        {"hold_id": "P1", "kind": "payment_in_transit", "invoice_id": None, "from": "2026-01-21", "until": "2026-01-27"}
    ]
    assert reminded_on(one) == "2026-01-30"
    assert one.history[:3] == [("2026-01-21", "Held"), ("2026-01-27", "Due"), ("2026-01-30", "Reminded")]


def test_it_waits_from_the_day_on_which_the_money_is_expected() -> None:
    one = due(transit_days=2)
    initiate(one, "2026-01-20", expected_on="2026-01-28")
    assert one.status["holds"][0]["until"] == "2026-01-31"
    assert reminded_on(one) == "2026-02-04"


def test_without_days_of_transit_its_own_day_is_held() -> None:
    one = due(transit_days=0)
    initiate(one, "2026-01-21")
    assert reminded_on(one) == "2026-01-25"


def test_a_failed_payment_is_no_longer_on_its_way() -> None:
    one = due()
    initiate(one, "2026-01-21")
    one.event("payment.failed", "2026-01-23", payment_id="P1")
    assert (one.status["status"], one.status["holds"]) == ("Due", [])
    assert reminded_on(one) == "2026-01-26"


def test_what_came_is_no_longer_on_its_way() -> None:
    one = due()
    initiate(one, "2026-01-21", amount=4_000)
    one.pay("P1", "2026-01-22", 4_000)
    assert (one.status["status"], one.status["holds"], one.status["overdue_amount"]) == ("Due", [], 6_000)


def test_the_earlier_of_two_ends_counts_and_another_payment_ends_nothing() -> None:
    one = due()
    initiate(one, "2026-01-20")
    one.pay("P2", "2026-01-21", 1_000)
    assert one.status["status"] == "Held"
    one.event("payment.failed", "2026-01-24", payment_id="P1")
    one.event("payment.failed", "2026-01-22", payment_id="P1")
    assert reminded_on(one) == "2026-01-26"


def test_what_came_before_it_was_said_to_be_on_its_way_holds_nothing() -> None:
    one = due()
    one.pay("P1", "2026-01-20", 4_000)
    initiate(one, "2026-01-20", amount=4_000)
    assert one.status["holds"] == []
    assert reminded_on(one) == "2026-01-24"


def test_it_holds_the_whole_contract_whatever_it_is_for() -> None:
    one = due()
    one.invoice("R2", due="2026-01-20", amount=500)
    initiate(one, "2026-01-22", amount=500, invoice_id="R2")
    assert one.status["status"] == "Held"


def test_a_newer_policy_waits_longer() -> None:
    one = due()
    initiate(one, "2026-01-21")
    one.apply_policy("2026-01-22", 2, steps=ONE_REMINDER, transit_days=10, applies="at_once")
    assert reminded_on(one) == "2026-02-04"


def test_it_is_known_by_its_payment() -> None:
    one = due()
    initiate(one, "2026-01-20", expected_on="2026-01-22")
    state = one.state
    initiate(one, "2026-01-21", expected_on="2026-01-22")
    assert one.state is state
    initiate(one, "2026-01-21", expected_on="2026-01-23")
    assert one.refused[0][0] == "conflicting fact"


@pytest.mark.parametrize("before", [True, False])
def test_it_is_refused_in_another_currency(before: bool) -> None:
    one = world()
    if before:
        one.invoice()
    one.event("payment.initiated", "2026-01-20", payment_id="P1", amount=1, currency="CHF")
    if not before:
        one.invoice()
        assert len(one.letters) == 1
    else:
        assert one.refused[0][0] == "currency mismatch"
    one.tick("2026-01-21")
    assert one.status["status"] == "Due"
