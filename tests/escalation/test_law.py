"""The law as data (`domain.md` 4 to 7): tables with their validity, and functions whose cents were worked out by hand."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.escalation.law import agency_fees, base_rate, bureau_report, first_letter, interest, limitation, pauses
from streams.escalation.law.bureau_report import Reminding
from streams.escalation.law.tables import OutsideTable, Row, Table

DAYS = st.dates(date(2002, 1, 1), date(2026, 12, 31))
PRINCIPALS = st.integers(0, 10**9)


# --- 6: the base rate


@pytest.mark.parametrize(
    ("day", "basis_points"),
    [
        (date(2002, 1, 1), 257),
        (date(2002, 6, 30), 257),
        (date(2002, 7, 1), 247),
        (date(2009, 12, 31), 12),
        (date(2011, 6, 30), 12),
        (date(2012, 12, 31), 12),
        (date(2013, 1, 1), -13),
        (date(2022, 12, 31), -88),
        (date(2023, 1, 1), 162),
        (date(2026, 6, 30), 127),
        (date(2026, 12, 31), 152),
    ],
)
def test_6_the_base_rate_of_a_day(day: date, basis_points: int) -> None:
    assert base_rate.basis_points_on(day) == basis_points


@pytest.mark.parametrize("day", [date(2001, 12, 31), date(2027, 1, 1)])
def test_6_outside_the_table_is_refused_with_the_day_that_was_asked(day: date) -> None:
    with pytest.raises(OutsideTable, match=f"base rate: {day}") as refused:
        base_rate.basis_points_on(day)
    assert refused.value.table == "base rate"


def test_6_the_table_tells_how_long_it_lasts() -> None:
    assert (base_rate.days_left(date(2026, 11, 22)), base_rate.days_left(date(2026, 12, 31)), base_rate.days_left(date(2027, 1, 2))) == (
        39,
        0,
        -2,
    )
    assert Table("endless", (Row(date(2020, 1, 1), 1, "none"),)).days_left(date(2026, 12, 1)) is None


@pytest.mark.parametrize("table", [base_rate.TABLE, agency_fees.TABLE])
def test_6_every_row_has_a_source_and_comes_after_the_one_before(table: Table[object]) -> None:
    days = [row.valid_from for row in table.rows]
    assert days == sorted(set(days))
    assert all(row.source for row in table.rows)


# --- 6: default interest


@pytest.mark.parametrize(
    ("business", "arose_on", "points"),
    [
        (False, date(2014, 7, 28), 5),
        (False, date(2020, 1, 1), 5),
        (True, date(2014, 7, 28), 8),
        (True, date(2014, 7, 29), 9),
    ],
)
def test_6_points_over_the_base_rate(business: bool, arose_on: date, points: int) -> None:
    assert interest.points_above_base_rate(business=business, arose_on=arose_on) == points


@pytest.mark.parametrize(
    ("principal", "after", "until", "points", "minor"),
    [
        # 1,000 EUR for the year 2024 (366 days): 182 at 8.62 % and 184 at 8.37 %: (156,884 + 154,008) / 36,500 = 85.1759 EUR
        (100_000, date(2023, 12, 31), date(2024, 12, 31), 5, 8518),
        # 1,000 EUR over the change of the year: 31 December 2022 at 4.12 %, 1 January 2023 at 6.62 %: (4.12 + 6.62) / 36.5 = 0.2942 EUR
        (100_000, date(2022, 12, 30), date(2023, 1, 1), 5, 29),
        # the negative base rate is added as it is: 10,000 EUR, 30 days at 9 - 0.88 = 8.12 %: 24,360 / 365 = 66.7397 EUR
        (1_000_000, date(2020, 3, 1), date(2020, 3, 31), 9, 6674),
        # 29 February is a day like any other: 365 EUR at 8.62 % bear 8.62 cents a day: 17.24
        (36_500, date(2024, 2, 28), date(2024, 3, 1), 5, 17),
        # 50 EUR, 73 days of 2026 at 6.27 %: 50 * 0.0627 / 5 = 0.627 EUR
        (5_000, date(2026, 1, 1), date(2026, 3, 15), 5, 63),
        (5_000, date(2026, 1, 1), date(2026, 1, 1), 5, 0),
        (5_000, date(2026, 1, 2), date(2026, 1, 1), 5, 0),
    ],
)
def test_6_statutory_interest_to_the_cent(principal: int, after: date, until: date, points: int, minor: int) -> None:
    assert interest.rounded_minor(interest.statutory_parts(principal, after, until, points)) == minor


def test_6_fixed_interest_is_exact_in_six_digits_and_half_a_cent_is_rounded_up() -> None:
    assert interest.fixed_micropercent("8.5") == 8_500_000
    assert interest.fixed_micropercent("8") == 8_000_000
    assert interest.fixed_micropercent("0.000001") == 1
    # 10 EUR, 73 days (a fifth of a year) at 0.25 %: exactly half a cent
    half = interest.fixed_parts(1_000, date(2026, 1, 1), date(2026, 3, 15), interest.fixed_micropercent("0.25"))
    assert 2 * half == interest.PARTS
    assert (interest.rounded_minor(half), interest.rounded_minor(half - 1)) == (1, 0)


@pytest.mark.parametrize(("after", "until"), [(date(2026, 12, 30), date(2027, 1, 1)), (date(2001, 12, 30), date(2002, 1, 5))])
def test_6_interest_on_a_day_without_a_base_rate_is_refused(after: date, until: date) -> None:
    with pytest.raises(OutsideTable):
        interest.statutory_parts(1, after, until, 5)


@given(principal=PRINCIPALS, days=st.lists(DAYS, min_size=3, max_size=3).map(sorted), points=st.sampled_from([5, 8, 9]))
def test_6_interest_adds_up_over_days_however_they_are_cut(principal: int, days: list[date], points: int) -> None:
    first, middle, last = days
    parts = [interest.statutory_parts(principal, *span, points) for span in ((first, middle), (middle, last), (first, last))]
    assert parts[0] + parts[1] == parts[2]


@given(principal=PRINCIPALS, after=DAYS, length=st.integers(0, 900), points=st.sampled_from([5, 8, 9]))
def test_6_interest_is_the_sum_of_its_days(principal: int, after: date, length: int, points: int) -> None:
    until = min(after + timedelta(days=length), date(2026, 12, 31))
    days = [after + timedelta(days=n) for n in range(1, (until - after).days + 1)]
    slow = sum(principal * interest.statutory_micropercent(day, points) for day in days)
    assert interest.statutory_parts(principal, after, until, points) == slow


@given(one=PRINCIPALS, other=PRINCIPALS, after=DAYS, until=DAYS)
def test_6_interest_of_parts_is_that_of_the_whole_and_rounding_moves_less_than_a_cent(
    one: int, other: int, after: date, until: date
) -> None:
    parts = [interest.statutory_parts(principal, after, until, 5) for principal in (one, other, one + other)]
    assert parts[0] + parts[1] == parts[2]
    assert abs(2 * (interest.rounded_minor(parts[2]) * interest.PARTS - parts[2])) <= interest.PARTS


def test_6_the_lump_sum_is_owed_by_a_business_for_a_debt_after_2014_07_28() -> None:
    owed = [
        interest.lump_sum_minor(business=kind, arose_on=day)
        for kind, day in ((True, date(2014, 7, 29)), (True, date(2014, 7, 28)), (False, date(2026, 1, 1)))
    ]
    assert owed == [4_000, 0, 0]


# --- 6: agency fees


@pytest.mark.parametrize(
    ("claim", "mandate_on", "tenths", "fee", "expenses", "total"),
    [
        (4_000, date(2025, 6, 1), 9, 2_835, 567, 3_402),
        (30_000, date(2025, 6, 1), 9, 4_635, 927, 5_562),
        (30_000, date(2025, 6, 1), 5, 2_575, 515, 3_090),
        # before June 2025: 0.9 of 30.00 and of 49.00
        (4_000, date(2025, 5, 31), 9, 2_700, 540, 3_240),
        (30_000, date(2025, 5, 31), 9, 4_410, 882, 5_292),
        # the steps: 50.00 still belongs to the first, 50.01 to the second
        (5_000, date(2026, 1, 1), 10, 3_150, 630, 3_780),
        (5_001, date(2026, 1, 1), 10, 5_150, 1_030, 6_180),
        # 0.5 of 31.50 is 15.75, above the minimum; of 30.00 exactly 15.00
        (100, date(2026, 1, 1), 5, 1_575, 315, 1_890),
        (100, date(2024, 1, 1), 5, 1_500, 300, 1_800),
        # expenses are at most 20.00; 1.3 of 354.50 is 460.85
        (500_000, date(2026, 1, 1), 13, 46_085, 2_000, 48_085),
        # 0.5 of 134.50 is 67.25, 20 % of it 13.45
        (150_000, date(2026, 1, 1), 5, 6_725, 1_345, 8_070),
    ],
)
def test_6_agency_costs_to_the_cent(claim: int, mandate_on: date, tenths: int, fee: int, expenses: int, total: int) -> None:
    costs = agency_fees.agency_costs(claim, mandate_on, tenths)
    assert (costs.fee, costs.expenses, costs.total) == (fee, expenses, total)


@pytest.mark.parametrize(
    ("claim", "mandate_on", "tenths", "currency", "told"),
    [
        (0, date(2026, 1, 1), 9, "EUR", "only for what is owed"),
        (500_001, date(2026, 1, 1), 9, "EUR", "exceeds 500000"),
        (1_000, date(2021, 9, 30), 9, "EUR", "2021-09-30 lies before"),
        (1_000, date(2026, 1, 1), 4, "EUR", "between 5 and 13"),
        (1_000, date(2026, 1, 1), 14, "EUR", "between 5 and 13"),
        (1_000, date(2026, 1, 1), 9, "CHF", "known in EUR alone"),
    ],
)
def test_6_fees_that_are_not_known_are_refused(claim: int, mandate_on: date, tenths: int, currency: str, told: str) -> None:
    with pytest.raises(OutsideTable, match=told):
        agency_fees.agency_costs(claim, mandate_on, tenths, currency)


@given(claims=st.lists(st.integers(1, 500_000), min_size=2, max_size=2).map(sorted), tenths=st.integers(5, 13))
def test_6_a_larger_claim_never_costs_less_and_expenses_keep_their_bounds(claims: list[int], tenths: int) -> None:
    smaller, larger = (agency_fees.agency_costs(claim, date(2026, 1, 1), tenths) for claim in claims)
    assert smaller.total <= larger.total
    assert smaller.fee >= 1_500
    assert smaller.expenses <= min(2_000, -(-smaller.fee // 5))


# --- 6: limitation


@pytest.mark.parametrize(
    ("arose_on", "acknowledged_on", "last"),
    [
        (date(2023, 1, 1), [], date(2026, 12, 31)),
        (date(2023, 12, 31), [], date(2026, 12, 31)),
        (date(2023, 5, 4), [date(2025, 3, 10)], date(2028, 3, 10)),
        # leap day: 2027 has none
        (date(2022, 5, 4), [date(2024, 2, 29)], date(2027, 2, 28)),
        # before the period began, and after it ended, nothing begins anew
        (date(2023, 5, 4), [date(2023, 12, 31)], date(2026, 12, 31)),
        (date(2020, 5, 4), [date(2024, 1, 1)], date(2023, 12, 31)),
        # the second finds the period still running because of the first
        (date(2020, 5, 4), [date(2024, 6, 1), date(2022, 6, 1)], date(2027, 6, 1)),
    ],
)
def test_6_limitation(arose_on: date, acknowledged_on: list[date], last: date) -> None:
    assert limitation.limitation_on(arose_on, tuple(acknowledged_on)) == last


@given(arose_on=DAYS, acknowledged_on=st.lists(DAYS, max_size=5))
def test_6_an_acknowledgement_never_shortens_the_period(arose_on: date, acknowledged_on: list[date]) -> None:
    last = limitation.limitation_on(arose_on, tuple(acknowledged_on))
    assert last >= limitation.limitation_on(arose_on)
    assert last == limitation.limitation_on(arose_on, tuple(reversed(acknowledged_on)))


# --- 6: report to a bureau

REMINDED = Reminding((date(2026, 1, 5), date(2026, 1, 19)), date(2026, 1, 19), disputed=False)


@pytest.mark.parametrize(
    ("told", "day", "missing"),
    [
        (REMINDED, date(2026, 2, 2), ()),
        (REMINDED, date(2026, 2, 1), ("four_weeks",)),
        (REMINDED._replace(disputed=True), date(2026, 2, 2), ("undisputed",)),
        (REMINDED._replace(announced_on=None), date(2026, 2, 2), ("earlier_notice",)),
        (REMINDED._replace(announced_on=date(2026, 2, 2)), date(2026, 2, 2), ("earlier_notice",)),
        (REMINDED._replace(reminded_on=(date(2026, 1, 5),)), date(2026, 3, 1), ("two_reminders",)),
        # reminders to come count for nothing
        (REMINDED, date(2026, 1, 18), ("two_reminders", "four_weeks", "earlier_notice")),
        (Reminding((), None, disputed=True), date(2026, 1, 1), ("two_reminders", "four_weeks", "earlier_notice", "undisputed")),
    ],
)
def test_6_when_a_bureau_may_be_told(told: Reminding, day: date, missing: tuple[str, ...]) -> None:
    assert bureau_report.missing(told, day) == missing
    assert bureau_report.may_report(told, day) == (not missing)


@given(reminded_on=st.lists(DAYS, max_size=4).map(tuple), announced_on=st.none() | DAYS, day=DAYS, later=st.integers(0, 400))
def test_6_what_may_be_told_today_may_be_told_later(
    reminded_on: tuple[date, ...], announced_on: date | None, day: date, later: int
) -> None:
    told = Reminding(reminded_on, announced_on, disputed=False)
    assert set(bureau_report.missing(told, day + timedelta(days=later))) <= set(bureau_report.missing(told, day))


# --- 6: pauses, and the first letter


def test_6_a_moratorium_lasts_sixty_days_and_freezes_contact_a_breathing_space_does_not() -> None:
    assert pauses.moratorium_until(date(2026, 1, 1)) == date(2026, 3, 2)
    assert pauses.STATUTORY_MORATORIUM.contact
    assert not pauses.BREATHING_SPACE.contact
    assert pauses.breathing_space_until(date(2026, 1, 2), 14) == date(2026, 1, 16)


def test_6_what_the_first_letter_still_lacks_is_named_with_where_it_comes_from() -> None:
    names = [demand.name for demand in first_letter.DEMANDS]
    assert len(names) == len(set(names)) == 10
    assert first_letter.missing(names) == ()
    [demand] = first_letter.missing([name for name in names if name != "address_source"])
    assert demand.carried_by == "debtor.described addresses[].source"
