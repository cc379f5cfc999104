"""Limitation (BGB 195, 199, 212): until when a claim can be enforced."""

from datetime import date
from functools import lru_cache
from typing import Final

YEARS: Final = 3


@lru_cache(maxsize=10_000)  # asked at every event, of few days
def limitation_on(arose_on: date, acknowledged_on: tuple[date, ...] = ()) -> date:
    """The last day of the period: three years from the end of the year in which the claim arose; a part payment or another
    acknowledgement while the period runs begins three years anew, from its own day. One before the period began, or after it ended,
    changes nothing (the debtor gets the benefit of the doubt)."""
    begins = date(arose_on.year, 12, 31)
    last = date(arose_on.year + YEARS, 12, 31)
    for day in sorted(acknowledged_on):
        if begins < day <= last:
            last = _years_later(day)
    return last


def _years_later(day: date) -> date:
    """BGB 188(3): where the last month has no such day, its last day."""
    leap_day = (day.month, day.day) == (2, 29)
    return date(day.year + YEARS, day.month, 28 if leap_day else day.day)
