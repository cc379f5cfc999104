"""Section 7: in which order things go out, and what a row of case-status lists."""

from tests.escalation.harness import LADDER, world


def test_within_a_tick_what_goes_out_is_in_order() -> None:
    """Plan broken, change of status, step, instalment reminder, signal, then the row: all on one tick after an outage."""
    steps = [{"kind": "remind", "day": 5, "level": 1}, *LADDER["steps"][1:]]
    one = world(steps=steps, plan_grace_days=1, instalment_reminder={"days_before": 9})
    one.invoice("R1")
    one.invoice("R2")
    one.event("payment_plan.agreed", "2026-01-06", plan_id="L1", instalments=[{"due_on": "2026-01-20", "amount": 1}], invoice_ids=["R2"])
    one.event("payment_plan.agreed", "2026-01-06", plan_id="L2", instalments=[{"due_on": "2026-02-20", "amount": 1}], invoice_ids=["R3"])
    one.invoice("R3", due="2026-03-01")
    kinds = [out.type for out in one.tick("2026-02-15")]
    assert kinds == [
        "notice.plan_broken",
        "case_history.recorded",
        "case_history.recorded",
        "notice.reminder",
        "notice.instalment_reminder",
        "case_status.changed",
    ]


def test_what_ends_with_a_payment_is_told_in_order() -> None:
    """Confirmation, change of status, signal off, the row; winning back is for a tick."""
    steps = [{"kind": "signal", "day": 1, "name": "block"}, {"kind": "remind", "day": 5, "level": 1}]
    one = world(steps=steps, confirm_payments=True, win_back={"days_after": 0})
    one.invoice()
    one.days("2026-01-20", "2026-01-24")
    assert [out.type for out in one.pay("P1", "2026-01-25", 10_000)] == [
        "notice.payment_confirmation",
        "case_history.recorded",
        "notice.signal",
        "case_status.changed",
    ]
    assert [out.type for out in one.tick("2026-01-25")] == ["notice.win_back"]


def test_a_row_lists_the_first_fifty_open_receivables() -> None:
    one = world(steps=[])
    for number in range(52):
        one.invoice(f"R{number:02}", due=f"2026-02-{1 + number % 26:02}", amount=100)
    assert one.status["open_amount"] == 5_200
    listed = [row["invoice_id"] for row in one.status["receivables"]]
    in_order = sorted(range(52), key=lambda number: (number % 26, number))
    assert listed == [f"R{number:02}" for number in in_order[:50]]


def test_a_row_ends_with_its_last_three_changes() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-20", "2026-02-18")
    assert [(row["changed_at"][:10], row["to"], row["dunning_level"]) for row in one.status["last_changes"]] == [
        ("2026-01-24", "Reminded", 1),
        ("2026-02-02", "Reminded", 2),
        ("2026-02-18", "ToBePassed", 2),
    ]
