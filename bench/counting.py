"""The counter that every contestant runs: for each key how many events there were and what they sum up to, told after each event.

`count` is the one function; around it stands what each contestant needs to call it.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from streams.engine.protocol import Applied, Decoded, Keyed, Output, Poison, Record, SharedApplied

OUT_TOPIC: Final = "bench.counts"


class Amounts(msgspec.Struct):
    amount: int


class Event(msgspec.Struct):
    """What the counter reads of an event; the rest of its 436 bytes is passed over, as most consumers do."""

    id: str
    type: str
    subject: str
    data: Amounts


class Counted(msgspec.Struct, frozen=True, array_like=True):
    seen: int
    total_minor: int


_event = msgspec.json.Decoder(Event)
_counted = msgspec.msgpack.Decoder(Counted)
_msgpack = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_TOLD, _TOLD_BESIDE, _KEPT = b" " * 800, b" " * 80, b" " * 418
"""What fills a counter's records up to the core's: 900 bytes of case-status, 80 of case-history and 445 of state an event."""

read = _event.decode
load = _counted.decode
dump = _msgpack.encode


def count(before: Counted | None, event: Event) -> tuple[Counted, bytes]:
    """The state after `event`, and what is told of it."""
    seen, total = (before.seen, before.total_minor) if before is not None else (0, 0)
    after = Counted(seen + 1, total + event.data.amount)
    return after, _json.encode({"event": event.id, "seen": after.seen, "total_minor": after.total_minor})


class Counter:
    """`count` as a processor of our engine. `begin` is called with each event: the first one starts the clock."""

    state_version = 1
    newest_state_version = 1
    rules = 1

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin

    def decode(self, record: Record) -> Decoded[Event]:
        self._begin()
        try:
            event = read(record.value or b"")
        except msgspec.MsgspecError as error:
            return Poison("not an event", str(error))
        return Keyed(event, event.type)

    def load(self, data: bytes, version: int) -> Counted:
        return load(data)

    def dump(self, state: Counted) -> bytes:
        return dump(state)

    def initial_shared(self) -> None:
        return None

    def load_shared(self, data: bytes, version: int) -> None:
        return None

    def dump_shared(self, shared: None) -> bytes:
        return b""

    def apply(self, shared: None, key: bytes, state: Counted | None, event: Event, record: Record) -> Applied[Counted]:
        after, told = count(state, event)
        return Applied(after, (Output(OUT_TOPIC, key, told, record.timestamp_ms),), None)

    def apply_broadcast(self, shared: None, event: Event, record: Record) -> SharedApplied[None]:
        return SharedApplied(None)

    def begin_tick(self, shared: None, event: Event) -> None:
        return None

    def visit(self, shared: None, key: bytes, state: Counted, event: Event) -> Applied[Counted]:
        return Applied(state, (), None)

    def poisoned(self, shared: None, key: bytes, state: Counted, record: Record, poison: Poison) -> Applied[Counted]:
        return Applied(state, (), None)


class WideCounter(Counter):
    """The counter with as many records and bytes an event as the core writes: what the engine costs where only the rules differ."""

    def load(self, data: bytes, version: int) -> Counted:
        return load(data[: -len(_KEPT)])

    def dump(self, state: Counted) -> bytes:
        return dump(state) + _KEPT

    def apply(self, shared: None, key: bytes, state: Counted | None, event: Event, record: Record) -> Applied[Counted]:
        after, told = count(state, event)
        outputs = (Output(OUT_TOPIC, key, told + _TOLD, record.timestamp_ms), Output(OUT_TOPIC, key, _TOLD_BESIDE, record.timestamp_ms))
        return Applied(after, outputs, None)
