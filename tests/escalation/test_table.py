"""The table of statuses, and days counted the slow way."""

from datetime import date, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import Status
from streams.escalation import statuses
from streams.escalation.calendar import HoldSpan, WorkingDays, after_unheld_days, moment_ms, zone
from streams.escalation.statuses import TRANSITIONS

FIRST = date(2026, 1, 1)


def test_every_status_is_reached_and_left() -> None:
    every = set(get_args(Status))
    assert {row.target for row in TRANSITIONS} == every
    assert {source for row in TRANSITIONS for source in row.sources} == every


def test_a_trigger_leads_to_one_status_or_nowhere() -> None:
    assert len({row.trigger for row in TRANSITIONS}) == len(TRANSITIONS)
    assert statuses.after("Accepted", "case.passed") is None
    assert statuses.after("Passed", "case.accepted") == "Accepted"


def test_a_case_can_be_closed_from_wherever_it_is_open() -> None:
    for status in (*statuses.OPEN, statuses.REJECTED):
        assert statuses.after(status, "case.closed successful") == "SuccessfullyClosed"
        assert statuses.after(status, "case.closed unsuccessful") == "UnsuccessfullyClosed"


def test_every_evaluation_leads_somewhere_from_the_ladder_and_from_the_end_of_a_case() -> None:
    for status in (*statuses.LADDER, *statuses.LEAVES_CASE):
        for trigger in ("nothing overdue", "too little overdue", "held", "overdue"):
            assert statuses.after(status, trigger) is not None


@st.composite
def spans(draw: st.DrawFn) -> list[HoldSpan]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        begin = FIRST + timedelta(days=draw(st.integers(-10, 40)))
        end = begin + timedelta(days=draw(st.integers(1, 20))) if draw(st.booleans()) else None
        found.append((begin, end))
    return found


@given(spans(), st.integers(1, 30))
def test_elapsed_days_without_the_held_ones(held: list[HoldSpan], days: int) -> None:
    """Against counting day by day."""
    found, unheld = FIRST, 0
    while unheld < days and found < date(2026, 12, 31):
        unheld += not any(begin <= found and (end is None or found < end) for begin, end in held)
        found += timedelta(days=1)
    assert after_unheld_days(FIRST, days, held) == (found if unheld == days else None)


def test_working_days() -> None:
    german, every = WorkingDays("DE", "HE"), WorkingDays()
    assert german.next(date(2026, 4, 3)) == date(2026, 4, 7)
    assert every.next(date(2026, 4, 3)) == date(2026, 4, 3)
    assert (german.count(date(2026, 4, 2), date(2026, 4, 8)), every.count(date(2026, 4, 2), date(2026, 4, 8))) == (2, 6)
    assert german.day_number(2, date(2026, 4, 2)) == date(2026, 4, 8)
    assert WorkingDays("DE", "BY").includes(date(2026, 6, 4)) is False  # Corpus Christi
    assert WorkingDays("DE", "BE").includes(date(2026, 6, 4)) is True


def test_a_moment_is_never_told_too_late() -> None:
    """02:30 does not exist in Berlin on 2026-03-29 and comes twice on 2026-10-25."""
    berlin = zone("Europe/Berlin")
    assert moment_ms(date(2026, 3, 29), 150, berlin) <= 1_774_746_000_000  # 01:00Z, when the clock shows 03:00
    assert moment_ms(date(2026, 10, 25), 150, berlin) == 1_792_888_200_000  # 00:30Z, the first 02:30
