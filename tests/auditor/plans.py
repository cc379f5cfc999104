"""Payment plans: whom they hold, until when, and whether they were kept (section 5). A pure function of the facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from schemas.billing import Instalment, PaymentPlanAgreed, PaymentPlanCancelled, PaymentReceived
from tests.auditor import money, readings
from tests.auditor.days import NEVER, ONE_DAY, Hold
from tests.auditor.facts import Fact, Facts
from tests.auditor.interest import Terms


@dataclass(frozen=True)
class Plan:
    """`ends_on`: the first day it no longer holds (NEVER: kept so far); `broken`: because an instalment was missed."""

    plan_id: str
    agreed_on: date
    instalments: tuple[Instalment, ...]
    invoice_ids: tuple[str, ...]
    ends_on: date
    broken: bool
    named: tuple[str, ...]

    def holds(self) -> list[Hold]:
        """On what it names, known or not."""
        return [Hold(self.plan_id, "payment_plan", one, self.agreed_on, self.ends_on) for one in self.named]

    def due_by(self, day: date) -> int:
        """The sum of the instalments due so far."""
        return sum(one.amount for one in self.instalments if one.due_on <= day)


@dataclass(frozen=True)
class Ledger:
    """The money as it stood at the end of any day, by everything known now."""

    facts: Facts
    decided: money.Decided
    costs: tuple[money.Cost, ...]
    terms: Terms
    _folded: dict[date, money.Books] = field(default_factory=dict)
    """Plans ask for the same days again and again."""

    def on(self, day: date) -> money.Books:
        if day not in self._folded:
            self._folded[day] = money.fold(self.facts, self.decided, self.costs, self.terms, until=day)
        return self._folded[day]

    def turning_days(self, start: date) -> list[date]:
        """`start`, and every later day on which money moved."""
        moved = {source.dated for source in money.sources(self.facts, self.decided)} | {one.dated for one in self.decided.write_offs}
        return sorted({start} | {day for day in moved | {one.dated for one in self.decided.closes} if day > start})


def all_plans(ledger: Ledger, grace_days: int) -> list[Plan]:
    return [_plan(ledger, fact, grace_days) for fact in ledger.facts.of(PaymentPlanAgreed)]


def _plan(ledger: Ledger, fact: Fact[PaymentPlanAgreed], grace_days: int) -> Plan:
    data, known = fact.event.data, ledger.on(NEVER).receivables
    named = [one for one in known.values() if data.invoice_ids is None or one.invoice_id in data.invoice_ids]
    concerned = tuple(one.invoice_id for one in named if data.invoice_ids is not None or one.issued_on <= fact.day)
    instalments = tuple(sorted(data.instalments, key=lambda one: (one.due_on, one.amount)))
    all_named = concerned if data.invoice_ids is None else tuple(dict.fromkeys(data.invoice_ids))
    kept = Plan(data.plan_id, fact.day, instalments, concerned, NEVER, False, all_named)
    fulfilled = _fulfilled_on(ledger, kept)
    missed = _missed_on(ledger, kept, grace_days)
    cancelled = min((one.day for one in ledger.facts.of(PaymentPlanCancelled) if one.event.data.plan_id == data.plan_id), default=NEVER)
    after_grace = NEVER if missed is None else missed + ONE_DAY
    ends_on = min(fulfilled, cancelled, after_grace)
    broken = missed is not None and fulfilled > missed and cancelled > missed and not _settled_by_now(ledger, kept)
    return replace(kept, ends_on=ends_on, broken=broken)


def _settled_by_now(ledger: Ledger, plan: Plan) -> bool:
    now = ledger.on(NEVER)
    return not readings.A_SETTLED_PLAN_STAYS_FULFILLED and all(now.open(one) == 0 for one in plan.invoice_ids)


def paid_by(ledger: Ledger, plan: Plan, day: date) -> int:
    """What payments with value date from the day of agreement on settled of its receivables, costs included."""
    settled_by = NEVER if readings.WHAT_A_PAYMENT_SETTLED_LATER_COUNTS_FROM_ITS_VALUE_DATE else day
    books, eligible = ledger.on(settled_by), _direct_payments(ledger.facts, plan.agreed_on)
    return sum(
        amount
        for source in money.sources(ledger.facts, ledger.decided)
        if source.key in eligible and source.dated <= day
        for invoice_id, amount in books.settled.get(source.key, {}).items()
        if invoice_id in plan.invoice_ids
    )


def _direct_payments(facts: Facts, since: date) -> set[str]:
    payments = [fact.event.data for fact in facts.of(PaymentReceived)]
    return {money.payment_key(one.payment_id) for one in payments if one.via != "agency" and one.value_date >= since}


def _fulfilled_on(ledger: Ledger, plan: Plan) -> date:
    """The value date on which all instalments are met, or nothing of it is open any more."""
    total, now = plan.due_by(NEVER), ledger.on(NEVER)
    settled = readings.A_SETTLED_PLAN_STAYS_FULFILLED or all(now.open(one) == 0 for one in plan.invoice_ids)
    for day in ledger.turning_days(plan.agreed_on):
        books = ledger.on(day)
        if paid_by(ledger, plan, day) >= total or (settled and all(books.open(one) == 0 for one in plan.invoice_ids)):
            return day
    return NEVER


def _missed_on(ledger: Ledger, plan: Plan, grace_days: int) -> date | None:
    """The last day of grace of the first instalment that was not met."""
    for one in plan.instalments:
        last = one.due_on + timedelta(days=grace_days)
        if paid_by(ledger, plan, last) < plan.due_by(one.due_on):
            return last
    return None
