"""Where a partition's states are kept as bytes: what a store must do, and the one in memory.

A store is only ever written after the Kafka transaction that holds the same changes was committed, and it names the changelog offset it
stands at; so it is never ahead of the log, and whatever it missed is read from there.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias

from streams.engine.framing import DUE, DUE_NEVER, NEVER, RESERVED, due_of

_HOUR_MS = 3_600_000
_NEVER_HOUR = NEVER // _HOUR_MS


Moves: TypeAlias = Mapping[bytes, tuple[int, int]]
"""(due time before, due time now) by key, in ms; NEVER where there is none."""


class Store(Protocol):
    """States of one partition by key, framed as on the changelog, with an index of due times.

    Keys that begin with a zero byte are the engine's own: kept, but never due and in no prefix.
    """

    position: int
    """Changelog offset up to which the store stands."""

    def get(self, key: bytes) -> bytes | None: ...

    def load(self, records: Mapping[bytes, bytes | None], position: int) -> None:
        """Take over records read from the changelog, up to `position`."""

    def loaded(self) -> None:
        """Recovery is over: the index of due times must be right from now on."""

    def write(self, changes: Mapping[bytes, bytes | None], moves: Moves, position: int) -> None:
        """Take over a committed batch, all or nothing. `moves`: the keys whose due time is another than before."""

    def due(self, now_ms: int) -> list[bytes]:
        """Keys with a due time up to `now_ms`, in no particular order."""

    def starting_with(self, prefixes: Iterable[bytes]) -> set[bytes]:
        """Keys that begin with one of `prefixes`."""

    def count(self) -> int:
        """How many keys have a state (an estimate will do)."""

    def empty(self) -> bool:
        """Whether no key has one, exactly."""

    def close(self) -> None: ...


class MemoryStore:
    """Everything in a dict: the fastest, for states that fit in memory. Starts empty, so that taking a partition reads its changelog.

    The index of due times is a set of keys an hour: a tick looks at the hours that are over and, one by one, at the present one.
    """

    def __init__(self) -> None:
        self.position = 0
        self._values: dict[bytes, bytes] = {}
        self._by_hour: dict[int, set[bytes]] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def load(self, records: Mapping[bytes, bytes | None], position: int) -> None:
        self._values.update(records)  # type: ignore[arg-type]  # tombstones leave again below
        for key in [key for key, value in records.items() if value is None]:
            del self._values[key]
        self.position = position

    def loaded(self) -> None:
        self._by_hour.clear()
        for key, framed in self._values.items():
            if framed[DUE] != DUE_NEVER:
                self._by_hour.setdefault(due_of(framed) // _HOUR_MS, set()).add(key)

    def write(self, changes: Mapping[bytes, bytes | None], moves: Moves, position: int) -> None:
        self.load(changes, position)
        for key, (before, after) in moves.items():
            self._move(key, before // _HOUR_MS, after // _HOUR_MS)

    def due(self, now_ms: int) -> list[bytes]:
        present = now_ms // _HOUR_MS
        past = [key for hour, keys in self._by_hour.items() if hour < present for key in keys]
        this_hour = [key for key in self._by_hour.get(present, ()) if due_of(self._values[key]) <= now_ms]
        return past + this_hour

    def starting_with(self, prefixes: Iterable[bytes]) -> set[bytes]:
        wanted = tuple(prefixes)
        return {key for key in self._values if key.startswith(wanted) and not key.startswith(RESERVED)}

    def count(self) -> int:
        return len(self._values)

    def empty(self) -> bool:
        return not self._values

    def close(self) -> None:
        self._values.clear()
        self._by_hour.clear()

    def _move(self, key: bytes, before: int, after: int) -> None:
        if before == after:
            return
        if before != _NEVER_HOUR:
            keys = self._by_hour[before]
            keys.discard(key)
            if not keys:
                del self._by_hour[before]
        if after != _NEVER_HOUR:
            self._by_hour.setdefault(after, set()).add(key)
