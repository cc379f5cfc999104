"""Section 4: what a step waits for although its day has come; minimum, approval and account of a step."""

from typing import Any

import pytest

from tests.escalation.harness import World, world


def waiting(one: World) -> list[Any]:
    return [one.status[name] for name in ("next_step", "next_step_on", "waiting_for")]


# --- minimum and below


def small_steps(below: str) -> list[dict[str, Any]]:
    return [
        {"kind": "remind", "day": 5, "level": 1},
        {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}, "minimum": {"EUR": 5_000}, "below": below},
        {"kind": "remind", "day": 20, "level": 3},
    ]


def test_a_step_below_its_minimum_waits_and_what_waits_makes_the_steps_behind_it_wait() -> None:
    one = world(steps=small_steps("wait"))
    one.invoice(amount=4_000)
    one.days("2026-01-19", "2026-02-12")
    assert one.reminders == [("2026-01-24", 1)]
    assert waiting(one) == [2, "2026-02-02", ["amount"]]
    one.invoice("R2", at="2026-01-20", due="2026-02-12", amount=1_000)
    one.days("2026-02-13", "2026-02-28")
    assert one.reminders == [("2026-01-24", 1), ("2026-02-13", 2), ("2026-02-19", 3)]


def test_a_step_below_its_minimum_is_skipped_if_the_policy_says_so() -> None:
    one = world(steps=small_steps("skip"))
    one.invoice(amount=4_000)
    one.days("2026-01-19", "2026-02-02")
    assert [one.status[name] for name in ("rung", "dunning_level", "costs")] == [2, 1, 0]
    assert waiting(one) == [3, "2026-02-08", []]
    one.days("2026-02-03", "2026-02-10")
    assert one.reminders == [("2026-01-24", 1), ("2026-02-08", 3)]


def test_a_skipped_handover_ends_the_ladder() -> None:
    one = world(
        steps=[{"kind": "remind", "day": 5, "level": 1}, {"kind": "hand_over", "day": 9, "minimum": {"EUR": 10_001}, "below": "skip"}]
    )
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert not one.commands
    ended = one.of("notice.ladder_ended")
    assert [(out.time.date().isoformat(), out.data.get("reason")) for out in ended] == [("2026-01-28", None)]
    assert one.status["attention"] == ["ladder_ended"]


def test_a_minimum_in_another_currency_is_none() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1, "minimum": {"CHF": 99_999}}])
    one.invoice()
    one.days("2026-01-19", "2026-01-26")
    assert one.reminders == [("2026-01-24", 1)]


# --- approval

APPROVED = [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 14, "level": 2, "approval": "required"}]


def approve(one: World, at: str, step: int = 2) -> None:
    one.event("step.approved", at, by="ann", step=step)


def test_a_step_waits_until_a_person_approves_it() -> None:
    one = world(steps=APPROVED)
    one.invoice()
    one.days("2026-01-19", "2026-02-10")
    assert waiting(one) == [2, "2026-02-02", ["approval"]]
    approve(one, "2026-02-11", step=1)
    assert waiting(one)[2] == ["approval"]
    approve(one, "2026-02-11")
    assert waiting(one)[2] == []
    one.days("2026-02-11", "2026-02-20")
    assert one.reminders == [("2026-01-24", 1), ("2026-02-11", 2)]


def test_an_approval_is_valid_for_five_working_days() -> None:
    """Approved on Tuesday the 27th: the fifth working day is Tuesday, 3 February, and the step's day Wednesday the 4th."""
    one = world(steps=APPROVED, calendar={"country": "DE", "subdivision": "HE"}, working_days_only=True)
    one.invoice()
    one.days("2026-01-19", "2026-01-27")
    approve(one, "2026-01-27")
    one.days("2026-01-28", "2026-02-03")
    assert waiting(one) == [2, "2026-02-04", []]
    one.days("2026-02-04", "2026-02-05")
    assert waiting(one)[2] == ["approval"]
    approve(one, "2026-02-05")
    one.tick("2026-02-06")
    assert [level for _, level in one.reminders] == [1, 2]


def test_an_approval_that_runs_out_before_a_late_tick_is_seen_by_it() -> None:
    one = world(steps=APPROVED)
    one.invoice()
    one.days("2026-01-19", "2026-02-01")
    approve(one, "2026-02-01")
    one.tick("2026-02-02T05:00:00+00:00")  # before `at`
    one.tick("2026-02-07T05:00:00+00:00")
    assert waiting(one)[2] == ["approval"]
    one.tick("2026-02-07")
    assert len(one.reminders) == 1


def test_an_approval_ends_when_more_is_overdue_than_was_approved() -> None:
    one = world(steps=APPROVED)
    one.invoice()
    one.days("2026-01-19", "2026-02-01")
    approve(one, "2026-02-01")
    one.invoice("R2", due="2026-02-01", amount=1)
    one.tick("2026-02-02")
    assert waiting(one)[2] == ["approval"]
    one.pay("P1", "2026-02-03", 1, invoice_id="R2")
    one.tick("2026-02-03")
    assert [level for _, level in one.reminders] == [1, 2]


# --- account

RULES = [
    {"account": "small", "when": {"amount_below": 5_000}},
    {"account": "firms", "when": {"debtor_kind": "business"}},
    {"account": "alps", "when": {"country": "AT", "amount_from": 5_000}},
    {"account": "old", "when": {"overdue_days_from": 20}},
]


def by_rule(*rules: dict[str, Any], **configured: Any) -> World:
    one = world(steps=[{"kind": "hand_over", "day": 9, "accounts": list(rules)}])
    if configured:
        one.event("contract.configured", "2026-01-02", **configured)
    return one


def submitted(one: World) -> list[tuple[str, str]]:
    return [(out.time.date().isoformat(), out.data["agency_account"]) for out in one.of("case.submit")]


@pytest.mark.parametrize(
    ("amount", "configured", "account"),
    [
        (4_999, {"debtor_kind": "business"}, "small"),
        (5_000, {"debtor_kind": "business"}, "firms"),
        (5_000, {"country": "AT"}, "alps"),
        (5_000, {"country": "AT", "agency_account": "own"}, "own"),
    ],
)
def test_the_first_rule_that_matches_names_the_account(amount: int, configured: dict[str, Any], account: str) -> None:
    one = by_rule(*RULES, **configured)
    one.invoice(amount=amount)
    one.days("2026-01-19", "2026-01-29")
    assert submitted(one) == [("2026-01-28", account)]


def test_a_handover_waits_until_a_rule_matches() -> None:
    """The due day is the 19th of January; on 8 February the claim is overdue for 20 days."""
    one = by_rule(*RULES)
    one.invoice()
    one.days("2026-01-19", "2026-02-01")
    assert waiting(one) == [1, "2026-01-28", ["account"]]
    one.days("2026-02-02", "2026-02-10")
    assert submitted(one) == [("2026-02-08", "old")]


def test_a_rule_without_condition_always_matches() -> None:
    one = by_rule({"account": "firms", "when": {"debtor_kind": "business"}}, {"account": "rest"})
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    assert submitted(one) == [("2026-01-28", "rest")]


def test_a_second_attempt_may_have_another_account() -> None:
    one = by_rule({"account": "first", "when": {"attempt": 1}}, {"account": "second", "when": {"attempt": 2}})
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    one.reply("case.closed", "2026-02-02", outcome="unsuccessful", reason="unknown_address")
    one.event("handover.ordered", "2026-02-03", by="ann")
    assert submitted(one) == [("2026-01-28", "first"), ("2026-02-03", "second")]


def test_an_order_waits_for_nothing() -> None:
    one = by_rule({"account": "firms", "when": {"debtor_kind": "business"}})
    one.invoice()
    one.days("2026-01-19", "2026-01-29")
    assert waiting(one)[2] == ["account"]
    one.event("handover.ordered", "2026-01-29", by="ann")
    assert submitted(one) == [("2026-01-29", "main")]


def test_the_rules_are_asked_of_the_receivable_whose_step_it_is() -> None:
    """Once it is taken, a younger receivable is the next whose step comes; it decides nothing about this claim."""
    steps = [{"kind": "remind", "day": 3, "level": 1}, {"kind": "hand_over", "day": 9, "accounts": [RULES[-1]]}]
    one = world(steps=steps)
    one.invoice()
    one.invoice("I-2", due="2026-01-30")
    one.days("2026-01-19", "2026-02-20")
    [(_, account)] = submitted(one)
    assert account == "old"


def test_reasons_are_sorted() -> None:
    step = {"kind": "hand_over", "day": 9, "approval": "required", "minimum": {"EUR": 99_999}, "accounts": []}
    one = world(steps=[step])
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    assert waiting(one)[2] == ["account", "amount", "approval"]
