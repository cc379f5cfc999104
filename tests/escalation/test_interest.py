"""Section 2: interest, through events to what is told. The figures are worked out by hand from the rates of `domain.md` 6."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.escalation.harness import World, world

STATUTORY = {"kind": "statutory"}
FROM_DUE_DAY: dict[str, Any] = {"interest": STATUTORY, "default": "due_date", "steps": []}


def owing(issued: str, due: str, amount: int = 100_000, **changes: Any) -> World:
    """R1, which bears interest from the day after it is due."""
    one = world(**{**FROM_DUE_DAY, **changes})
    one.invoice("R1", issued, due, amount)
    return one


def interest_on(one: World, day: str) -> int:
    """What case-status says on that day; a hold that is of no account to interest makes it tell."""
    one.event("hold.placed", day, hold_id=f"told on {day}", kind="manual", until=(date.fromisoformat(day) + timedelta(days=1)).isoformat())
    status = one.status
    assert status["interest"] == sum(row["interest"] for row in status["receivables"])
    return int(status["interest"])


@pytest.mark.parametrize(
    ("issued", "due", "day", "minor"),
    [
        ("2022-12-01", "2022-12-15", "2022-12-15", 0),  # due is not late
        ("2022-12-01", "2022-12-15", "2022-12-31", 181),  # 16 days at -0.88 + 5
        ("2022-12-01", "2022-12-15", "2023-01-01", 199),  # and one at 1.62 + 5
        ("2022-12-01", "2022-12-15", "2023-01-31", 743),
        ("2024-01-17", "2024-01-31", "2024-02-29", 685),  # 29 days at 3.62 + 5
        ("2024-01-17", "2024-01-31", "2024-03-01", 708),  # act/365: the leap day is a day
        ("2024-01-17", "2024-01-31", "2024-12-31", 7_785),  # 151 days at 3.62 + 5, 184 at 3.37 + 5
    ],
)
def test_statutory_interest_follows_the_base_rate(issued: str, due: str, day: str, minor: int) -> None:
    assert interest_on(owing(issued, due), day) == minor


@pytest.mark.parametrize(
    ("kind", "issued", "minor"),
    [
        ("consumer", "2014-07-29", 417),
        ("business", "2014-07-29", 817),  # -0.83 + 9 for a year
        ("business", "2014-07-28", 717),  # the debt arose before: 8 points
        (None, "2014-07-29", 417),
    ],
)
def test_a_business_bears_more(kind: str | None, issued: str, minor: int) -> None:
    one = world(**FROM_DUE_DAY)
    if kind:
        one.event("contract.configured", "2014-07-01", debtor_kind=kind)
    one.invoice("R1", issued, "2014-12-31", 10_000)
    assert interest_on(one, "2015-12-31") == minor


def test_a_part_payment_settles_interest_first_and_no_day_is_charged_twice() -> None:
    one = owing("2022-12-01", "2022-12-15")
    one.pay("p1", "2023-01-31", 50_000)
    assert (one.status["interest"], one.status["open_amount"]) == (0, 50_743)  # 7.43, the rest principal
    assert interest_on(one, "2023-02-28") == 258  # 28 days on 507.43


def test_costs_come_first_then_interest_then_principal() -> None:
    steps = [{"kind": "remind", "day": 1, "level": 1, "fee": {"EUR": 250}}]
    one = owing("2022-12-01", "2022-12-15", steps=steps)
    one.tick("2022-12-16")
    one.pay("p1", "2022-12-31", 300)
    assert [one.status[name] for name in ("costs", "interest", "open_amount")] == [0, 131, 100_000]
    one.pay("p2", "2022-12-31", 231)
    assert [one.status[name] for name in ("costs", "interest", "open_amount")] == [0, 0, 99_900]


def test_principal_first_leaves_the_interest_open_and_it_bears_none() -> None:
    one = owing("2022-12-01", "2022-12-15", settlement="principal_first")
    one.pay("p1", "2022-12-31", 100_000)
    assert (one.status["open_amount"], one.status["interest"], one.status["status"]) == (0, 181, "Clear")
    one.pay("p2", "2023-06-30", 200)
    assert (one.status["interest"], one.status["credit"]) == (0, 19)


def test_default_begins_with_the_first_reminder_that_reached() -> None:
    steps = [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 10, "level": 2}]
    one = owing("2022-12-01", "2022-12-15", default="first_reminder", steps=steps)
    one.days("2022-12-16", "2022-12-25")
    first, second = one.of("notice.reminder")
    assert (first.data["interest"], second.data["interest"]) == (0, 56)  # reminded on the 20th: 5 days at 4.12 %
    one.event("notice.failed", "2022-12-26", by="printer", notice_id=first.data["notice_id"], reason="returned")
    assert interest_on(one, "2022-12-26") == 11  # default began with the second, on the 25th


def test_default_begins_thirty_days_after_the_due_day() -> None:
    one = owing("2022-11-01", "2022-11-15", default="thirty_days")
    assert interest_on(one, "2022-12-31") == 181


def test_a_fixed_percentage_is_exact() -> None:
    assert interest_on(owing("2022-12-01", "2022-12-15", interest={"kind": "fixed", "percent": "8.5"}), "2023-12-15") == 8_500


def test_days_under_a_moratorium_bear_nothing() -> None:
    one = owing("2022-12-01", "2022-12-15")
    one.event("hold.placed", "2022-12-20", hold_id="m", kind="statutory_moratorium", until="2023-01-20")
    assert interest_on(one, "2023-01-31") == 263  # 4 days at 4.12 % and 12 at 6.62 %


def test_a_raise_bears_from_its_day_and_what_was_lowered_never_bore() -> None:
    raised = owing("2022-12-01", "2022-12-15", 50_000)
    raised.event("invoice.corrected", "2023-01-01", invoice_id="R1", amount=100_000)
    assert interest_on(raised, "2023-01-31") == 653  # 16 days at 4.12 % on 500.00, then 31 at 6.62 % on 1000.00
    lowered = owing("2022-12-01", "2022-12-15")
    lowered.event("credit_note.issued", "2023-01-31", credit_note_id="c", invoice_id="R1", amount=50_000)
    assert lowered.status["interest"] == 371
    lowered.event("credit_note.cancelled", "2023-02-01", credit_note_id="c")
    assert lowered.status["interest"] == 390  # what it takes back bears from then on


def test_nothing_is_left_of_a_cancelled_receivable() -> None:
    one = owing("2022-12-01", "2022-12-15")
    assert interest_on(one, "2022-12-31") == 181
    one.event("invoice.cancelled", "2023-01-31", invoice_id="R1")
    assert (one.status["interest"], one.status["open_amount"]) == (0, 0)


def test_a_write_off_takes_the_interest_of_its_day_with_it_and_a_payment_before_it_keeps_its_own() -> None:
    one = owing("2022-12-01", "2022-12-15")
    one.event("invoice.written_off", "2022-12-31", invoice_id="R1")
    assert [one.status[name] for name in ("open_amount", "interest", "written_off")] == [0, 0, 100_181]
    one.pay("p1", "2022-12-25", 50, at="2023-01-02")
    assert [one.status[name] for name in ("interest", "written_off", "credit")] == [0, 100_131, 0]


def test_a_payment_that_comes_late_counts_from_its_value_date() -> None:
    late, in_time = (owing("2022-12-01", "2022-12-15") for _ in range(2))
    in_time.pay("p1", "2022-12-31", 50_000)
    late.tick("2023-01-15")
    late.pay("p1", "2022-12-31", 50_000, at="2023-01-20")
    assert interest_on(late, "2023-01-31") == interest_on(in_time, "2023-01-31") == 282  # 31 days on 501.81


def test_paid_in_full_with_its_interest_it_is_clear() -> None:
    one = owing("2022-12-01", "2022-12-15")
    one.pay("p1", "2023-01-31", 100_743)
    assert [one.status[name] for name in ("status", "open_amount", "interest", "credit")] == ["Clear", 0, 0, 0]
    one.event("chargeback.received", "2023-02-01", chargeback_id="c1", payment_id="p1", amount=100_743, booked_on="2023-02-01")
    assert one.status["open_amount"] == 100_000


def test_the_handover_says_what_the_interest_rests_on_and_a_close_settles_it() -> None:
    one = owing("2022-12-01", "2022-12-15", steps=[{"kind": "hand_over", "day": 47, "account": "north"}])
    one.days("2022-12-16", "2023-01-31")
    submit = one.of("case.submit")[0].data
    assert (submit["interest"], submit["claims"][0]["interest"], submit["claims"][0]["default_on"]) == (743, 743, "2022-12-15")
    assert submit["interest_basis"] == {"kind": "statutory", "percent": "6.62", "base_rate_percent": "1.62"}
    one.reply("case.passed", "2023-01-31", agency="atriga", case_id="A-1")
    one.reply("case.closed", "2023-01-31", outcome="successful", reason="paid")
    assert [one.status[name] for name in ("open_amount", "interest", "agency_balance")] == [0, 0, 100_743]


def test_without_a_rate_interest_stays_and_somebody_is_told_while_all_else_goes_on() -> None:
    one = owing("2026-12-01", "2026-12-15", steps=[{"kind": "remind", "day": 20, "level": 1}, {"kind": "hand_over", "day": 90}])
    one.days("2026-12-16", "2027-01-31")
    assert one.status["attention"] == ["rate_missing"]
    told = next(out.data for out in one.of("case_history.recorded") if "rate_missing" in out.data["attention"])
    assert told["changed_at"][:10] == "2027-01-01"
    assert one.reminders == [("2027-01-04", 1)]
    assert interest_on(one, "2027-01-31") == 286  # 16 days at 1.52 + 5
    one.pay("p1", "2026-12-31", 100_286, at="2027-01-31")
    assert one.status["attention"] == []


def test_a_policy_without_interest_asks_for_none() -> None:
    one = world(default="due_date", steps=[{"kind": "hand_over", "day": 47}])
    one.invoice("R1", "2022-12-01", "2022-12-15", 100_000)
    one.days("2022-12-16", "2023-01-31")
    submit = one.of("case.submit")[0].data
    assert submit["interest"] == 0
    assert "interest_basis" not in submit


def test_where_a_cycle_ends_the_next_ones_policy_counts_at_once() -> None:
    """The first asks for no interest: 1,000.00 settle all. The next one does, and interest goes first: principal is left, and overdue."""
    one = world(default="due_date", calendar=None)
    one.invoice("R1", "2026-01-01", "2026-01-15", 100_000)
    one.tick("2026-01-16")
    one.apply_policy("2026-01-17", version=2, default="due_date", interest={"kind": "fixed", "percent": "36.5"})
    one.pay("P1", "2026-01-25", 100_000)
    assert one.history[-2:] == [("2026-01-25", "Clear"), ("2026-01-25", "Due")]
    assert [one.status[name] for name in ("status", "cycle", "open_amount")] == ["Due", 2, 1_000]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60_000)), max_size=5), st.booleans())
def test_each_day_bears_on_what_was_open_at_its_beginning(paid: list[tuple[int, int]], backwards: bool) -> None:
    """Against a reckoning day by day; whatever the order in which the payments came."""
    due, last = date(2022, 12, 1), date(2023, 1, 30)
    one = owing("2022-11-17", due.isoformat())
    known = [(f"p{number}", due + timedelta(days=after), amount) for number, (after, amount) in enumerate(paid)]
    for name, on, amount in reversed(known) if backwards else known:
        one.pay(name, on.isoformat(), amount, at=last.isoformat())
    exact, settled, principal, credit, day = Fraction(0), 0, 100_000, 0, due
    while day <= last:
        if day > due:
            exact += Fraction(principal * (412 if day.year == 2022 else 662), 10_000 * 365)
        for _, on, amount in known:
            if on == day:
                to_interest = min(amount, int(exact + Fraction(1, 2)) - settled)
                to_principal = min(amount - to_interest, principal)
                settled, principal, credit = settled + to_interest, principal - to_principal, credit + amount - to_interest - to_principal
        day += timedelta(days=1)
    assert interest_on(one, last.isoformat()) == int(exact + Fraction(1, 2)) - settled
    assert (one.status["open_amount"], one.status["credit"]) == (principal, credit)
