"""Whether an undisputed claim may be reported to a credit bureau (BDSG 31(2)): a pure predicate over the history."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

REMINDERS: Final = 2
FIRST_REMINDER_AGE: Final = timedelta(weeks=4)

Missing: TypeAlias = Literal["two_reminders", "four_weeks", "earlier_notice", "undisputed"]


class Reminding(NamedTuple):
    """What the debtor was told in writing. `announced_on`: when he was told that a bureau may be informed; None: never."""

    reminded_on: tuple[date, ...]
    announced_on: date | None
    disputed: bool


def missing(told: Reminding, day: date) -> tuple[Missing, ...]:
    """The conditions that a report on that day would not meet; none: it is allowed."""
    return tuple(_missing(told, day))


def may_report(told: Reminding, day: date) -> bool:
    """Whether a report on that day is allowed."""
    return not missing(told, day)


def _missing(told: Reminding, day: date) -> Iterable[Missing]:
    before = [reminded for reminded in told.reminded_on if reminded <= day]
    if len(before) < REMINDERS:
        yield "two_reminders"
    if not before or day - min(before) < FIRST_REMINDER_AGE:
        yield "four_weeks"
    if told.announced_on is None or told.announced_on >= day:
        yield "earlier_notice"
    if told.disputed:
        yield "undisputed"
