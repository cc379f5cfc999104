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


def test_after_a_recall_because_all_is_paid_nothing_more_is_sent() -> None:
    one = passed()
    one.pay("P1", "2026-01-26", 10_000)
    one.days("2026-01-26", "2026-02-15")
    one.event("case.refresh_ordered", "2026-02-16", by="ann")
    one.event("case.monitoring_ordered", "2026-02-16", by="ann")
    assert one.commands == [("case.submit", 10_000), ("case.recall", "paid")]
    assert not one.refused


# --- orders


def test_a_person_may_ask_at_any_time() -> None:
    one = handed_over()
    one.event("case.refresh_ordered", "2026-01-24", by="ann")
    assert asked(one) == ["2026-01-24"]


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
