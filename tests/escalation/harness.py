"""A contract under test: events and days go in through the processor, as bytes; what comes out is read back through the schemas.

Every output is decoded strictly and encoded again to the same bytes; every state survives a round trip; a tick that the due time says is
not needed is visited all the same and must change nothing. So each test also holds what all of them promise.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from schemas import codec, topics
from streams.engine.protocol import Applied, Broadcast, Keyed, Output, Poison, Record, Tick
from streams.escalation.state import Contract
from streams.processor import EscalationProcessor

TENANT, CONTRACT = "acme", "C-1"
KEY = f"{TENANT}/{CONTRACT}".encode()
NOON = time(12, tzinfo=UTC)

LADDER: dict[str, Any] = {
    "policy": "standard",
    "time_zone": "Europe/Berlin",
    "working_days_only": False,
    "steps": [
        {"kind": "remind", "day": 5, "level": 1},
        {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}},
        {"kind": "hand_over", "day": 30},
    ],
}
"""Reminders after 5 and 14 days, the second with a fee of 2.50 EUR, handover after 30; every day counts."""


def policy(**changes: Any) -> dict[str, Any]:
    """LADDER with changes."""
    return {**LADDER, **changes}


def day(text: str) -> date:
    return date.fromisoformat(text)


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


@dataclass
class Out:
    """One output, as its schema reads it."""

    type: str
    id: str
    time: datetime
    data: dict[str, Any]


@dataclass
class World:
    """One contract and the settings around it."""

    processor: EscalationProcessor = field(default_factory=EscalationProcessor)
    state: Contract | None = None
    due_ms: int | None = None
    revisit: bool = False
    outs: list[Out] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    letters: list[Output] = field(default_factory=list)
    key: bytes = KEY
    events: int = 0
    shared: Any = None

    def __post_init__(self) -> None:
        self.shared = self.processor.initial_shared()

    @property
    def forgotten(self) -> bool:
        """Whether nothing is known of the contract but which numbers were used."""
        return self.state is not None and self.state == Contract(cycle=self.state.cycle, version=self.state.version, forgotten=True)

    # --- going in

    def event(self, kind: str, at: str | datetime, /, *, id: str | None = None, topic: str | None = None, **data: Any) -> list[Out]:
        """Publish one event; `at` is a day (noon UTC) or a moment. Returns what it brought."""
        self.events += 1
        moment = at if isinstance(at, datetime) else self.noon(at) if len(at) == 10 else datetime.fromisoformat(at)
        envelope = self.envelope(kind, id or f"e{self.events}", moment, data)
        return self.publish(topic or topic_of(kind), json.dumps(envelope).encode(), ms(moment))

    def envelope(self, kind: str, event_id: str, moment: datetime, data: dict[str, Any]) -> dict[str, Any]:
        tenant, subject = self.key.decode().split("/", 1)
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": "/test",
            "type": kind,
            "time": moment.isoformat(),
            "subject": subject,
            "tenant": tenant,
            "data": data,
        }

    def publish(self, topic: str, value: bytes, timestamp_ms: int) -> list[Out]:
        record = Record(topic, 0, self.events, timestamp_ms, self.key, value)
        decoded = self.processor.decode(record)
        before = len(self.outs)
        if isinstance(decoded, Poison):
            self.poison(record, decoded)
        else:
            assert isinstance(decoded, Keyed), decoded
            applied = self.processor.apply(self.shared, self.key, self.state, decoded.event, record)
            self.take(applied)
            if applied.refused is not None:
                self.poison(record, applied.refused)
        return self.outs[before:]

    def poison(self, record: Record, poison: Poison) -> None:
        """What the engine does with a dead letter."""
        self.refused.append((poison.reason, poison.detail))
        if self.state is not None:
            self.take(self.processor.poisoned(self.shared, self.key, self.state, record, poison))

    def broadcast(self, kind: str, at: str, /, **data: Any) -> None:
        self.events += 1
        envelope = {"specversion": "1.0", "id": f"b{self.events}", "source": "/test", "type": kind, "time": f"{at}T00:00:00Z", "data": data}
        record = Record(topics.TIMERS, 0, self.events, ms(self.noon(at)), None, json.dumps(envelope).encode())
        decoded = self.processor.decode(record)
        if isinstance(decoded, Poison):
            self.refused.append((decoded.reason, decoded.detail))
            return
        assert isinstance(decoded, Broadcast), decoded
        applied = self.processor.apply_broadcast(self.shared, decoded.event, record)
        self.shared = applied.shared
        self.revisit |= any(self.key.startswith(prefix) for prefix in applied.revisit)
        if applied.refused is not None:
            self.refused.append((applied.refused.reason, applied.refused.detail))

    def apply_policy(self, since: str, /, version: int = 1, **changes: Any) -> None:
        content = policy(**changes)
        self.broadcast("policy.applied", since, tenant=TENANT, policy=content["policy"], version=version, content=content)

    # --- time

    @staticmethod
    def noon(text: str | date) -> datetime:
        return datetime.combine(day(text) if isinstance(text, str) else text, NOON)

    def tick(self, at: str | date | datetime) -> list[Out]:
        """One tick, at noon UTC unless `at` is a moment."""
        now = at if isinstance(at, datetime) else datetime.fromisoformat(at) if isinstance(at, str) and len(at) > 10 else self.noon(at)
        value = json.dumps(
            {
                "specversion": "1.0",
                "id": "t",
                "source": "/test",
                "type": "clock.ticked",
                "time": now.isoformat(),
                "data": {"now": now.isoformat()},
            }
        )
        record = Record(topics.TIMERS, 0, 0, ms(now), None, value.encode())
        decoded = self.processor.decode(record)
        assert isinstance(decoded, Tick)
        shared = self.processor.begin_tick(self.shared, decoded.event)
        if shared is None:
            return []
        self.shared = shared
        before = len(self.outs)
        if self.state is not None:
            needed = self.revisit or (self.due_ms is not None and self.due_ms <= decoded.now_ms)
            applied = self.processor.visit(self.shared, self.key, self.state, decoded.event)
            assert needed or (applied.state is self.state and not applied.outputs), f"due {self.due_ms} would have missed {now}"
            self.take(applied)
        self.revisit = False
        return self.outs[before:]

    def days(self, first: str, last: str) -> list[Out]:
        """A tick at noon of each day, both included."""
        before = len(self.outs)
        for one in each_day(first, last):
            self.tick(one)
        return self.outs[before:]

    # --- coming out

    def take(self, applied: Applied[Contract]) -> None:
        if applied.state is not None and applied.state is not self.state:
            dumped = self.processor.dump(applied.state)
            assert self.processor.load(dumped, self.processor.state_version) == applied.state
        self.state = applied.state
        self.due_ms = applied.due_ms
        for output in applied.outputs:
            if output.topic.endswith(topics.DEAD_LETTERS_SUFFIX):
                self.letters.append(output)
            else:
                self.outs.append(read(output))

    def of(self, kind: str) -> list[Out]:
        return [out for out in self.outs if out.type == kind]

    @property
    def status(self) -> dict[str, Any]:
        """case-status as last told."""
        return self.of("case_status.changed")[-1].data

    @property
    def history(self) -> list[tuple[str, str]]:
        """(day, status) of each change."""
        return [(out.data["changed_at"][:10], out.data["to"]) for out in self.of("case_history.recorded")]

    @property
    def reminders(self) -> list[tuple[str, int]]:
        """(day, level) of each reminder."""
        return [(out.time.date().isoformat(), out.data["level"]) for out in self.of("notice.reminder")]

    @property
    def commands(self) -> list[tuple[str, Any]]:
        """(type, what it says first) of each command."""
        return [(out.type, command_about(out)) for out in self.outs if out.type.startswith("case.")]

    # --- common stories

    def invoice(
        self, invoice_id: str = "R1", at: str = "2026-01-05", due: str = "2026-01-19", amount: int = 10_000, **more: Any
    ) -> list[Out]:
        data = {"invoice_id": invoice_id, "issued_on": at, "due_on": due, "amount": amount, "currency": "EUR", **more}
        return self.event("invoice.issued", at, **data)

    def pay(self, payment_id: str, on: str, amount: int, at: str | None = None, id: str | None = None, **more: Any) -> list[Out]:
        data = {"payment_id": payment_id, "amount": amount, "currency": "EUR", "value_date": on, **more}
        return self.event("payment.received", at or on, id=id, **data)

    def reply(self, kind: str, at: str, /, **data: Any) -> list[Out]:
        handover = data.pop("handover_id", None) or self.of("case.submit")[-1].data["handover_id"]
        occurred = data.pop("occurred_at", f"{at}T10:00:00Z" if len(at) == 10 else at)
        return self.event(kind, at, handover_id=handover, occurred_at=occurred, **data)


def command_about(out: Out) -> Any:
    for name in ("text_key", "reason", "amount", "open_amount"):
        if name in out.data:
            return out.data[name]
    return None


def each_day(first: str | date, last: str | date) -> Iterator[date]:
    one, end = (day(text) if isinstance(text, str) else text for text in (first, last))
    while one <= end:
        yield one
        one += timedelta(days=1)


def read(output: Output) -> Out:
    """An output through its schema: strictly, and back to the same bytes."""
    if output.value is None:
        assert (output.topic, output.latest_only) == (topics.CASE_STATUS, True)
        return Out("tombstone", "", datetime.fromtimestamp(output.timestamp_ms / 1000, UTC), {})
    event = codec.decode(output.topic, output.value, key=output.key)
    assert codec.encode(event) == output.value
    assert output.timestamp_ms == ms(event.time)
    assert output.latest_only == (output.topic == topics.CASE_STATUS)
    return Out(event.type, event.id, event.time, json.loads(output.value)["data"])


def topic_of(kind: str) -> str:
    """Where an event of this type is published (of two topics, billing)."""
    for topic in (*topics.BILLING_INPUTS, topics.INSTRUCTIONS, topics.REPLIES):
        if kind in codec.event_classes(topic):
            return topic
    raise AssertionError(kind)


def world(**changes: Any) -> World:
    """A contract of a tenant whose policy `standard` is LADDER with changes."""
    made = World()
    made.apply_policy("2000-01-01", **changes)
    assert not made.refused, made.refused
    return made
