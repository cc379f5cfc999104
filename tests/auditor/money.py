"""Money: who settled what, as a fold over the facts sorted by date (section 2). Nothing is carried over from one fold to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from schemas.billing import InvoiceCorrected, PaymentReceived
from tests.auditor import readings
from tests.auditor.days import NEVER
from tests.auditor.facts import Fact, Facts, Receivable, failed, receivables, valid_credit_notes, worth
from tests.auditor.interest import Terms, accrued, rate_is_missing

Component: TypeAlias = Literal["costs", "interest", "principal"]
WRITE_OFF, CLOSE, AGENCY_PAYMENT = "write-off", "close", "agency"
"""Who settles, other than the debtor: the first word of the payer's key."""


@dataclass(frozen=True)
class Cost:
    """A cost on a receivable, dated. `name` tells costs apart."""

    invoice_id: str
    dated: date
    amount: int
    name: str


@dataclass(frozen=True)
class StepFee:
    """The fee of a step as it was decided when the step was taken; `dated` later than that after a breathing space."""

    invoice_id: str
    dated: date
    amount: int
    step: int
    taken_on: date


@dataclass(frozen=True)
class WriteOff:
    """What was open when invoice.written_off (or a close with reason settlement or partial: `time` None) came: fixed amounts."""

    invoice_id: str
    cause: str
    time: datetime | None
    dated: date
    principal: int
    costs: int
    interest: int

    @property
    def kind(self) -> str:
        """By what it came."""
        return "case.closed" if self.time is None else "invoice.written_off"


@dataclass(frozen=True)
class Close:
    """What a successful close settled, per receivable and component: fixed amounts."""

    handover_id: str
    dated: date
    parts: tuple[tuple[str, Component, int], ...]

    @property
    def total(self) -> int:
        return sum(amount for _, _, amount in self.parts)


@dataclass(frozen=True)
class AgencyPayment:
    """Money that the agency collected for a case and told us of."""

    handover_id: str
    payment_id: str
    amount: int
    dated: date
    case: tuple[str, ...]


@dataclass
class Decided:
    """What the contract decided once and for all and the fold must respect."""

    fees: list[StepFee] = field(default_factory=list)
    write_offs: list[WriteOff] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)
    agency_payments: list[AgencyPayment] = field(default_factory=list)

    def up_to(self, day: date) -> Decided:
        """What is dated up to a day."""
        return Decided(
            [one for one in self.fees if one.dated <= day],
            [one for one in self.write_offs if one.dated <= day],
            [one for one in self.closes if one.dated <= day],
            [one for one in self.agency_payments if one.dated <= day],
        )


@dataclass(frozen=True)
class Source:
    """Money that settles. `key` names it among all; `designated`: receivables it settles first, each up to a limit (None: no limit).

    `interest_of`: interest that a write-off or close fixed. It has its place among the others, since interest grows.
    """

    dated: date
    kind: str
    name: str
    key: str
    amount: int
    designated: tuple[tuple[str, int | None], ...] = ()
    interest_of: str | None = None


@dataclass
class Books:
    """What is open and who settled it. `settled`: by source name, then receivable: amount of all components."""

    receivables: dict[str, Receivable]
    principal: dict[str, int]
    costs: dict[str, list[list[Cost | int]]]
    terms: Terms
    day: date
    """As of which they stand."""
    credits: list[tuple[str, int]] = field(default_factory=list)
    settled: dict[str, dict[str, int]] = field(default_factory=dict)
    written_off: int = 0
    payer: str = ""
    by_component: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """What was settled, by who settled it (`payer` while it does), receivable and component."""
    principal_paid: dict[str, list[tuple[date, int]]] = field(default_factory=dict)
    interest_paid: Counter[str] = field(default_factory=Counter)

    @property
    def credit(self) -> int:
        return sum(amount for _, amount in self.credits)

    def open_costs(self, invoice_id: str, day: date = NEVER) -> int:
        return sum(_left(entry) for entry in self.costs[invoice_id] if _cost(entry).dated <= day)

    def open_interest(self, invoice_id: str, day: date | None = None) -> int:
        """All that arose up to a day, less what was settled."""
        stretches = self.terms.stretches.get(invoice_id, ())
        return accrued(stretches, self.principal_paid.get(invoice_id, ()), day or self.day) - self.interest_paid[invoice_id]

    @property
    def rate_missing(self) -> bool:
        """Whether a day bore nothing because its rate is not known."""
        bearing = self.terms.stretches.items()
        return any(rate_is_missing(stretches, self.principal_paid.get(one, ()), self.day) for one, stretches in bearing)

    def open(self, invoice_id: str) -> int:
        """All that is open on a receivable: principal, costs and interest; of one that is not known, nothing."""
        if invoice_id not in self.principal:
            return 0
        return self.principal[invoice_id] + self.open_costs(invoice_id) + self.open_interest(invoice_id)

    def charged(self, invoice_id: str) -> int:
        """All costs that are owed on a receivable, settled or not."""
        return sum(_cost(entry).amount for entry in self.costs[invoice_id])

    def pay_costs(self, invoice_id: str, budget: int, day: date) -> int:
        paid = 0
        for entry in self.costs[invoice_id]:
            if _cost(entry).dated <= day:
                part = min(budget - paid, _left(entry))
                entry[1] = _left(entry) - part
                paid += part
        self.by_component[(self.payer, invoice_id, "costs")] += paid
        return paid

    def pay_interest(self, invoice_id: str, budget: int, day: date) -> int:
        part = min(budget, self.open_interest(invoice_id, day)) if budget else 0
        self.interest_paid[invoice_id] += part
        self.by_component[(self.payer, invoice_id, "interest")] += part
        return part

    def pay_principal(self, invoice_id: str, budget: int, day: date) -> int:
        part = min(budget, self.principal[invoice_id])
        self.principal[invoice_id] -= part
        self.principal_paid.setdefault(invoice_id, []).append((day, part))
        self.by_component[(self.payer, invoice_id, "principal")] += part
        return part

    def pay(self, invoice_id: str, budget: int, day: date) -> int:
        """Within a receivable: costs, interest, principal (BGB 367), or turned round."""
        if self.terms.principal_first:
            paid = self.pay_principal(invoice_id, budget, day)
            return paid + self.pay_extras(invoice_id, budget - paid, day)
        paid = self.pay_extras(invoice_id, budget, day)
        return paid + self.pay_principal(invoice_id, budget - paid, day)

    def pay_extras(self, invoice_id: str, budget: int, day: date) -> int:
        """Costs and interest."""
        if self.terms.principal_first:
            paid = self.pay_interest(invoice_id, budget, day)
            return paid + self.pay_costs(invoice_id, budget - paid, day)
        paid = self.pay_costs(invoice_id, budget, day)
        return paid + self.pay_interest(invoice_id, budget - paid, day)


def _cost(entry: list[Cost | int]) -> Cost:
    assert isinstance(entry[0], Cost)
    return entry[0]


def _left(entry: list[Cost | int]) -> int:
    assert isinstance(entry[1], int)
    return entry[1]


def sources(facts: Facts, decided: Decided) -> list[Source]:
    """Payments, agency payments and general credit notes, in the order in which they settle."""
    found = [payment_source(facts, fact) for fact in facts.of(PaymentReceived) if fact.event.data.via != "agency"]
    found += [
        Source(
            note.day,
            "credit_note.issued",
            note.event.data.credit_note_id,
            f"credit note {note.event.data.credit_note_id}",
            note.event.data.amount,
        )
        for note in valid_credit_notes(facts)
        if note.event.data.invoice_id is None
    ]
    found += _agency_sources(facts, decided)
    found += _fixed_interest(facts, decided)
    return _in_order(found)


def _in_order(found: list[Source]) -> list[Source]:
    return sorted(found, key=lambda source: (source.dated, source.kind, source.name))


def _fixed_interest(facts: Facts, decided: Decided) -> list[Source]:
    """What write-offs and closes fixed of interest."""
    found = [
        Source(one.dated, one.kind, one.cause, WRITE_OFF, one.interest, (), one.invoice_id)
        for one in decided.write_offs
        if in_force(facts, one)
    ]
    for close in decided.closes:
        parts = [(invoice_id, amount) for invoice_id, component, amount in close.parts if component == "interest"]
        found += [Source(close.dated, "case.closed", close.handover_id, CLOSE, amount, (), one) for one, amount in parts]
    return found


def effective_date(value_date: date, arrived_on: date) -> date:
    """Value dates in the future count from their arrival on."""
    return min(value_date, arrived_on)


def payment_source(facts: Facts, fact: Fact[PaymentReceived]) -> Source:
    data = fact.event.data
    designated: tuple[tuple[str, int | None], ...] = ()
    if data.allocations is not None:
        designated = tuple((part.invoice_id, part.amount) for part in data.allocations)
    elif data.invoice_id is not None:
        designated = ((data.invoice_id, None),)
    dated = effective_date(data.value_date, fact.arrived_on)
    return Source(dated, "payment.received", data.payment_id, payment_key(data.payment_id), worth(facts, fact), designated)


def payment_key(payment_id: str) -> str:
    return f"payment {payment_id}"


def _agency_sources(facts: Facts, decided: Decided) -> list[Source]:
    order = list(receivables(facts))
    found = []
    for payment, amount in agency_worths(decided):
        case = tuple((invoice_id, None) for invoice_id in order if invoice_id in payment.case)
        name = f"{payment.handover_id}/{payment.payment_id}"  # what it is known by
        found.append(Source(payment.dated, "case.payment_received", name, f"{AGENCY_PAYMENT} {name}", amount, case))
    return found


def agency_worths(decided: Decided) -> list[tuple[AgencyPayment, int]]:
    """A negative amount lowers the last earlier payments of its case."""
    by_date = sorted(decided.agency_payments, key=lambda payment: (payment.dated, payment.payment_id))
    left = {id(payment): payment.amount for payment in by_date if payment.amount > 0}
    for taken in by_date:
        missing = -taken.amount
        earlier = [one for one in by_date if one.handover_id == taken.handover_id and one.amount > 0 and one.dated <= taken.dated]
        for payment in reversed(earlier) if missing > 0 else ():
            part = min(missing, left[id(payment)])
            left[id(payment)] -= part
            missing -= part
    return [(payment, left[id(payment)]) for payment in by_date if payment.amount > 0]


def in_force(facts: Facts, write_off: WriteOff) -> bool:
    """A later correction with an amount takes invoice.written_off back."""
    return write_off.time is None or not any(
        fact.event.data.invoice_id == write_off.invoice_id and fact.event.data.amount is not None and fact.event.time > write_off.time
        for fact in facts.of(InvoiceCorrected)
    )


def fold(facts: Facts, decided: Decided, costs: Iterable[Cost], terms: Terms, until: date = NEVER, stop_at: str = "") -> Books:
    """What is open at the end of day `until` (or just before the source `stop_at` settles) if exactly these costs arose."""
    known = receivables(facts)
    books = Books(
        known,
        {invoice_id: one.principal for invoice_id, one in known.items()},
        {invoice_id: [] for invoice_id in known},
        terms,
        min(until, terms.today),
    )
    standing = {invoice_id for invoice_id, one in known.items() if not one.cancelled}
    arisen = (cost for cost in costs if cost.dated <= until and cost.amount and cost.invoice_id in standing)
    dated_costs = sorted(arisen, key=lambda cost: (cost.dated, cost.name))
    for cost in dated_costs:
        books.costs[cost.invoice_id].append([cost, cost.amount])
    exceeding = _set_aside(books, facts, decided, until)
    money = [source for source in _in_order([*sources(facts, decided), *exceeding]) if source.dated <= until]
    owed_on = {cost.dated for cost in dated_costs}
    for day in sorted(owed_on | {source.dated for source in money}):
        if day in owed_on:
            _spread_credit(books, day)
        for source in money:
            if source.dated == day:
                if source.key == stop_at:
                    return books
                _settle(books, source)
    _spread_credit(books, books.day)  # interest became owed as well; but what a write-off or close fixed of it is settled by that
    return books


def _set_aside(books: Books, facts: Facts, decided: Decided, until: date) -> list[Source]:
    """What was written off or closed is settled, whoever pays when; the earlier one first. Returns what exceeds principal or costs that
    are no longer owed: of a close, since a write-off was never money."""
    fixed: list[tuple[date, str, str, WriteOff | Close]] = [(one.dated, one.kind, one.cause, one) for one in decided.write_offs]
    fixed += [(one.dated, "case.closed", one.handover_id, one) for one in decided.closes]
    exceeding = []
    for dated, _, name, one in sorted(fixed, key=lambda entry: entry[:3]):
        if dated > until:
            continue
        if isinstance(one, Close):
            exceeding.append(Source(dated, "case.closed", name, CLOSE, _close(books, one)))
        elif one.invoice_id in books.principal and in_force(facts, one):
            _write_off(books, one)
    return exceeding


def _write_off(books: Books, one: WriteOff) -> None:
    books.payer = WRITE_OFF
    books.written_off += books.pay_principal(one.invoice_id, one.principal, one.dated)
    covered = NEVER if readings.A_WRITE_OFF_COVERS_LATER_COSTS else one.dated
    books.written_off += books.pay_costs(one.invoice_id, one.costs, covered)


def _close(books: Books, close: Close) -> int:
    left, books.payer = 0, CLOSE
    for invoice_id, component, amount in close.parts:
        if component == "interest":
            continue  # in its place among what settles
        left += amount
        if invoice_id in books.principal:
            pay = books.pay_principal if component == "principal" else books.pay_costs
            left -= pay(invoice_id, amount, close.dated)
    return left


def _settle(books: Books, source: Source) -> None:
    shares = books.settled.setdefault(source.key, {})
    left = source.amount
    books.payer = source.key
    if source.interest_of in books.receivables:
        left -= books.pay_interest(source.interest_of, left, source.dated)
    if source.key == WRITE_OFF:
        books.written_off += source.amount - left
        return  # it was never money
    for invoice_id, limit in source.designated:
        if invoice_id in books.receivables:
            part = books.pay(invoice_id, left if limit is None else min(left, limit), source.dated)
            shares[invoice_id] = shares.get(invoice_id, 0) + part
            left -= part
    left = _settle_in_order(books, left, source.dated, shares)
    books.credits += [(source.key, left)] if left > 0 else []


def _spread_credit(books: Books, day: date) -> None:
    """What is left of a source settles whatever else is or becomes owed; what came first goes first."""
    credits, books.credits = books.credits, []
    for key, amount in credits:
        books.payer = key
        left = _settle_in_order(books, amount, day, books.settled.setdefault(key, {}))
        books.credits += [(key, left)] if left > 0 else []


def _settle_in_order(books: Books, budget: int, day: date, shares: dict[str, int]) -> int:
    """Due ones with open principal; costs and interest left on due ones; those not yet due. Returns what is left."""
    order = list(books.receivables.values())

    def take(invoice_id: str, paid: int) -> None:
        nonlocal budget
        budget -= paid
        shares[invoice_id] = shares.get(invoice_id, 0) + paid

    for one in order if budget else ():
        if one.due_on <= day and books.principal[one.invoice_id] > 0:
            pay = books.pay_principal if books.terms.principal_first else books.pay
            first = pay(one.invoice_id, budget, day)
            take(one.invoice_id, first)
    for one in order if budget else ():
        if one.due_on <= day:
            take(one.invoice_id, books.pay_extras(one.invoice_id, budget, day))
    for one in order if budget else ():
        if one.due_on > day:
            take(one.invoice_id, books.pay(one.invoice_id, budget, day))
    return budget


def agency_balance(facts: Facts, decided: Decided) -> int:
    """What the agency owes the creditor: collected and settled by closes, less what it remitted and kept. May be negative."""
    collected = sum(amount for _, amount in agency_worths(decided)) + sum(close.total for close in decided.closes)
    remitted = sum(_remitted(facts, fact) for fact in facts.of(PaymentReceived) if fact.event.data.via == "agency")
    return collected - remitted


def _remitted(facts: Facts, fact: Fact[PaymentReceived]) -> int:
    """What a payout counts for: what is left of it, and with it the fees that the agency kept; nothing if all of it was taken back."""
    left = worth(facts, fact)
    gone = failed(facts, fact) or left == 0 < fact.event.data.amount
    return 0 if gone else left + (fact.event.data.withheld or 0)
