"""Real cases through three workers while one is killed, one stands still for longer than its session, and one more joins.

Whatever happens to them, the audit finds nothing, and every contract ends where the replay without a broker has it.

Whether the one that stood still tries to commit before it hears that it was replaced is chance, so no count of refused commits is asked
for. What must hold whenever it tries is: the others have taken all it held, each under a higher epoch of the partition's producer, and
behind the first batch of a higher epoch there is none of a lower one.
"""

import random
import time
from datetime import date
from functools import lru_cache

import pytest

from streams.replay import Replayed
from tests.chaos.cases import Cases, fines
from tests.chaos.flow import Flow
from tests.chaos.house import PARTITIONS, SESSION_S, House, assert_clean, assert_ends_like_replay, said
from tests.chaos.process import Worker
from tests.chaos.telling import tell
from tests.chaos.waiting import until
from tests.replay.cases import POLICY, needs_fines

pytestmark = [needs_fines, pytest.mark.timeout(600)]
SLICES = 24
FIRST, *MORE = range(1, 11)
"""Seeds. The first goes through a part of the cases, so that it fits into every test run."""


@lru_cache(maxsize=1)
def cases(whole: bool) -> Cases:
    all_of_them = fines(POLICY, date(2010, 6, 30))
    return all_of_them if whole else all_of_them.of_contracts(4).up_to(date(2007, 12, 31))


@lru_cache(maxsize=1)
def replayed(whole: bool) -> Replayed:
    return cases(whole).replayed()


class Faults:
    """What happens to workers, in an order and at moments that a seed gives. `fenced`: the partitions of the one that stood still, with
    the epoch under which it may have written to each."""

    def __init__(self, house: House, workers: list[Worker], rng: random.Random) -> None:
        self._house, self._rng = house, rng
        self._victim, self._sleeper, *_ = rng.sample(workers, len(workers))
        self.fenced: dict[int, int] = {}
        self.all = rng.sample([self.kill, self.stand_still, self.join], 3)

    def kill(self) -> str:
        self._victim.kill()
        return f"{self._victim.name} killed"

    def stand_still(self) -> str:
        still_s = SESSION_S + self._rng.uniform(1.0, 4.0)
        held = [int(number) for number in self._sleeper.figures().labels("lag_records", "partition")]
        self._sleeper.stop()
        self.fenced = {number: max(self._house.epochs()[number], default=-1) for number in held}
        time.sleep(still_s)  # time itself is the fault
        until(lambda: self._others() == PARTITIONS, f"the others hold what {self._sleeper.name} held")
        self._sleeper.go_on()
        return f"{self._sleeper.name} stopped for {still_s:.1f} s"

    def _others(self) -> int:
        """How many partitions are at work in the others."""
        others = (worker.figures() for worker in self._house.workers if worker.running and worker is not self._sleeper)
        return sum(figures.total("partitions", phase="running") for figures in others)

    def join(self) -> str:
        joined = self._house.worker("D")
        until(joined.ready, "worker D is ready")
        return "D joined"


@pytest.mark.parametrize("seed", [FIRST, *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)])
def test_killed_stopped_and_joined_while_events_flow(house: House, seed: int) -> None:
    of, rng = cases(seed != FIRST), random.Random(seed)
    house.furnish(of)
    workers = [house.worker(name) for name in "ABC"]
    for worker in workers:
        until(worker.ready, f"worker {worker.name} is ready")
    with Flow(house.publish, of.slices(SLICES), rng) as flow:
        flow.flow_on()
        faults = Faults(house, workers, rng)
        for fault in faults.all:
            begun = flow.published
            told = fault()
            assert flow.flowing, f"seed {seed}: no event was left when {told}: the fault met workers at rest"
            tell(f"seed {seed}: slices {begun} to {flow.published} of {SLICES}: {told}")
            flow.flow_on()
        flow.finish()
    house.settle()
    verdict = house.audit()
    tell(f"seed {seed}: {house.figures().transactions()} as the workers counted, {house.aborted()} aborted on the broker")
    assert_fenced(house, faults)
    tell(f"seed {seed}: {verdict['events']} events, {verdict['transactions']} transactions audited, {said(verdict)}")
    assert_clean(verdict)
    tell(f"seed {seed}: {assert_ends_like_replay(house, of, replayed(seed != FIRST))}")


def assert_fenced(house: House, faults: Faults) -> None:
    """Nothing of a replaced owner stands behind its successor's first batch, and each partition of the one that stood still had one."""
    written = house.epochs()
    assert all(epochs == sorted(epochs) for epochs in written.values()), written
    assert faults.fenced, "the one that stood still held nothing"
    assert {number: written[number][-1] > before for number, before in faults.fenced.items()} == dict.fromkeys(faults.fenced, True)
