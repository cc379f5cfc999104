"""Default interest (BGB 288): its rate on a day, and what a principal bears, exactly (`domain.md` 6, `escalation.md` 2).

A rate is an integer in millionths of a percent, so that a policy's fixed `8.555555` is exact too. Interest is an exact fraction, kept as
its numerator over the one denominator `PARTS`: parts of any number of receivables and spans of days add up, and are rounded once.
Act/365: a leap year's day bears as much as any other. No interest on interest: only principal is ever passed here.
"""

from datetime import date, timedelta
from typing import Final

from streams.escalation.law import base_rate

MICROPERCENT: Final = 1_000_000
"""Of one percent."""
DAYS_OF_A_YEAR: Final = 365
PARTS: Final = 100 * MICROPERCENT * DAYS_OF_A_YEAR
"""Parts of one minor unit in which interest is counted."""

CONSUMER_POINTS: Final = 5
BUSINESS_POINTS: Final = 9
BUSINESS_POINTS_BEFORE: Final = 8
LAST_DAY_BEFORE: Final = date(2014, 7, 28)
"""A debt that arose after this day, and involves no consumer, bears 9 points and the lump sum; until it, 8 and none."""
LUMP_SUM_MINOR: Final = 4_000
"""BGB 288(5), EUR, once per claim."""
_BASIS_POINT: Final = MICROPERCENT // 100


def points_above_base_rate(*, business: bool, arose_on: date) -> int:
    """Percentage points over the base rate (BGB 288(1) and (2)). Who is not known to be a business is a consumer."""
    if not business:
        return CONSUMER_POINTS
    return BUSINESS_POINTS if arose_on > LAST_DAY_BEFORE else BUSINESS_POINTS_BEFORE


def statutory_micropercent(day: date, points: int) -> int:
    """The rate of a day; a negative base rate is added as it is. Raises OutsideTable."""
    return base_rate.basis_points_on(day) * _BASIS_POINT + points * MICROPERCENT


def fixed_micropercent(percent: str) -> int:
    """A policy's percentage, such as `8.5`: digits, and after a point at most six."""
    whole, _, fraction = percent.partition(".")
    return int(whole) * MICROPERCENT + int(fraction.ljust(6, "0"))


def statutory_parts(principal_minor: int, after: date, until: date, points: int) -> int:
    """What a principal bears on the days after `after`, up to and including `until`, in `PARTS` of a minor unit. 0 for no days.

    Raises OutsideTable if one of the days has no base rate.
    """
    if until <= after:
        return 0
    rows = base_rate.TABLE.through(after + timedelta(days=1), until)
    return principal_minor * sum((row.content * _BASIS_POINT + points * MICROPERCENT) * days for row, days in rows)


def fixed_parts(principal_minor: int, after: date, until: date, micropercent: int) -> int:
    """As `statutory_parts`, at one rate for all days."""
    return principal_minor * micropercent * max(0, (until - after).days)


def rounded_minor(parts: int) -> int:
    """Whole minor units, half of one rounded up."""
    return (2 * parts + PARTS) // (2 * PARTS)


def lump_sum_minor(*, business: bool, arose_on: date) -> int:
    """What a non-consumer in default owes once per claim besides (BGB 288(5)), in cents; 0 where it owes none."""
    return LUMP_SUM_MINOR if business and arose_on > LAST_DAY_BEFORE else 0
