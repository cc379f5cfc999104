"""How far a tick has come, and what the next one must visit whatever is due: one record under a reserved key, in each transaction that
changes it. So a crash in the middle of a tick resumes behind the last key, and a policy applied before a crash is not forgotten. Nor is
which keys' visits fail: such a key is tried at each tick, but it is a dead letter only when it begins to fail, or fails otherwise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streams.engine.framing import NEVER, frame, unframe
from streams.engine.limits import REVISIT_PREFIXES

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """`tick_offset`: offset of the tick that has begun, None between ticks; `after`: the last key it has visited; `revisit`: prefixes
    of keys that the next tick, or the one that has begun, visits whatever their due time; `failing`: keys whose last visit our own code
    failed at, with the exception's class."""

    tick_offset: int | None = None
    after: bytes | None = None
    revisit: tuple[bytes, ...] = ()
    failing: Mapping[bytes, str] = field(default_factory=dict)

    def with_revisit(self, prefixes: tuple[bytes, ...]) -> "Progress":
        """With further prefixes; those that another covers are dropped."""
        wanted: list[bytes] = []
        for prefix in sorted({*self.revisit, *prefixes}):
            if not wanted or not prefix.startswith(wanted[-1]):
                wanted.append(prefix)
        return replace(self, revisit=tuple(wanted) if len(wanted) <= REVISIT_PREFIXES else (b"",))

    def with_failing(self, key: bytes, reason: str | None) -> "Progress":
        """With the key's visit failing for `reason`, or (None) no longer failing."""
        others = {known: why for known, why in self.failing.items() if known != key}
        return replace(self, failing=others if reason is None else {**others, key: reason})

    def encode(self) -> bytes:
        after = None if self.after is None else self.after.hex()
        content: dict[str, object] = {
            "version": _VERSION,
            "tick": self.tick_offset,
            "after": after,
            "revisit": [prefix.hex() for prefix in self.revisit],
        }
        if self.failing:
            content["failing"] = {key.hex(): reason for key, reason in self.failing.items()}
        return frame(0, NEVER, json.dumps(content).encode())

    @classmethod
    def decode(cls, framed: bytes | None) -> "Progress":
        if framed is None:
            return cls()
        read = json.loads(unframe(framed).payload)
        after = None if read["after"] is None else bytes.fromhex(read["after"])
        failing = {bytes.fromhex(key): reason for key, reason in read.get("failing", {}).items()}
        return cls(read["tick"], after, tuple(bytes.fromhex(prefix) for prefix in read["revisit"]), failing)
