"""Section 5: payment_confirmation and win_back, what the debtor hears after paying."""

import pytest

from tests.escalation.harness import World, world


def confirmations(one: World) -> list[str]:
    return [out.data["payment_id"] for out in one.of("notice.payment_confirmation")]


def reminded(**changes: object) -> World:
    one = world(**{"confirm_payments": True, "win_back": {"days_after": 14}, **changes})
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    return one


# --- confirmation


def test_a_payment_is_confirmed_before_anything_else_is_told() -> None:
    one = reminded()
    told = one.pay("P1", "2026-01-26", 10_000)
    assert [out.type for out in told] == ["notice.payment_confirmation", "case_history.recorded", "case_status.changed"]
    data = told[0].data
    assert [data[name] for name in ("payment_id", "amount", "reference", "receivables", "version")] == ["P1", 0, "C-1/1", [], 2]


def test_a_part_payment_is_confirmed_with_what_is_left() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 4_000)
    assert [out.data["amount"] for out in one.of("notice.payment_confirmation")] == [6_000]


def test_a_payment_is_confirmed_once() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 4_000, id="a")
    one.pay("P1", "2026-01-26", 4_000, id="b")
    assert confirmations(one) == ["P1"]


def test_a_payment_in_clear_is_not_confirmed() -> None:
    one = world(confirm_payments=True)
    one.invoice()
    one.pay("P1", "2026-01-12", 4_000)
    assert confirmations(one) == []


def test_the_status_before_is_that_of_the_payments_day() -> None:
    """No tick came since the receivable fell due: the payment finds it Due."""
    one = world(confirm_payments=True)
    one.invoice()
    one.pay("P1", "2026-01-20", 4_000)
    assert one.history == [("2026-01-20", "Due")]
    assert confirmations(one) == ["P1"]


def test_neither_a_payout_nor_nothing_is_confirmed() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 0)
    one.pay("P2", "2026-01-26", 500, via="agency")
    assert confirmations(one) == []


def test_nothing_is_confirmed_unless_the_policy_says_so() -> None:
    one = reminded(confirm_payments=False)
    one.pay("P1", "2026-01-26", 4_000)
    assert confirmations(one) == []


@pytest.mark.parametrize("kind", ["deceased", "insolvency"])
def test_nobody_writes_to_the_dead_or_insolvent_nor_later(kind: str) -> None:
    one = reminded()
    one.event("hold.placed", "2026-01-25", hold_id="H1", kind=kind, until="2026-02-20")
    one.pay("P1", "2026-01-26", 10_000)
    one.days("2026-01-27", "2026-02-28")
    assert confirmations(one) == []
    assert not one.of("notice.win_back")


# --- win_back


def won_back(one: World) -> list[str]:
    return [out.time.date().isoformat() for out in one.of("notice.win_back")]


def test_a_debtor_who_paid_is_won_back() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 10_000)
    one.days("2026-01-27", "2026-03-15")
    assert won_back(one) == ["2026-02-09"]
    [notice] = one.of("notice.win_back")
    assert [notice.data[name] for name in ("amount", "currency", "reference", "receivables")] == [0, "EUR", "C-1/2", []]


def test_win_back_on_the_day_of_the_reset_waits_for_a_tick() -> None:
    one = reminded(win_back={"days_after": 0})
    one.pay("P1", "2026-01-26", 10_000)
    assert won_back(one) == []
    one.tick("2026-01-26T12:01:00+00:00")
    assert won_back(one) == ["2026-01-26"]


def test_anything_overdue_in_between_cancels() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 10_000)
    one.invoice("R2", at="2026-01-26", due="2026-01-29")
    one.days("2026-01-27", "2026-01-30")
    one.pay("P2", "2026-01-30", 10_000)
    one.days("2026-01-31", "2026-03-15")
    assert won_back(one) == []


def test_what_is_due_on_the_day_itself_cancels_even_if_nobody_looked_before() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 10_000)
    one.invoice("R2", at="2026-01-26", due="2026-02-08")
    one.tick("2026-02-09")
    assert won_back(one) == []


def test_a_cycle_in_between_cancels_though_all_of_it_was_held() -> None:
    one = reminded()
    one.pay("P1", "2026-01-26", 10_000)
    one.invoice("R2", at="2026-01-27", due="2026-01-29")
    one.event("dispute.opened", "2026-01-28", dispute_id="D-1", invoice_id="R2")
    one.days("2026-01-28", "2026-01-30")
    assert one.status["status"] == "Held"
    one.pay("P2", "2026-01-31", 10_000)
    one.days("2026-02-01", "2026-03-15")
    assert won_back(one) == []


def test_nobody_is_won_back_who_was_never_reminded() -> None:
    one = world(win_back={"days_after": 3})
    one.invoice()
    one.days("2026-01-19", "2026-01-21")
    one.event("step.skipped", "2026-01-21", by="ann", step=1)
    one.pay("P1", "2026-01-22", 10_000)
    one.days("2026-01-23", "2026-02-15")
    assert won_back(one) == []


def test_a_debtor_whose_case_was_paid_is_won_back() -> None:
    one = world(win_back={"days_after": 3}, steps=[{"kind": "hand_over", "day": 5}])
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    one.reply("case.closed", "2026-01-25", outcome="successful", reason="paid")
    one.days("2026-01-26", "2026-02-15")
    assert won_back(one) == ["2026-01-28"]
