"""What goes wrong in a world while events flow, and how everything is well again afterwards."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable

from schemas import topics
from tests.simulation.kafka import batches
from tests.simulation.world import Worker, World

_EVERY_S = (0.3, 1.0, 3.0)
"""How often something happens, in the mean; drawn for each world."""
_BUDGET = (3, 10, 30)
"""How many faults there are in all; drawn as well. Afterwards everything must come to its end."""
_AIMED_WITHIN_S = 3.0
_AIMED_AT_A_TICK_WITHIN_S = 20.0
"""Ticks of several transactions are few."""


class Trouble:
    """Draws one fault after the other until `end`. `told` counts them by name."""

    def __init__(self, world: World) -> None:
        self.told: Counter[str] = Counter()
        self._world = world
        self._chance = world.chance
        self._every_s = world.chance.choice(_EVERY_S)
        self._left = world.chance.choice(_BUDGET)
        self._kinds: list[Callable[[], Awaitable[None]]] = [
            self._kill,
            self._pause,
            self._stop,
            self._isolate,
            self._cut,
            self._broker_away,
        ]
        self._weights = [self._chance.choice((0, 1, 1, 3)) for _ in self._kinds]
        self._makers = [asyncio.ensure_future(self._make()) for _ in range(2)] if any(self._weights) else []

    async def end(self) -> None:
        """No more faults: what was taken away comes back."""
        world = self._world
        world.calm = True
        for maker in self._makers:
            maker.cancel()
        await asyncio.gather(*self._makers, return_exceptions=True)
        for broker in world.cluster.brokers:
            world.give_broker_back(broker.number)
        world.loop.unreachable.clear()
        for worker in world.workers:
            if worker.process is None:
                worker.start()
            else:
                worker.process.resume()

    async def _make(self) -> None:
        while self._left > 0:
            self._left -= 1
            await asyncio.sleep(self._chance.expovariate(1 / self._every_s))
            if self._world.alike and self._chance.random() < 0.5:
                await self._amid_a_tick()
            elif self._chance.random() < 0.5:
                await self._amid_a_transaction()
            [kind] = [self._power_cut] if self._tick_under_way() else self._chance.choices(self._kinds, self._weights)
            self.told[kind.__name__.strip("_")] += 1
            await kind()

    async def _amid_a_transaction(self) -> None:
        """Most of the time nobody has one open, and then little can go wrong."""
        loop = self._world.loop
        deadline = loop.time() + _AIMED_WITHIN_S
        while not self._world.cluster.transactions.under_way and loop.time() < deadline:
            await asyncio.sleep(0.001)
        await asyncio.sleep(self._chance.expovariate(100))

    async def _amid_a_tick(self) -> None:
        """Between the transactions of one tick: only one that many keys are due at has several."""
        loop = self._world.loop
        deadline = loop.time() + _AIMED_AT_A_TICK_WITHIN_S
        while not self._tick_under_way() and loop.time() < deadline:
            await asyncio.sleep(0.001)

    def _tick_under_way(self) -> bool:
        """Whether the newest entry of a journal begins or goes on with a tick and does not end it."""
        for number in range(self._world.partitions):
            journal = self._world.cluster.log(topics.JOURNAL, number)
            told = (one for one in reversed(journal.stored[-4:]) if one.base < journal.stable and not batches.head(one.data).control)
            for newest in itertools.islice(told, 1):
                steps = json.loads(batches.records(newest.data)[-1].value)["steps"]
                if steps and steps[-1].get("last") is False:
                    return True
        return False

    def _running(self) -> Worker | None:
        running = [worker for worker in self._world.workers if worker.process is not None]
        return self._chance.choice(running) if running else None

    async def _kill(self) -> None:
        worker = self._running()
        if worker is not None:
            worker.kill()
            await self._start_again(worker)

    async def _power_cut(self) -> None:
        """Everybody at once: so whoever had something under way is among them."""
        running = [worker for worker in self._world.workers if worker.process is not None]
        for worker in running:
            worker.kill()
        for worker in running:
            await self._start_again(worker)

    async def _stop(self) -> None:
        worker = self._running()
        if worker is not None:
            await worker.stop()
            await self._start_again(worker)

    async def _start_again(self, worker: Worker) -> None:
        await asyncio.sleep(self._chance.choice((0.0, 0.5, 4.0, 15.0)))
        if worker.process is None:
            worker.start()

    async def _pause(self) -> None:
        worker = self._running()
        if worker is not None and (process := worker.process) is not None:
            process.pause()
            await asyncio.sleep(self._chance.choice((0.1, 1.0, 5.0, 14.0)))
            process.resume()

    async def _isolate(self) -> None:
        worker = self._running()
        if worker is not None and (process := worker.process) is not None:
            self._world.loop.unreachable.add(worker.name)
            for pipe in list(process.connections):
                pipe.cut()
            await asyncio.sleep(self._chance.choice((0.2, 2.0, 12.0)))
            self._world.loop.unreachable.discard(worker.name)

    async def _cut(self) -> None:
        worker = self._running()
        if worker is not None and worker.process is not None and worker.process.connections:
            self._chance.choice(worker.process.connections).cut()

    async def _broker_away(self) -> None:
        world = self._world
        up = [broker.number for broker in world.cluster.brokers if broker.up]
        if up:
            number = self._chance.choice(up)
            world.take_broker_away(number)
            await asyncio.sleep(self._chance.choice((0.1, 1.0, 4.0)))
            world.give_broker_back(number)
