"""Publishing files of events to the input topics in order of time, with a tick for each day where days are to pass.

Read twice: once to check every line and to know its moment (`event_lines`), once to send. So nothing is sent while a line of any file
cannot be used.

  - Order: the event's `time` cut to ms; ties by topic as the processor applies them, then by file order. A record is stamped with its
    event's time.
  - A tick is sent when everything before it has been acknowledged, to every partition of escalation.timers in one transaction, skew 0.
  - A line of escalation.timers goes to every partition likewise; a line of escalation.policies is applied as a version of its own.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from connectors.delivery.sealing import Keys
from connectors.delivery.texts import Texts
from mahnlauf import configuration, lines
from mahnlauf.connecting import HOW_TO_NAME_ONE
from mahnlauf.event_lines import THE_BEGINNING, EventLine, Read, read
from mahnlauf.failures import BadInput
from mahnlauf.line_files import LineFiles, Order
from mahnlauf.opening import opened_texts
from mahnlauf.policy_lines import PolicyLine
from mahnlauf.sealing_lines import in_the_clear, sealed, too_long
from mahnlauf.sending import Sender
from schemas import topics
from schemas.codec import encode
from schemas.timers import ClockTicked, ClockTickedData
from streams.engine.cluster import Connection

SOURCE: Final = "/mahnlauf/publish"
FUTURE_ALLOWED: Final = timedelta(seconds=60)
"""As much as a live clock's skew; beyond it an event or tick would lie in the future."""
TICKS_A_TRANSACTION: Final = 50
"""Days without events between them go out together."""

AfterTick: TypeAlias = Callable[[datetime], Awaitable[None]]

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """One tick a day at `tick` (UTC; None: no ticks) up to and including `until` (None: the last event's day; later lines are left
    out)."""

    tick: time | None = None
    until: date | None = None


@dataclass(slots=True)
class Published:
    """What was sent: records by topic, broadcasts (each counted once, whatever the number of partitions) and ticks; and what was not."""

    records: Counter[str] = field(default_factory=Counter)
    broadcasts: int = 0
    policies: int = 0
    ticks: int = 0
    first: datetime | None = None
    last: datetime | None = None
    without_time: int = 0
    copies: int = 0
    after_until: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell: how many of how many lines were checked (in bytes), then sent (in lines)."""

    checked: Callable[[int, int], None] = lambda _done, _all: None
    sent: Callable[[int, int], None] = lambda _done, _all: None


async def publish(
    connection: Connection,
    paths: Sequence[Path],
    days: Days,
    progress: Progress | None = None,
    after_tick: AfterTick | None = None,
    keys: Keys | None = None,
) -> Published:
    """Publish the files. Raises BadInput (before anything is sent), ClusterWrong, EngineError.

    `after_tick` is awaited after each tick with its moment, before anything later is sent. `keys` seal what people wrote; None: lines are
    published as they are.
    """
    now = datetime.now(UTC)
    with LineFiles(paths) as files:
        plan = _Plan(files, now, progress or Progress(), refuses_clear_text=keys is not None and not keys)
        plan.check()
        async with Sender(connection) as sender, _texts(connection, keys) as texts:
            return await _Publication(connection, plan, plan.ticks(days), sender, after_tick, texts).run()


@asynccontextmanager
async def _texts(connection: Connection, keys: Keys | None) -> AsyncIterator[Texts | None]:
    if not keys:
        yield None
        return
    async with opened_texts(connection, keys) as texts:
        yield texts


class _Plan:
    """What is to be sent, in order, and the moments between which it lies."""

    def __init__(self, files: LineFiles, now: datetime, progress: Progress, *, refuses_clear_text: bool) -> None:
        self.files, self.progress = files, progress
        self._refuses_clear_text = refuses_clear_text
        self.order = Order()
        self.seen = Read()
        self.until_ms: int | None = None
        self._now = now

    def check(self) -> None:
        """Read every line. Raises BadInput."""
        latest_ms = configuration.timestamp_ms(self._now + FUTURE_ALLOWED)
        for found in read(self.files, self.seen, latest_ms=latest_ms, progress=self.progress.checked):
            if in_the_clear(found.line):
                self._refuse_unsealable(found)
            self.order.add(found.when_ms, found.rank, found.sequence)
        if not len(self.order):
            raise BadInput("nothing to publish: there is no event in " + ", ".join(str(path) for path in self.files.paths))

    def _refuse_unsealable(self, found: EventLine) -> None:
        if (wrong := too_long(found.line)) is not None:
            raise BadInput(f"{found.place}: {wrong}")
        written = f"{found.place}: what a person wrote is sealed before Kafka carries it"
        if found.line.key is None:
            raise BadInput(f"{written}, for the contract of the line's key, and it has none: `key` must be tenant/contract")
        if self._refuses_clear_text:
            raise BadInput(f"{written}, and no key is named: {HOW_TO_NAME_ONE}")

    def ticks(self, days: Days) -> Iterator[int]:
        """The moments of the ticks in ms; raises BadInput where a day lies after today or before the first event."""
        first = lines.moment(self.seen.first_ms).date() if self.seen.first_ms is not None else self._now.date()
        until = days.until or (lines.moment(self.seen.last_ms).date() if self.seen.last_ms is not None else first)
        if until > self._now.date():
            raise BadInput(f"--until {until} lies after today ({self._now.date()}): Kafka refuses records of the future")
        if until < first:
            raise BadInput(f"--until {until} lies before the first event ({first})")
        if days.until is not None:
            self.until_ms = configuration.timestamp_ms(datetime.combine(until + _DAY, time(), UTC)) - 1
        if days.tick is None:
            return iter(())
        last_tick = datetime.combine(until, days.tick, UTC)
        if last_tick > self._now:
            raise BadInput(f"the tick of {until} at {days.tick:%H:%M}Z is still to come: give an earlier --until")
        return _daily(first, days.tick, last_tick)


def _daily(first: date, at: time, last: datetime) -> Iterator[int]:
    moment = datetime.combine(first, at, UTC)
    while moment <= last:
        yield configuration.timestamp_ms(moment)
        moment += _DAY


class _Publication:
    """The second reading: sends what the plan says."""

    def __init__(
        self,
        connection: Connection,
        plan: _Plan,
        ticks: Iterator[int],
        sender: Sender,
        after_tick: AfterTick | None,
        texts: Texts | None,
    ) -> None:
        self._connection, self._plan, self._ticks, self._sender, self._after_tick = connection, plan, ticks, sender, after_tick
        self._texts = texts
        self._told = Published(without_time=plan.seen.without_time, copies=plan.seen.copies)
        self._due: list[int] = []
        self._next_tick = next(ticks, None)
        self._stamp_first_ms = plan.seen.first_ms if plan.seen.first_ms is not None else configuration.timestamp_ms(datetime.now(UTC))

    async def run(self) -> Published:
        whole = len(self._plan.order)
        for done, (when, sequence) in enumerate(self._plan.order):
            if self._plan.until_ms is not None and when > self._plan.until_ms:
                self._told.after_until = whole - done
                break
            await self._pass_to(when)
            await self._send(when, sequence)
            if done % 2_000 == 0:
                self._plan.progress.sent(done, whole)
                await asyncio.sleep(0)  # what was handed over gets its turn on the wire
        await self._pass_to(None)
        await self._sender.settle()
        self._plan.progress.sent(whole, whole)
        return self._told

    async def _pass_to(self, when: int | None) -> None:
        """Send the ticks that lie before `when` (None: all that are left); a tick comes after the events of its own millisecond."""
        while self._next_tick is not None and (when is None or self._next_tick < when):
            self._due.append(self._next_tick)
            self._next_tick = next(self._ticks, None)
            if len(self._due) == TICKS_A_TRANSACTION or self._after_tick is not None:
                await self._send_ticks()
        if self._due:
            await self._send_ticks()

    async def _send_ticks(self) -> None:
        moments = [lines.moment(due) for due in self._due]
        await self._sender.broadcast([(_tick(moment), configuration.timestamp_ms(moment)) for moment in moments])
        self._told.ticks += len(self._due)
        self._due.clear()
        if self._after_tick is not None:
            await self._after_tick(moments[-1])

    async def _send(self, when: int, sequence: int) -> None:
        line = lines.parse(self._plan.files.line(sequence))
        stamp = max(when, self._stamp_first_ms)
        if line.topic == topics.POLICIES:
            await self._sender.settle()
            # before the first event, where no time was given, and before anything else of that millisecond
            at_ms = self._stamp_first_ms - 1 if when == THE_BEGINNING else when
            await PolicyLine.read(line).apply(self._connection, lines.moment(at_ms))
            self._told.policies += 1
            return
        if line.topic == topics.TIMERS:
            await self._sender.broadcast([(line.value, stamp)], line.headers)
            self._told.broadcasts += 1
        else:
            await self._sender.add(line if self._texts is None else await sealed(line, self._texts), stamp)
            self._told.records[line.topic] += 1
        self._told.first = self._told.first or lines.moment(stamp)
        self._told.last = lines.moment(stamp)


def _tick(moment: datetime) -> bytes:
    return encode(ClockTicked(id=f"tick-{moment.isoformat()}", source=SOURCE, time=moment, data=ClockTickedData(now=moment, skew=0)))
