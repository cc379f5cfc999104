"""Section 5: payment plans hold their receivables while every instalment is met, and are a pure function of the facts."""

from typing import Any

import pytest

from tests.escalation.harness import World, each_day, world

ONE_REMINDER = [{"kind": "remind", "day": 5, "level": 1}]
TWO = [("2026-02-01", 5_000), ("2026-03-01", 5_000)]


def due(**changes: Any) -> World:
    """Due 2026-01-19, one reminder on day 5: 2026-01-24 if nothing holds."""
    one = world(steps=ONE_REMINDER, **changes)
    one.invoice()
    one.days("2026-01-19", "2026-01-20")
    return one


def agree(one: World, at: str, instalments: list[tuple[str, int]], plan_id: str = "L1", **more: Any) -> None:
    stated = [{"due_on": day, "amount": amount} for day, amount in instalments]
    one.event("payment_plan.agreed", at, plan_id=plan_id, instalments=stated, **more)


def broken(one: World) -> list[str]:
    return [out.time.date().isoformat() for out in one.of("notice.plan_broken")]


def statuses(one: World) -> list[tuple[str, str]]:
    return [change for change in one.history if change[1] != "Clear"]


def test_an_agreed_plan_holds_its_receivables() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    assert (one.status["status"], one.status["overdue_amount"]) == ("Held", 0)
    assert one.status["holds"] == [{"hold_id": "L1", "kind": "payment_plan", "invoice_id": "R1", "from": "2026-01-21", "until": None}]


def test_a_missed_instalment_breaks_it_on_the_day_after_the_grace() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.days("2026-01-21", "2026-03-01")
    assert broken(one) == ["2026-02-05"]
    assert statuses(one)[:4] == [("2026-01-20", "Due"), ("2026-01-21", "Held"), ("2026-02-05", "Due"), ("2026-02-08", "Reminded")]
    assert one.status["holds"] == []
    notice = one.of("notice.plan_broken")[0].data
    assert (notice["amount"], notice["receivables"][0]["invoice_id"]) == (10_000, "R1")


def test_the_days_of_grace_are_the_policy_s() -> None:
    one = due(plan_grace_days=0)
    agree(one, "2026-01-21", TWO)
    one.days("2026-01-21", "2026-03-01")
    assert broken(one) == ["2026-02-02"]


def test_what_is_paid_within_the_grace_is_paid_in_time() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.days("2026-01-21", "2026-02-04")
    one.pay("P1", "2026-02-04", 5_000)
    one.days("2026-02-05", "2026-03-20")
    assert broken(one) == ["2026-03-05"]


def test_it_is_fulfilled_when_all_is_paid() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.pay("P1", "2026-01-30", 5_000)
    one.pay("P2", "2026-02-28", 5_000)
    assert (one.status["status"], one.status["holds"]) == ("Clear", [])
    one.days("2026-02-28", "2026-04-01")
    assert broken(one) == []


def test_a_plan_about_a_part_ends_on_the_value_date_that_fulfils_it() -> None:
    one = due()
    agree(one, "2026-01-21", [("2026-02-01", 4_000)])
    one.days("2026-01-21", "2026-01-29")
    one.pay("P1", "2026-01-25", 4_000, at="2026-01-30")
    assert (one.status["status"], one.status["overdue_amount"]) == ("Due", 6_000)
    one.days("2026-01-30", "2026-02-05")
    assert one.reminders == [("2026-01-30", 1)]  # 19, 20 and from the 25th on: the fifth unheld day is over on the 28th


def test_what_was_paid_before_the_agreement_does_not_count() -> None:
    one = due()
    one.pay("P1", "2026-01-20", 5_000)
    agree(one, "2026-01-21", [("2026-02-01", 5_000)])
    one.days("2026-01-21", "2026-02-10")
    assert broken(one) == ["2026-02-05"]


def test_costs_settled_count_too() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-03")
    assert one.status["costs"] == 250
    agree(one, "2026-02-04", [("2026-02-10", 5_000)])
    one.pay("P1", "2026-02-10", 5_000)
    assert (one.status["costs"], one.status["open_amount"], one.status["holds"]) == (0, 5_250, [])
    one.days("2026-02-10", "2026-02-20")
    assert broken(one) == []


def test_a_plan_of_which_nothing_is_open_any_more_is_over() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.event("credit_note.issued", "2026-01-25", credit_note_id="N1", invoice_id="R1", amount=10_000)
    assert (one.status["status"], one.status["holds"]) == ("Clear", [])
    one.days("2026-01-25", "2026-04-01")
    assert broken(one) == []


def test_a_cancelled_plan_holds_no_longer_and_is_not_broken() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.event("payment_plan.cancelled", "2026-01-25", plan_id="L1")
    one.days("2026-01-25", "2026-03-01")
    assert broken(one) == []
    assert one.reminders == [("2026-01-28", 1)]


def test_a_cancellation_after_it_was_broken_changes_nothing() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.event("payment_plan.cancelled", "2026-02-06", plan_id="L1")
    assert broken(one) == ["2026-02-06"]
    one.days("2026-02-06", "2026-03-01")
    assert one.reminders == [("2026-02-08", 1)]


def test_a_chargeback_breaks_what_was_kept_and_the_notice_goes_out_once() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.pay("P1", "2026-01-30", 5_000)
    one.days("2026-01-30", "2026-02-10")
    assert broken(one) == []
    one.event("chargeback.received", "2026-02-11", chargeback_id="B1", payment_id="P1", amount=5_000, booked_on="2026-02-11")
    assert broken(one) == ["2026-02-11"]
    one.event("chargeback.reversed", "2026-02-12", chargeback_id="B1", booked_on="2026-02-12")
    assert one.status["status"] == "Held"
    one.days("2026-02-12", "2026-04-01")
    assert broken(one) == ["2026-02-11"]
    assert one.status["status"] in ("Due", "Reminded")


def test_a_plan_holds_what_it_names_and_the_rest_goes_on() -> None:
    one = due()
    one.invoice("R2", due="2026-01-19", amount=700)
    agree(one, "2026-01-21", TWO, invoice_ids=["R1"])
    assert (one.status["status"], one.status["overdue_amount"]) == ("Due", 700)
    one.days("2026-01-21", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


def test_without_names_it_is_about_what_was_issued_until_then() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    one.invoice("R2", at="2026-01-22", due="2026-01-23", amount=700)
    one.invoice("R3", at="2026-01-21", due="2026-01-23", amount=800)
    one.tick("2026-01-24")
    assert (one.status["status"], one.status["overdue_amount"]) == ("Due", 700)
    assert [each["invoice_id"] for each in one.status["holds"]] == ["R1", "R3"]


def test_a_promise_to_pay_is_a_plan_with_one_instalment() -> None:
    one = due()
    agree(one, "2026-01-21", [("2026-01-28", 10_000)])
    one.days("2026-01-21", "2026-02-10")
    assert broken(one) == ["2026-02-01"]


def test_the_same_plan_again_changes_nothing_and_another_conflicts() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    state = one.state
    agree(one, "2026-01-22", TWO[::-1])
    assert one.state is state
    agree(one, "2026-01-22", [TWO[0]])
    assert one.refused[-1][0] == "conflicting fact"


def test_a_plan_without_instalments_is_a_dead_letter() -> None:
    one = due()
    agree(one, "2026-01-21", [])
    assert "instalments" in one.refused[0][1]


@pytest.mark.parametrize("kind", ["insolvency", "deceased"])
def test_nobody_insolvent_or_dead_is_told_that_it_was_broken_then_or_later(kind: str) -> None:
    one = due(instalment_reminder={"days_before": 3})
    agree(one, "2026-01-21", TWO)
    one.event("hold.placed", "2026-01-22", hold_id="H1", kind=kind)
    one.days("2026-01-22", "2026-02-06")
    one.event("hold.released", "2026-02-07", hold_id="H1")
    one.days("2026-02-07", "2026-03-20")
    assert (broken(one), one.of("notice.instalment_reminder")) == ([], [])


# --- reminders of instalments


def reminded(one: World) -> list[tuple[str, str]]:
    return [(out.time.date().isoformat(), out.data["instalment"]["due_on"]) for out in one.of("notice.instalment_reminder")]


def test_each_instalment_is_reminded_of_once() -> None:
    one = due(instalment_reminder={"days_before": 3})
    agree(one, "2026-01-21", TWO)
    one.days("2026-01-21", "2026-02-01")
    one.pay("P1", "2026-02-01", 5_000)
    one.days("2026-02-02", "2026-03-10")
    assert reminded(one) == [("2026-01-29", "2026-02-01"), ("2026-02-26", "2026-03-01")]


def test_what_is_covered_is_not_reminded_of() -> None:
    one = due(instalment_reminder={"days_before": 3})
    agree(one, "2026-01-21", TWO)
    one.pay("P1", "2026-01-25", 6_000)
    one.days("2026-01-25", "2026-03-01")
    assert reminded(one) == [("2026-02-26", "2026-03-01")]


def test_who_agrees_late_is_reminded_with_the_next_tick() -> None:
    one = due(instalment_reminder={"days_before": 10})
    agree(one, "2026-01-21", [("2026-01-23", 10_000)])
    one.days("2026-01-21", "2026-01-24")
    assert reminded(one) == [("2026-01-21", "2026-01-23")]


def test_after_its_day_an_instalment_is_not_reminded_of() -> None:
    one = due(instalment_reminder={"days_before": 3})
    agree(one, "2026-01-21", TWO)
    one.tick("2026-02-02")
    assert reminded(one) == []


def test_of_a_cancelled_plan_nothing_is_reminded() -> None:
    one = due(instalment_reminder={"days_before": 3})
    agree(one, "2026-01-21", TWO)
    one.event("payment_plan.cancelled", "2026-01-25", plan_id="L1")
    one.days("2026-01-25", "2026-03-10")
    assert reminded(one) == []


def test_a_running_plan_is_not_visited_for_nothing() -> None:
    one = due()
    agree(one, "2026-01-21", TWO)
    for day in each_day("2026-01-21", "2026-02-04"):
        one.tick(day)
        assert one.due_ms == 1_770_246_000_000  # midnight of 2026-02-05 in Berlin
