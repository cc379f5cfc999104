"""The way in: one event, or one tick, and one contract. Returns what it became and what is told.

The order of things is that of `escalation.md` 1: known already? then nothing. Evaluate first what must be answered by today's status;
then the fact; then what the agency must be told of it; then evaluate, and number what changed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from schemas import billing, instructions, topics
from streams.escalation import (
    attention,
    balance,
    bookings,
    calls,
    case,
    confirmation,
    forgetting,
    holds,
    intake,
    ladder,
    moving_in,
    refresh,
    replies,
    signals,
    steps,
    tell,
    waiting,
)
from streams.escalation.calendar import microseconds
from streams.escalation.due import due_ms
from streams.escalation.evaluate import end_of_ladder, evaluate
from streams.escalation.facts import Dispute, Resolution
from streams.escalation.intake import Recognised
from streams.escalation.ledger import Books
from streams.escalation.outputs import Told
from streams.escalation.settings import Shared
from streams.escalation.state import Contract, Original, Standing
from streams.escalation.turn import Refused, Turn

TICK = "tick"
UNAPPLIED_MAX = 50
"""Events that could not be applied and are remembered one by one; with more, only a person ends the attention."""
UNNAMED = "?"
"""Stands for what has no id, or too many."""

_NOTHING_KNOWN = Contract()
_ORDER = frozenset({topics.INSTRUCTIONS, topics.REPLIES})
_PAYMENTS = frozenset({"payment.received", "payment.failed", "payment.refunded", "chargeback.received", "chargeback.reversed"})
_CLAIMS = frozenset({"invoice.corrected", "invoice.cancelled", "invoice.written_off", "credit_note.issued", "credit_note.cancelled"})
_MAY_REOPEN = _CLAIMS | frozenset(
    {"invoice.issued", "payment.failed", "payment.refunded", "chargeback.received", "chargeback.reversed", "case.payment_received"}
)


class Outcome(NamedTuple):
    """What came of an event. `contract` None: nothing is known of it still. `refused`: reason and detail of the dead letter;
    `returned`: records kept so far that are dead letters now."""

    contract: Contract | None
    told: tuple[Told, ...]
    due_ms: int | None
    refused: tuple[str, str] | None = None
    returned: tuple[tuple[Original, str, str], ...] = ()


def _outcome(turn: Turn, refused: tuple[str, str] | None = None) -> Outcome:
    bookings.tell(turn)
    tell.status(turn)
    returned = tuple([(kept.original, reason, detail) for kept, reason, detail in turn.returned])
    return Outcome(turn.contract, tuple(turn.told), due_ms(turn), refused, returned)


def unchanged(shared: Shared, key: str, contract: Contract, refused: tuple[str, str] | None = None) -> Outcome:
    """Nothing came of it."""
    if contract.forgotten:
        return Outcome(contract, (), None, refused)
    return Outcome(contract, (), due_ms(Turn(shared, key, contract, contract.clock_us, TICK)), refused)


def apply(shared: Shared, key: str, contract: Contract | None, topic: str, event: Any, original: Original | None = None) -> Outcome:
    """Apply one event of an input topic to its contract (None: not known yet). `original` is the record, kept where it may yet become a
    dead letter."""
    before, is_known = _before(contract)
    recognised = intake.recognise(before, event)
    if recognised.known and contract is not None:
        return unchanged(shared, key, contract)
    time_us = microseconds(event.time)
    by = event.data.by if topic == topics.INSTRUCTIONS else None
    turn = Turn(shared, key, before, max(before.clock_us, time_us), event.id, by)
    answered = is_known and (topic in _ORDER or event.type == "payment.received")
    try:
        if answered:
            evaluate(turn)
            end_of_ladder(turn)
        _admit(turn, topic, event, time_us, recognised, original)
    except Refused as refusal:
        return _refuse(shared, key, contract, turn if answered else None, refusal)
    evaluate(turn)
    end_of_ladder(turn)
    signals.switch_off(turn)
    return _outcome(turn)


def _before(contract: Contract | None) -> tuple[Contract, bool]:
    """What an event finds, and whether that is anything. What comes to a forgotten contract begins anew, under new numbers."""
    if contract is None:
        return _NOTHING_KNOWN, False
    return (replace(contract, forgotten=False), False) if contract.forgotten else (contract, True)


def _admit(turn: Turn, topic: str, event: Any, time_us: int, recognised: Recognised, original: Original | None) -> None:
    if recognised.conflict is not None:
        intake.refuse_conflict(event, recognised.conflict)
    intake.refuse_too_many(turn.contract, event)
    intake.check_currency(turn, event, original)
    books = turn.books if event.type in _MAY_REOPEN and turn.contract.facts.invoices else None
    if topic == topics.REPLIES:
        replies.reply(turn, event)
        if turn.contract.status != turn.noted[0]:
            attention.follow_causes(turn)
        tell.history(turn)  # what the agency answered is a change of its own, before what follows from it
    elif (order := _ORDERS.get(event.type)) is not None:
        order(turn, event.data)
    else:
        _HANDLERS[event.type](turn, event.data, time_us, event.id)
        if event.type == "payment.received":
            confirmation.confirm(turn, event.data)
    intake.remember(turn, event, recognised)
    if books is not None:
        _reopen(turn, books, event)
    if turn.contract.cases:
        _tell_agency(turn, books, event)
    _end_unapplied(turn)
    turn.set(heard_us=max(turn.contract.heard_us, time_us))


def _refuse(shared: Shared, key: str, contract: Contract | None, evaluated: Turn | None, refusal: Refused) -> Outcome:
    """`evaluated`: what an evaluation before the event made of the contract, None if there was none."""
    refused = (refusal.reason, refusal.detail)
    if contract is None:
        return Outcome(None, (), None, refused)
    # What the evaluation before the event changed stays, and with it the moment it is dated with; else the clock does not move.
    changed = _outcome(evaluated, refused) if evaluated is not None else None
    return changed if changed is not None and changed.told else unchanged(shared, key, contract, refused)


# --- orders of people


def _clear(turn: Turn, data: instructions.AttentionClearedData) -> None:
    attention.drop(turn, data.name)
    if data.name == "unapplied_event":
        turn.set(unapplied=())


_HANDLERS: dict[str, intake.Handler] = {**intake.HANDLERS, "balance.stated": balance.stated, "contract.taken_over": moving_in.take_over}

_ORDERS: dict[str, Callable[[Turn, Any], None]] = {
    "handover.ordered": case.order_handover,
    "case.refresh_ordered": lambda turn, data: refresh.order_refresh(turn),
    "case.monitoring_ordered": lambda turn, data: refresh.order_monitoring(turn),
    "case.message_written": case.write_message,
    "case.question_answered": case.answer_question,
    "handover.recalled": lambda turn, data: case.order_recall(turn),
    "call.attempted": calls.attempted,
    "step.approved": lambda turn, data: waiting.approve(turn, data.step),
    "step.skipped": lambda turn, data: steps.skip(turn, data.step),
    "notice.failed": lambda turn, data: steps.fail_notice(turn, data.notice_id),
    "attention.cleared": _clear,
}


# --- what follows from a fact


def _reopen(turn: Turn, before: Books, event: Any) -> None:
    """A receivable that stood at 0 and is open again falls due anew, unless it already climbed in this cycle."""
    standings = {standing.invoice_id: standing for standing in turn.contract.standings}
    for invoice_id, account in turn.books.accounts.items():
        known = before.accounts.get(invoice_id)
        if known is not None and known.open == 0 and account.open > 0:
            standing = standings.get(invoice_id, Standing(invoice_id))
            if standing.rung == 0:
                reopened = Standing(invoice_id, 0, intake.day_of(event, turn), standing.place, standing.case)
                turn.set(standings=ladder.with_standing(turn.contract.standings, reopened))


def _tell_agency(turn: Turn, before: Books | None, event: Any) -> None:
    if event.type in _PAYMENTS:
        case.report(turn, _payment_of(turn, event.data))
    elif event.type in _CLAIMS and before is not None:
        case.tell_changed(turn, before)
    elif isinstance(event, billing.DisputeOpened):
        if _in_force(turn, event.data.dispute_id):
            case.tell_about(turn, event.data.invoice_id, "disputed")
    elif isinstance(event, billing.InsolvencyOpened | billing.DebtorDeceased):
        kind = holds.INSOLVENCY if isinstance(event, billing.InsolvencyOpened) else holds.DECEASED
        if _in_force(turn, kind):
            case.tell_about(turn, None, kind)
    elif isinstance(event, billing.DisputeResolved):
        _tell_resolved(turn, event.data.dispute_id, microseconds(event.time))


def _in_force(turn: Turn, hold_id: str) -> bool:
    """Whether the hold covers this day, or one to come."""
    return any(span.hold_id == hold_id and (span.end is None or span.end > turn.day) for span in turn.spans)


def _payment_of(turn: Turn, data: Any) -> str:
    """The payment that an event is about; a reversal names only its chargeback."""
    named = getattr(data, "payment_id", None)
    if named is not None:
        return str(named)
    return next((one.payment_id for one in turn.contract.facts.chargebacks if one.chargeback_id == data.chargeback_id), "")


def _tell_resolved(turn: Turn, dispute_id: str, time_us: int) -> None:
    facts = turn.contract.facts
    dispute: Dispute | None = next((one for one in facts.disputes if one.dispute_id == dispute_id), None)
    resolution: Resolution | None = next((one for one in facts.resolutions if one.dispute_id == dispute_id), None)
    if dispute is not None and resolution is not None and not resolution.upheld and resolution.time_us == time_us:
        case.tell_about(turn, dispute.invoice_id, "dispute_rejected")


# --- events that could not be applied


def unapplied(shared: Shared, key: str, contract: Contract, name: str, cause: str) -> Outcome:
    """A billing event of a known contract became a dead letter: steps wait until it was replayed, or a person clears the attention.

    The clock does not move, and nothing is evaluated. Of a forgotten one nothing is known that could wait."""
    if contract.forgotten:
        return unchanged(shared, key, contract)
    turn = Turn(shared, key, contract, contract.clock_us, cause)
    _add_unapplied(turn, name)
    tell.history(turn)
    if turn.contract.attention == contract.attention:  # nothing to tell: what else changed since waits for the next event or tick
        return Outcome(turn.contract, (), due_ms(turn))
    return _outcome(turn)


def _add_unapplied(turn: Turn, name: str) -> None:
    known = turn.contract.unapplied
    named = name if len(known) < UNAPPLIED_MAX else UNNAMED
    if named not in known:
        turn.set(unapplied=(*known, named))
        attention.add(turn, "unapplied_event")


def _end_unapplied(turn: Turn) -> None:
    for kept, _, _ in turn.returned:
        _add_unapplied(turn, kept.event)
    if not turn.contract.unapplied:
        attention.drop(turn, "unapplied_event")


# --- ticks


def visit(shared: Shared, key: str, contract: Contract, now_us: int, *, row: bool = True) -> Outcome:
    """Apply a tick. If it touches nothing, the contract stays the same object. Without `row` case-status is not worked out: for who asks
    what would be done, and shows no table."""
    if contract.forgotten:
        return unchanged(shared, key, contract)
    turn = Turn(shared, key, contract, max(contract.clock_us, now_us), TICK)
    steps.tick(turn, now_us)
    bookings.tell(turn)
    if forgetting.is_over(turn):
        return Outcome(forgetting.rest_of(turn.contract), (*turn.told, forgetting.tombstone(turn)), None)
    if row:
        tell.status(turn)
    if row and not turn.told:
        return Outcome(_unseen(contract, turn.contract), (), due_ms(turn))
    return Outcome(turn.contract, tuple(turn.told), due_ms(turn))


def _unseen(before: Contract, after: Contract) -> Contract:
    """What is decided once and must be remembered though nobody sees it: that a fee is never charged (reopened later, the receivable must
    not bear it), and that a cause of attention lasts (it is not raised again)."""
    if before.reminders is after.reminders and before.causes == after.causes:
        return before
    return replace(before, reminders=after.reminders, causes=after.causes)
