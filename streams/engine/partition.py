"""One partition from taking it to giving it up: fence, committed offsets, state, then one transaction after another.

A transaction holds a sequence of steps: records in order, then a tick (whole or a part of its keys), then records again, until the batch
is full or nothing more can be decided without waiting. Every error ends the task; whoever started it decides whether to take the
partition again, always from the committed state (keeper.py).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Generic, TypeAlias

from streams.engine import changelog, identity, journal
from streams.engine.applying import Applier, Condemned
from streams.engine.cluster import Cluster
from streams.engine.config import EngineConfig
from streams.engine.errors import RecordTooLarge, Stopped
from streams.engine.hidden import Hidden
from streams.engine.intake import Intake
from streams.engine.journal import Entry, RecordsStep, Step, TickStep
from streams.engine.merge import NONE_PLACED, Placed
from streams.engine.metrics import Metrics
from streams.engine.protocol import Event, Output, Processor, Shared, State
from streams.engine.rocks import Origin, RocksStore
from streams.engine.states import Changes, TooLarge
from streams.engine.store import MemoryStore, Store
from streams.engine.ticking import TickRun
from streams.engine.transaction import Home, KeyValues, TransactionalWriter

log = logging.getLogger(__name__)

_IDLE_MS = 500
_TOPIC_AND_KIND = attrgetter("topic", "kind")

Forwarded: TypeAlias = Callable[[int, int], None]
"""Called with (partition of the rerouted topic, offset after the last record and its marker) whenever records were forwarded there."""


class Phase(StrEnum):
    TAKING = "taking"
    RECOVERING = "recovering"
    RUNNING = "running"
    WAITING = "waiting to take again"
    STOPPED = "stopped"


@dataclass(slots=True)
class Condition:
    """How a partition stands; read by health checks, written by its task."""

    phase: Phase = Phase.TAKING
    reason: str = ""
    """Why it does not work, or (while it runs) what it waits for that a person may have to end."""
    recovery: changelog.Recovery | None = None
    lag: int = 0
    oldest_timestamp_ms: int | None = None
    unapplied_since: float | None = None
    """Loop time since when there are records that wait and nothing was committed."""
    tick_waits_since: float | None = None
    """Loop time since when a tick waits for records behind an open transaction, or for slow fetching."""
    unreachable_since: float | None = None
    committing_since: float | None = None
    """Loop time since when a transaction is with the broker; if Kafka is away, it stays there."""
    committed_positions: dict[str, int] = field(default_factory=dict)


class PartitionTask(Generic[State, Shared, Event]):
    """Owns partition `number` until `stop` or an error. `condition` is shared with who reports health."""

    def __init__(
        self,
        cluster: Cluster,
        config: EngineConfig,
        processor: Processor[State, Shared, Event],
        number: int,
        metrics: Metrics,
        condition: Condition,
        condemned: Condemned,
        forwarded: Forwarded,
    ) -> None:
        self._cluster = cluster
        self._config = config
        self._processor = processor
        self._number = number
        self._metrics = metrics
        self._condition = condition
        self._condemned = condemned
        self._forwarded = forwarded
        self._writer = TransactionalWriter(
            config.connection,
            f"{config.app}-{number}",
            client_id=config.client_id,
            transaction_timeout_ms=config.transaction_timeout_ms,
        )
        self._store: Store | None = None
        self._hidden = Hidden(number)
        self._last_tick_ms = 0
        self._noted_at = 0.0
        self._applier: Applier[State, Shared, Event] | None = None
        self._intake: Intake | None = None
        self._tick: TickRun[State, Shared, Event] | None = None
        self._committed: dict[str, int] = {}
        self._foreign_positions: dict[str, int] = {}
        self._stopping = False

    def stop(self) -> None:
        """End after the transaction under way."""
        self._stopping = True
        if self._intake is not None:
            self._intake.wake()

    def state(self, key: bytes) -> State | None:
        """The key's committed state, None if it is not known or the partition is not ready."""
        return None if self._applier is None else self._applier.states.committed(key)

    async def run(self) -> None:
        """Take the partition and work on it until `stop`. Raises Fenced, TransactionFailed, Stopped, ProcessorFailed, Unreachable."""
        try:
            intake, applier = await self._take()
            self._condition.phase, self._condition.reason = Phase.RUNNING, ""
            while not self._stopping:
                await self._round(intake, applier)
        finally:
            await asyncio.shield(self._give_up())

    async def _take(self) -> tuple[Intake, Applier[State, Shared, Event]]:
        """Fence first: only then is nothing of an earlier owner still on its way, and offsets and state are the truth."""
        self._condition.phase = Phase.TAKING
        await self._writer.start()
        inputs = self._config.ordered_inputs
        committed = await self._cluster.committed(self._config.app, inputs, self._number)
        last = await journal.last_entry(self._cluster, self._config.journal, self._number)
        journal.check(committed, last, inputs, f"partition {self._number}")
        starts = await self._cluster.log_starts(inputs, self._number)
        store = await self._recovered(begun=last is not None)
        self._committed = self._condition.committed_positions = committed
        self._foreign_positions = {} if last is None else {t: o for t, o in last.positions.items() if t not in inputs}
        self._applier = Applier(self._processor, store, self._number, self._config, self._condemned)
        self._writer.home = Home(self._number, self._config.partitions, self._applier.states.holds)
        self._intake = Intake(self._cluster, self._config, self._number, self._applier.decode)
        self._intake.open({topic: committed.get(topic, starts[topic]) for topic in inputs})
        self._metrics.takes["taken"] += 1
        return self._intake, self._applier

    async def _recovered(self, *, begun: bool) -> Store:
        self._condition.phase = Phase.RECOVERING
        self._store = store = await self._opened()
        await changelog.recover(
            self._cluster, self._config.changelog, self._number, store, self._processor.newest_state_version, self._recovering
        )
        if not begun and not store.empty():
            raise Stopped(
                f"partition {self._number}: {self._config.changelog} holds state but {self._config.journal} is empty, so what was applied "
                "can't be known. Restore both from the same moment, or empty both to begin anew"
            )
        return store

    async def _opened(self) -> Store:
        folder = self._config.state_folder
        if folder is None:
            return MemoryStore()
        origin = Origin(*await identity.ids(self._cluster, self._config.changelog), self._number)
        end = (await self._cluster.high_watermarks([self._config.changelog], self._number))[self._config.changelog]
        path = Path(folder) / self._config.app / str(self._number)
        return await asyncio.to_thread(RocksStore, path, origin, end, self._config.limits.store_kept_s)

    def _recovering(self, recovery: changelog.Recovery) -> None:
        before = self._condition.recovery
        self._metrics.recovered += recovery.position - (recovery.start if before is None else before.position)
        self._condition.recovery = recovery

    async def _give_up(self) -> None:
        self._applier = None
        if self._intake is not None:
            await self._intake.close()
        await self._writer.stop()
        if self._store is not None:
            self._store.close()

    async def _round(self, intake: Intake, applier: Applier[State, Shared, Event]) -> None:
        """One transaction, or one wait."""
        began = time.perf_counter()
        intake.collect()
        steps = await self._build(intake, applier)
        if steps:
            await self._commit(intake, applier, steps)
            self._metrics.batch_seconds.observe(time.perf_counter() - began)
            return
        self._note(intake)
        if not await intake.wait(_IDLE_MS) and not self._stopping and intake.positions != self._committed:
            # Only markers and aborted records came: without this the group would show a lag for ever.
            await self._commit(intake, applier, [])

    async def _build(self, intake: Intake, applier: Applier[State, Shared, Event]) -> list[Step]:
        """Apply what can be decided now. Returns the steps; what they changed waits in `applier` for the commit."""
        limits = self._config.limits
        steps: list[Step] = []
        room, size = limits.batch_records, 0
        deadline = time.perf_counter() + limits.batch_seconds
        while room > 0 and size < limits.batch_bytes and time.perf_counter() < deadline:
            if self._tick is not None:
                step, visited = await self._tick.visit(min(room, limits.tick_keys), deadline)
                room -= max(visited, 1)
                steps.append(step)
                self._end_tick(intake)
                continue
            placed = await self._next(intake, applier, room)
            if placed.records:
                applied, applied_bytes = await self._apply(applier, placed, deadline, limits.batch_bytes - size)
                steps.append(RecordsStep(intake.advance(applied)))
                room, size = room - len(applied.records), size + applied_bytes
            elif self._tick is None:
                break
        return steps

    async def _next(self, intake: Intake, applier: Applier[State, Shared, Event], room: int) -> Placed:
        """The next records; none if a tick has begun instead, or if there is nothing to decide yet."""
        begun = applier.progress.tick_offset
        if begun is not None:
            resumed = intake.resumed_tick(begun)
            if resumed is not None:
                self._tick = TickRun(applier, *resumed, self._config.limits, resumed=True)
            return NONE_PLACED
        placed = intake.certain(room)
        if placed.records:
            return placed
        tick = intake.next_tick()
        if tick is None:
            return NONE_PLACED
        demanded = await intake.before_tick(room)
        if demanded is None:
            self._tick = TickRun(applier, *tick, self._config.limits, resumed=False)
            return NONE_PLACED
        return demanded

    async def _apply(self, applier: Applier[State, Shared, Event], placed: Placed, deadline: float, bytes_left: int) -> tuple[Placed, int]:
        """Apply in order, giving way to other tasks now and then. Returns what was applied in time, and its size in bytes."""
        every, size, done = self._config.limits.yield_every, 0, 0
        while done < len(placed.records):
            part = placed.records[done : done + every]
            applier.apply_all(part)
            done += len(part)
            size += sum([len(record.value or b"") for record in part])
            await asyncio.sleep(0)
            if size >= bytes_left or time.perf_counter() > deadline:
                break
        return placed.first(done), size

    def _end_tick(self, intake: Intake) -> None:
        if self._tick is not None and self._tick.done:
            self._last_tick_ms = self._tick.now_ms
            self._tick = None
            intake.tick_done()

    async def _commit(self, intake: Intake, applier: Applier[State, Shared, Event], steps: list[Step]) -> None:
        try:
            changes = applier.changes()
        except TooLarge as error:
            log.warning(
                "partition %d: a state or an output of %d bytes is refused; its events become dead letters", self._number, error.size
            )
            self._tick = None
            intake.take_back()
            applier.take_back(refused_for_size=error.key)
            return
        config, positions = self._config, intake.positions
        # Wall-clock timestamps: these topics are the engine's own, and record times of years ago would roll a segment each.
        now_ms = int(time.time() * 1000)
        entry = Entry(self._processor.rules, {**self._foreign_positions, **positions}, steps)
        journaled = Output(config.journal, None, entry.encode(), now_ms, (), self._number)
        moved = {(topic, self._number): offset for topic, offset in positions.items() if self._committed.get(topic) != offset}
        state = KeyValues(config.changelog, self._number, changes.records, now_ms)
        self._condition.committing_since = asyncio.get_running_loop().time()
        try:
            ends = await self._writer.commit([*applier.outputs, journaled], moved, group_id=config.app, state=state)
        except RecordTooLarge as error:
            raise Stopped(str(error)) from error  # taken again, it would be refused again
        self._condition.committing_since = None
        self._committed = positions
        intake.settle()
        self._metrics.ticks += sum(isinstance(step, TickStep) and step.last for step in steps) - applier.counts.ticks_ignored
        self._note_ignored(applier.counts.ticks_ignored)
        self._settled(intake, applier, changes, ends)

    def _note_ignored(self, ticks: int) -> None:
        if ticks and not self._metrics.ticks_ignored:
            log.warning(
                "partition %d: ticks older than one applied before them are ignored, and counted from now on. A cluster has one source of "
                "ticks: are some published while a worker's clock is live?",
                self._number,
            )
        self._metrics.ticks_ignored += ticks

    def _settled(
        self, intake: Intake, applier: Applier[State, Shared, Event], changes: Changes, ends: Mapping[tuple[str, int], int]
    ) -> None:
        """After the commit, and only then: the store, the counters, who waits for what was forwarded."""
        assert self._store is not None
        outputs = Counter(map(_TOPIC_AND_KIND, applier.outputs))
        counts = applier.settle(changes, ends.get((self._config.changelog, self._number), self._store.position))
        self._metrics.transactions["committed"] += 1
        self._metrics.add(counts.events, counts.skipped, counts.dead_letters, counts.refused, counts.rerouted, outputs, counts.visited)
        self._metrics.visits_failed += counts.visits_failed
        self._metrics.last_tick_ms = max(self._metrics.last_tick_ms, self._last_tick_ms)
        for (topic, partition), end in ends.items():
            if topic == self._config.rerouted:
                self._forwarded(partition, end + 1)  # behind the marker too
        self._condition.committed_positions = self._committed
        self._condition.unapplied_since = None
        self._note(intake)

    def _note(self, intake: Intake) -> None:
        """Tell how the partition stands."""
        condition, now = self._condition, asyncio.get_running_loop().time()
        condition.lag = intake.lag
        condition.oldest_timestamp_ms = intake.oldest_timestamp_ms()
        condition.unreachable_since = intake.unreachable_since
        condition.reason = self._hidden.reason(intake.hidden(), now)
        waits = condition.lag > 0 or condition.oldest_timestamp_ms is not None
        condition.unapplied_since = (condition.unapplied_since or now) if waits else None
        if condition.tick_waits_since is not None:
            self._metrics.tick_wait_seconds += now - self._noted_at
        if not intake.at_barrier:
            condition.tick_waits_since = None
        elif condition.tick_waits_since is None:
            condition.tick_waits_since = now
        self._noted_at = now
