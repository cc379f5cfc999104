"""The glue between bytes and rules: a `streams.engine.protocol.Processor` over the core.

Decoding is one validation (`schemas.codec`); what the core tells becomes records with the envelope of `events.md`, stamped with the
contract clock. Nothing is decided here but what is a broadcast, and what is none of our business.
"""

from collections.abc import Collection, Container
from datetime import datetime
from typing import Any, Final

import msgspec

from schemas import codec, topics
from schemas.envelope import ContractEnvelope
from schemas.fields import ID_MAX_LENGTH
from schemas.policy import Policy
from schemas.timers import ClockTicked, PaymentsImported, PolicyApplied, PolicyWithdrawn, TenantConfigured
from streams.engine import deadletter
from streams.engine.protocol import Applied, Broadcast, Decoded, Keyed, Output, Poison, Record, SharedApplied, Skipped, Tick
from streams.escalation import apply as core
from streams.escalation import outputs, settings, state
from streams.escalation.calendar import microseconds
from streams.escalation.intake import identity
from streams.escalation.outputs import Told
from streams.escalation.settings import Shared
from streams.escalation.state import Contract, Original
from streams.escalation.tell import moment

FUTURE_MAX_MS: Final = 86_400_000
"""How far an event's `time` may lie after its record: a clock that is a day wrong would move the contract's."""
SOURCE: Final = "/mahnlauf/escalation"
UNKNOWN_TYPE: Final = "unknown type"
UNREADABLE: Final = "unreadable"
"""Cause of a change by a record of which not even the id can be read."""
_ENCODER = msgspec.json.Encoder()


class EscalationProcessor:
    """The rules, as the engine runs them. `everyone`: policies that count for all tenants, the first being their default (a replay).
    `told`: the topics whose records are wanted of a tick, where not all are: who looks ahead asks for what is sent, a million times."""

    state_version = state.STATE_VERSION
    newest_state_version = state.STATE_VERSION
    rules = state.RULES

    def __init__(self, everyone: tuple[Policy, ...] = (), told: Collection[str] = frozenset(outputs.TOPICS.values())) -> None:
        self._initial = Shared(everyone=settings.for_everyone(everyone))
        self._kinds = frozenset(kind for kind, topic in outputs.TOPICS.items() if topic in told)

    # --- reading

    def decode(self, record: Record) -> Decoded[Any]:
        """Read one record; see the protocol."""
        try:
            event = codec.decode(record.topic, record.value, record.headers, record.key or b"")
        except codec.UnknownType as error:
            if record.topic in topics.BILLING_INPUTS:
                return Skipped(UNKNOWN_TYPE)
            return Poison(error.reason, error.detail)
        except codec.Unreadable as error:
            return Poison(error.reason, error.detail)
        if isinstance(event, ContractEnvelope):
            return self._keyed(event, record)
        if isinstance(event, ClockTicked):
            now_us = microseconds(event.data.now)
            return Tick(event, event.type, now_us // 1000, 1000 * event.data.skew)
        return Broadcast(event, event.type)

    @staticmethod
    def _keyed(event: Any, record: Record) -> Decoded[Any]:
        ahead_ms = microseconds(event.time) // 1000 - record.timestamp_ms
        if ahead_ms > FUTURE_MAX_MS:
            return Poison("time in the future", f"time {event.time.isoformat()}: more than a day after its record's timestamp")
        return Keyed(event, event.type)

    def load(self, data: bytes, version: int) -> Contract:
        return state.load(data, version)

    def dump(self, state: Contract) -> bytes:
        return _dump_contract(state)

    # --- settings

    def initial_shared(self) -> Shared:
        return self._initial

    def load_shared(self, data: bytes, version: int) -> Shared:
        return settings.load_shared(data, version)

    def dump_shared(self, shared: Shared) -> bytes:
        return settings.dump_shared(shared)

    def apply_broadcast(self, shared: Shared, event: Any, record: Record) -> SharedApplied[Shared]:
        """Change the settings. Contracts of the tenant are looked at with the next tick."""
        try:
            changed = _SETTINGS[type(event)](shared, event.data)
        except settings.SettingsRefused as refusal:
            return SharedApplied(shared, (), Poison(refusal.reason, refusal.detail))
        return SharedApplied(changed, () if changed is shared else (f"{event.data.tenant}/".encode(),))

    def begin_tick(self, shared: Shared, event: ClockTicked) -> Shared | None:
        """Ticks are compared with ticks: one that goes back is ignored."""
        now_us = microseconds(event.data.now)
        if now_us < shared.last_tick_us:
            return None
        return msgspec.structs.replace(shared, last_tick_us=now_us)

    # --- contracts

    def apply(self, shared: Shared, key: bytes, state: Contract | None, event: Any, record: Record) -> Applied[Contract]:
        original = Original(*msgspec.structs.astuple(record)) if state is None or state.currency is None else None
        return _applied(key, core.apply(shared, key.decode(), state, record.topic, event, original))

    def visit(self, shared: Shared, key: bytes, state: Contract, event: ClockTicked) -> Applied[Contract]:
        kinds = self._kinds
        return _applied(key, core.visit(shared, key.decode(), state, microseconds(event.data.now), row=outputs.STATUS in kinds), kinds)

    def poisoned(self, shared: Shared, key: bytes, state: Contract, record: Record, poison: Poison) -> Applied[Contract]:
        """A billing record of a known contract that cannot be read makes its steps wait."""
        if record.topic not in topics.BILLING_INPUTS:
            return _applied(key, core.unchanged(shared, key.decode(), state))
        name, cause = _named(record)
        return _applied(key, core.unapplied(shared, key.decode(), state, name, cause))


_dump_contract = state.dump

_SETTINGS: dict[type, Any] = {
    PaymentsImported: settings.payments_imported,
    PolicyApplied: settings.policy_applied,
    PolicyWithdrawn: settings.policy_withdrawn,
    TenantConfigured: settings.tenant_configured,
}


def _applied(key: bytes, outcome: core.Outcome, kinds: Container[str] = outputs.TOPICS) -> Applied[Contract]:
    told: tuple[Output, ...] = ()
    if outcome.told:
        tenant, subject = key.decode().split("/", 1)
        told = tuple([_output(key, tenant, subject, one) for one in outcome.told if one.kind in kinds])
    if outcome.returned:
        told = (*(_letter(*returned) for returned in outcome.returned), *told)
    refused = Poison(*outcome.refused) if outcome.refused is not None else None
    return Applied(outcome.contract, told, outcome.due_ms, refused)


def _letter(original: Original, reason: str, detail: str) -> Output:
    record = Record(*msgspec.structs.astuple(original))
    return deadletter.letter(record, Poison(reason, detail), deadletter.APPLY, topics.DEAD_LETTERS_SUFFIX)


class _Envelope(msgspec.Struct):
    """An output as it is written, its keys in the order of the schemas."""

    specversion: str
    id: str
    source: str
    time: datetime
    subject: str
    tenant: str
    type: str
    data: dict[str, Any]


def _output(key: bytes, tenant: str, subject: str, told: Told) -> Output:
    envelope = None if told.data is None else _Envelope("1.0", told.id, SOURCE, moment(told.time_us), subject, tenant, told.kind, told.data)
    value = None if envelope is None else _ENCODER.encode(envelope)
    return Output(outputs.TOPICS[told.kind], key, value, told.time_us // 1000, latest_only=told.kind == outputs.STATUS, kind=told.kind)


class _Naming(msgspec.Struct):
    """What can still be read of a record that could not."""

    id: str | None = None
    source: str | None = None


def _named(record: Record) -> tuple[str, str]:
    """How a record that could not be applied is remembered, and its event's id, where they can still be told."""
    naming = _naming(record)
    if not naming.id or len(naming.id) > ID_MAX_LENGTH:
        return core.UNNAMED, UNREADABLE
    return (identity(naming.source, naming.id) if naming.source else core.UNNAMED), naming.id


def _naming(record: Record) -> _Naming:
    headers = dict(record.headers)
    if "ce_specversion" in headers:
        return _Naming(headers.get("ce_id", b"").decode(errors="replace"), headers.get("ce_source", b"").decode(errors="replace"))
    try:
        return msgspec.json.decode(record.value or b"", type=_Naming)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Naming()
