"""What the auditor knows of a contract: the list of accepted events, and how the rules pick facts out of it.

The auditor is written from `escalation.md` alone and shares only `schemas/` with the product. It is slow on purpose: it keeps every
accepted event in a list and works everything out anew from that list, each time. Section numbers are those of `escalation.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from schemas.billing import (
    ChargebackReceived,
    ChargebackReversed,
    CreditNoteCancelled,
    CreditNoteIssued,
    DisputeOpened,
    HoldPlaced,
    InvoiceCancelled,
    InvoiceCorrected,
    InvoiceIssued,
    PaymentFailed,
    PaymentInitiated,
    PaymentPlanAgreed,
    PaymentReceived,
    PaymentRefunded,
)
from schemas.envelope import ContractEnvelope
from schemas.instructions import HoldOrdered
from schemas.replies import CasePaymentReceived
from tests.auditor import readings

E = TypeVar("E", bound=ContractEnvelope)


@dataclass(frozen=True)
class Fact(Generic[E]):
    """An accepted event. `day`: local day of its time; `arrived_on`: local day of the contract clock once it was in."""

    topic: str
    event: E
    day: date
    arrived_on: date


def when(fact: Fact[Any]) -> tuple[datetime, str]:
    return (fact.event.time, fact.event.id)


def dated(fact: Fact[Any]) -> date:
    """The date of a fact: the one that it names, else the local day of its time."""
    if isinstance(fact.event, PaymentReceived):
        return min(fact.event.data.value_date, fact.arrived_on)  # a value date in the future counts from its arrival on
    named: list[date | None] = [getattr(fact.event.data, name, None) for name in ("issued_on", "refunded_on", "booked_on")]
    return next((day for day in named if day is not None), fact.day)


@dataclass
class Facts:
    """All accepted events of one contract, in order of arrival."""

    accepted: list[Fact[Any]] = field(default_factory=list)
    _of_kind: dict[type[ContractEnvelope], list[Fact[Any]]] = field(default_factory=dict)
    _identities: dict[tuple[str, ...], Fact[Any]] = field(default_factory=dict)

    def add(self, fact: Fact[Any]) -> None:
        self.accepted.append(fact)
        self._of_kind.setdefault(type(fact.event), []).append(fact)
        self._identities[identity(fact.event)] = fact

    def remove(self, fact: Fact[Any]) -> None:
        self.accepted.remove(fact)
        self._of_kind[type(fact.event)].remove(fact)
        del self._identities[identity(fact.event)]

    def move_to_zone(self, local_day: Callable[[datetime], date]) -> None:
        """Local days of the events by another zone; on which day something arrived stays as it was decided."""
        moved = [replace(fact, day=local_day(fact.event.time)) for fact in self.accepted]
        self.accepted, self._of_kind, self._identities = [], {}, {}
        for fact in moved:
            self.add(fact)

    def of(self, kind: type[E]) -> list[Fact[E]]:
        return self._of_kind.get(kind, [])

    def any_of(self, *kinds: type[ContractEnvelope]) -> list[Fact[Any]]:
        """In order of arrival."""
        if not any(kind in self._of_kind for kind in kinds):
            return []
        return [fact for fact in self.accepted if type(fact.event) in kinds]

    def by_time(self, kind: type[E]) -> list[Fact[E]]:
        """By `time`, then id: how the rules order what corrects or ends something."""
        return sorted(self.of(kind), key=when)

    def up_to(self, day: date) -> Facts:
        """The facts dated up to a day (section 2: money is a fold over the facts sorted by date)."""
        then = Facts()
        for fact in self.accepted:
            if dated(fact) <= day:
                then.add(fact)
        return then

    def same(self, event: ContractEnvelope) -> Fact[Any] | None:
        """The accepted fact that this event tells again."""
        return self._identities.get(identity(event))


_OWN_ID: dict[type[ContractEnvelope], str] = {
    InvoiceIssued: "invoice_id",
    CreditNoteIssued: "credit_note_id",
    PaymentInitiated: "payment_id",
    PaymentReceived: "payment_id",
    PaymentRefunded: "refund_id",
    ChargebackReceived: "chargeback_id",
    DisputeOpened: "dispute_id",
    PaymentPlanAgreed: "plan_id",
}


def identity(event: ContractEnvelope) -> tuple[str, ...]:
    """By what a fact is known (section 1)."""
    if isinstance(event, (HoldPlaced, HoldOrdered)):
        return ("hold", event.data.hold_id)
    if isinstance(event, CasePaymentReceived):
        return ("agency payment", event.data.handover_id, event.data.payment_id)
    own = _OWN_ID.get(type(event))
    if own is not None:
        return (type(event).__name__, str(getattr(event.data, own)))  # type: ignore[attr-defined]
    return ("envelope", event.source, event.id)


_MUST_AGREE = ("amount", "currency", "issued_on", "due_on", "value_date", "booked_on", "expected_on", "from_", "until")


def conflicts(known: ContractEnvelope, again: ContractEnvelope) -> bool:
    """The same id with another amount, currency or date (section 1)."""
    if identity(known)[0] == "envelope":
        return False
    first, second = known.data, again.data  # type: ignore[attr-defined]
    pairs = [(getattr(first, name, None), getattr(second, name, None)) for name in _MUST_AGREE]
    return any(one != other and (readings.AN_ABSENT_DATE_CONFLICTS or None not in (one, other)) for one, other in pairs)


@dataclass(frozen=True)
class Receivable:
    """A receivable by the facts known now. `amount`: issued or last corrected; `principal`: less its credit notes (section 2)."""

    invoice_id: str
    number: str | None
    issued_on: date
    due_on: date
    amount: int
    principal: int
    cancelled: bool
    payment_method: str | None

    @property
    def order(self) -> tuple[date, date, str]:
        return (self.due_on, self.issued_on, self.invoice_id)

    @property
    def fee_name(self) -> str:
        """What a step's fee is decided by: its number, else its id."""
        return self.number or self.invoice_id


def receivables(facts: Facts) -> dict[str, Receivable]:
    """All receivables, in the order in which money settles them."""
    found = [_receivable(facts, fact.event) for fact in facts.of(InvoiceIssued)]
    return {one.invoice_id: one for one in sorted(found, key=lambda one: one.order)}


def _receivable(facts: Facts, issued: InvoiceIssued) -> Receivable:
    data = issued.data
    amount, due_on = data.amount, data.due_on
    for correction in facts.by_time(InvoiceCorrected):
        if correction.event.data.invoice_id == data.invoice_id:
            amount = amount if correction.event.data.amount is None else correction.event.data.amount
            due_on = correction.event.data.due_on or due_on
    cancelled = any(fact.event.data.invoice_id == data.invoice_id for fact in facts.of(InvoiceCancelled))
    credited = sum(note.event.data.amount for note in valid_credit_notes(facts) if note.event.data.invoice_id == data.invoice_id)
    principal = 0 if cancelled else max(0, amount - credited)
    return Receivable(data.invoice_id, data.number, data.issued_on, due_on, amount, principal, cancelled, data.payment_method)


def valid_credit_notes(facts: Facts) -> list[Fact[CreditNoteIssued]]:
    cancelled = {fact.event.data.credit_note_id for fact in facts.of(CreditNoteCancelled)}
    return [fact for fact in facts.of(CreditNoteIssued) if fact.event.data.credit_note_id not in cancelled]


def reversed_chargebacks(facts: Facts) -> dict[str, Fact[ChargebackReversed]]:
    """The earliest reversal of each chargeback."""
    return _earliest((fact.event.data.chargeback_id, fact) for fact in facts.by_time(ChargebackReversed))


def _earliest(pairs: Iterable[tuple[str, Fact[E]]]) -> dict[str, Fact[E]]:
    first: dict[str, Fact[E]] = {}
    for name, fact in pairs:
        first.setdefault(name, fact)
    return first


def failed(facts: Facts, received: Fact[PaymentReceived]) -> bool:
    """A payment.failed later than its payment.received takes back what is left of it (section 2)."""
    payment_id, time = received.event.data.payment_id, received.event.time
    return any(fact.event.data.payment_id == payment_id and fact.event.time > time for fact in facts.of(PaymentFailed))


def worth(facts: Facts, received: Fact[PaymentReceived]) -> int:
    """What a payment is worth: amount - refunds - chargebacks that are not reversed; nothing once it failed after it came (section 2)."""
    payment_id = received.event.data.payment_id
    if failed(facts, received):
        return 0
    refunded = sum(fact.event.data.amount for fact in facts.of(PaymentRefunded) if fact.event.data.payment_id == payment_id)
    taken_back = sum(
        fact.event.data.amount
        for fact in facts.of(ChargebackReceived)
        if fact.event.data.payment_id == payment_id and fact.event.data.chargeback_id not in reversed_chargebacks(facts)
    )
    return max(0, received.event.data.amount - refunded - taken_back)
