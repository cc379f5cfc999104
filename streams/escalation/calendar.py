"""Days: local days of a zone, working days of a country, and elapsed days without the held ones (`escalation.md` 3).

A zone is a name of the IANA database. Moments are microseconds since 1970, those that the engine compares with ticks milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
HoldSpan: TypeAlias = tuple[date, date | None]
"""First held day and first day no longer held; None: no end is known."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of that name."""
    return ZoneInfo(name)


def local(time_us: int, place: ZoneInfo) -> datetime:
    """Wall clock of the zone, to the second."""
    return datetime.fromtimestamp(time_us // 1_000_000, place)


def local_day(time_us: int, place: ZoneInfo) -> date:
    """Day of the zone in which the moment lies."""
    return datetime.fromtimestamp(time_us // 1_000_000, place).date()


@lru_cache(maxsize=65_536)
def moment_ms(day: date, minutes: int, place: ZoneInfo) -> int:
    """The first moment at which the zone's clock shows `minutes` after midnight of `day`, or a little earlier where the clock was set
    that night: never later, because this decides when a contract is looked at."""
    wall = datetime.combine(day, time(minutes // 60, minutes % 60), place)
    return 1000 * int(min(wall.timestamp(), wall.replace(fold=1).timestamp()))


@lru_cache(maxsize=4096)
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    from holidays import country_holidays  # slow to import, and only calendars need it

    return frozenset(country_holidays(country, subdiv=subdivision, years=year).keys())


@dataclass(frozen=True)
class WorkingDays:
    """Which days are working days. Without a country every day is one."""

    country: str | None = None
    subdivision: str | None = None
    _following: dict[date, date] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `next` found: at most a day for each of the days that can be meant."""

    def includes(self, day: date) -> bool:
        """Neither Saturday, Sunday nor public holiday."""
        if self.country is None:
            return True
        return day.weekday() < 5 and day not in _public_holidays(self.country, self.subdivision, day.year)

    def next(self, day: date) -> date:
        """`day`, or the next working day after it (BGB 193)."""
        if self.country is None:
            return day
        found = self._following.get(day)
        if found is None:
            found = day
            while not self.includes(found):
                found += ONE_DAY
            self._following[day] = found
        return found

    def count(self, after: date, until: date) -> int:
        """Working days after `after`, up to and including `until`."""
        if self.country is None:
            return max(0, (until - after).days)
        return sum(self.includes(after + timedelta(days=n)) for n in range(1, (until - after).days + 1))

    def day_number(self, number: int, after: date) -> date:
        """The working day number `number` (from 1) after `after`; number 0 is `after` itself."""
        return after + timedelta(days=number) if self.country is None else _working_day_number(self, number, after)


@lru_cache(maxsize=4096)
def _working_day_number(calendar: WorkingDays, number: int, after: date) -> date:
    day = after
    for _ in range(number):
        day = calendar.next(day + ONE_DAY)
    return day


def after_unheld_days(start: date, days: int, spans: Sequence[HoldSpan]) -> date | None:
    """The first day x with `days` unheld days in [start, x), or None if a hold without end comes before.

    A day that several holds cover counts once (`spans` may overlap, in any order).
    """
    if not spans:
        return start + timedelta(days=days)
    day, left = start, days
    for begin, end in sorted(spans, key=lambda span: span[0]):
        if end is not None and end <= day:
            continue
        if begin > day:
            free = (begin - day).days
            if free >= left:
                break
            left -= free
        if end is None:
            return None
        day = end
    return day + timedelta(days=left)


def microseconds(moment: datetime) -> int:
    """A time stamp with an offset as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND
