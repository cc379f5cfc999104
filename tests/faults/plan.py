"""What happens to a town while events flow: faults drawn by a seed, each begun behind a slice of the events and ended some seconds later.

Faults of different processes overlap as it comes. Brokers fail one at a time, the next one when all replicas are in sync again, as three of
them promise to bear; only `everything` takes them all.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos.cases import Slice
from tests.chaos.flow import Flow
from tests.chaos.house import GROUP, SESSION_S
from tests.chaos.telling import tell
from tests.chaos.waiting import until
from tests.faults.brokers import NODES
from tests.faults.stranger import Stranger
from tests.faults.town import CONNECTORS, CONNECTORS_GROUP, LANES, WORKERS, Town

LONG_S = (SESSION_S + 1.0, SESSION_S + 4.0)
"""Longer than a member's session, so that somebody else takes its place."""
SHORT_S = (0.2, 3.0)
FLOWED_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`target`: what it happens to; another fault of the same waits until this one is over. `end` puts right what `begin` did."""

    words: str
    target: str
    begin: Callable[[], object]
    end: Callable[[], object]
    hold_s: float


Draw = Callable[["Faults"], Fault]


class Faults:
    """What may happen in a town, drawn by `rng`; targets in turn, so that few faults meet many processes."""

    def __init__(self, town: Town, rng: random.Random) -> None:
        self._town, self._rng = town, rng

    def broker_killed(self) -> Fault:
        node = self._rng.choice(NODES)
        broker = self._town.brokers.all[node]
        return self._fault(f"broker {node} killed", "brokers", broker.kill, partial(self._town.brokers.start, node), (1.0, 9.0))

    def broker_stopped(self) -> Fault:
        node = self._rng.choice(NODES)
        broker = self._town.brokers.all[node]
        return self._fault(f"broker {node} stopped", "brokers", broker.stop, broker.go_on, (2.0, 9.0))

    def brokers_rolled(self) -> Fault:
        """One after the other in order, as in an upgrade of Kafka."""
        order = self._rng.sample(NODES, len(NODES))
        return self._fault(f"brokers {order} restarted in order", "brokers", partial(self._roll, order), nothing, (0.0, 0.0))

    def worker_killed(self) -> Fault:
        return self._killed(self._rng.choice(WORKERS))

    def connector_killed(self) -> Fault:
        return self._killed(self._rng.choice(CONNECTORS))

    def worker_stopped(self) -> Fault:
        return self._stopped(self._rng.choice(WORKERS))

    def connector_stopped(self) -> Fault:
        return self._stopped(self._rng.choice(CONNECTORS))

    def store_damaged(self) -> Fault:
        """A machine that lost its disk, wrote half of it, or reads other bytes than it wrote."""
        name, place = self._rng.choice(WORKERS), self._rng.random()
        words, damage = self._rng.choice((("lost", lost), (f"cut to {place:.0%}", cut_short), (f"spoiled at {place:.0%}", spoiled)))

        def begin() -> None:
            self._town.kill(name)
            damage(self._town.store(name), place)

        return self._fault(f"{name} killed, its store {words}", name, begin, partial(self._town.start, name), SHORT_S)

    def lane_cut(self) -> Fault:
        return self._lane("cut", self._town.network.cut)

    def lane_hushed(self) -> Fault:
        return self._lane("silent", self._town.network.hush)

    def coordinator_killed(self) -> Fault:
        """The broker that keeps the workers' group, or the connectors'; another one takes it over."""
        group = self._rng.choice((GROUP, CONNECTORS_GROUP))
        killed: list[int] = []

        def begin() -> None:
            killed.append(self._town.brokers.coordinator(group))
            tell(f"  it is broker {killed[0]}")
            self._town.brokers.all[killed[0]].kill()

        return self._fault(f"coordinator of {group} killed", "brokers", begin, lambda: self._town.brokers.start(*killed), (1.0, 9.0))

    def transaction_left_open(self) -> Fault:
        """By a stranger on an input: nothing behind it can be read until it ends, in one way or another."""
        stranger = Stranger(self._town.house.bootstrap, f"C-{9000 + self._rng.randrange(1000)}")
        ending = self._rng.choice((stranger.commits, stranger.aborts, nothing))
        words = f"a stranger's transaction left open ({ending.__name__})"
        return self._fault(words, "stranger", stranger.begins, ending, (1.0, 7.0))

    def worker_upgraded(self) -> Fault:
        """One that runs another release ends in order, and this one takes its place."""
        name = next(name for name in WORKERS if name not in self._town.upgraded)
        self._town.upgraded.add(name)
        return self._fault(f"{name} upgraded", name, partial(self._town.end, name), partial(self._town.start, name), (0.0, 1.0))

    def everything(self) -> Fault:
        """A power failure: everybody at once, but for the agency, which is elsewhere."""
        return self._fault("everything killed", "everything", self._town.kill_all, self._town.start_all, (0.0, 2.0))

    def _killed(self, name: str) -> Fault:
        return self._fault(f"{name} killed", name, partial(self._town.kill, name), partial(self._town.start, name), SHORT_S)

    def _stopped(self, name: str) -> Fault:
        return self._fault(f"{name} stopped", name, partial(self._town.stop, name), partial(self._town.go_on, name), LONG_S)

    def _lane(self, words: str, begin: Callable[[str], None]) -> Fault:
        lane = self._rng.choice(LANES)
        mend = self._town.network.mend
        return self._fault(f"network of {lane} {words}", f"network of {lane}", partial(begin, lane), partial(mend, lane), (1.0, 10.0))

    def _roll(self, order: Iterable[int]) -> None:
        for node in order:
            self._town.brokers.all[node].terminate()
            self._town.brokers.start(node)
            self._town.brokers.whole()

    def _fault(self, words: str, target: str, begin: Callable[[], object], end: Callable[[], object], hold_s: tuple[float, float]) -> Fault:
        return Fault(words, target, begin, end, self._rng.uniform(*hold_s))


ONE_AT_A_TIME: tuple[Draw, ...] = (
    Faults.broker_killed,
    Faults.broker_stopped,
    Faults.worker_killed,
    Faults.worker_stopped,
    Faults.connector_killed,
    Faults.lane_cut,
)
MORE: tuple[Draw, ...] = (
    *ONE_AT_A_TIME,
    Faults.brokers_rolled,
    Faults.coordinator_killed,
    Faults.store_damaged,
    Faults.connector_stopped,
    Faults.lane_hushed,
    Faults.transaction_left_open,
)


def lost(folder: Path, place: float) -> None:
    shutil.rmtree(folder)


def cut_short(folder: Path, place: float) -> None:
    """Every file of a store loses its end, as where a disk was full or a copy broke off."""
    for file in written(folder):
        with file.open("r+b") as half:
            half.truncate(int(file.stat().st_size * place))


def spoiled(folder: Path, place: float) -> None:
    """A byte of each table and log is another one."""
    for file in written(folder):
        if file.suffix in (".sst", ".log"):
            content = bytearray(file.read_bytes())
            content[int(len(content) * place)] ^= 0xFF
            file.write_bytes(content)


def written(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]


def nothing() -> None:
    """Put right already."""


class Plan:
    """Draws run over a town: evenly over the slices of a flow, each at a moment of its own. `publish` is for the flow: it keeps slices back
    until the faults before them have begun, so that there is something under way at each."""

    def __init__(self, town: Town, rng: random.Random, draws: Sequence[Draw], slices: int) -> None:
        self._town, self._rng, self._faults = town, rng, Faults(town, rng)
        self._slices = slices
        self._draws = {1 + number * (slices - 2) // len(draws): draw for number, draw in enumerate(draws)}
        """By the slice behind which each begins."""
        self._may = min(self._draws) + 1
        self._published = 0
        self._under_way: dict[str, tuple[float, Fault]] = {}

    def publish(self, piece: Slice) -> None:
        until(lambda: self._published < self._may, "the plan lets events flow on", FLOWED_WITHIN_S)
        self._town.publish(piece)
        self._published += 1

    def run(self, flow: Flow) -> None:
        """Returns when all is put right again; events may still flow."""
        try:
            for behind, draw in self._draws.items():
                self._begin(flow, behind, draw)
                self._may = min((later for later in self._draws if later > behind), default=self._slices) + 1
            self._wait(lambda: not self._under_way)
        finally:
            self._may = self._slices

    def _begin(self, flow: Flow, behind: int, draw: Draw) -> None:
        self._wait(lambda: self._published >= behind or not flow.flowing)
        if not flow.flowing:
            flow.finish()  # says what went wrong with it
        self._pause(self._rng.uniform(0.0, 1.0))
        fault = draw(self._faults)
        self._over(fault.target)
        tell(f"slice {self._published} of {self._slices}: {fault.words} for {fault.hold_s:.1f} s")
        fault.begin()
        self._under_way[fault.target] = (time.monotonic() + fault.hold_s, fault)

    def _over(self, target: str) -> None:
        """Nothing that would meet a fault of `target` is under way."""
        if target == "everything":
            self._wait(lambda: not self._under_way)
        self._wait(lambda: target not in self._under_way and "everything" not in self._under_way)
        if target in ("brokers", "everything"):
            self._town.brokers.whole()

    def _pause(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() >= ends)

    def _wait(self, condition: Callable[[], bool]) -> None:
        until(lambda: self._put_right() or condition(), "the plan goes on", FLOWED_WITHIN_S)

    def _put_right(self) -> bool:
        """End what has lasted long enough. Always False: there may be more to wait for."""
        for target, (ends, fault) in list(self._under_way.items()):
            if time.monotonic() >= ends:
                fault.end()
                del self._under_way[target]
        self._town.supervise()
        return False
