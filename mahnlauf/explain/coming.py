"""What comes next, and what would change it: the rules themselves, run on from where the contract stands. Nothing is emitted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from mahnlauf.explain.found import Found
from mahnlauf.explain.words import money
from mahnlauf.told import read_told
from schemas import topics
from schemas.timers import ClockTicked, ClockTickedData
from streams.engine.protocol import Applied, Keyed, Output, Record
from streams.escalation import outputs
from streams.escalation.calendar import local
from streams.escalation.settings import Shared
from streams.escalation.state import Contract
from streams.escalation.statuses import CLIMBING, FAILED, HELD, OPEN, REJECTED
from streams.escalation.turn import Turn
from streams.processor import EscalationProcessor

AHEAD: Final = timedelta(days=400)
"""As far as it is looked ahead: longer than any ladder that is meant seriously."""
TICKS_MAX: Final = 1_000
PROMISE: Final = timedelta(days=14)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SOURCE: Final = "/mahnlauf/explain"
_NOT_NOW: Final = "refused: "


class Coming(NamedTuple):
    """Something that happens by the passing of time alone, if nothing else comes in. `at` in the contract's zone."""

    at: datetime
    words: str


class WhatIf(NamedTuple):
    """Something that may come in, and what would come of it."""

    cause: str
    effect: str


def coming(found: Found) -> list[Coming]:
    """What follows from time alone, in order."""
    processor, shared, state = EscalationProcessor(), found.shared, found.contract
    place = Turn(shared, found.key, state, state.clock_us, "explain").terms.place
    now_ms, end_ms = found.as_of_us // 1000, found.as_of_us // 1000 + int(AHEAD.total_seconds()) * 1000
    told: list[Coming] = []
    for _ in range(TICKS_MAX):
        shared, applied = _tick(processor, shared, found.key, state, now_ms)
        told += [Coming(local(1000 * now_ms, place), words) for words in _told(applied.outputs)]
        if applied.state is None or applied.due_ms is None or applied.due_ms > end_ms:
            break
        state, now_ms = applied.state, max(applied.due_ms, now_ms + 1)
    return told


def _tick(processor: EscalationProcessor, shared: Shared, key: str, state: Contract, now_ms: int) -> tuple[Shared, Applied[Contract]]:
    now = _EPOCH + timedelta(milliseconds=now_ms)
    event = ClockTicked(id="explain", source=_SOURCE, time=now, data=ClockTickedData(now=now))
    begun = processor.begin_tick(shared, event) or shared
    return begun, processor.visit(begun, key.encode(), state, event)


# --- what if


def what_if(found: Found, turn: Turn) -> list[WhatIf]:
    """What the things that a caller or a colleague may do would change, today."""
    return [WhatIf(cause, _effect(found, topic, kind, data)) for cause, topic, kind, data in _causes(turn)]


def _causes(turn: Turn) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    status, today = turn.contract.status, turn.day.isoformat()
    owed = sum(account.claim for account in turn.books.accounts.values() if account.due_on < turn.day)
    if owed and turn.contract.currency:
        paid = {"payment_id": "explain", "amount": owed, "currency": turn.contract.currency, "value_date": today}
        yield f"{money(owed, turn.contract.currency)} arrives today: all that is due", topics.PAYMENTS, "payment.received", paid
    if owed and status in CLIMBING and turn.contract.currency:
        sent = {"payment_id": "explain", "amount": owed, "currency": turn.contract.currency}
        yield "a payment is announced as under way", topics.PAYMENTS, "payment.initiated", sent
        promise = {"due_on": (turn.day + PROMISE).isoformat(), "amount": owed}
        plan = {"plan_id": "explain", "instalments": [promise]}
        yield f"the debtor promises to pay within {PROMISE.days} days", topics.CONTRACTS, "payment_plan.agreed", plan
    if status in (*CLIMBING, *OPEN):
        yield "the debtor disputes the claim", topics.CONTRACTS, "dispute.opened", {"dispute_id": "explain"}
    if status in CLIMBING:
        hold = {"by": "explain", "hold_id": "explain", "kind": "manual"}
        yield "a colleague places a hold", topics.INSTRUCTIONS, "hold.placed", hold
        yield "a colleague skips the next step", topics.INSTRUCTIONS, "step.skipped", {"by": "explain"}
    if status in (*CLIMBING, HELD, REJECTED, FAILED):
        order = {"by": "explain", **({"despite_hold": True} if status == HELD else {})}
        yield "a colleague orders the handover", topics.INSTRUCTIONS, "handover.ordered", order
    if status in OPEN:
        yield "a colleague recalls the case", topics.INSTRUCTIONS, "handover.recalled", {"by": "explain"}


def _effect(found: Found, topic: str, kind: str, data: dict[str, Any]) -> str:
    processor = EscalationProcessor()
    tenant, contract_id = found.key.split("/", 1)
    time = _EPOCH + timedelta(microseconds=found.as_of_us)
    envelope = {"specversion": "1.0", "id": "explain", "source": _SOURCE, "type": kind, "time": time, "subject": contract_id}
    value = msgspec.json.encode({**envelope, "tenant": tenant, "data": data})
    record = Record(topic, 0, 0, found.as_of_us // 1000, found.key.encode(), value)
    decoded = processor.decode(record)
    assert isinstance(decoded, Keyed), decoded
    applied = processor.apply(found.shared, found.key.encode(), found.contract, decoded.event, record)
    if applied.refused is not None:
        return _NOT_NOW + (applied.refused.detail or applied.refused.reason)
    return "; ".join(_told(applied.outputs)) or "no change of status; it counts from then on"


# --- words


def _told(found: tuple[Output, ...]) -> list[str]:
    """Of each output what a person would say; the status is told by its history."""
    events = [read_told(output) for output in found if output.value and output.topic != topics.CASE_STATUS]
    return [_words(event.type, event.data) for event in events]


def _words(kind: str, data: dict[str, Any]) -> str:
    if kind == outputs.HISTORY:
        return _change(data)
    amount = money(data["amount"], data["currency"]) if "currency" in data and "amount" in data else ""
    if kind == outputs.REMINDER:
        return f"reminder of level {data['level']} over {amount}"
    if kind == outputs.SUBMIT:
        return f"handed over to account {data['agency_account']}: {money(data['open_amount'], data['currency'])}"
    if kind.startswith("notice."):
        return f"{kind.removeprefix('notice.').replace('_', ' ')}{f' over {amount}' if amount else ''}"
    return f"told to the agency: {kind.removeprefix('case.').replace('_', ' ')}"


def _change(data: dict[str, Any]) -> str:
    moved = f"{data['from']} → {data['to']}" if data["from"] != data["to"] else f"still {data['to']}"
    level = f", level {data['dunning_level']}" if data["dunning_level"] else ""
    return moved + level + (f", attention {', '.join(data['attention'])}" if data["attention"] else "")
