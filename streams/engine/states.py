"""The states of a partition while records are applied: decoded once, encoded with each change, taken back if the transaction fails."""

from functools import partial
from typing import Any, Generic, NamedTuple

from msgspec import Struct

from streams.engine.framing import HEAD, NEVER, unframe, with_due
from streams.engine.protocol import Processor, State
from streams.engine.store import Store


class TooLarge(Exception):
    """A state that would exceed its limit of bytes; its key's events of this batch must be refused instead."""

    def __init__(self, key: bytes, size: int) -> None:
        super().__init__(key, size)
        self.key = key
        self.size = size


class Entry(Struct, Generic[State], frozen=True, gc=False):
    """A key's state, None if it is not known, and the due time of its next visit in ms.

    One for each key at hand: what the garbage collector need not look at makes its rounds shorter (nothing refers back to an entry).
    """

    state: State | None
    due_ms: int


UNKNOWN: Entry[Any] = Entry(None, NEVER)


class Changes(NamedTuple):
    """What a transaction changes: `records` for the changelog; `stored` for the store, the same and due times that moved later alone."""

    records: dict[bytes, bytes | None]
    stored: dict[bytes, bytes | None]
    moves: dict[bytes, tuple[int, int]]


class States(Generic[State]):
    """States by key over `store`. `find` and `put` while applying; then `changes`, and `settle` or `take_back`.

    A state is encoded when it is put, not when its transaction ends: by then it and what it was before have left the processor's caches,
    and fetching them again costs five times the encoding. So of what was before only a due time that moved is kept; the store has the rest.
    """

    def __init__(self, processor: Processor[State, Any, Any], store: Store, cached: int, state_bytes: int) -> None:
        self._load = processor.load
        self._dump = processor.dump
        self._store = store
        self._cached = cached
        self._state_bytes = state_bytes
        self._head = partial(HEAD.pack, processor.state_version)
        self.at_hand: dict[bytes, Entry[State]] = {}
        """Entries as of now; `find` has the rest."""
        self._due_before: dict[bytes, int] = {}
        self._records: dict[bytes, bytes | None] = {}
        self._reserved: dict[bytes, bytes] = {}
        self._too_large: dict[bytes, int] = {}
        self.exempt: set[bytes] = set()
        """Keys whose events are refused for size already; what that refusal adds may exceed the limit."""

    def find(self, key: bytes) -> Entry[State]:
        """The key's entry as of now. Raises whatever the processor's `load` does."""
        entry = self.at_hand.get(key)
        if entry is None:
            entry = self.at_hand[key] = self._stored(key)
        return entry

    def holds(self, key: bytes | None) -> bool:
        """Whether the key is at hand with a state, and so known to belong to this partition."""
        return key is not None and self.at_hand.get(key, UNKNOWN).state is not None

    def put(self, key: bytes, before: Entry[State], state: State | None, due_ms: int | None) -> None:
        """Take note of what came of an event; `before` is what `find` gave. Raises whatever the processor's `dump` does."""
        due = NEVER if due_ms is None or state is None else due_ms
        moves = due != before.due_ms
        if state is not before.state:
            self._records[key] = self._encoded(key, state, due)
        elif not moves:
            return
        elif framed := self._records.get(key):
            self._records[key] = with_due(framed, due)
        if moves and key not in self._due_before:
            self._due_before[key] = before.due_ms
        self.at_hand[key] = Entry(state, due)

    def put_reserved(self, key: bytes, framed: bytes) -> None:
        self._reserved[key] = framed

    def changes(self) -> Changes:
        """Everything put since the last `settle`. Raises TooLarge."""
        for key, size in self._too_large.items():
            if key not in self.exempt:
                raise TooLarge(key, size)
        records: dict[bytes, bytes | None] = {**self._reserved, **self._records}
        moves: dict[bytes, tuple[int, int]] = {}
        moved_alone: dict[bytes, bytes | None] = {}
        for key, before_ms in self._due_before.items():
            due_ms = self.at_hand[key].due_ms
            if due_ms != before_ms:
                moves[key] = before_ms, due_ms
                if key not in records:
                    framed = with_due(self._store.get(key) or b"", due_ms)
                    # Whoever recovers an earlier due time only looks once too often; with a later one a step would come too late.
                    (records if due_ms < before_ms else moved_alone)[key] = framed
        return Changes(records, {**records, **moved_alone} if moved_alone else records, moves)

    def settle(self, changes: Changes, position: int) -> None:
        """The transaction was committed: the store follows, up to the changelog offset `position`."""
        self._store.write(changes.stored, changes.moves, position)
        self._forget_open()
        self.exempt.clear()
        excess = len(self.at_hand) - self._cached
        if excess > 0:
            for key in list(self.at_hand)[: excess + self._cached // 10]:
                del self.at_hand[key]

    def take_back(self) -> None:
        """Forget everything put since the last `settle`."""
        for key in self._open():
            del self.at_hand[key]
        self._forget_open()

    def due(self, now_ms: int, revisit: tuple[bytes, ...]) -> list[bytes]:
        """Keys to visit, in order: due up to `now_ms`, or beginning with one of `revisit`; what was put since `settle` counts."""
        keys = set(self._store.due(now_ms))
        if revisit:
            keys |= self._store.starting_with(revisit)
        for key in self._open():
            entry = self.at_hand[key]
            if entry.state is not None and (entry.due_ms <= now_ms or key.startswith(revisit)):
                keys.add(key)
            else:
                keys.discard(key)
        return sorted(keys)

    def committed(self, key: bytes) -> State | None:
        """The key's state as of the last committed transaction, for reading from outside; leaves no trace in the cache."""
        entry = None if key in self._records or key in self._due_before else self.at_hand.get(key)
        return (entry or self._stored(key)).state

    def _open(self) -> set[bytes]:
        """Keys that the open transaction has changed, or moved to another due time."""
        return self._records.keys() | self._due_before.keys()

    def _encoded(self, key: bytes, state: State | None, due_ms: int) -> bytes | None:
        if state is None:
            self._too_large.pop(key, None)
            return None
        payload = self._dump(state)
        if len(payload) > self._state_bytes:
            self._too_large[key] = len(payload)
        elif self._too_large:
            self._too_large.pop(key, None)
        return self._head(due_ms) + payload

    def _forget_open(self) -> None:
        self._due_before.clear()
        self._records.clear()
        self._reserved.clear()
        self._too_large.clear()

    def _stored(self, key: bytes) -> Entry[State]:
        framed = self._store.get(key)
        if framed is None:
            return UNKNOWN
        version, due_ms, payload = unframe(framed)
        return Entry(self._load(payload, version), due_ms)
