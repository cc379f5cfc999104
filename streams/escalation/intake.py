"""What an event adds to the facts of a contract (`escalation.md` 1).

The same fact again changes nothing, a conflicting one is refused, and one about something not yet known is kept and counts once both are
there.
"""

from collections.abc import Callable
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple, NoReturn

import msgspec
from msgspec.structs import replace

from schemas import billing
from schemas.envelope import ContractEnvelope
from streams.escalation.calendar import local_day, microseconds
from streams.escalation.facts import (
    Allocated,
    Chargeback,
    Configuration,
    Correction,
    CreditNote,
    Dispute,
    Ending,
    Failure,
    Hold,
    Initiation,
    Invoice,
    Occurrence,
    Payment,
    Plan,
    Portion,
    Refund,
    Resolution,
    Reversal,
    WriteOff,
    count,
)
from streams.escalation.holds import DECEASED, INSOLVENCY, OF_PERSON
from streams.escalation.state import FACTS_MAX, RECEIVABLES_MAX, Contract, Original, Unpriced
from streams.escalation.turn import Refused, Turn

Data = Any
"""The data of one event of `schemas.billing`."""

CURRENCY_MISMATCH = "currency mismatch"
"""The reason of a dead letter in another currency than its contract's."""


class Identity(NamedTuple):
    """Where facts of a type are kept, and by which id of their own they are known. Another value of `compared` is a conflict."""

    kept_in: str
    own_id: str
    compared: tuple[str, ...]


IDENTITIES: dict[str, Identity] = {
    "invoice.issued": Identity("invoices", "invoice_id", ("amount", "issued_on", "due_on")),
    "credit_note.issued": Identity("credit_notes", "credit_note_id", ("amount", "currency")),
    "payment.initiated": Identity("initiations", "payment_id", ("amount", "currency", "expected_on")),
    "payment.received": Identity("payments", "payment_id", ("amount", "currency", "value_date")),
    "payment.refunded": Identity("refunds", "refund_id", ("amount", "refunded_on")),
    "chargeback.received": Identity("chargebacks", "chargeback_id", ("amount", "booked_on")),
    "dispute.opened": Identity("disputes", "dispute_id", ()),
    "payment_plan.agreed": Identity("plans", "plan_id", ("instalments",)),
    "hold.placed": Identity("holds", "hold_id", ("from_", "until")),
    "case.payment_received": Identity("agency_payments", "payment_id", ("amount", "value_date")),
}
"""Everything else is known by (`source`, `id`)."""

_PRICED = frozenset({"invoice.issued", "credit_note.issued", "payment.initiated", "payment.received"})
"""Types whose data names a currency."""
_UNSTATED = frozenset({"currency", "refunded_on", "from_", "expected_on"})
"""Values that an event need not say: then it does not contradict."""


def identity(source: str, event_id: str) -> str:
    """How an event that could not be applied is remembered."""
    return f"{source} {event_id}"


def _digest(event: ContractEnvelope) -> bytes:
    return blake2b(identity(event.source, event.id).encode(), digest_size=16).digest()


# --- known, conflicting, too many


class Recognised(NamedTuple):
    """What is known of an event: applied before, or known with another value of `conflict`. `digest`: how it will be known."""

    known: bool
    conflict: str | None
    digest: bytes | None


_ARRIVED = Recognised(False, None, None)


def recognise(contract: Contract, event: Any) -> Recognised:
    """Whether the event was applied before, or contradicts one that was."""
    named = IDENTITIES.get(event.type)
    if named is None:
        digest = _digest(event)
        return Recognised(digest in contract.seen, None, digest)
    kept = getattr(contract.facts, named.kept_in)
    if kept:
        data = event.data
        own_id = getattr(data, named.own_id)
        for fact in kept:
            if getattr(fact, named.own_id) == own_id and (named.kept_in != "agency_payments" or fact.handover_id == data.handover_id):
                conflict = _conflict(contract, event, fact)
                return Recognised(conflict is None, conflict, None)
    return _ARRIVED


def _conflict(contract: Contract, event: Any, known: Any) -> str | None:
    for name in IDENTITIES[event.type].compared:
        one, other = getattr(known, name), _terms(event.data) if name == "instalments" else getattr(event.data, name)
        if one != other and not (name in _UNSTATED and (one is None or other is None)):
            return name.rstrip("_")
    if event.type == "invoice.issued" and event.data.currency != contract.currency:
        return "currency"
    return None


def refuse_conflict(event: Any, conflict: str) -> NoReturn:
    """Raises Refused: the fact is known with another amount, currency or date."""
    where = IDENTITIES[event.type].own_id
    raise Refused("conflicting fact", f"{where} {getattr(event.data, where)}: known with another {conflict}; the first stays")


def refuse_too_many(contract: Contract, event: Any) -> None:
    """Raises Refused if the contract holds as much as one state can."""
    if event.type == "invoice.issued" and len(contract.facts.invoices) >= RECEIVABLES_MAX:
        raise Refused("too many receivables", f"a contract has at most {RECEIVABLES_MAX}")
    if len(contract.seen) + count(contract.facts) >= FACTS_MAX:
        raise Refused("too many facts", f"a contract has at most {FACTS_MAX} events; publish what follows under another contract")


def remember(turn: Turn, event: Any, recognised: Recognised) -> None:
    """Know the event when it comes again."""
    if recognised.digest is not None:
        turn.contract = replace(turn.contract, seen=(*turn.contract.seen, recognised.digest))
    if turn.contract.unapplied:
        name = identity(event.source, event.id)
        turn.set(unapplied=tuple(one for one in turn.contract.unapplied if one != name))


# --- currency


def check_currency(turn: Turn, event: Any, original: Original | None) -> None:
    """A contract has the currency of its first invoice. Raises Refused for another."""
    currency = event.data.currency if event.type in _PRICED else None
    if currency is None:
        return
    contract = turn.contract
    if contract.currency is not None:
        if currency != contract.currency:
            raise Refused(
                CURRENCY_MISMATCH, f"currency {currency}: the contract has {contract.currency}; publish one contract per currency"
            )
    elif event.type == "invoice.issued":
        turn.set(currency=currency)
        _give_back_others(turn, currency)
    elif original is not None:
        named = IDENTITIES[event.type]
        kept = Unpriced(identity(event.source, event.id), named.kept_in, getattr(event.data, named.own_id), currency, original)
        turn.set(unpriced=(*contract.unpriced, kept))


def _give_back_others(turn: Turn, currency: str) -> None:
    """What was kept in another currency becomes a dead letter now."""
    for kept in turn.contract.unpriced:
        if kept.currency != currency:
            facts = turn.contract.facts
            own_id = next(one.own_id for one in IDENTITIES.values() if one.kept_in == kept.fact)
            others = tuple(fact for fact in getattr(facts, kept.fact) if getattr(fact, own_id) != kept.fact_id)
            turn.set(facts=replace(facts, **{kept.fact: others}))
            turn.returned.append((kept, CURRENCY_MISMATCH, f"currency {kept.currency}: the contract has {currency}"))
    turn.set(unpriced=())


# --- facts


def _add(turn: Turn, kept_in: str, fact: msgspec.Struct) -> None:
    facts = turn.contract.facts
    turn.set(facts=replace(facts, **{kept_in: (*getattr(facts, kept_in), fact)}))


def _end(turn: Turn, kept_in: str, of: str, time_us: int) -> None:
    """Of several that end the same thing the earliest counts."""
    facts = turn.contract.facts
    endings: tuple[Ending, ...] = getattr(facts, kept_in)
    if all(time_us < ending.time_us for ending in endings if ending.of == of):
        others = tuple(ending for ending in endings if ending.of != of)
        turn.set(facts=replace(facts, **{kept_in: (*others, Ending(of, time_us))}))


def invoice_issued(turn: Turn, data: billing.InvoiceIssuedData, time_us: int, event_id: str) -> None:
    invoice = Invoice(
        data.invoice_id,
        data.number,
        data.issued_on,
        data.due_on,
        data.amount,
        data.payment_method,
        data.subject_matter,
        data.service_from,
        data.service_to,
    )
    turn.issue(invoice)
    _fix_write_offs(turn, data.invoice_id)


def invoice_corrected(turn: Turn, data: billing.InvoiceCorrectedData, time_us: int, event_id: str) -> None:
    _add(turn, "corrections", Correction(data.invoice_id, time_us, event_id, data.amount, data.due_on))


def invoice_cancelled(turn: Turn, data: billing.InvoiceCancelledData, time_us: int, event_id: str) -> None:
    # Each is kept: what is cancelled again after it was disputed was corrected after it was disputed.
    _add(turn, "cancelled_invoices", Ending(data.invoice_id, time_us))


def invoice_written_off(turn: Turn, data: billing.InvoiceWrittenOffData, time_us: int, event_id: str) -> None:
    _add(turn, "write_offs", WriteOff(data.invoice_id, time_us, event_id, data.amount, None))
    _fix_write_offs(turn, data.invoice_id)


def _fix_write_offs(turn: Turn, invoice_id: str) -> None:
    """Fix what is open at the moment at which write-off and receivable are both known."""
    facts = turn.contract.facts
    pending = [one for one in facts.write_offs if one.invoice_id == invoice_id and one.portion is None]
    if not pending or invoice_id not in turn.books.accounts:
        return
    for write_off in sorted(pending, key=lambda one: (one.time_us, one.event_id)):
        account = turn.books.accounts[invoice_id]
        if write_off.asked is None:
            portion = Portion(invoice_id, account.open, account.costs_open, account.interest)
        else:
            portion = Portion(invoice_id, min(write_off.asked, account.open), 0, 0)
        fixed = tuple(replace(one, portion=portion) if one is write_off else one for one in turn.contract.facts.write_offs)
        turn.set(facts=replace(turn.contract.facts, write_offs=fixed))


def credit_note_issued(turn: Turn, data: billing.CreditNoteIssuedData, time_us: int, event_id: str) -> None:
    _add(turn, "credit_notes", CreditNote(data.credit_note_id, data.invoice_id, data.amount, data.currency, time_us))


def credit_note_cancelled(turn: Turn, data: billing.CreditNoteCancelledData, time_us: int, event_id: str) -> None:
    _end(turn, "cancelled_credit_notes", data.credit_note_id, time_us)


def payment_initiated(turn: Turn, data: billing.PaymentInitiatedData, time_us: int, event_id: str) -> None:
    _add(turn, "initiations", Initiation(data.payment_id, data.amount, data.currency, data.expected_on, time_us))


def payment_received(turn: Turn, data: billing.PaymentReceivedData, time_us: int, event_id: str) -> None:
    payment = Payment(
        data.payment_id,
        data.amount,
        data.currency,
        data.value_date,
        min(data.value_date, turn.day),
        time_us,
        data.invoice_id,
        tuple(Allocated(one.invoice_id, one.amount) for one in data.allocations or ()),
        data.via == "agency",
        data.withheld or 0,
    )
    turn.receive(payment)


def payment_failed(turn: Turn, data: billing.PaymentFailedData, time_us: int, event_id: str) -> None:
    _add(turn, "failures", Failure(data.payment_id, time_us, data.reason_code))


def payment_refunded(turn: Turn, data: billing.PaymentRefundedData, time_us: int, event_id: str) -> None:
    _add(turn, "refunds", Refund(data.refund_id, data.payment_id, data.amount, data.refunded_on, time_us))


def chargeback_received(turn: Turn, data: billing.ChargebackReceivedData, time_us: int, event_id: str) -> None:
    chargeback = Chargeback(data.chargeback_id, data.payment_id, data.amount, data.fee or 0, data.reason_code, data.booked_on)
    _add(turn, "chargebacks", chargeback)


def chargeback_reversed(turn: Turn, data: billing.ChargebackReversedData, time_us: int, event_id: str) -> None:
    facts = turn.contract.facts
    known = {one.chargeback_id: one for one in facts.reversals}
    if data.chargeback_id not in known or time_us < known[data.chargeback_id].time_us:
        known[data.chargeback_id] = Reversal(data.chargeback_id, time_us, data.booked_on)
        turn.set(facts=replace(facts, reversals=tuple(known.values())))


def hold_placed(turn: Turn, data: billing.HoldPlacedData, time_us: int, event_id: str) -> None:
    _add(turn, "holds", Hold(data.hold_id, data.kind, data.invoice_id, data.from_, data.until, time_us))


def hold_released(turn: Turn, data: billing.HoldReleasedData, time_us: int, event_id: str) -> None:
    if data.hold_id in OF_PERSON:
        # Each is kept: what befell the debtor may befall them again, and is ended by the first release after it.
        _add(turn, "releases", Ending(data.hold_id, time_us))
    else:
        _end(turn, "releases", data.hold_id, time_us)


def _terms(data: billing.PaymentPlanAgreedData) -> tuple[tuple[date, int], ...]:
    return tuple(sorted((one.due_on, one.amount) for one in data.instalments))


def payment_plan_agreed(turn: Turn, data: billing.PaymentPlanAgreedData, time_us: int, event_id: str) -> None:
    _add(turn, "plans", Plan(data.plan_id, time_us, _terms(data), data.invoice_ids))


def payment_plan_cancelled(turn: Turn, data: billing.PaymentPlanCancelledData, time_us: int, event_id: str) -> None:
    _end(turn, "cancelled_plans", data.plan_id, time_us)


def insolvency_opened(turn: Turn, data: billing.OccurredData, time_us: int, event_id: str) -> None:
    _add(turn, "occurrences", Occurrence(INSOLVENCY, data.occurred_on, time_us))


def debtor_deceased(turn: Turn, data: billing.OccurredData, time_us: int, event_id: str) -> None:
    _add(turn, "occurrences", Occurrence(DECEASED, data.occurred_on, time_us))


def dispute_opened(turn: Turn, data: billing.DisputeOpenedData, time_us: int, event_id: str) -> None:
    _add(turn, "disputes", Dispute(data.dispute_id, data.invoice_id, time_us))


def dispute_resolved(turn: Turn, data: billing.DisputeResolvedData, time_us: int, event_id: str) -> None:
    facts = turn.contract.facts
    known = {one.dispute_id: one for one in facts.resolutions}
    if data.dispute_id not in known or time_us < known[data.dispute_id].time_us:
        known[data.dispute_id] = Resolution(data.dispute_id, time_us, data.outcome == "upheld")
        turn.set(facts=replace(facts, resolutions=tuple(known.values())))


def contract_configured(turn: Turn, data: billing.ContractConfiguredData, time_us: int, event_id: str) -> None:
    """A policy that is not known is left out of what is kept: the one before goes on."""
    unknown = data.policy is not None and not turn.policy_known(data.policy)
    told = Configuration(
        time_us,
        event_id,
        None if unknown else data.policy,
        data.agency_account,
        data.debtor_kind,
        data.mandate_since,
        data.time_zone,
        data.language,
        data.country,
    )
    _add(turn, "configurations", told)
    if data.policy is not None:
        turn.set(policy_unknown=unknown)
    turn.bind()
    bound = turn.contract.binding
    if bound is not None and turn.terms.policy not in (None, bound.policy):
        turn.set(binding=None)
        turn.bind()


def contract_ended(turn: Turn, data: billing.ContractEndedData, time_us: int, event_id: str) -> None:
    """No rule, on purpose: what is owed is owed after the end of a contract too."""


Handler = Callable[[Turn, Data, int, str], None]

HANDLERS: dict[str, Handler] = {
    "invoice.issued": invoice_issued,
    "invoice.corrected": invoice_corrected,
    "invoice.cancelled": invoice_cancelled,
    "invoice.written_off": invoice_written_off,
    "credit_note.issued": credit_note_issued,
    "credit_note.cancelled": credit_note_cancelled,
    "payment.initiated": payment_initiated,
    "payment.received": payment_received,
    "payment.failed": payment_failed,
    "payment.refunded": payment_refunded,
    "chargeback.received": chargeback_received,
    "chargeback.reversed": chargeback_reversed,
    "contract.configured": contract_configured,
    "contract.ended": contract_ended,
    "dispute.opened": dispute_opened,
    "dispute.resolved": dispute_resolved,
    "payment_plan.agreed": payment_plan_agreed,
    "payment_plan.cancelled": payment_plan_cancelled,
    "insolvency.opened": insolvency_opened,
    "debtor.deceased": debtor_deceased,
    "hold.placed": hold_placed,
    "hold.released": hold_released,
}


def day_of(event: Any, turn: Turn) -> date:
    """The day of a fact that reopens a receivable."""
    data = event.data
    stated = getattr(data, "booked_on", None) or getattr(data, "refunded_on", None)
    return stated or local_day(microseconds(event.time), turn.terms.place)
