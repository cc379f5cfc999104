"""Cases worked out by hand from `escalation.md` 5 and 6, plans to second placements: auditor and core must each come to them.

R1 is 100.00 EUR, due 2026-01-19; the ladder: reminders 24 January and 2 February (the second costs 2.50 EUR), handover 18 February.
"""

from typing import Any

import pytest

from tests.auditor.tale import JUDGES, Tale

pytestmark = pytest.mark.parametrize("judge", JUDGES)


def tale(**changes: Any) -> Tale:
    one = Tale(**changes)
    one.invoice()
    return one


def plan(one: Tale, at: str, *instalments: tuple[str, int], **more: Any) -> None:
    parts = [{"due_on": due_on, "amount": amount} for due_on, amount in instalments]
    one.event("payment_plan.agreed", at, plan_id="L1", instalments=parts, **more)


# --- section 5: plans


def test_a_plan_that_is_missed_is_broken_after_its_grace(judge: str) -> None:
    """The grace of the second ends on 13 February, the 14th is not held. Unheld are 19 January and 14 to 17 February."""
    one = tale()
    plan(one, "2026-01-20", ("2026-01-30", 6_000), ("2026-02-10", 4_000))
    one.days("2026-01-20", "2026-01-29")
    one.pays("P1", "2026-01-30", 6_000)
    one.days("2026-01-30", "2026-02-18")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-20", "Held"), ("2026-02-14", "Due"), ("2026-02-18", "Reminded")]
    assert verdict.notices("plan_broken", "amount") == [("2026-02-14", 4_000)]


def test_a_plan_that_is_kept_ends_with_everything(judge: str) -> None:
    """The second comes a day late, within its grace."""
    one = tale()
    plan(one, "2026-01-20", ("2026-01-30", 6_000), ("2026-02-10", 4_000))
    one.days("2026-01-20", "2026-01-29")
    one.pays("P1", "2026-01-30", 6_000)
    one.days("2026-01-30", "2026-02-10")
    one.pays("P2", "2026-02-11", 4_000)
    one.days("2026-02-11", "2026-02-20")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-20", "Held"), ("2026-02-11", "Clear")]
    assert (verdict.notices("plan_broken"), verdict.status["cycle"]) == ([], 2)


def test_a_plan_over_a_part_ends_on_the_day_it_is_met(judge: str) -> None:
    """4,000 of 10,000, met on the 24th, which is no longer held. Unheld are the 19th and the 24th to 27th."""
    one = tale()
    plan(one, "2026-01-20", ("2026-01-25", 4_000))
    one.days("2026-01-20", "2026-01-23")
    one.pays("P1", "2026-01-24", 4_000)
    one.days("2026-01-24", "2026-01-29")
    assert one.by(judge).history == [("2026-01-20", "Held"), ("2026-01-24", "Due"), ("2026-01-28", "Reminded")]


def test_money_of_before_the_agreement_and_of_the_agency_does_not_keep_a_plan(judge: str) -> None:
    """Value date the 19th: before the day of agreement. Grace ends on the 28th."""
    one = tale()
    plan(one, "2026-01-20", ("2026-01-25", 4_000))
    one.pays("P1", "2026-01-21", 4_000, value_date="2026-01-19")
    one.pays("P2", "2026-01-22", 4_000, via="agency")
    one.days("2026-01-22", "2026-01-29")
    assert one.by(judge).notices("plan_broken") == ["2026-01-29"]


def test_an_instalment_is_reminded_of_once_and_not_if_it_is_covered(judge: str) -> None:
    one = tale(instalment_reminder={"days_before": 3})
    plan(one, "2026-01-20", ("2026-01-30", 6_000), ("2026-02-10", 3_000), ("2026-02-12", 1_000))
    one.days("2026-01-20", "2026-01-29")
    one.pays("P1", "2026-01-30", 9_000)
    one.days("2026-01-30", "2026-02-11")
    assert one.by(judge).notices("instalment_reminder", "instalment") == [
        ("2026-01-27", {"due_on": "2026-01-30", "amount": 6_000}),
        ("2026-02-09", {"due_on": "2026-02-12", "amount": 1_000}),
    ]


# --- section 5: confirmation and win-back


def test_a_payment_is_confirmed_unless_all_was_clear(judge: str) -> None:
    one = tale(confirm_payments=True)
    one.pays("P1", "2026-01-10", 1_000)
    one.days("2026-01-20", "2026-01-20")
    one.pays("P2", "2026-01-21", 1_000)
    one.pays("P3", "2026-01-22", 1_000, via="agency")
    one.pays("P4", "2026-01-22", 0)
    assert one.by(judge).notices("payment_confirmation", "payment_id", "amount") == [("2026-01-21", "P2", 8_000)]


def test_win_back_after_a_cycle_with_a_reminder(judge: str) -> None:
    one = tale(win_back={"days_after": 14})
    one.days("2026-01-20", "2026-01-24")
    one.pays("P1", "2026-01-26", 10_000)
    one.days("2026-01-26", "2026-02-20")
    assert one.by(judge).notices("win_back") == ["2026-02-09"]


@pytest.mark.parametrize(("paid", "again"), [("2026-01-21", None), ("2026-01-26", "2026-02-01")])
def test_no_win_back_without_a_reminder_or_with_something_overdue_since(judge: str, paid: str, again: str | None) -> None:
    """R2 is overdue on 2 February and paid on the 3rd, before any reminder: that cycle wins nobody back either."""
    one = tale(win_back={"days_after": 14})
    one.days("2026-01-20", paid)
    one.pays("P1", f"{paid}T15:00:00Z", 10_000, value_date=paid)
    if again is not None:
        one.invoice("R2", at="2026-01-27", due=again, amount=500)
        one.days("2026-01-27", "2026-02-02")
        one.pays("P2", "2026-02-03", 500)
    one.days("2026-02-03", "2026-03-10")
    assert one.by(judge).notices("win_back") == []


# --- section 6: second placement


def closed(reason: str) -> Tale:
    """Handed over by hand on 21 January, closed unsuccessfully on the 25th."""
    one = tale()
    one.tick("2026-01-20")
    one.orders("handover.ordered", "2026-01-21")
    one.replies("case.closed", "2026-01-25", outcome="unsuccessful", reason=reason)
    return one


def test_a_second_placement_goes_to_another_account(judge: str) -> None:
    one = closed("no_assets")
    one.orders("handover.ordered", "2026-01-27")
    refused = one.lines[-1]["value"]["id"]
    one.orders("handover.ordered", "2026-01-28", account="other")
    verdict = one.by(judge)
    assert verdict.refused == [refused]
    assert verdict.commands("agency_account", "attempt") == [
        ("2026-01-21", "case.submit", "main", 1),
        ("2026-01-28", "case.submit", "other", 2),
    ]
    assert verdict.now("status", "cycle") == ["ToBePassed", 1]


@pytest.mark.parametrize("reason", ["deceased", "insolvency", "limitation"])
def test_after_some_reasons_there_is_no_second_placement(judge: str, reason: str) -> None:
    one = closed(reason)
    one.orders("handover.ordered", "2026-01-28", account="other")
    verdict = one.by(judge)
    assert (len(verdict.refused), verdict.status["status"]) == (1, "UnsuccessfullyClosed")


def test_what_was_recalled_may_go_to_the_same_account_again(judge: str) -> None:
    one = closed("recalled")
    assert one.by(judge).status["attention"] == ["recalled"]
    one.orders("handover.ordered", "2026-01-28")
    verdict = one.by(judge)
    assert [record[2] for record in verdict.commands("agency_account")] == ["main", "main"]
    assert verdict.now("status", "attention") == ["ToBePassed", []]


# --- section 6: monitoring


def monitored() -> Tale:
    """In long-term monitoring since 23 January; R2 (30.00 EUR) is overdue on 2 February."""
    one = tale(steps=[{"kind": "remind", "day": 5, "level": 1}])
    one.tick("2026-01-20")
    one.orders("handover.ordered", "2026-01-21")
    one.replies("case.accepted", "2026-01-22", agency="atriga")
    one.replies("case.phase_changed", "2026-01-23", phase="collection", stage="long_term_monitoring")
    one.invoice("R2", at="2026-01-24", due="2026-02-01", amount=3_000)
    one.days("2026-01-24", "2026-02-02")
    return one


def test_a_case_in_monitoring_steps_back_when_others_are_overdue(judge: str) -> None:
    """Its money and its end still count; the status is that of the new cycle, whose reminder is five days after 1 February."""
    one = monitored()
    one.replies("case.payment_received", "2026-02-03", payment_id="A1", amount=1_000, value_date="2026-02-03")
    one.days("2026-02-03", "2026-02-06")
    one.replies("case.closed", "2026-02-07", outcome="unsuccessful", reason="no_assets")
    verdict = one.by(judge)
    assert verdict.history[-2:] == [("2026-02-02", "Due"), ("2026-02-06", "Reminded")]
    assert verdict.now("cycle", "open_amount", "overdue_amount", "agency_balance") == [2, 12_000, 3_000, 1_000]


def test_a_case_that_stepped_back_is_told_of_direct_payments(judge: str) -> None:
    one = monitored()
    one.pays("P1", "2026-02-03", 2_000, invoice_id="R1")
    assert one.by(judge).commands("amount")[-1] == ("2026-02-03", "case.report_payment", 2_000)


def test_in_monitoring_an_agency_is_asked_every_thirty_days(judge: str) -> None:
    """The last reply is of 23 January."""
    one = monitored()
    one.days("2026-02-03", "2026-03-30")
    asked = [day for day, kind, *_ in one.by(judge).commands() if kind == "case.refresh"]
    assert asked == ["2026-02-22", "2026-03-24"]
