"""A counter as processor: the engine's tests need states, outputs, ticks and every kind of bad input, and no contracts.

Events are JSON: `{"add": 3}`, `{"add": 1, "due": 5000}` (visit the key at 5 s), `{"forget": true}`, `{"raise": true}`, `{"refuse": true}`,
`{"pad": 1000}` (a state of so many bytes), `{"shout": 1000}` (an output of so many), `{"unknown": true}`. Timers:
`{"tick": now_ms, "skew": 0}`, `{"factor": 2, "revisit": ["a"]}` (a broadcast: what is added counts so many times from now on). A visit
emits the count and is due again never; `"fail": 2` in a tick makes the visits of keys with two events fail.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from streams.engine.protocol import (
    Applied,
    Broadcast,
    Decoded,
    Keyed,
    Output,
    Poison,
    Record,
    SharedApplied,
    Skipped,
    Tick,
)


@dataclass(frozen=True)
class Count:
    total: int = 0
    seen: int = 0
    told: int = 0
    pad: int = 0
    due: int | None = None


@dataclass(frozen=True)
class Factor:
    factor: int = 1
    last_tick: int = -1


class Counter:
    """Emits `{"total", "seen"}` to `out` for each event and `{"tick", "total"}` for each visit."""

    state_version = 1
    newest_state_version = 2
    rules = 1

    def __init__(self, out: str, timers: str) -> None:
        self.out = out
        self.timers = timers

    def decode(self, record: Record) -> Decoded[dict[str, Any]]:
        try:
            event = json.loads(record.value or b"")
        except ValueError as error:
            return Poison("not JSON", str(error))
        if "tick" in event and record.topic == self.timers:
            return Tick(event, "tick", event["tick"], event.get("skew", 0))
        if "factor" in event:
            return Broadcast(event, "factor")
        if "unknown" in event:
            return Skipped("unknown")
        return Keyed(event, "add")

    def load(self, data: bytes, version: int) -> Count:
        return Count(**json.loads(data))

    def dump(self, state: Count) -> bytes:
        return json.dumps(vars(state)).encode() + b" " * state.pad

    def initial_shared(self) -> Factor:
        return Factor()

    def load_shared(self, data: bytes, version: int) -> Factor:
        return Factor(**json.loads(data))

    def dump_shared(self, shared: Factor) -> bytes:
        return json.dumps(vars(shared)).encode()

    def apply(self, shared: Factor, key: bytes, state: Count | None, event: dict[str, Any], record: Record) -> Applied[Count]:
        before = state or Count()
        if event.get("forget"):
            return Applied(None, (), None)
        if event.get("raise"):
            raise KeyError("secret of a debtor")
        if event.get("refuse"):
            return Applied(state, (), None, Poison("refused", "the rules say no"))
        after = replace(
            before,
            total=before.total + event.get("add", 0) * shared.factor,
            seen=before.seen + 1,
            pad=event.get("pad", before.pad),
            due=event.get("due", before.due),
        )
        told = self._output(key, record.timestamp_ms, event.get("shout", 0), total=after.total, seen=after.seen)
        return Applied(after, (told,), after.due)

    def apply_broadcast(self, shared: Factor, event: dict[str, Any], record: Record) -> SharedApplied[Factor]:
        return SharedApplied(replace(shared, factor=event["factor"]), tuple(text.encode() for text in event.get("revisit", ())))

    def begin_tick(self, shared: Factor, event: dict[str, Any]) -> Factor | None:
        return None if event["tick"] <= shared.last_tick else replace(shared, last_tick=event["tick"])

    def visit(self, shared: Factor, key: bytes, state: Count, event: dict[str, Any]) -> Applied[Count]:
        if state.seen == event.get("fail"):
            raise KeyError("secret of a debtor")
        after = replace(state, due=None)
        return Applied(after, (self._output(key, event["tick"], tick=event["tick"], total=state.total, factor=shared.factor),), None)

    def poisoned(self, shared: Factor, key: bytes, state: Count, record: Record, poison: Poison) -> Applied[Count]:
        return Applied(replace(state, told=state.told + 1), (), state.due)

    def _output(self, key: bytes, timestamp_ms: int, pad: int = 0, **content: int) -> Output:
        return Output(self.out, key, json.dumps(content).encode() + b" " * pad, timestamp_ms)
