"""The engine of one process: a member of the group, and a keeper for each partition it is given.

    engine = Engine(config, processor)
    await engine.run()            # until `stop`, or raises what ended it (an instance id taken over, a wrong cluster)
    await engine.drain()          # instead: applies what is there now and what it forwards itself, then returns

For full speed the process should call `gc.set_threshold(*limits.GC_THRESHOLDS)` and run on uvloop.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from streams.engine.applying import Condemned
from streams.engine.changelog import Recovery
from streams.engine.cluster import Cluster
from streams.engine.config import EngineConfig
from streams.engine.errors import EngineError, Stopped, Unreachable
from streams.engine.group import Group
from streams.engine.keeper import Keeper
from streams.engine.metrics import Metrics
from streams.engine.partition import Condition, PartitionTask, Phase
from streams.engine.placing import partition_of
from streams.engine.protocol import Event, Processor, Shared, State

log = logging.getLogger(__name__)

_DRAIN_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """One partition this process was given. Times in seconds; None where there is nothing to tell."""

    partition: int
    phase: Phase
    reason: str
    """Why it does not work, or (while it runs) behind whose open transaction records stand that it can't read; else empty."""
    lag: int
    oldest_unapplied_s: float | None
    """How long records have waited without a commit, by this process's clock."""
    oldest_timestamp_ms: int | None
    tick_waits_s: float | None
    kafka_silent_s: float | None
    """How long Kafka has not answered this partition's fetch or transaction."""
    recovery: Recovery | None


@dataclass(frozen=True, slots=True)
class Health:
    """`ready`: a member, and every partition it was given is recovered (none given: ready). `failed`: why the engine ended."""

    joined: bool
    ready: bool
    partitions: tuple[PartitionHealth, ...]
    failed: str | None = None


class Engine(Generic[State, Shared, Event]):
    """Runs `processor` on the partitions this process is given. One event loop, one `run` or `drain`."""

    def __init__(self, config: EngineConfig, processor: Processor[State, Shared, Event]) -> None:
        self.config = config
        self.metrics = Metrics()
        self._processor = processor
        self._cluster = Cluster(config.connection, config.client_id)
        self._keepers: dict[int, Keeper[State, Shared, Event]] = {}
        self._group: Group | None = None
        self._stopping = asyncio.Event()
        self._for_good = False
        self._drain_to: dict[int, dict[str, int]] = {}
        self._forwarded_to: dict[int, int] = {}
        """By partition of the rerouted topic: the offset after what this process has forwarded there."""
        self._failed: str | None = None

    async def run(self) -> None:
        """Work until `stop`. Raises EngineError for a wrong cluster, InstanceTaken, Unreachable."""
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._start()
            assert self._group is not None
            endings: list[asyncio.Future[Any]] = [stopping, self._group.failed]
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
            if self._group.failed.done():
                self._failed = str(self._group.failed.exception())
                self._group.failed.result()
        finally:
            stopping.cancel()
            await asyncio.shield(self._end())

    async def drain(self) -> None:
        """Apply everything the inputs hold now, and what that makes this process forward, then leave.

        Raises Stopped if a partition can't go on, besides what `run` raises.
        """
        working = asyncio.create_task(self.run())
        try:
            while not working.done() and not self._stopping.is_set():
                if await self._drained():
                    break
                await asyncio.wait([working], timeout=_DRAIN_LOOK_S)
        finally:
            self.stop(for_good=True)  # nobody starts it again: a static member's partitions need not wait for it
            await working

    def stop(self, *, for_good: bool = False) -> None:
        """End `run`: partitions are given up after the transaction under way, then the group is left.

        `for_good`: this process is not coming back, so that a static member's partitions move now, not after its session timeout.
        """
        self._for_good = self._for_good or for_good
        self._stopping.set()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions this process was given."""
        return frozenset(number for number, keeper in self._keepers.items() if keeper.held)

    def partition_of(self, key: bytes) -> int:
        return partition_of(key, self.config.partitions)

    def state(self, key: bytes) -> State | None:
        """The committed state of a key, if this process holds its partition and knows it."""
        keeper = self._keepers.get(self.partition_of(key))
        return None if keeper is None else keeper.state(key)

    async def owner(self, key: bytes) -> str | None:
        """host:port of the process that holds the key's partition, None if nobody does. Raises Unreachable."""
        return None if self._group is None else (await self._group.owners()).get(self.partition_of(key))

    def health(self) -> Health:
        """How each partition stands, without asking anybody."""
        now = asyncio.get_running_loop().time()
        held = [keeper for _, keeper in sorted(self._keepers.items()) if keeper.held]
        joined = self._group is not None and self._group.joined
        ready = joined and all(keeper.condition.phase is Phase.RUNNING for keeper in held)
        return Health(joined, ready, tuple(_health(keeper.number, keeper.condition, now) for keeper in held), self._failed)

    async def alive(self, oldest_s: float) -> bool:
        """Whether the process should be left running: False if records waited longer than `oldest_s` although Kafka answers."""
        if self._failed is not None:
            return False
        stuck = [health for health in self.health().partitions if (health.oldest_unapplied_s or 0) > oldest_s and _ought_to_move(health)]
        if not stuck:
            return True
        try:
            async with asyncio.timeout(oldest_s):
                await self._cluster.high_watermarks([self.config.timers], stuck[0].partition)
        except (TimeoutError, Unreachable):
            return True
        return False

    async def _start(self) -> None:
        await self._cluster.start()
        await self._check_topics()
        config = self.config
        self._group = Group(
            config.connection,
            config.app,
            config.ordered_inputs,
            address=config.address,
            moved=self._moved,
            held=lambda: [number for number, keeper in self._keepers.items() if keeper.working],
            instance=config.instance,
            session_timeout_ms=config.session_timeout_ms,
        )
        await self._group.start()

    async def _check_topics(self) -> None:
        topics = (*self.config.ordered_inputs, self.config.changelog, self.config.journal)
        await self._cluster.watch(topics)
        for topic in topics:
            count = await self._cluster.partitions(topic)
            if count != self.config.partitions:
                raise EngineError(
                    f"{topic} has {count} partitions, the engine works with {self.config.partitions}: partition p of every input belongs "
                    "together, so all need the same number"
                )

    async def _end(self) -> None:
        self._stopping.set()
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))
        if self._group is not None:
            await self._group.stop(for_good=self._for_good)
        await self._cluster.stop()

    def _moved(self, taken: frozenset[int], given_up: frozenset[int]) -> None:
        for number in given_up & self._keepers.keys():
            self._keepers[number].release()
        if self._stopping.is_set():
            return
        for number in taken:
            if number not in self._keepers:
                self._keepers[number] = self._keeper(number)
            self._keepers[number].hold()

    def _keeper(self, number: int) -> Keeper[State, Shared, Event]:
        assert self._group is not None

        def make(condition: Condition, condemned: Condemned) -> PartitionTask[State, Shared, Event]:
            arguments = (self._cluster, self.config, self._processor, number, self.metrics, condition, condemned, self._note_forwarded)
            return PartitionTask(*arguments)

        return Keeper(number, make, self._group.confirmed, self.metrics, self.config.limits)

    def _note_forwarded(self, partition: int, end: int) -> None:
        self._forwarded_to[partition] = max(self._forwarded_to.get(partition, 0), end)

    async def _drained(self) -> bool:
        """Whether every partition given has committed all that was there when it was first looked at."""
        if self._group is None or not self._group.joined:
            return False
        held = [keeper for keeper in self._keepers.values() if keeper.held]
        for keeper in held:
            if keeper.number not in self._drain_to:
                self._drain_to[keeper.number] = await self._cluster.high_watermarks(self.config.ordered_inputs, keeper.number)
            if keeper.condition.phase is Phase.STOPPED:
                raise Stopped(keeper.condition.reason)
        return all(_reached(keeper.condition, self._ends_to_drain(keeper.number)) for keeper in held)

    def _ends_to_drain(self, number: int) -> dict[str, int]:
        ends, rerouted = self._drain_to[number], self.config.rerouted
        return {**ends, rerouted: max(ends[rerouted], self._forwarded_to.get(number, 0))}


def _reached(condition: Condition, ends: Mapping[str, int]) -> bool:
    if condition.phase is not Phase.RUNNING:
        return False
    return all(condition.committed_positions.get(topic, 0) >= end for topic, end in ends.items())


def _ought_to_move(health: PartitionHealth) -> bool:
    return health.phase is Phase.RUNNING and health.tick_waits_s is None and not health.reason


def _health(number: int, condition: Condition, now: float) -> PartitionHealth:
    def since(start: float | None) -> float | None:
        return None if start is None else now - start

    return PartitionHealth(
        number,
        condition.phase,
        condition.reason,
        condition.lag,
        None if condition.unreachable_since is not None else since(condition.unapplied_since),
        condition.oldest_timestamp_ms,
        since(condition.tick_waits_since),
        since(condition.unreachable_since or condition.committing_since),
        condition.recovery,
    )
