"""The webhooks of a world's agency: each change of a case is hinted at on `agency.inbox`, as the receiver stores a delivery there.

Until calm they are lost, doubled, late and out of order, and now and then one names a case that there is not. A connector that is away or
may ask nothing at that moment misses one, too; `again` hints at every case once more, as the agency's own repetitions and the daily refresh
would.
"""

import asyncio
import json
import random
from collections import Counter

from connectors.delivery.sealing import Keys
from connectors.delivery.webhook import KIND, WEBHOOK, Delivery, kept
from schemas import topics
from tests.simulation.agency import Bureau, Case
from tests.simulation.lives import until_taken
from tests.simulation.world import World

_LATE_S = 8.0


class Hints:
    """`told` counts what went wrong with them. `start` before the first change, `stop` at the end."""

    def __init__(self, world: World, bureau: Bureau, keys: Keys) -> None:
        self._world = world
        self._bureau = bureau
        self._keys = keys
        self._chance = random.Random(f"{world.seed} hints")
        self._lost, self._doubled, self._late = (self._chance.choice((0.0, 0.1, 0.4)) for _ in range(3))
        self._producer = world.producer()
        self._under_way: set[asyncio.Task[None]] = set()
        self._sent = 0
        self.told: Counter[str] = Counter()

    async def start(self) -> None:
        await until_taken(self._producer.start)
        self._bureau.heard = self._hint

    async def again(self) -> None:
        """Hint at every case. Returns when all hints there are stand on the topic."""
        for cases in self._bureau.cases.values():
            for case in cases:
                self._send(case.account, case.case_id, 0.0)
        await self.stored()

    async def stored(self) -> None:
        """Returns when nothing is on its way any more."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def stop(self) -> None:
        await self.stored()
        await self._producer.stop()

    def _hint(self, case: Case) -> None:
        if self._world.calm:
            return self._send(case.account, case.case_id, 0.0)
        if self._is("lost", self._lost):
            return None
        for _ in range(2 if self._is("doubled", self._doubled) else 1):
            late_s = self._chance.uniform(0, _LATE_S) if self._is("late", self._late) else 0.0
            self._send(case.account, "A-none" if self._is("stray", 0.02) else case.case_id, late_s)
        return None

    def _is(self, wrong: str, share: float) -> bool:
        drawn = self._chance.random() < share
        self.told[f"hint_{wrong}"] += drawn
        return drawn

    def _send(self, account: str, case_id: str, after_s: float) -> None:
        self._sent += 1
        body = json.dumps({"case": case_id}).encode()
        value = kept("atriga", account, Delivery(f"H-{self._sent}", case_id), body, self._keys)
        task = asyncio.ensure_future(self._store(account.encode(), value, after_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _store(self, key: bytes, value: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await until_taken(lambda: self._producer.send_and_wait(topics.INBOX, value, key, headers=[(KIND, WEBHOOK)]))
