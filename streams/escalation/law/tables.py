"""Tables of the law: rows with the days on which they hold. What no row covers is refused, never guessed."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Generic, TypeVar

Content = TypeVar("Content")
_VALID_FROM = attrgetter("valid_from")
_ONE_DAY = timedelta(days=1)


class OutsideTable(ValueError):
    """The law as it is known here has no answer. `table` names the table, the message says what was asked and what is known.

    Where the question was one of days, this is what `attention` `rate_missing` is set for.
    """

    def __init__(self, table: str, detail: str) -> None:
        super().__init__(f"{table}: {detail}")
        self.table = table


@dataclass(frozen=True, slots=True)
class Row(Generic[Content]):
    """What holds from `valid_from` on, until the day before the next row's. `source` says where it stands."""

    valid_from: date
    content: Content
    source: str


@dataclass(frozen=True, slots=True)
class Table(Generic[Content]):
    """Rows by date. `known_until`: the last day for which the law is known; None: it holds until it is changed."""

    name: str
    rows: tuple[Row[Content], ...]
    known_until: date | None = None

    def on(self, day: date) -> Row[Content]:
        """The row that holds on that day. Raises OutsideTable."""
        return self.rows[self._place(day)]

    def through(self, first: date, last: date) -> Iterator[tuple[Row[Content], int]]:
        """The rows that hold from one day to another, both included, each with on how many of them. Raises OutsideTable."""
        self._place(last)
        place = self._place(first)
        while first <= last:
            following = self.rows[place + 1].valid_from if place + 1 < len(self.rows) else last + _ONE_DAY
            end = min(following, last + _ONE_DAY)
            yield self.rows[place], (end - first).days
            first, place = end, place + 1

    def _place(self, day: date) -> int:
        if day < self.rows[0].valid_from:
            raise OutsideTable(self.name, f"{day} lies before {self.rows[0].valid_from}, the first day for which it is known")
        if self.known_until is not None and day > self.known_until:
            raise OutsideTable(
                self.name, f"{day} lies after {self.known_until}, the last day for which it is known: a newer release is needed"
            )
        return bisect_right(self.rows, day, key=_VALID_FROM) - 1

    def days_left(self, today: date) -> int | None:
        """Days after `today` for which the table still has an answer; negative once it has ended; None: it has no end."""
        return None if self.known_until is None else (self.known_until - today).days
