"""What happens in a world without being a fault: logs are compacted, and clocks are put forward and back."""

import asyncio
import random
from collections import Counter

from schemas import topics
from tests.simulation.kafka.compaction import compact
from tests.simulation.world import World

_COMPACTED = (topics.CHANGELOG, topics.CHANGELOG, topics.CASE_STATUS, topics.LEDGER, topics.DEBTORS)
"""Of those that are compacted, those in which anything stands here."""
_EVERY_S = (0.05, 0.5, 5.0)
"""How often a log is compacted; drawn for each world."""
_WRITTEN = (1, 1, 2, 5, 20)
"""Batches at the end of a log that are left alone."""
_FORGOTTEN_AFTER_S = 40.0
"""Tombstones are older than any reading takes, as `delete.retention.ms` has it."""
_JUMPS_S = (-86_400.0, -3_600.0, -5.0, -0.5, 0.5, 5.0, 3_600.0, 86_400.0)
_NO_JUMPS = 0.6
_BETWEEN_JUMPS_S = 5.0


class Housekeeping:
    """Goes on until `end`; `told` counts what was done."""

    def __init__(self, world: World) -> None:
        self.told: Counter[str] = Counter()
        self._world = world
        self._chance = random.Random(f"{world.seed} housekeeping")
        works = [self._compact(self._chance.choice(_EVERY_S))]
        if self._chance.random() > _NO_JUMPS:
            works.append(self._jump())
        self._works = [asyncio.ensure_future(work) for work in works]

    async def end(self) -> None:
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def _compact(self, every_s: float) -> None:
        world, chance = self._world, self._chance
        while True:
            await asyncio.sleep(chance.expovariate(1 / every_s))
            log = chance.choice(world.cluster.topics[chance.choice(_COMPACTED)])
            # A store that was put back may be as old as the world: it would keep what is forgotten.
            forgotten_before = world.loop.time() - _FORGOTTEN_AFTER_S if world.disk is None else 0.0
            self.told["compaction"] += compact(log, chance.choice(_WRITTEN), forgotten_before)

    async def _jump(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / _BETWEEN_JUMPS_S))
            self._world.loop.wall_s += self._chance.choice(_JUMPS_S)
            self.told["clock_jump"] += 1
