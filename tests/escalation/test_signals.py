"""Section 4: the step signal: on, and off when nothing that it covered is open any more."""

from typing import Any

from tests.escalation.harness import World, world

STEPS: list[dict[str, Any]] = [
    {"kind": "signal", "day": 5, "name": "block"},
    {"kind": "signal", "day": 9, "name": "inform_sales"},
    {"kind": "hand_over", "day": 14},
]


def signals(one: World) -> list[tuple[str, str, bool]]:
    return [(out.time.date().isoformat(), out.data["name"], out.data["on"]) for out in one.of("notice.signal")]


def test_signals_go_on_with_their_steps_and_off_with_the_payment() -> None:
    one = world(steps=STEPS)
    one.invoice()
    one.days("2026-01-19", "2026-01-28")
    assert one.status["signals"] == ["block", "inform_sales"]
    told = one.pay("P1", "2026-01-30", 10_000)
    assert signals(one) == [
        ("2026-01-24", "block", True),
        ("2026-01-28", "inform_sales", True),
        ("2026-01-30", "block", False),
        ("2026-01-30", "inform_sales", False),
    ]
    assert one.status["signals"] == []
    assert [out.type for out in told] == ["case_history.recorded", "notice.signal", "notice.signal", "case_status.changed"]


def test_a_signal_carries_what_a_reminder_does() -> None:
    one = world(steps=STEPS)
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    data = one.of("notice.signal")[0].data
    assert [data[name] for name in ("amount", "currency", "reference", "name", "on")] == [10_000, "EUR", "C-1/1", "block", True]
    assert [(each["invoice_id"], each["covered"]) for each in data["receivables"]] == [("R1", True)]
    assert [one.status[name] for name in ("status", "dunning_level", "rung")] == ["Due", 0, 1]


def test_a_signal_stays_on_while_anything_it_covered_is_open() -> None:
    """R3, not yet overdue at the step, is not covered."""
    one = world(steps=STEPS[:1])
    one.invoice("R1")
    one.invoice("R2", at="2026-01-06")
    one.invoice("R3", at="2026-01-07", due="2026-01-27")
    one.days("2026-01-19", "2026-01-24")
    one.pay("P1", "2026-01-25", 10_000, invoice_id="R1")
    one.pay("P2", "2026-01-26", 9_999, invoice_id="R2")
    assert one.status["signals"] == ["block"]
    one.event("invoice.corrected", "2026-01-27", invoice_id="R2", amount=9_999)
    assert one.status["signals"] == []


def test_a_signal_stays_on_in_a_case_until_the_agency_collected() -> None:
    one = world(steps=STEPS)
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert [one.status[name] for name in ("status", "signals")] == ["ToBePassed", ["block", "inform_sales"]]
    one.reply("case.closed", "2026-02-20", outcome="successful", reason="paid")
    assert [one.status[name] for name in ("status", "signals")] == ["Clear", []]


def test_a_signal_of_a_later_step_covers_more() -> None:
    """R2 comes to the step after R1 was there: the signal is told again and lasts for both."""
    one = world(steps=STEPS[:1])
    one.invoice("R1")
    one.days("2026-01-19", "2026-01-24")
    one.invoice("R2", at="2026-01-20", due="2026-01-25")
    one.days("2026-01-25", "2026-01-31")
    one.pay("P1", "2026-01-31", 10_000, invoice_id="R1")
    assert signals(one) == [("2026-01-24", "block", True), ("2026-01-30", "block", True)]
    assert one.status["signals"] == ["block"]
