"""The rules without a broker: what a set of events and a tick a day come to (`escalation.md` 9).

The same processor, driven on the same bytes in the same order as the engine drives it: what a cluster makes of the events and these ticks
is what stands here, record for record. Preview and backtest are this with another source of ticks.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from schemas import topics
from schemas.codec import encode
from schemas.policy import Policy
from schemas.timers import ClockTicked, ClockTickedData
from streams.engine import deadletter
from streams.engine.protocol import Applied, Broadcast, Headers, Keyed, Output, Poison, Record, Skipped, Tick
from streams.escalation import settings
from streams.escalation.calendar import local
from streams.escalation.settings import Shared
from streams.escalation.state import Contract
from streams.processor import EscalationProcessor

log = logging.getLogger(__name__)

NOON: Final = time(12)
SOURCE: Final = "/mahnlauf/replay"
BURIED_TOLD: Final = 1_000
"""Beyond, something is wrong that the first thousand show as well."""
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RANKS: Final = {topic: rank for rank, topic in enumerate(topics.INPUTS)}
_NO_KEY: Final = Poison("wrong key", "the record has no key; the key says whose event it is")
_RESERVED_KEY: Final = Poison("wrong key", "keys that begin with a zero byte are reserved")


class Event(NamedTuple):
    """One record of an input topic. `time_ms` is its event's time cut to ms; None counts from the beginning (a policy without a time).
    Broadcasts (ticks, policies, tenants) are records of escalation.timers. `place`: where a person finds it."""

    time_ms: int | None
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    place: object = "an event"


class Buried(NamedTuple):
    """A dead letter as a person is told of it: where its record was read, and which field is wrong in what way."""

    place: object
    topic: str
    key: bytes | None
    reason: str
    detail: str


@dataclass(slots=True)
class Replayed:
    """What came of it. `outputs` holds history, notices, commands and dead letters by topic (dead letters under the one name
    `dead-letters`), in order; `case_status` the last record of each key."""

    case_status: dict[bytes, Output] = field(default_factory=dict)
    outputs: dict[str, list[Output]] = field(default_factory=dict)
    events: int = 0
    ticks: int = 0
    contracts: int = 0
    after_until: int = 0
    """Events on days after the last one: not applied."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that are none of our business, by kind."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By reason."""
    buried: list[Buried] = field(default_factory=list)
    """The first `BURIED_TOLD` of them, in order."""
    never_late_enough: list[str] = field(default_factory=list)
    """Contracts that never saw a tick at or after their policy's `at`: no step could be taken for them."""
    shared: Shared = field(default_factory=Shared)
    states: Mapping[bytes, Contract] = field(default_factory=dict)
    """Settings and contracts as they stand at the end, by key."""

    def sorted_status(self) -> list[Output]:
        """The last case-status of each contract, by key."""
        return [self.case_status[key] for key in sorted(self.case_status)]


DEAD_LETTERS: Final = "dead-letters"


def replay(events: Iterable[Event], policies: Sequence[Policy], until: date, tick: time = NOON, *, as_arrived: bool = False) -> Replayed:
    """Apply the events, with one tick a day at `tick` (UTC) from the first event's day to `until`.

    `events` come in file order. They are applied in order of (time, topic, file), or with `as_arrived` as they come. `policies` count for
    every tenant, the first as the default. What lies after the day `until` is not applied.
    """
    known = list(events)
    partition = _Partition(EscalationProcessor(tuple(policies)))
    begin = [event for event in known if event.time_ms is None]
    timed = [event for event in known if event.time_ms is not None]
    for event in begin:
        partition.feed(event, 0)
    if timed:
        first_ms = min(time_ms for time_ms, *_ in timed if time_ms is not None)
        ordered = timed if as_arrived else sorted(timed, key=lambda event: (event.time_ms, _RANKS[event.topic]))
        partition.run(ordered, list(_ticks(first_ms, until, tick)), _end_ms(until))
    return partition.finish()


def ahead(
    shared: Shared,
    states: Mapping[bytes, Contract],
    broadcasts: Iterable[bytes],
    ticks: Sequence[datetime],
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:
    """What is sent, and what becomes of contracts, if nothing comes in but these broadcasts, before the first of these ticks. `progress` is
    told ticks. Of the outputs there are notices and commands alone.

    Everything is looked at in the first tick: when it would be due is not asked for.
    """
    partition = _Partition(EscalationProcessor(told=(topics.NOTICES, topics.COMMANDS)), shared, states)
    for value in broadcasts:
        partition.feed(Event(None, topics.TIMERS, None, value), 0)
    for done, now in enumerate(ticks, start=1):
        partition.tick(_ms(now))
        progress(done, len(ticks))
    return partition.finish()


def _ticks(first_ms: int, until: date, tick: time) -> Iterator[int]:
    day = (_EPOCH + timedelta(milliseconds=first_ms)).date()
    while day <= until:
        yield _ms(datetime.combine(day, tick, UTC))
        day += timedelta(days=1)


def _end_ms(until: date) -> int:
    """The first moment after the day."""
    return _ms(datetime.combine(until, time(), UTC)) + _DAY_MS


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def clock_ticked(now: datetime) -> bytes:
    """A tick as it stands on escalation.timers."""
    return encode(ClockTicked(id=f"tick-{now.isoformat()}", source=SOURCE, time=now, data=ClockTickedData(now=now)))


def _tell_failure(error: Exception, place: object) -> None:
    """As a worker does: one line, and the way there for whoever asks for it."""
    log.error("the rules failed at %s: %s at %s", place, type(error).__name__, deadletter.place_of(error))
    log.debug("the way there", exc_info=error)


class _Partition:
    """One partition with a dict of states and a heap of due times in place of store, transactions and broker."""

    def __init__(
        self, processor: EscalationProcessor, shared: Shared | None = None, states: Mapping[bytes, Contract] | None = None
    ) -> None:
        self._processor = processor
        self._shared = processor.initial_shared() if shared is None else shared
        self._states: dict[bytes, Contract] = dict(states or {})
        self._dues: dict[bytes, int] = dict.fromkeys(self._states, 0)
        self._heap: list[tuple[int, bytes]] = [(0, key) for key in sorted(self._states)]
        self._revisit: tuple[bytes, ...] = ()
        self._failing: dict[bytes, str] = {}
        self._offsets: Counter[str] = Counter()
        self._ticked_us: list[int] = []
        self._place: object = "an event"
        self._places: dict[str, list[object]] = {}
        """Of each record fed, by topic and offset: one may be buried long after."""
        self._result = Replayed()

    def run(self, events: Sequence[Event], ticks: Sequence[int], end_ms: int) -> None:
        """Apply events and ticks: a tick comes before the first event that lies after it."""
        waiting = list(reversed(ticks))
        for event in events:
            assert event.time_ms is not None
            while waiting and waiting[-1] < event.time_ms:
                self.tick(waiting.pop())
            if event.time_ms >= end_ms:
                self._result.after_until += 1
            else:
                self.feed(event, event.time_ms)
        while waiting:
            self.tick(waiting.pop())

    def tick(self, now_ms: int) -> None:
        """Visit what is due."""
        self._place = "a tick"
        value = clock_ticked(_EPOCH + timedelta(milliseconds=now_ms))
        self._apply(self._record(Event(now_ms, topics.TIMERS, None, value), now_ms))

    def feed(self, event: Event, timestamp_ms: int) -> None:
        """Apply one record, whatever it is."""
        self._result.events += 1
        self._place = event.place
        self._places.setdefault(event.topic, []).append(event.place)
        self._apply(self._record(event, timestamp_ms))

    def _record(self, event: Event, timestamp_ms: int) -> Record:
        self._offsets[event.topic] += 1
        return Record(event.topic, 0, self._offsets[event.topic] - 1, timestamp_ms, event.key, event.value, event.headers)

    def _apply(self, record: Record) -> None:
        if record.topic != topics.TIMERS and record.key is None:
            self._letter(record, _NO_KEY, deadletter.DECODE)
            return
        if record.topic != topics.TIMERS and record.key is not None and record.key.startswith(b"\0"):
            self._letter(record, _RESERVED_KEY, deadletter.DECODE)
            return
        decoded = self._processor.decode(record)
        if isinstance(decoded, Skipped):
            self._result.skipped[decoded.kind] += 1
        elif isinstance(decoded, Poison):
            self._poisoned(record, decoded, deadletter.DECODE)
        elif isinstance(decoded, Keyed):
            self._keyed(record, decoded.event)
        elif isinstance(decoded, Broadcast):
            self._broadcast(record, decoded.event)
        else:
            self._visit_due(record, decoded)

    def _keyed(self, record: Record, event: Any) -> None:
        assert record.key is not None
        try:
            applied = self._processor.apply(self._shared, record.key, self._states.get(record.key), event, record)
        except Exception as error:  # a worker would bury the record too, and go on
            _tell_failure(error, self._place)
            self._poisoned(record, deadletter.of_exception(error), deadletter.APPLY)
            return
        self._take(record.key, applied)
        if applied.refused is not None:
            self._poisoned(record, applied.refused, deadletter.APPLY)

    def _poisoned(self, record: Record, poison: Poison, stage: str) -> None:
        self._letter(record, poison, stage)
        self._tell_poisoned(record, poison)

    def _tell_poisoned(self, record: Record, poison: Poison) -> None:
        state = self._states.get(record.key) if record.key else None
        if state is not None and record.key:
            self._take(record.key, self._processor.poisoned(self._shared, record.key, state, record, poison))

    def _letter(self, record: Record, poison: Poison, stage: str) -> None:
        self._count(Buried(self._place, record.topic, record.key, poison.reason, poison.detail))
        self._tell(deadletter.letter(record, poison, stage, topics.DEAD_LETTERS_SUFFIX))

    def _broadcast(self, record: Record, event: Any) -> None:
        applied = self._processor.apply_broadcast(self._shared, event, record)
        self._shared = applied.shared
        self._revisit += applied.revisit
        if applied.refused is not None:
            self._letter(record, applied.refused, deadletter.APPLY)

    def _visit_due(self, record: Record, tick: Tick[Any]) -> None:
        shared = self._processor.begin_tick(self._shared, tick.event)
        if shared is None:
            return
        self._shared = shared
        self._result.ticks += 1
        self._ticked_us.append(1000 * tick.now_ms)
        for key in sorted({*self._due(tick.now_ms), *self._revisited()}):
            self._visit(record, key, tick.event)

    def _visit(self, record: Record, key: bytes, event: Any) -> None:
        try:
            applied = self._processor.visit(self._shared, key, self._states[key], event)
        except Exception as error:
            self._visit_failed(replace(record, key=key), key, error)
            return
        self._failing.pop(key, None)
        self._take(key, applied)

    def _visit_failed(self, record: Record, key: bytes, error: Exception) -> None:
        """A key is a dead letter where its visits begin to fail, not at each tick."""
        poison = deadletter.of_exception(error)
        if self._failing.get(key) != poison.reason:
            _tell_failure(error, self._place)
            self._letter(record, poison, deadletter.VISIT)
        self._failing[key] = poison.reason
        self._tell_poisoned(record, poison)

    def _due(self, now_ms: int) -> Iterator[bytes]:
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, key = heappop(self._heap)
            if self._dues.get(key) == due_ms:
                del self._dues[key]
                yield key

    def _revisited(self) -> Sequence[bytes]:
        prefixes, self._revisit = self._revisit, ()
        return [key for key in self._states if key.startswith(prefixes)] if prefixes else ()

    def _count(self, buried: Buried) -> None:
        self._result.dead_letters[buried.reason] += 1
        if len(self._result.buried) < BURIED_TOLD:
            self._result.buried.append(buried)

    def _count_returned(self, letter: Output) -> None:
        """A record that was kept until it could be judged."""
        topic, offset = deadletter.origin_of(letter)
        places = self._places.get(topic, [])
        place = places[offset] if offset < len(places) else f"{topic} offset {offset}"  # one of a state that was begun with
        self._count(Buried(place, topic, letter.key, deadletter.reason_of(letter), deadletter.detail_of(letter)))

    def _take(self, key: bytes, applied: Applied[Contract]) -> None:
        for output in applied.outputs:
            if output.topic.endswith(topics.DEAD_LETTERS_SUFFIX):
                self._count_returned(output)
            self._tell(output)
        if applied.state is None:
            self._states.pop(key, None)
            self._dues.pop(key, None)
            return
        self._states[key] = applied.state
        if applied.due_ms is None:
            self._dues.pop(key, None)
        elif self._dues.get(key) != applied.due_ms:
            self._dues[key] = applied.due_ms
            heappush(self._heap, (applied.due_ms, key))

    def _tell(self, output: Output) -> None:
        if output.topic == topics.CASE_STATUS and output.key is not None:
            if output.value is None:
                self._result.case_status.pop(output.key, None)
            else:
                self._result.case_status[output.key] = output
        else:
            name = DEAD_LETTERS if output.topic.endswith(topics.DEAD_LETTERS_SUFFIX) else output.topic
            self._result.outputs.setdefault(name, []).append(output)

    def finish(self) -> Replayed:
        """The result, with what a person should be warned of."""
        known = [key for key, state in self._states.items() if not state.forgotten]
        self._result.contracts = len(known)
        self._result.shared, self._result.states = self._shared, self._states
        late_enough: dict[tuple[str, int], bool] = {}
        for key in sorted(known):
            terms = settings.terms(self._shared, key.decode().split("/", 1)[0], self._states[key])
            at = terms.rules.at_minutes
            if terms.binding is not None and terms.rules.steps:
                place = (terms.place.key, at)
                if place not in late_enough:
                    times = (local(now_us, terms.place) for now_us in self._ticked_us)
                    late_enough[place] = any(60 * now.hour + now.minute >= at for now in times)
                if not late_enough[place]:
                    self._result.never_late_enough.append(key.decode())
        return self._result
