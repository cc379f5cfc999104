"""Tables of the law: rows with the days on which they hold. What no row covers is refused, never guessed."""

from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

Content = TypeVar("Content")


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
        if day < self.rows[0].valid_from:
            raise OutsideTable(self.name, f"{day} lies before {self.rows[0].valid_from}, the first day for which it is known")
        if self.known_until is not None and day > self.known_until:
            raise OutsideTable(
                self.name, f"{day} lies after {self.known_until}, the last day for which it is known: a newer release is needed"
            )
        return next(row for row in reversed(self.rows) if row.valid_from <= day)

    def days_left(self, today: date) -> int | None:
        """Days after `today` for which the table still has an answer; negative once it has ended; None: it has no end."""
        return None if self.known_until is None else (self.known_until - today).days
