"""One transaction's worth of applying: records and visits in, states and outputs out. No I/O; what it did is settled or taken back."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from msgspec.structs import replace

from streams.engine import deadletter, reroute
from streams.engine.config import EngineConfig
from streams.engine.errors import EngineError
from streams.engine.framing import NEVER, PROGRESS_KEY, RESERVED, SHARED_KEY, frame, unframe
from streams.engine.placing import partition_of
from streams.engine.progress import Progress
from streams.engine.protocol import (
    Applied,
    Broadcast,
    Event,
    Keyed,
    Output,
    Poison,
    Processor,
    Record,
    Shared,
    Skipped,
    State,
    Tick,
)
from streams.engine.states import Changes, Entry, States, TooLarge
from streams.engine.store import Store

log = logging.getLogger(__name__)

Condemned = Collection[tuple[str, int] | bytes]
"""Records, as (topic, offset), and keys of which our own code failed before: should it fail again, they are dead-lettered alone."""

S = TypeVar("S")

NO_KEY: Final = Poison("wrong key", "the record has no key; the key says whose event it is")
RESERVED_KEY: Final = Poison("wrong key", "keys that begin with a zero byte are reserved")
NO_ORIGIN: Final = Poison("no origin", "a rerouted record must name topic, partition and offset it was published to in its headers")
MISPLACED_TICK: Final = Poison("misplaced tick", "a tick belongs on the timers topic, with an empty key")


class ProcessorFailed(Exception):
    """Our own code raised while applying. `culprit` is the record as (topic, offset), or the key of a visit."""

    def __init__(self, culprit: tuple[str, int] | bytes, error: Exception) -> None:
        super().__init__(f"{type(error).__name__} at {culprit!r}")
        self.culprit = culprit
        self.error = error


@dataclass(slots=True)
class Counts:
    """What one transaction did, for the metrics. By (topic, kind or reason)."""

    events: dict[tuple[str, str], int] = field(default_factory=dict)
    skipped: dict[tuple[str, str], int] = field(default_factory=dict)
    dead_letters: dict[tuple[str, str], int] = field(default_factory=dict)
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    rerouted: dict[str, int] = field(default_factory=dict)
    visited: int = 0
    visits_failed: int = 0
    ticks_ignored: int = 0


class Applier(Generic[State, Shared, Event]):
    """Applies to the states of one partition. After `apply_all` and `visit`: `changes`, then `settle` or `take_back`."""

    def __init__(
        self, processor: Processor[State, Shared, Event], store: Store, partition: int, config: EngineConfig, condemned: Condemned
    ) -> None:
        self._processor = processor
        self._partition = partition
        self._config = config
        self._condemned = condemned
        self._plain = frozenset(config.inputs)
        self.states = States(processor, store, config.limits.cached_states, config.limits.state_bytes)
        self.shared = self._settled_shared = self._stored_shared(store.get(SHARED_KEY))
        self.progress = self._settled_progress = Progress.decode(store.get(PROGRESS_KEY))
        self.outputs: list[Output] = []
        self.counts = Counts()

    def apply_all(self, records: Sequence[Record]) -> None:
        """Apply records in order, whatever they are. Raises ProcessorFailed for exceptions of our own code."""
        plain = self._plain
        for record in records:
            key = record.key
            written = len(self.outputs)
            try:
                if key and key[0] and record.topic in plain:
                    self._keyed(record, key)
                else:
                    self._other(record)
            except EngineError:
                raise  # no record is to blame
            except Exception as error:
                culprit = (record.topic, record.offset)
                if culprit not in self._condemned:
                    raise ProcessorFailed(culprit, error) from error
                del self.outputs[written:]
                self._bury(record, deadletter.of_exception(error), deadletter.APPLY)

    def decode(self, record: Record) -> Any:
        """What the processor makes of a record; ticks are looked for with this ahead of their turn."""
        try:
            return self._processor.decode(record)
        except Exception as error:
            culprit = (record.topic, record.offset)
            if culprit not in self._condemned:
                raise ProcessorFailed(culprit, error) from error
            return deadletter.of_exception(error)

    def begin_tick(self, record: Record, event: Event) -> bool:
        """Begin the tick at `record`, unless the processor ignores it. True: its keys must be visited."""
        try:
            shared = self._processor.begin_tick(self.shared, event)
        except Exception as error:
            raise ProcessorFailed((record.topic, record.offset), error) from error
        if shared is None:
            return False
        self.shared = shared
        return True

    def visit(self, key: bytes, record: Record, event: Event) -> None:
        """Apply the tick at `record` to one key. Raises ProcessorFailed."""
        self.counts.visited += 1
        if key in self.states.exempt:
            self.counts.visits_failed += 1
            return
        try:
            entry = self.states.find(key)
            if entry.state is not None:
                self._took(key, entry, self._processor.visit(self.shared, key, entry.state, event))
        except EngineError:
            raise
        except Exception as error:
            if key not in self._condemned and key not in self.progress.failing:
                raise ProcessorFailed(key, error) from error
            self._visit_failed(key, record, error)
        else:
            if key in self.progress.failing:
                self.progress = self.progress.with_failing(key, None)

    def changes(self) -> Changes:
        """What this transaction changes. Raises TooLarge for a state, or something told of it, that no record can hold."""
        self._check_outputs()
        if self.shared is not self._settled_shared:
            payload = self._processor.dump_shared(self.shared)
            if len(payload) > self._config.limits.state_bytes and SHARED_KEY not in self.states.exempt:
                raise TooLarge(SHARED_KEY, len(payload))
            self.states.put_reserved(SHARED_KEY, frame(self._processor.state_version, NEVER, payload))
        if self.progress != self._settled_progress:
            self.states.put_reserved(PROGRESS_KEY, self.progress.encode())
        return self.states.changes()

    def settle(self, changes: Changes, position: int) -> Counts:
        """The transaction was committed; `position` is the changelog's offset after it. Returns what was counted."""
        self.states.settle(changes, position)
        self._settled_shared, self._settled_progress = self.shared, self.progress
        counts, self.counts, self.outputs = self.counts, Counts(), []
        return counts

    def take_back(self, refused_for_size: bytes | None = None) -> None:
        """Undo everything since the last `settle`; applied again, events of the key `refused_for_size` become dead letters."""
        self.states.take_back()
        self.shared, self.progress = self._settled_shared, self._settled_progress
        self.counts, self.outputs = Counts(), []
        if refused_for_size is not None:
            self.states.exempt.add(refused_for_size)

    def _other(self, record: Record) -> None:
        """What is not plainly an event for a key: rerouted, from the timers topic, without a key or with a reserved one."""
        if record.topic == self._config.rerouted:
            origin = reroute.original(record)
            if origin is None or origin.topic not in self._plain:
                self._dead_letter(record, NO_ORIGIN, deadletter.DECODE)
                return
            record = origin
        if record.topic == self._config.timers:
            self._unkeyed(record)
        elif not record.key:
            decoded = self._processor.decode(record)
            self._unkeyed(record, decoded if isinstance(decoded, Skipped | Poison) else NO_KEY)
        elif record.key.startswith(RESERVED):
            self._dead_letter(record, RESERVED_KEY, deadletter.DECODE)
        else:
            self._keyed(record, record.key)

    def _keyed(self, record: Record, key: bytes) -> None:
        states = self.states
        entry = states.at_hand.get(key) or states.find(key)
        if entry.state is None and self._forwarded(record, key):
            return
        decoded = self._processor.decode(record)
        if type(decoded) is not Keyed:
            self._not_applicable(record, key, entry, decoded)
        elif key in states.exempt:
            self._refuse(record, key, entry, _too_large(self._config.limits.state_bytes), deadletter.APPLY)
        else:
            applied = self._processor.apply(self.shared, key, entry.state, decoded.event, record)
            states.put(key, entry, applied.state, applied.due_ms)
            if applied.outputs:
                self.outputs += applied.outputs
            if applied.refused is None:
                counts, label = self.counts.events, (record.topic, decoded.kind)
                counts[label] = counts.get(label, 0) + 1
            else:
                _count(self.counts.refused, (decoded.kind, applied.refused.reason))
                self._refuse(record, key, states.find(key), applied.refused, deadletter.APPLY)

    def _forwarded(self, record: Record, key: bytes) -> bool:
        """Whether the key belongs to another partition; then the record is on its way there."""
        right = partition_of(key, self._config.partitions)
        if right == self._partition:
            return False
        self.outputs.append(reroute.forwarded(record, self._config.rerouted, right))
        _count(self.counts.rerouted, record.topic)
        return True

    def _not_applicable(self, record: Record, key: bytes, entry: Entry[State], decoded: Any) -> None:
        if type(decoded) is Poison:
            self._refuse(record, key, entry, decoded, deadletter.DECODE)
        else:
            self._unkeyed(record, decoded)

    def _unkeyed(self, record: Record, decoded: Any = None) -> None:
        if decoded is None:
            decoded = self._processor.decode(record)
        match decoded:
            case Skipped(kind):
                _count(self.counts.skipped, (record.topic, kind))
            case Broadcast(event, kind):
                self._broadcast(record, event, kind)
            case Poison():
                self._dead_letter(record, decoded, deadletter.DECODE)
            case Tick():
                self._dead_letter(record, MISPLACED_TICK, deadletter.DECODE)
            case _:
                self._dead_letter(record, NO_KEY, deadletter.DECODE)

    def _broadcast(self, record: Record, event: Any, kind: str) -> None:
        if SHARED_KEY in self.states.exempt:
            self._dead_letter(record, _too_large(self._config.limits.state_bytes), deadletter.APPLY)
            return
        applied = self._processor.apply_broadcast(self.shared, event, record)
        self.shared = applied.shared
        if applied.revisit:
            self.progress = self.progress.with_revisit(applied.revisit)
        if applied.refused is not None:
            self._dead_letter(record, applied.refused, deadletter.APPLY)
        else:
            _count(self.counts.events, (record.topic, kind))

    def _took(self, key: bytes, entry: Entry[State], applied: Applied[State]) -> None:
        self.states.put(key, entry, applied.state, applied.due_ms)
        self.outputs += applied.outputs

    def _refuse(self, record: Record, key: bytes, entry: Entry[State], poison: Poison, stage: str) -> None:
        """A dead letter of a key that may be known: its state is told."""
        self._dead_letter(record, poison, stage)
        if entry.state is not None:
            self._took(key, entry, self._processor.poisoned(self.shared, key, entry.state, record, poison))

    def _dead_letter(self, record: Record, poison: Poison, stage: str) -> None:
        self.outputs.append(deadletter.letter(record, poison, stage, self._config.dead_letters_suffix))
        _count(self.counts.dead_letters, (record.topic, poison.reason))

    def _bury(self, record: Record, poison: Poison, stage: str) -> None:
        """Dead-letter what our own code fails at every time; that its state can't be told either must not hold up the others."""
        original = reroute.original(record) if record.topic == self._config.rerouted else None
        record = original or record
        self._dead_letter(record, poison, stage)
        self._tell_buried(record, poison)

    def _tell_buried(self, record: Record, poison: Poison) -> None:
        try:
            entry = self.states.find(record.key) if record.key else None
            if entry is not None and entry.state is not None and record.key:
                self._took(record.key, entry, self._processor.poisoned(self.shared, record.key, entry.state, record, poison))
        except Exception as error:
            log.error("a state can't be told of its dead letter either: %s", deadletter.of_exception(error).detail)

    def _visit_failed(self, key: bytes, record: Record, error: Exception) -> None:
        """It fails at every tick from now on: counted each time, a dead letter where it begins."""
        self.counts.visits_failed += 1
        poison, record = deadletter.of_exception(error), replace(record, key=key)
        if self.progress.failing.get(key) == poison.reason:
            self._tell_buried(record, poison)
        else:
            log.error("partition %d: our own code fails at the visits of a key: %s", self._partition, poison.detail)
            self.progress = self.progress.with_failing(key, poison.reason)
            self._bury(record, poison, deadletter.VISIT)

    def _check_outputs(self) -> None:
        """What goes to a partition of its own (dead letters, forwarded records) is as large as what was read, and has its topics' room."""
        limit = self._config.limits.state_bytes
        for output in self.outputs:
            value = output.value
            if value is not None and len(value) > limit and output.partition is None:
                key = output.key or b""
                if key not in self.states.exempt:
                    raise TooLarge(key, len(value))

    def _stored_shared(self, framed: bytes | None) -> Shared:
        if framed is None:
            return self._processor.initial_shared()
        version, _, payload = unframe(framed)
        return self._processor.load_shared(payload, version)


def _count(counts: "dict[S, int]", label: S) -> None:
    counts[label] = counts.get(label, 0) + 1


def _too_large(limit_bytes: int) -> Poison:
    return Poison("state too large", f"with this event the key's state, or what is told of it, would exceed {limit_bytes} bytes")
