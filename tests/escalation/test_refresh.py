"""Section 6: asking the agency how a case stands, every day while it is silent, in monitoring every 30 days, and by order."""

from typing import Any

import pytest

from tests.escalation.harness import World, world

HAND_OVER = [{"kind": "hand_over", "day": 5}]


def handed_over(**changes: Any) -> World:
    """Handed over on 2026-01-24."""
    one = world(**{"steps": HAND_OVER, **changes})
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    return one


def passed(**changes: Any) -> World:
    """Passed on 2026-01-25."""
    one = handed_over(**changes)
    one.reply("case.passed", "2026-01-25", agency="atriga")
    return one


def asked(one: World, kind: str = "case.refresh") -> list[str]:
    return [out.time.date().isoformat() for out in one.of(kind)]


def test_an_agency_that_was_silent_since_before_yesterday_is_asked_every_day() -> None:
    one = passed()
    one.days("2026-01-25", "2026-01-29")
    assert asked(one) == ["2026-01-27", "2026-01-28", "2026-01-29"]
    assert one.of("case.refresh")[0].data == {"handover_id": one.status["handover_id"]}


def test_any_reply_ends_the_silence() -> None:
    one = passed()
    one.days("2026-01-25", "2026-01-27")
    one.reply("case.message_received", "2026-01-27", message_id="M1", text="x")
    one.days("2026-01-28", "2026-01-30")
    assert asked(one) == ["2026-01-27", "2026-01-29", "2026-01-30"]


def test_once_a_day_at_or_after_the_time_of_the_policy() -> None:
    one = passed(refresh_at="09:30")
    one.tick("2026-01-27T08:29:00+00:00")
    assert asked(one) == []
    one.tick("2026-01-27T08:30:00+00:00")
    one.tick("2026-01-27T20:00:00+00:00")
    one.tick("2026-01-28T08:29:00+00:00")
    assert asked(one) == ["2026-01-27"]


def test_nobody_is_asked_before_the_case_is_passed() -> None:
    one = handed_over()
    one.days("2026-01-25", "2026-02-15")
    assert asked(one) == []
    one.reply("case.submission_unknown", "2026-02-15", reason="timeout")
    one.days("2026-02-15", "2026-02-20")
    assert asked(one) == []


def test_nobody_is_asked_after_the_end() -> None:
    one = passed()
    one.reply("case.closed", "2026-01-26", outcome="unsuccessful", reason="no_assets")
    one.days("2026-01-26", "2026-02-15")
    assert asked(one) == []


def test_after_a_recall_because_all_is_paid_nothing_more_is_told_but_still_asked() -> None:
    one = passed()
    one.pay("P1", "2026-01-26", 10_000)
    one.days("2026-01-26", "2026-01-28")
    one.event("case.monitoring_ordered", "2026-01-28", by="ann")
    assert one.commands == [("case.submit", 10_000), ("case.recall", "paid"), ("case.refresh", None), ("case.refresh", None)]
    assert asked(one) == ["2026-01-27", "2026-01-28"]
    assert not one.refused


def test_in_long_term_monitoring_thirty_days_after_the_last_reply_or_question() -> None:
    one = passed()
    one.reply("case.phase_changed", "2026-02-01", phase="collection", stage="long_term_monitoring")
    one.days("2026-02-01", "2026-04-15")
    assert asked(one) == ["2026-03-03", "2026-04-02"]


def test_a_case_that_stepped_back_is_still_asked_about() -> None:
    one = passed(steps=[{"kind": "remind", "day": 3, "level": 1}, {"kind": "hand_over", "day": 5}])
    one.reply("case.phase_changed", "2026-02-01", phase="collection", stage="long_term_monitoring")
    one.invoice("R2", at="2026-02-01", due="2026-03-01")
    one.days("2026-02-01", "2026-03-04")
    assert [one.status[name] for name in ("status", "cycle")] == ["Reminded", 2]
    assert asked(one) == ["2026-03-03"]


def test_a_case_that_was_taken_over_is_asked_about_though_nothing_was_heard_of_it_here() -> None:
    one = world()
    one.invoice()
    adopted = {"agency_account": "main", "case_id": "A1", "status": "Accepted", "invoice_ids": ["R1"]}
    one.event("contract.taken_over", "2026-01-26", as_of="2026-01-25", receivables=[], case=adopted)
    one.days("2026-01-26", "2026-01-28")
    assert asked(one) == ["2026-01-27", "2026-01-28"]


# --- orders


def test_a_person_may_ask_at_any_time() -> None:
    one = handed_over()
    one.event("case.refresh_ordered", "2026-01-24", by="ann")
    assert asked(one) == ["2026-01-24"]
    one.reply("case.passed", "2026-01-25", agency="atriga")
    one.event("case.refresh_ordered", "2026-01-27T05:30:00+01:00", by="ann")
    one.days("2026-01-27", "2026-01-28")  # what was asked by order is not asked again that day
    assert asked(one) == ["2026-01-24", "2026-01-27", "2026-01-28"]


def test_a_person_may_order_monitoring() -> None:
    one = passed()
    one.event("case.monitoring_ordered", "2026-01-26", by="ann", reason="no assets")
    assert asked(one, "case.monitor") == ["2026-01-26"]
    assert one.of("case.monitor")[0].data == {"handover_id": one.status["handover_id"]}
    assert one.status["status"] == "Passed"  # it changes when the agency answers


@pytest.mark.parametrize("kind", ["case.refresh_ordered", "case.monitoring_ordered"])
def test_an_order_without_an_open_case_is_refused(kind: str) -> None:
    one = world()
    one.invoice()
    one.event(kind, "2026-01-12", by="ann")
    assert [reason for reason, _ in one.refused] == ["no open case"]
