"""A world in one thread: a Kafka, workers with the product's rules, publishers, and a time of its own.

with World(seed=7) as world:
    world.run(scenario)      # a coroutine function; the world's clock, network and chance are the seed's
"""

import asyncio
import contextvars
import random
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.structs import BrokerMetadata

from schemas import topics
from streams.engine import identity
from streams.engine.cluster import Cluster, Connection
from streams.engine.engine import Engine
from streams.engine.errors import Unreachable
from streams.engine.limits import Limits
from streams.engine.rocks import RocksStore
from streams.processor import EscalationProcessor
from streams.worker.config import engine_config
from tests.simulation.disk import Disk
from tests.simulation.kafka.broker import Node
from tests.simulation.kafka.cluster import Shares, shares
from tests.simulation.loop import Pipe, Process, VirtualLoop

_ON_DISK = 0.25
"""How often workers keep their states in local stores."""
_ALIKE = 0.3
"""How often all lives of a world are one."""
_WALL_S = 1_795_000_000.0
"""The world begins in November 2026; what happens in it happened before."""
_MARKERS_WITHIN_S = 0.02
_SLOW_MARKERS_WITHIN_S = 3.0
_STARTED_AGAIN_AFTER_S = 1.0
_ENDED_WITHIN_S = 5.0

Result = TypeVar("Result")


class Worker:
    """A place for a worker: `process` is the one that runs there now, None between two."""

    def __init__(self, world: "World", number: int, *, static: bool) -> None:
        self.name = f"worker-{number}"
        self.address = f"10.0.0.{number}:6066"
        self.process: Process | None = None
        self.ended: BaseException | None = None
        """What ended a worker for good though nobody asked it to end."""
        self._engine: Engine[Any, Any, Any] | None = None
        self._world = world
        self._instance = self.name if static else None

    def start(self) -> None:
        self.process, self._engine = Process(self.name), None
        self._world.loop.start_process(self.process, self._run)

    async def stop(self) -> None:
        """In order: it gives up what it has, and leaves."""
        if self._engine is None:  # it has not begun yet
            self.kill()
        elif self.process is not None:
            process, self.process = self.process, None
            process.context.run(self._engine.stop)
            await self._ended_event.wait()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None

    def standing(self) -> list[str]:
        """How each of its partitions stands."""
        if self.process is None or self._engine is None:
            return []
        return [f"partition {health.partition} {health.phase} {health.reason}".strip() for health in self._engine.health().partitions]

    def _start_again(self) -> None:
        if self.process is None:
            self.start()

    async def _run(self) -> None:
        world = self._world
        self._ended_event = asyncio.Event()
        self._engine = Engine(
            engine_config(
                world.connection,
                world.partitions,
                self.address,
                instance=self._instance,
                limits=world.limits,
                state_folder=None if world.disk is None else world.disk.folder(self.name),
            ),
            EscalationProcessor(),
        )
        try:
            await self._engine.run()
        except Unreachable:  # no broker answered when it came up: whoever keeps it running starts it again
            self.process = None
            world.loop.call_later(_STARTED_AGAIN_AFTER_S, self._start_again, context=contextvars.Context())
        except Exception as error:
            self.ended, self.process = error, None
        finally:
            self._ended_event.set()


class World:
    """Everything of one seed. `partitions` of each topic, `brokers`, `workers` and the engine's limits are drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.loop = VirtualLoop(random.Random(self.chance.random()), _WALL_S)
        self.partitions = self.chance.choice((1, 2, 2, 3))
        self.alike = self.chance.random() < _ALIKE
        """All lives are one: so a tick has many keys to visit, and needs several transactions."""
        self.calm = False
        """No more faults: everything must come to its end now."""
        self.disk = Disk(seed) if random.Random(f"{seed} stores").random() < _ON_DISK else None
        self.limits = Limits(
            batch_records=self.chance.choice((1, 3, 20, 5_000)),
            tick_keys=self.chance.choice((1, 2) if self.alike else (1, 2, 5_000)),
            yield_every=self.chance.choice((1, 5, 200)),
        )
        self._broken = self.chance.choice((0.0, 0.001, 0.004))
        self._slow = self.chance.choice((0.0, 0.01, 0.05))
        self._slow_markers = self.chance.choice((0.0, 0.02, 0.2))
        self.cluster: Shares = shares(self.chance.choice((1, 2, 3)), lambda: int(self.loop.wall() * 1000), self._marker_delay_s)
        self.nodes = [Process(f"broker-{broker.number}") for broker in self.cluster.brokers]
        for broker, process in zip(self.cluster.brokers, self.nodes, strict=True):
            self.loop.listen(broker.port, process, Node(broker, self.cluster, self._fault).served)
        for spec in topics.TOPICS:
            self.cluster.create(spec.name, self.partitions if spec.partitioned else 1)
        self.connection = Connection(",".join(f"kafka:{broker.port}" for broker in self.cluster.brokers))
        static = self.chance.random() < 0.3
        self.workers = [Worker(self, number, static=static) for number in range(self.chance.choice((1, 2, 2, 3)))]

    def run(self, scenario: Callable[["World"], Coroutine[Any, Any, Result]]) -> Result:
        """Run `scenario` in this world, to its end."""
        with _of_the_world(self.loop, random.Random(self.seed)):
            try:
                return self.loop.run_until_complete(scenario(self))
            finally:
                self.loop.run_until_complete(self._end())
                self.loop.close()
                if self.disk is not None:
                    self.disk.remove()

    async def _end(self) -> None:
        """Whoever still waits for something waits no longer; what was killed stays as it is."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=_ENDED_WITHIN_S) if others else None

    def take_broker_away(self, number: int) -> None:
        """The others lead what it led; nothing is lost."""
        self.cluster.brokers[number].up = False
        self.loop.unreachable.add(self.nodes[number].name)
        for pipe in list(self.nodes[number].connections):
            pipe.cut()

    def give_broker_back(self, number: int) -> None:
        self.cluster.brokers[number].up = True
        self.loop.unreachable.discard(self.nodes[number].name)

    def applied(self) -> bool:
        """Whether the group has committed all that the inputs hold."""
        offsets = self.cluster.groups.group("escalation").offsets
        places = [(topic, number) for topic in topics.INPUTS for number in range(self.partitions)]
        return all(offsets.get(place, 0) >= self.cluster.log(*place).end for place in places)

    def producer(self) -> Any:
        return AIOKafkaProducer(bootstrap_servers=self.connection.bootstrap, acks="all", request_timeout_ms=5_000, retry_backoff_ms=50)

    async def until(self, condition: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait, in the world's time."""
        deadline = self.loop.time() + within_s
        while not condition():
            assert self.loop.time() < deadline, f"not within {within_s:.0f} s: {what}; {self._standing()}"
            await asyncio.sleep(0.25)

    def _standing(self) -> str:
        """What the workers say of their partitions."""
        told = [f"{worker.name}: {standing}" for worker in self.workers for standing in worker.standing()]
        return "; ".join(told) or "no worker is there"

    async def _fault(self, pipe: Pipe, when: str) -> None:
        if self.calm:
            return
        drawn = self.chance.random()
        if drawn < self._broken:
            pipe.cut()
            await asyncio.sleep(1)  # its handler is cancelled here
        elif drawn < self._broken + self._slow:
            await asyncio.sleep(self.chance.expovariate(4))

    def _marker_delay_s(self) -> float:
        slow = not self.calm and self.chance.random() < self._slow_markers
        return self.chance.uniform(0, _SLOW_MARKERS_WITHIN_S if slow else _MARKERS_WITHIN_S)


@contextmanager
def _of_the_world(loop: VirtualLoop, chance: random.Random) -> Iterator[None]:
    """Time and chance as the standard library tells them are the world's as long as this lasts."""

    def drawn() -> uuid.UUID:
        return uuid.UUID(int=chance.getrandbits(128), version=4)

    async def ids(cluster: Cluster, topic: str) -> tuple[str, str]:
        return "world", topic  # the request that asks for them is newer than the others, and spoken by nobody else

    real: list[tuple[Any, str, Any]] = [(time, name, getattr(time, name)) for name in ("time", "monotonic", "perf_counter")]
    real += [(uuid, "uuid4", uuid.uuid4), (BrokerMetadata, "__hash__", BrokerMetadata.__hash__), (identity, "ids", identity.ids)]
    real += [(RocksStore.__init__, "__kwdefaults__", RocksStore.__init__.__kwdefaults__)]
    state = random.getstate()
    random.seed(chance.random())
    time.time, time.monotonic, time.perf_counter, uuid.uuid4 = loop.wall, loop.time, loop.time, drawn
    identity.ids, RocksStore.__init__.__kwdefaults__ = ids, {"clock": loop.wall}
    BrokerMetadata.__hash__ = lambda broker: hash(broker[:3])  # its rack is None, whose hash is its address before Python 3.12
    try:
        yield
    finally:
        random.setstate(state)
        for module, name, value in real:
            setattr(module, name, value)
