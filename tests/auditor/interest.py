"""Interest (section 2 and `domain.md` 6): what a receivable bears, day by day, worked out from the facts each time anew.

Open on day t is the rounded interest of all days after default up to t, less what was settled: so nothing but what was paid, and when,
has to be known of the past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from schemas.billing import CreditNoteCancelled, CreditNoteIssued, InvoiceCorrected, InvoiceIssued
from schemas.policy import FixedInterest, Policy
from tests.auditor.days import ONE_DAY, Hold, moved
from tests.auditor.facts import Facts, Receivable, receivables

if TYPE_CHECKING:
    from tests.auditor.case import Contract

BASE_RATES = """
2002-01-01 2.57; 2002-07-01 2.47; 2003-01-01 1.97; 2003-07-01 1.22; 2004-01-01 1.14; 2004-07-01 1.13; 2005-01-01 1.21; 2005-07-01 1.17
2006-01-01 1.37; 2006-07-01 1.95; 2007-01-01 2.70; 2007-07-01 3.19; 2008-01-01 3.32; 2008-07-01 3.19; 2009-01-01 1.62; 2009-07-01 0.12
2011-07-01 0.37; 2012-01-01 0.12; 2013-01-01 -0.13; 2013-07-01 -0.38; 2014-01-01 -0.63; 2014-07-01 -0.73; 2015-01-01 -0.83
2016-07-01 -0.88; 2023-01-01 1.62; 2023-07-01 3.12; 2024-01-01 3.62; 2024-07-01 3.37; 2025-01-01 2.27; 2025-07-01 1.27; 2026-01-01 1.27
2026-07-01 1.52
"""
_RATES = [row.split() for row in BASE_RATES.replace("\n", ";").split(";") if row.strip()]
BASE_RATE = {date.fromisoformat(begins): Decimal(percent) for begins, percent in _RATES}
"""Percent, from that day on."""
FIRST_DAY, LAST_DAY = min(BASE_RATE), date(2026, 12, 31)
BUSINESS_SINCE = date(2014, 7, 29)
"""From this day on a debt without a consumer bears 9 points over the base rate; before, 8."""
MILLION = 1_000_000
WHOLE = 100 * MILLION * 365
"""Interest is counted in millionths of a percent of a 365th."""


@dataclass(frozen=True)
class Stretch:
    """Days from `first` up to but not including `end`, on which up to `principal` bears a yearly `rate` (millionths of a percent).

    `rate` None: not known."""

    first: date
    end: date
    principal: int
    rate: int | None


@dataclass(frozen=True)
class Terms:
    """How money settles, and what bears interest up to `today`. Without interest in the policy there are no `stretches`."""

    principal_first: bool
    today: date
    stretches: dict[str, tuple[Stretch, ...]] = field(default_factory=dict)


def accrued(stretches: Sequence[Stretch], paid: Sequence[tuple[date, int]], until: date) -> int:
    """All interest of the days up to `until`, settled or not: rounded, half up. `paid`: principal that was settled, and on which day."""
    if not stretches:
        return 0
    total = sum(rate * principal * count for rate, principal, count in _borne(stretches, paid, until) if rate is not None)
    return (2 * total + WHOLE) // (2 * WHOLE)


def rate_is_missing(stretches: Sequence[Stretch], paid: Sequence[tuple[date, int]], until: date) -> bool:
    """Whether something bears interest on a day without a rate."""
    return any(rate is None for rate, _, _ in _borne(stretches, paid, until))


def _borne(stretches: Sequence[Stretch], paid: Sequence[tuple[date, int]], until: date) -> Iterator[tuple[int | None, int, int]]:
    """Rate, principal open at the beginning of the day, number of days."""
    for one in stretches:
        end = min(one.end, until + ONE_DAY)
        if one.first >= end:
            continue
        cuts = {day + ONE_DAY for day, _ in paid if one.first < day + ONE_DAY < end}
        for first, following in pairwise(sorted({one.first, *cuts, end})):
            principal = one.principal - sum(amount for day, amount in paid if day < first)
            if principal > 0:
                yield one.rate, principal, (following - first).days


def terms(contract: Contract, policy: Policy, holds: Sequence[Hold], facts: Facts | None = None) -> Terms:
    """By the policy in force, as of the contract's day; by other `facts` than all that are known, if given."""
    facts, today = contract.facts if facts is None else facts, contract.today()
    principal_first = policy.settlement == "principal_first"
    if policy.interest is None:
        return Terms(principal_first, today)
    frozen = [hold for hold in holds if hold.kind == "statutory_moratorium"]
    stretches = {}
    for one in receivables(facts).values():
        begins = _begins(contract, policy, one)
        if begins is not None:
            mine = [hold for hold in frozen if hold.invoice_id in (None, one.invoice_id)]
            stretches[one.invoice_id] = tuple(_stretches(contract, policy, facts, one, begins, mine, today))
    return Terms(principal_first, today, stretches)


def _begins(contract: Contract, policy: Policy, one: Receivable) -> date | None:
    """The first day that bears interest: the one after default, not before the end of the first breathing space that began while it was
    overdue."""
    default = default_on(contract, policy, one)
    spaces = [space.end for space in contract.spaces if one.invoice_id in space.overdue]
    return None if default is None else max([default + ONE_DAY, *spaces[:1]])


def default_on(contract: Contract, policy: Policy, one: Receivable) -> date | None:
    """The day of default by the policy's ground (section 2)."""
    if policy.default == "due_date":
        return moved(max(one.due_on, contract.reopened_on.get(one.invoice_id, one.due_on)), policy.calendar)
    if policy.default == "thirty_days":
        return moved(one.due_on + timedelta(days=30), policy.calendar)
    return min((taken.day for taken in contract.steps if taken.kind == "remind" and one.invoice_id in taken.rungs), default=None)


def _stretches(
    contract: Contract, policy: Policy, facts: Facts, one: Receivable, begins: date, frozen: list[Hold], today: date
) -> Iterator[Stretch]:
    """The days from `begins` to `today`, cut wherever rate or principal change or a moratorium begins or ends."""
    valid = _principals(facts, one)
    changes = {*BASE_RATE, LAST_DAY + ONE_DAY, *valid, *(day for hold in frozen for day in (hold.start, hold.end))}
    cuts = sorted({begins, today + ONE_DAY, *(day for day in changes if begins < day <= today)})
    for first, end in pairwise(cuts if begins <= today else ()):
        if not any(hold.covers(first) for hold in frozen):
            yield Stretch(first, end, _bearing(valid, first), rate(policy, contract.debtor_kind, one.issued_on, first))


def _bearing(valid: dict[date, int], day: date) -> int:
    """The smallest of the principal valid on a day and all later ones."""
    now = max(one for one in valid if one <= day)
    return min(principal for since, principal in valid.items() if since >= now)


def _principals(facts: Facts, one: Receivable) -> dict[date, int]:
    """From which day on which principal was valid, as of the end of each day; the last is the one valid now."""
    corrections = [fact for fact in facts.by_time(InvoiceCorrected) if fact.event.data.invoice_id == one.invoice_id]
    notes = [fact for fact in facts.of(CreditNoteIssued) if fact.event.data.invoice_id == one.invoice_id]
    undone = {fact.event.data.credit_note_id: fact for fact in reversed(facts.by_time(CreditNoteCancelled))}
    issued = _issued(facts, one)
    valid = {date.min: issued}
    changed = {fact.day for fact in corrections} | {fact.day for fact in notes} | {fact.day for fact in undone.values()}
    for day in sorted(changed):
        amounts = [fact.event.data.amount for fact in corrections if fact.day <= day and fact.event.data.amount is not None]
        amount = amounts[-1] if amounts else issued
        for note in notes:
            cancelled = undone.get(note.event.data.credit_note_id)
            if note.day <= day and (cancelled is None or cancelled.day > day):
                amount -= note.event.data.amount
        valid[day] = max(0, amount)
    if one.cancelled:
        valid = {date.min: 0}
    return valid


def _issued(facts: Facts, one: Receivable) -> int:
    return next(fact.event.data.amount for fact in facts.of(InvoiceIssued) if fact.event.data.invoice_id == one.invoice_id)


def rate(policy: Policy, debtor_kind: str, arose_on: date, day: date) -> int | None:
    """Of a day, millionths of a percent a year; None if it is not known."""
    if isinstance(policy.interest, FixedInterest):
        return int(Decimal(policy.interest.percent) * MILLION)
    if not FIRST_DAY <= day <= LAST_DAY:
        return None
    points = 5 if debtor_kind != "business" else 9 if arose_on >= BUSINESS_SINCE else 8
    return int((BASE_RATE[max(begins for begins in BASE_RATE if begins <= day)] + points) * MILLION)


def basis(contract: Contract, policy: Policy, one: Receivable) -> dict[str, str] | None:
    """What a handover says of it: the yearly rate of its day, the last that is known, and the base rate in it."""
    if policy.interest is None:
        return None
    day = min(contract.today(), LAST_DAY)
    percent = rate(policy, contract.debtor_kind, one.issued_on, day)
    assert percent is not None
    if isinstance(policy.interest, FixedInterest):
        return {"kind": "fixed", "percent": _written(Decimal(percent) / MILLION)}
    base = BASE_RATE[max(begins for begins in BASE_RATE if begins <= day)]
    return {"kind": "statutory", "percent": _written(Decimal(percent) / MILLION), "base_rate_percent": _written(base)}


def _written(percent: Decimal) -> str:
    """Without zeros that say nothing."""
    return f"{percent.normalize():f}"
