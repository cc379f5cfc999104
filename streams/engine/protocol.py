"""What the engine asks of the code it runs, and the values that pass between them.

The engine knows bytes, keys and partitions; a `Processor` knows what they mean. Everything a processor decides must follow from the
arguments it is given (no clock, no network, no random number), because the engine applies a batch again whenever its transaction
did not commit. States are immutable values: a processor returns a new one and never changes the one it was given.

Two kinds of state live in a partition:
  - one *state* a key, in the store and on the changelog;
  - one *shared* state, fed by broadcast records (one copy to each partition), kept in the same way beside the keys.

What is made for every event is a msgspec Struct: 0.1 to 0.2 microseconds each, half of a dataclass or a NamedTuple, and nothing for the
garbage collector to look at.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct

State = TypeVar("State")
Shared = TypeVar("Shared")
Event = TypeVar("Event")

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class Record(Struct, frozen=True, gc=False):
    """One record of an input topic as the log holds it. A rerouted record carries the topic it was first published to."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Output(Struct, frozen=True, gc=False):
    """One record to write. `partition` None places the key by murmur2, as every output with a key should be. `kind` labels metrics.

    `latest_only` marks outputs to a compacted topic: within one transaction only the last one of a key is written.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers = ()
    partition: int | None = None
    latest_only: bool = False
    kind: str = ""


class Keyed(Struct, Generic[Event], gc=False):
    """An event for the state of the record's key. `kind` labels metrics (bounded: an event type, never an id)."""

    event: Event
    kind: str


@dataclass(frozen=True, slots=True)
class Broadcast(Generic[Event]):
    """An event for the partition's shared state (record key empty)."""

    event: Event
    kind: str


@dataclass(frozen=True, slots=True)
class Tick(Generic[Event]):
    """Time as an event, and a barrier: everything acknowledged in the partition's other inputs when the tick is next in order, with a
    timestamp up to `now_ms` + `skew_ms`, is applied before it."""

    event: Event
    kind: str
    now_ms: int
    skew_ms: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is none of our business: counted under `kind` and passed over."""

    kind: str


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that cannot be read: a dead letter. `reason` is a short stable text (a metric label), `detail` says where and what
    would be right."""

    reason: str
    detail: str


Decoded: TypeAlias = Keyed[Event] | Broadcast[Event] | Tick[Event] | Skipped | Poison


class Applied(Struct, Generic[State], gc=False):
    """What came of an event or of a tick's visit.

    `state`: the state after it; the same object as before means unchanged (no changelog record), None means forgotten (a tombstone).
    `due_ms`: the earliest tick time at which the key must be visited next; None means never, 0 means at every tick. A changed due time
    beside an unchanged state moves the index in memory only: after a recovery the key is visited once too often, never too late.
    `refused`: the record becomes a dead letter; `state` may still have changed (an evaluation that came first stays).
    """

    state: State | None
    outputs: tuple[Output, ...]
    due_ms: int | None
    refused: Poison | None = None


@dataclass(frozen=True, slots=True)
class SharedApplied(Generic[Shared]):
    """What came of a broadcast. Keys that begin with one of `revisit` are visited at the next tick whatever their due time."""

    shared: Shared
    revisit: tuple[bytes, ...] = ()
    refused: Poison | None = None


class Processor(Protocol[State, Shared, Event]):
    """The code that gives events their meaning. Pure: see the module's first lines."""

    state_version: int
    """Schema version that `dump` writes. Framed by the engine in front of each state."""
    newest_state_version: int
    """The newest that `load` reads: a partition that holds a newer one stands still."""
    rules: int
    """Number of the rules that decide; in each journal record, so that an audit knows which code decided."""

    def decode(self, record: Record) -> "Decoded[Event]":
        """Read one record. Never raises for bad input: that is a `Poison`."""

    def load(self, data: bytes, version: int) -> State: ...
    def dump(self, state: State) -> bytes: ...

    def initial_shared(self) -> Shared: ...
    def load_shared(self, data: bytes, version: int) -> Shared: ...
    def dump_shared(self, shared: Shared) -> bytes: ...

    def apply(self, shared: Shared, key: bytes, state: State | None, event: Event, record: Record) -> Applied[State]:
        """Apply one event to one key."""

    def apply_broadcast(self, shared: Shared, event: Event, record: Record) -> SharedApplied[Shared]:
        """Apply one broadcast to the shared state; outputs come from the keys, at their next event or tick."""

    def begin_tick(self, shared: Shared, event: Event) -> Shared | None:
        """The shared state once this tick has begun, or None if the tick is to be ignored (it goes back)."""

    def visit(self, shared: Shared, key: bytes, state: State, event: Event) -> Applied[State]:
        """Apply the tick to one key that is due."""

    def poisoned(self, shared: Shared, key: bytes, state: State, record: Record, poison: Poison) -> Applied[State]:
        """A record of a known key became a dead letter: what its state makes of that (unchanged state: nothing)."""
