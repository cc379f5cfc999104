"""Auditor against core: the same lines through both, what differs, and the shortest life that still shows it.

The core is driven through its public entry only, the `Processor` protocol of `streams.engine.protocol`, the way the engine drives it:
a state is dumped and loaded again around each call, and a tick visits only the keys that are due.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from pydantic_core import to_jsonable_python

from schemas import topics
from streams.engine.protocol import Applied, Broadcast, Keyed, Output, Poison, Record, Tick
from tests.auditor.auditor import Auditor
from tests.auditor.case import Contract

Line: TypeAlias = dict[str, Any]

KINDS = {
    topics.CASE_HISTORY: "case-history",
    topics.NOTICES: "notices",
    topics.COMMANDS: "commands",
    topics.BOOKINGS: "bookings",
}
LISTED = (*KINDS.values(), "dead-letters")
REASONS_FIXED = ("conflicting fact", "currency mismatch", "no open case")
"""Dead letters whose reason the rules name; of others only that they are dead letters is compared."""


@dataclass
class Told:
    """What came out, by kind: case-status (the last per key), case-history, notices, commands, bookings, dead-letters; as JSON values."""

    status: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=lambda: {kind: [] for kind in LISTED})


@dataclass(frozen=True)
class Difference:
    """The first place where both disagree."""

    where: str
    expected: Any
    actual: Any
    records: tuple[Any, Any] = (None, None)

    @property
    def kind(self) -> str:
        """Without positions, so that a shorter life may show it elsewhere."""
        return "".join(sign for sign in self.where if not sign.isdigit())


def expected(lines: list[Line]) -> Told:
    """What the auditor says."""
    auditor = Auditor()
    for line in lines:
        auditor.apply(line)
    return told_by(auditor)


def told_by(auditor: Auditor) -> Told:
    """What an auditor that has seen a life says of it; of a contract that was forgotten, no case-status."""
    told = Told()
    told.lists["dead-letters"] += auditor.dead_letters
    told.status = {contract.key: None for contract in auditor.forgotten}
    for contract in [*auditor.forgotten, *(contract for _, contract in sorted(auditor.contracts.items()))]:
        if contract.key in auditor.contracts:
            told.status[contract.key] = to_jsonable_python(auditor.contracts[contract.key].out.status)
        add(told, contract)
    return told


def add(told: Told, contract: Contract) -> None:
    """All that was ever told of a contract, but for its case-status."""
    told.lists["case-history"] += to_jsonable_python(contract.out.history)
    told.lists["notices"] += to_jsonable_python(contract.out.notices)
    told.lists["commands"] += to_jsonable_python(contract.out.commands)
    told.lists["bookings"] += to_jsonable_python(contract.out.bookings)


class Core:
    """The product's processor, driven as the engine does it: one partition, one record after the other."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.shared = processor.initial_shared()
        self.states: dict[bytes, bytes] = {}
        self.due: dict[bytes, int | None] = {}
        self.revisit: set[bytes] = set()
        self.told = Told()

    def apply(self, offset: int, line: Line) -> None:
        record = _record(offset, line)
        decoded = self.processor.decode(record)
        if isinstance(decoded, Poison):
            self._bury(record, decoded)
        elif isinstance(decoded, Broadcast):
            self._broadcast(record, decoded)
        elif isinstance(decoded, Tick):
            self._tick(decoded)
        elif isinstance(decoded, Keyed):
            assert record.key is not None
            applied = self.processor.apply(self.shared, record.key, self._load(record.key), decoded.event, record)
            self._took(record.key, applied)
            if applied.refused is not None:
                self._bury(record, applied.refused)

    def _broadcast(self, record: Record, decoded: Broadcast[Any]) -> None:
        applied = self.processor.apply_broadcast(self.shared, decoded.event, record)
        assert applied.refused is None, applied.refused
        self.shared = applied.shared
        self.revisit |= {key for key in self.states for prefix in applied.revisit if key.startswith(prefix)}

    def _tick(self, decoded: Tick[Any]) -> None:
        shared = self.processor.begin_tick(self.shared, decoded.event)
        if shared is None:
            return
        self.shared = shared
        for key in sorted(self.states):
            due = self.due.get(key)
            if key in self.revisit or (due is not None and due <= decoded.now_ms):
                self._took(key, self.processor.visit(self.shared, key, self._load(key), decoded.event))
        self.revisit.clear()

    def _load(self, key: bytes) -> Any:
        dumped = self.states.get(key)
        return None if dumped is None else self.processor.load(dumped, self.processor.state_version)

    def _took(self, key: bytes, applied: Applied[Any]) -> None:
        if applied.state is None:
            self.states.pop(key, None)
        else:
            self.states[key] = self.processor.dump(applied.state)
        self.due[key] = applied.due_ms
        for output in applied.outputs:
            self._note(output)

    def _note(self, output: Output) -> None:
        value = None if output.value is None else json.loads(output.value)
        if output.topic == topics.CASE_STATUS and output.key is not None:
            self.told.status[output.key.decode()] = value
        elif output.topic in KINDS:
            self.told.lists[KINDS[output.topic]].append(value)
        elif output.topic.endswith(topics.DEAD_LETTERS_SUFFIX):
            self._note_dead(output.topic.removesuffix(topics.DEAD_LETTERS_SUFFIX), value, _reason_of(output))

    def _bury(self, record: Record, poison: Poison) -> None:
        self._note_dead(record.topic, json.loads(record.value or b"null"), poison.reason)
        if record.key is not None and record.key in self.states:
            self._took(record.key, self.processor.poisoned(self.shared, record.key, self._load(record.key), record, poison))

    def _note_dead(self, topic: str, value: Any, reason: str) -> None:
        self.told.lists["dead-letters"].append({"topic": topic, "id": value["id"], "reason": reason})


def _reason_of(output: Output) -> str:
    return next((text.decode() for name, text in output.headers if name.endswith("exception.class.name")), "")


def _record(offset: int, line: Line) -> Record:
    moment = datetime.fromisoformat(line["value"]["time"])
    key = None if line["key"] is None else line["key"].encode()
    return Record(line["topic"], 0, offset, round(moment.timestamp() * 1000), key, json.dumps(line["value"]).encode())


def actual(lines: list[Line], processor: Any) -> Told:
    """What the core says."""
    core = Core(processor)
    for offset, line in enumerate(lines):
        core.apply(offset, line)
    return core.told


def difference(want: Told, got: Told) -> Difference | None:
    """The first difference in the fields that the auditor knows."""
    for kind in ("case-history", "commands", "notices", "bookings", "dead-letters"):
        for number, (one, other) in enumerate(zip(want.lists[kind], got.lists[kind], strict=False)):
            found = _differs(f"{kind} {number}", one, other)
            if found is not None:
                return replace(found, records=(one, other))
        ours, theirs = len(want.lists[kind]), len(got.lists[kind])
        if ours != theirs:
            return Difference(f"{kind} count", want.lists[kind][theirs:][:1] or ours, got.lists[kind][ours:][:1] or theirs)
    if want.status.keys() != got.status.keys():
        return Difference("case-status keys", sorted(want.status), sorted(got.status))
    for key, row in want.status.items():
        found = _differs("case-status", row, got.status[key])
        if found is not None:
            return replace(found, records=(row, got.status[key]))
    return None


def _differs(where: str, want: Any, got: Any) -> Difference | None:
    if isinstance(want, dict) and isinstance(got, dict):
        for name, value in want.items():
            found = _differs(f"{where}.{name}", value, got.get(name))
            if found is not None:
                return found
        return None
    if isinstance(want, list) and isinstance(got, list):
        ordered, theirs = _ordered(want), _ordered(got)
        if len(ordered) != len(theirs):
            return Difference(where, want, got)
        pairs = enumerate(zip(ordered, theirs, strict=True))
        return next((found for number, (one, other) in pairs if (found := _differs(f"{where} {number}", one, other))), None)
    if where.endswith(".reason") and where.startswith("dead-letters") and want not in REASONS_FIXED:
        return None
    return None if want == got else Difference(where, want, got)


def _ordered(values: list[Any]) -> list[Any]:
    """The rules give lists of receivables and holds no order."""
    if values and isinstance(values[0], dict):
        return sorted(values, key=lambda one: (str(one.get("invoice_id")), str(one.get("hold_id")), str(one.get("changed_at"))))
    return values


def shortest(lines: list[Line], shows: Callable[[list[Line]], bool]) -> list[Line]:
    """Drop lines, many at a time and then one after another, while what is to be shown is still shown."""
    size = max(1, len(lines) // 2)
    while True:
        position, dropped = 0, False
        while position < len(lines):
            shorter = lines[:position] + lines[position + size :]
            if shows(shorter):
                lines, dropped = shorter, True
            else:
                position += size
        if size == 1 and not dropped:
            return lines
        size = size if dropped and size == 1 else max(1, size // 2)


def report(seed: int, lines: list[Line], found: Difference) -> str:
    """A disagreement for people: the seed, the life, and both records side by side."""
    told = [f"seed {seed}: {found.where}", f"  expected: {json.dumps(found.expected)}", f"  actual:   {json.dumps(found.actual)}"]
    told += [f"  {side} record: {json.dumps(record)}" for side, record in zip(("expected", "actual"), found.records, strict=True) if record]
    for line in lines:
        value = line["value"]
        told.append(f"  {value['time']} {value['id']:>10} {value['type']} {json.dumps(value['data'])}")
    return "\n".join(told)
