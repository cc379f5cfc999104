"""Money: who settled what, as a fold over the facts sorted by date (section 2). Nothing is carried over from one fold to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from schemas.billing import ChargebackReceived, InvoiceCorrected, PaymentReceived
from tests.auditor import readings
from tests.auditor.days import NEVER, OWN_ERROR, Hold
from tests.auditor.facts import Fact, Facts, Receivable, failed, receivables, reversed_chargebacks, valid_credit_notes, worth

Component: TypeAlias = Literal["costs", "principal"]
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
    """Money that settles. `key` names it among all; `designated`: receivables it settles first, each up to a limit (None: no limit)."""

    dated: date
    rank: int
    name: str
    key: str
    amount: int
    designated: tuple[tuple[str, int | None], ...] = ()


@dataclass
class Books:
    """What is open and who settled it. `settled`: by source name, then receivable: amount of all components."""

    receivables: dict[str, Receivable]
    principal: dict[str, int]
    costs: dict[str, list[list[Cost | int]]]
    principal_first: bool
    credits: list[tuple[str, int]] = field(default_factory=list)
    settled: dict[str, dict[str, int]] = field(default_factory=dict)
    written_off: int = 0
    payer: str = ""
    by_component: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """What was settled, by who settled it (`payer` while it does), receivable and component."""

    @property
    def credit(self) -> int:
        return sum(amount for _, amount in self.credits)

    def open_costs(self, invoice_id: str, day: date = NEVER) -> int:
        return sum(_left(entry) for entry in self.costs[invoice_id] if _cost(entry).dated <= day)

    def open(self, invoice_id: str) -> int:
        """All that is open on a receivable: principal and costs; of one that is not known, nothing."""
        return self.principal[invoice_id] + self.open_costs(invoice_id) if invoice_id in self.principal else 0

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

    def pay_principal(self, invoice_id: str, budget: int) -> int:
        part = min(budget, self.principal[invoice_id])
        self.principal[invoice_id] -= part
        self.by_component[(self.payer, invoice_id, "principal")] += part
        return part

    def pay(self, invoice_id: str, budget: int, day: date) -> int:
        """Within a receivable: costs, then principal (BGB 367), or turned round."""
        if self.principal_first:
            paid = self.pay_principal(invoice_id, budget)
            return paid + self.pay_costs(invoice_id, budget - paid, day)
        paid = self.pay_costs(invoice_id, budget, day)
        return paid + self.pay_principal(invoice_id, budget - paid)


def _cost(entry: list[Cost | int]) -> Cost:
    assert isinstance(entry[0], Cost)
    return entry[0]


def _left(entry: list[Cost | int]) -> int:
    assert isinstance(entry[1], int)
    return entry[1]


def sources(facts: Facts, decided: Decided) -> list[Source]:
    """Payments, agency payments and general credit notes, in the order in which they settle."""
    found = [_payment_source(facts, fact) for fact in facts.of(PaymentReceived) if fact.event.data.via != "agency"]
    found += [
        Source(note.day, 1, note.event.data.credit_note_id, f"credit note {note.event.data.credit_note_id}", note.event.data.amount)
        for note in valid_credit_notes(facts)
        if note.event.data.invoice_id is None
    ]
    found += _agency_sources(facts, decided)
    return sorted(found, key=lambda source: (source.dated, source.rank, source.name))


def effective_date(value_date: date, arrived_on: date) -> date:
    """Value dates in the future count from their arrival on."""
    return min(value_date, arrived_on)


def _payment_source(facts: Facts, fact: Fact[PaymentReceived]) -> Source:
    data = fact.event.data
    designated: tuple[tuple[str, int | None], ...] = ()
    if data.allocations is not None:
        designated = tuple((part.invoice_id, part.amount) for part in data.allocations)
    elif data.invoice_id is not None:
        designated = ((data.invoice_id, None),)
    dated = effective_date(data.value_date, fact.arrived_on)
    return Source(dated, 1, data.payment_id, payment_key(data.payment_id), worth(facts, fact), designated)


def payment_key(payment_id: str) -> str:
    return f"payment {payment_id}"


def _agency_sources(facts: Facts, decided: Decided) -> list[Source]:
    order = list(receivables(facts))
    found = []
    for payment, amount in agency_worths(decided):
        case = tuple((invoice_id, None) for invoice_id in order if invoice_id in payment.case)
        key = f"{AGENCY_PAYMENT} {payment.handover_id} {payment.payment_id}"
        found.append(Source(payment.dated, 1, payment.payment_id, key, amount, case))
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


def fold(facts: Facts, decided: Decided, costs: Iterable[Cost], principal_first: bool, until: date = NEVER, stop_at: str = "") -> Books:
    """What is open at the end of day `until` (or just before the source `stop_at` settles) if exactly these costs arose."""
    known = receivables(facts)
    books = Books(
        known,
        {invoice_id: one.principal for invoice_id, one in known.items()},
        {invoice_id: [] for invoice_id in known},
        principal_first,
    )
    dated_costs = sorted((cost for cost in costs if cost.dated <= until), key=lambda cost: (cost.dated, cost.name))
    for cost in dated_costs:
        if cost.invoice_id in known and not known[cost.invoice_id].cancelled:
            books.costs[cost.invoice_id].append([cost, cost.amount])
    excess = _close(books, decided, until)
    _write_off(books, facts, decided, until)
    money = [source for source in sources(facts, decided) if source.dated <= until]
    days = sorted({source.dated for source in money} | {cost.dated for cost in dated_costs} | set(excess))
    for day in days:
        books.credits.append((CLOSE, excess.get(day, 0)))
        _spread_credit(books, day)
        for source in money:
            if source.dated == day:
                if source.key == stop_at:
                    return books
                _settle(books, source)
    return books


def _write_off(books: Books, facts: Facts, decided: Decided, until: date) -> None:
    """What was written off is no longer owed, whoever pays when."""
    books.payer = WRITE_OFF
    for one in decided.write_offs:
        if one.dated <= until and one.invoice_id in books.principal and in_force(facts, one):
            books.written_off += books.pay_principal(one.invoice_id, one.principal)
            covered = NEVER if readings.A_WRITE_OFF_COVERS_LATER_COSTS else one.dated
            books.written_off += books.pay_costs(one.invoice_id, one.costs, covered)


def _close(books: Books, decided: Decided, until: date) -> dict[date, int]:
    """What a close settled is settled, whoever pays when. Returns, by day, what exceeds principal or costs that are no longer owed."""
    excess: dict[date, int] = {}
    books.payer = CLOSE
    for close in decided.closes:
        for invoice_id, component, amount in close.parts if close.dated <= until else ():
            if invoice_id not in books.principal:
                excess[close.dated] = excess.get(close.dated, 0) + amount
                continue
            part = books.pay_principal(invoice_id, amount) if component == "principal" else books.pay_costs(invoice_id, amount, close.dated)
            excess[close.dated] = excess.get(close.dated, 0) + amount - part
    return excess


def _settle(books: Books, source: Source) -> None:
    shares = books.settled.setdefault(source.key, {})
    left = source.amount
    books.payer = source.key
    for invoice_id, limit in source.designated:
        if invoice_id in books.receivables:
            part = books.pay(invoice_id, left if limit is None else min(left, limit), source.dated)
            shares[invoice_id] = shares.get(invoice_id, 0) + part
            left -= part
    books.credits.append((source.key, left))
    _spread_credit(books, source.dated)


def _spread_credit(books: Books, day: date) -> None:
    """What is left of a source settles whatever else is or becomes owed; what came first goes first."""
    credits, books.credits = books.credits, []
    for key, amount in credits:
        books.payer = key
        left = _settle_in_order(books, amount, day, books.settled.setdefault(key, {}))
        books.credits += [(key, left)] if left > 0 else []


def _settle_in_order(books: Books, budget: int, day: date, shares: dict[str, int]) -> int:
    """Due ones with open principal; costs left on due ones; those not yet due. Returns what is left."""
    order = list(books.receivables.values())

    def take(invoice_id: str, paid: int) -> None:
        nonlocal budget
        budget -= paid
        shares[invoice_id] = shares.get(invoice_id, 0) + paid

    for one in order:
        if one.due_on <= day and books.principal[one.invoice_id] > 0:
            first = books.pay_principal(one.invoice_id, budget) if books.principal_first else books.pay(one.invoice_id, budget, day)
            take(one.invoice_id, first)
    for one in order:
        if one.due_on <= day:
            take(one.invoice_id, books.pay_costs(one.invoice_id, budget, day))
    for one in order:
        if one.due_on > day:
            take(one.invoice_id, books.pay(one.invoice_id, budget, day))
    return budget


def costs(facts: Facts, decided: Decided, holds: list[Hold], principal_first: bool) -> list[Cost]:
    """Which costs are owed by the facts known now: earlier ones are decided first."""
    candidates: list[tuple[date, int, str, StepFee | Fact[ChargebackReceived]]] = [
        (fee.dated, 0, f"{fee.step}", fee) for fee in decided.fees
    ]
    candidates += [(fact.event.data.booked_on, 1, fact.event.data.chargeback_id, fact) for fact in facts.of(ChargebackReceived)]
    owed: list[Cost] = []
    for dated, _, name, candidate in sorted(candidates, key=lambda one: one[:3]):
        if isinstance(candidate, StepFee):
            if _fee_is_owed(facts, decided, holds, principal_first, candidate, owed):
                owed.append(Cost(candidate.invoice_id, dated, candidate.amount, f"fee {name} {len(owed)}"))
        else:
            reopened = _reopened_by(facts, decided, principal_first, candidate, owed)
            if reopened is not None:
                owed.append(Cost(reopened, dated, candidate.event.data.fee or 0, f"chargeback {name}"))
    return owed


def _fee_is_owed(facts: Facts, decided: Decided, holds: list[Hold], principal_first: bool, fee: StepFee, earlier: list[Cost]) -> bool:
    """Owed only if, without it, principal of its receivable was open at the end of that day, outside moratorium and insolvency."""
    frozen = any(
        hold.kind in ("statutory_moratorium", "insolvency") and hold.covers(fee.dated) and hold.invoice_id in (None, fee.invoice_id)
        for hold in holds
    )
    books = fold(facts, decided, earlier, principal_first, until=fee.dated)
    return not frozen and books.principal.get(fee.invoice_id, 0) > 0


def _reopened_by(facts: Facts, decided: Decided, principal_first: bool, fact: Fact[ChargebackReceived], earlier: list[Cost]) -> str | None:
    """The receivable that bears a chargeback's own fee: the designated one, else the one its payment would settle first."""
    data = fact.event.data
    free = data.reason_code in OWN_ERROR or data.reason_code == "MD01" or data.chargeback_id in reversed_chargebacks(facts)
    payment = next((one for one in facts.of(PaymentReceived) if one.event.data.payment_id == data.payment_id), None)
    if not data.fee or free or payment is None or payment.event.data.via == "agency":
        return None
    source = _payment_source(facts, payment)
    if not readings.CHARGEBACK_FEES_SEE_EARLIER_ONES:
        earlier = [cost for cost in earlier if not cost.name.startswith("chargeback")]
    books = fold(facts, decided, earlier, principal_first, until=source.dated, stop_at=source.key)
    named = [invoice_id for invoice_id, _ in source.designated if invoice_id in books.receivables]
    return named[0] if named else _first_settled(books, source.dated)


def _first_settled(books: Books, day: date) -> str | None:
    order = list(books.receivables.values())
    due = [one for one in order if one.due_on <= day]
    groups = (
        [one for one in due if books.principal[one.invoice_id] > 0],
        [one for one in due if books.open_costs(one.invoice_id, day) > 0],
        [one for one in order if one.due_on > day and books.principal[one.invoice_id] + books.open_costs(one.invoice_id, day) > 0],
    )
    return next((group[0].invoice_id for group in groups if group), None)


def books_now(facts: Facts, decided: Decided, holds: list[Hold], principal_first: bool) -> Books:
    """What is owed, by everything known now."""
    return fold(facts, decided, costs(facts, decided, holds, principal_first), principal_first)


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
