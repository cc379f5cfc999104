"""The core over the records of one partition: no store, no transaction, no cache; states by key and a heap of due times."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from mahnlauf.audit.inputs import Ticked
from mahnlauf.audit.states import States
from mahnlauf.failures import ClusterWrong
from schemas import topics
from streams.engine.placing import partition_of
from streams.engine.protocol import Applied, Broadcast, Keyed, Output, Poison, Processor, Record, Skipped, Tick
from streams.engine.reroute import original

NO_KEY: Final = "wrong key"
NO_ORIGIN: Final = "no origin"
MISPLACED_TICK: Final = "misplaced tick"


class Letter(NamedTuple):
    """A record that belongs in the dead letters of the topic it was published to; `reason` as in the letter's header."""

    record: Record
    reason: str


class Forward(NamedTuple):
    """A record whose key belongs to another partition."""

    record: Record
    partition: int


class Fold:
    """The states of one partition. `refused` are records (topic, partition, offset) the worker refused for reasons beside the rules (a
    state too large for Kafka), with that reason: they stand among the dead letters for everybody to see."""

    def __init__(
        self, processor: Processor[Any, Any, Any], partition: int, partitions: int, refused: dict[tuple[str, int, int], str]
    ) -> None:
        self._processor, self._partition, self._partitions, self._refused = processor, partition, partitions, refused
        self._states = States(processor)
        self._dues: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []
        self._shared: Any = processor.initial_shared()
        self._revisit: tuple[bytes, ...] = ()
        self._event: Any = None
        self._waiting: list[bytes] = []
        self._failing: dict[bytes, str] = {}
        self.outputs: list[Output] = []
        self.letters: list[Letter] = []
        self.forwards: list[Forward] = []
        self.applied = 0
        self.ticks = 0

    @property
    def contracts(self) -> int:
        """Keys with a state, those included of which nothing is kept but which numbers were used."""
        return len(self._states)

    @property
    def shared(self) -> Any:
        """The settings as of now."""
        return self._shared

    def state(self, key: bytes) -> Any:
        """The key's state as of now, None if it has none."""
        return self._states.get(key)

    def apply(self, record: Record) -> None:
        """Apply one record of any input but a tick. A record at which the core itself fails is a dead letter, as it is for the worker."""
        origin = original(record) if record.topic == topics.REROUTED else record
        try:
            self._apply(record, origin)
        except Exception as error:
            self._poisoned(origin or record, Poison(type(error).__name__, ""))

    def _apply(self, record: Record, origin: Record | None) -> None:
        if origin is None or origin.topic not in topics.INPUTS:
            self._letter(record, NO_ORIGIN)
        elif origin.topic == topics.TIMERS or origin.key is None:
            self._unkeyed(origin)
        elif origin.key.startswith(b"\0"):
            self._letter(origin, NO_KEY)
        else:
            self._keyed(origin, origin.key)

    def tick(self, ticked: Ticked) -> None:
        """Visit what is due, or the part of it that this step of the journal names."""
        if ticked.first:
            self._begin(ticked.record)
            self.ticks += 1
        keys, self._waiting = _split(self._waiting, None if ticked.last else ticked.to_key)
        for key in keys:
            try:
                applied = self._processor.visit(self._shared, key, self._states.get(key), self._event)
            except Exception as error:
                self._visit_failed(replace(ticked.record, key=key), key, type(error).__name__)
            else:
                self._failing.pop(key, None)
                self._take(key, applied)

    def _visit_failed(self, record: Record, key: bytes, reason: str) -> None:
        """A key is a dead letter where its visits begin to fail, not at each tick."""
        if self._failing.get(key) != reason:
            self._letter(record, reason)
        self._failing[key] = reason
        self._tell_poisoned(record, Poison(reason, ""))

    def _begin(self, record: Record) -> None:
        decoded = self._processor.decode(record)
        if not isinstance(decoded, Tick):
            raise ClusterWrong(f"{record.topic}-{self._partition} offset {record.offset}: the journal calls it a tick, and it is none")
        shared = self._processor.begin_tick(self._shared, decoded.event)
        self._event, self._waiting = decoded.event, []
        if shared is not None:
            self._shared = shared
            self._waiting = sorted({*self._due(decoded.now_ms), *self._revisited()})

    def _due(self, now_ms: int) -> Iterator[bytes]:
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, key = heappop(self._heap)
            if self._dues.get(key) == due_ms:
                del self._dues[key]  # visited: the visit says when next
                yield key

    def _revisited(self) -> Iterator[bytes]:
        prefixes, self._revisit = self._revisit, ()
        return (key for key in (list(self._states) if prefixes else ()) if key.startswith(prefixes))

    def _keyed(self, record: Record, key: bytes) -> None:
        state = self._states.get(key)
        if state is None and (right := partition_of(key, self._partitions)) != self._partition:
            self.forwards.append(Forward(record, right))
            return
        refused = self._refused.get((record.topic, record.partition, record.offset))
        decoded = self._processor.decode(record)
        if refused is not None:
            self._poisoned(record, Poison(refused, ""))
        elif isinstance(decoded, Keyed):
            self.applied += 1
            applied = self._processor.apply(self._shared, key, state, decoded.event, record)
            self._take(key, applied)
            if applied.refused is not None:
                self._poisoned(record, applied.refused)
        elif isinstance(decoded, Poison):
            self._poisoned(record, decoded)
        else:
            self._unkeyed(record, decoded)

    def _unkeyed(self, record: Record, decoded: Any = None) -> None:
        decoded = self._processor.decode(record) if decoded is None else decoded
        if isinstance(decoded, Skipped):
            return
        if isinstance(decoded, Poison):
            self._letter(record, decoded.reason)
        elif isinstance(decoded, Tick):
            self._letter(record, MISPLACED_TICK)
        elif isinstance(decoded, Broadcast) and (record.topic == topics.TIMERS or record.key is not None):
            applied = self._processor.apply_broadcast(self._shared, decoded.event, record)
            self._shared = applied.shared
            self._revisit += applied.revisit
            if applied.refused is not None:
                self._letter(record, applied.refused.reason)
        else:
            self._letter(record, NO_KEY)

    def _poisoned(self, record: Record, poison: Poison) -> None:
        self._letter(record, poison.reason)
        self._tell_poisoned(record, poison)

    def _tell_poisoned(self, record: Record, poison: Poison) -> None:
        state = self._states.get(record.key) if record.key else None
        if state is not None and record.key:
            with suppress(Exception):  # a state that cannot be told of its dead letter either stays as it was
                self._take(record.key, self._processor.poisoned(self._shared, record.key, state, record, poison))

    def _take(self, key: bytes, applied: Applied[Any]) -> None:
        self.outputs += applied.outputs
        self._states.put(key, applied.state)
        if applied.state is None or applied.due_ms is None:
            self._dues.pop(key, None)
        elif self._dues.get(key) != applied.due_ms:
            self._dues[key] = applied.due_ms
            heappush(self._heap, (applied.due_ms, key))

    def _letter(self, record: Record, reason: str) -> None:
        self.letters.append(Letter(record, reason))


def _split(keys: list[bytes], up_to: bytes | None) -> tuple[list[bytes], list[bytes]]:
    if up_to is None:
        return keys, []
    count = bisect_right(keys, up_to)
    return keys[:count], keys[count:]
