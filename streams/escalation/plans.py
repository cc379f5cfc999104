"""Payment plans: what became of each, worked out from the facts alone (`escalation.md` 5).

A plan holds its receivables while every instalment is met: by its due day and the days of grace, what the debtor paid since the agreement
has settled of them as much as the instalments due so far. Nothing of that is kept but which notices went out.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from streams.escalation.calendar import ONE_DAY
from streams.escalation.facts import Facts, Plan, ended
from streams.escalation.holds import LocalDay, Span
from streams.escalation.ledger import PAYMENT, Books

KIND = "payment_plan"


class Course(NamedTuple):
    """A plan on one day. `settled` is what the debtor paid on its receivables since it was agreed (minor units).

    `fails_on` is the first day that is no longer held if nothing more is paid (None: every instalment is met); `end` the day on which the
    plan was cancelled, broken or fulfilled. Of a plan that is `over` nothing is left to be paid."""

    plan: Plan
    invoice_ids: tuple[str, ...]
    begin: date
    settled: int
    fails_on: date | None
    end: date | None
    over: bool

    @property
    def runs(self) -> bool:
        """Whether instalments are awaited."""
        return self.end is None and not self.over

    @property
    def broken(self) -> bool:
        """Whether an instalment was missed while the plan was in force."""
        return not self.over and self.end is not None and self.end == self.fails_on

    @property
    def spans(self) -> Iterator[Span]:
        """The days on which its receivables are held. (Of what is paid it doesn't matter.)"""
        if not self.over and (self.end is None or self.begin < self.end):
            for invoice_id in self.invoice_ids:
                yield Span(self.plan.plan_id, KIND, invoice_id, self.begin, self.end)


def courses(facts: Facts, books: Books, local_day: LocalDay, grace_days: int, day: date) -> tuple[Course, ...]:
    """Every plan as it stands on that day."""
    cancelled = ended(facts.cancelled_plans)
    found = []
    for plan in facts.plans:
        cancelled_us = cancelled.get(plan.plan_id)
        cancelled_on = None if cancelled_us is None else local_day(cancelled_us)
        found.append(_course(facts, books, plan, local_day(plan.time_us), cancelled_on, grace_days, day))
    return tuple(found)


def _course(facts: Facts, books: Books, plan: Plan, begin: date, cancelled_on: date | None, grace_days: int, day: date) -> Course:
    issued = tuple(invoice.invoice_id for invoice in facts.invoices if invoice.issued_on <= begin)
    invoice_ids = issued if plan.invoice_ids is None else plan.invoice_ids
    paid = _paid(facts, books, invoice_ids, begin)
    fails_on = _fails_on(plan, paid, grace_days)
    ends = [] if cancelled_on is None else [cancelled_on]
    if fails_on is None:
        ends.append(_reached_on(paid, sum(amount for _, amount in plan.instalments)))
    elif fails_on <= day:
        ends.append(fails_on)
    over = all(books.accounts[invoice_id].claim == 0 for invoice_id in invoice_ids if invoice_id in books.accounts)
    return Course(plan, invoice_ids, begin, sum(part for _, part in paid), fails_on, min(ends, default=None), over)


def _paid(facts: Facts, books: Books, invoice_ids: Sequence[str], begin: date) -> list[tuple[date, int]]:
    """What payments settled of these receivables, by the day from which each counts."""
    return sorted(
        (payment.counts_on, part)
        for payment in facts.payments
        if payment.value_date >= begin and (part := books.part(PAYMENT, payment.payment_id, invoice_ids))
    )


def _fails_on(plan: Plan, paid: Sequence[tuple[date, int]], grace_days: int) -> date | None:
    for (due_on, _), asked in zip(plan.instalments, accumulate(amount for _, amount in plan.instalments), strict=True):
        last = due_on + timedelta(days=grace_days)
        if sum(part for on, part in paid if on <= last) < asked:
            return last + ONE_DAY
    return None


def _reached_on(paid: Sequence[tuple[date, int]], amount: int) -> date:
    sums = zip(paid, accumulate(part for _, part in paid), strict=True)
    return next(on for (on, _), reached in sums if reached >= amount)
