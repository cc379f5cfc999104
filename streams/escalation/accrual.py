"""Interest while money is applied: what each receivable bears, day by day, on the principal open at the beginning of the day
(`escalation.md` 2).

The fold settles in order of days; before it takes anything of a day, interest grows up to and including that day. It is counted in exact
parts of a minor unit; what is open is the whole minor units of all of them, half a one rounded up, less what was settled.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from operator import itemgetter
from typing import NamedTuple

from msgspec import Struct

from streams.escalation.accounts import Account
from streams.escalation.facts import Facts, ended
from streams.escalation.law import base_rate, interest

_ONE_DAY = timedelta(days=1)
_BEFORE_THE_TABLE = base_rate.TABLE.rows[0].valid_from - _ONE_DAY
_TIME = itemgetter(0, 1)
RATES_END_ON = base_rate.TABLE.known_until
"""The last day with a statutory rate."""


class Pause(NamedTuple):
    """Days that bear nothing, of a receivable or (None) of all: from `begin` up to but not including `end` (None: open)."""

    invoice_id: str | None
    begin: date
    end: date | None


class Interest(Struct, frozen=True):
    """What a policy asks for. `today`: the day up to which it is reckoned; `micropercent` None: the statutory rate; `default_on`: the
    day after which a receivable bears interest, None if it does not."""

    today: date
    micropercent: int | None
    business: bool
    default_on: Callable[[Account], date | None]
    pauses: tuple[Pause, ...] = ()

    def points(self, account: Account) -> int:
        """Percentage points over the base rate; the debt arose when it was issued."""
        return interest.points_above_base_rate(business=self.business, arose_on=account.invoice.issued_on)

    def rate_missing(self, after: date, until: date) -> bool:
        """Whether a day after `after`, up to `until`, has no rate."""
        return self.micropercent is None and (after < _BEFORE_THE_TABLE or (RATES_END_ON is not None and until > RATES_END_ON))

    def parts(self, account: Account, principal: int, after: date, until: date) -> int:
        """What a principal bears on the days after `after`, up to `until`; a day without a rate bears nothing."""
        if self.micropercent is not None:
            return interest.fixed_parts(principal, after, until, self.micropercent)
        known_until = until if RATES_END_ON is None else min(until, RATES_END_ON)
        return interest.statutory_parts(principal, max(after, _BEFORE_THE_TABLE), known_until, self.points(account))


class _Growing:
    """One receivable that is in default. Everything after `after` is still to be reckoned."""

    def __init__(self, terms: Interest, account: Account, after: date, raises: list[tuple[date, int]]) -> None:
        self.account = account
        self.terms = terms
        self.rate_missing = False
        self._after = after
        self._parts = 0
        self._raises = raises
        self._aside: list[tuple[date, int]] = []
        self._pauses = [one for one in terms.pauses if one.invoice_id in (None, account.invoice.invoice_id)]

    def set_aside(self, day: date, principal: int) -> None:
        """This much, already taken from the account, was open until that day."""
        self._aside.append((day, principal))

    def grow(self, until: date) -> None:
        """Reckon the days up to and including `until`."""
        if until <= self._after:
            return
        before = interest.rounded_minor(self._parts)
        for last in self._stretches(until):
            principal = self._bearing(last)
            if principal > 0:
                self._parts += self.terms.parts(self.account, principal, self._after, last)
                self.rate_missing |= self.terms.rate_missing(self._after, last)
            self._after = last
        grown = interest.rounded_minor(self._parts) - before
        self.account.interest += grown
        self.account.accrued += grown

    def _stretches(self, until: date) -> Sequence[date]:
        """The last day of each stretch of days that bear alike, up to `until`."""
        if len(self._raises) == 1 and not self._aside and not self._pauses:  # mostly
            return (until,)
        return sorted({day for day in self._last_days() if self._after < day < until} | {until})

    def _last_days(self) -> Iterator[date]:
        """Days after which another principal bears interest, or none does."""
        for day, _ in self._raises[1:]:
            yield day - _ONE_DAY
        for day, _ in self._aside:
            yield day
        for pause in self._pauses:
            yield pause.begin - _ONE_DAY
            if pause.end is not None:
                yield pause.end - _ONE_DAY

    def _bearing(self, day: date) -> int:
        """The principal that bears interest on a day, as nothing was taken since its beginning."""
        if any(pause.begin <= day and (pause.end is None or day < pause.end) for pause in self._pauses):
            return 0
        aside = sum(principal for until, principal in self._aside if day <= until)
        not_yet = next((lacking for since, lacking in reversed(self._raises) if since <= day), 0)
        return self.account.open + aside - not_yet


class Growth:
    """The interest of all receivables of one fold."""

    def __init__(self, terms: Interest, facts: Facts, accounts: dict[str, Account], local_day: Callable[[int], date]) -> None:
        self._growing: dict[str, _Growing] = {}
        for invoice_id, account in accounts.items():
            after = terms.default_on(account)
            if after is not None:
                self._growing[invoice_id] = _Growing(terms, account, after, _raises(facts, account, local_day))

    def set_aside(self, invoice_id: str, day: date, principal: int) -> None:
        """What a write-off or a close took from the account before the fold bears interest until its day."""
        if principal and invoice_id in self._growing:
            self._growing[invoice_id].set_aside(day, principal)

    def grow(self, until: date) -> None:
        """Let all of it grow up to and including that day; an earlier one than before changes nothing."""
        for one in self._growing.values():
            one.grow(until)

    @property
    def rate_missing(self) -> bool:
        """Whether something bore interest on a day for which no rate is known."""
        return any(one.rate_missing for one in self._growing.values())


def _raises(facts: Facts, account: Account, local_day: Callable[[int], date]) -> list[tuple[date, int]]:
    """From which day on how much of the principal does not bear interest yet: the smallest of the principal valid on a day and all later
    ones does, so a raise bears from the day of its event, and what was lowered never bore."""
    if not (facts.corrections or facts.credit_notes):
        return [(date.min, 0)]
    valid = [(date.min, account.invoice.amount)]
    amount, credited = account.invoice.amount, 0
    for time_us, _, corrected, note in sorted(_changes(facts, account.invoice.invoice_id), key=_TIME):
        amount = amount if corrected is None else corrected
        credited += note
        valid.append((local_day(time_us), 0 if account.cancelled else max(0, amount - credited)))
    last_of_day = dict(valid)
    raises: list[tuple[date, int]] = []
    lowest = account.principal
    for day in sorted(last_of_day, reverse=True):
        lowest = min(lowest, last_of_day[day])
        raises.append((day, account.principal - lowest))
    return raises[::-1]


def _changes(facts: Facts, invoice_id: str) -> Iterator[tuple[int, str, int | None, int]]:
    """When what was asked for changed (microseconds, id): to which amount, or by how much more is credited."""
    for one in facts.corrections:
        if one.invoice_id == invoice_id and one.amount is not None:
            yield one.time_us, one.event_id, one.amount, 0
    cancelled = ended(facts.cancelled_credit_notes)
    for note in facts.credit_notes:
        if note.invoice_id == invoice_id and (over_us := cancelled.get(note.credit_note_id)) is None:
            yield note.time_us, note.credit_note_id, None, note.amount
        elif note.invoice_id == invoice_id and over_us is not None and over_us > note.time_us:
            yield note.time_us, note.credit_note_id, None, note.amount
            yield over_us, note.credit_note_id, None, -note.amount
