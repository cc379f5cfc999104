"""How the cost grows: `python -m bench.scale` (part of `make bench`).

One, two and four workers that share eight partitions; 200 partitions on four workers and three brokers; and one event of the rules as
contracts, the receivables of a contract and its past events grow (flat, linear and flat is what is wanted). Everything is told in CPU,
since workers, brokers and whoever else is on the machine share its cores. Writes `bench/results/scale.json`.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from bench import workload
from bench.contestant import Figures, console, figures_of
from bench.growth import growth
from bench.layout import PARTITIONS
from bench.members import Members
from bench.watching import cpu_s
from mahnlauf import topics
from mahnlauf.broker.temporary import choose, temporary
from streams.engine.cluster import Connection
from tests.faults.brokers import three

RESULTS: Final = Path(__file__).parent / "results" / "scale.json"
EVENTS: Final = 100_000
EVENTS_A_CONTRACT: Final = 5
WORKERS: Final = (1, 2, 4)
MANY_PARTITIONS: Final = 200
MANY_WORKERS: Final = 4
HEAP: Final = "-Xmx1g"
PATIENT: Final = {
    "broker.session.timeout.ms": 60_000,
    "controller.quorum.fetch.timeout.ms": 30_000,
    "controller.quorum.election.timeout.ms": 10_000,
    "controller.quorum.request.timeout.ms": 20_000,
    "replica.lag.time.max.ms": 60_000,
}
"""Three brokers with 6,000 replicas each share a few cores: with the times of the tests they take each other for dead."""
IDLE_S: Final = 15.0
SIZES: Final = {"contracts": (1_000, 10_000, 100_000), "receivables": (1, 4, 16, 64), "history": (0, 10, 40, 160)}
COST_EVENTS: Final = 500
ROUNDS: Final = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--only", choices=_PARTS, action="append", help="measure this alone; the others' figures stay")
    asked = parser.parse_args()
    RESULTS.parent.mkdir(exist_ok=True)
    figures: Figures = json.loads(RESULTS.read_text()) if asked.only and RESULTS.exists() else {}
    for name in asked.only or _PARTS:
        figures |= {"cores": os.cpu_count(), name: _PARTS[name](asked.events)}
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)


def _cost(events: int) -> Figures:
    """By what grows: its sizes, and how the cost grew with them."""
    return {of: _grown(of, sizes) for of, sizes in SIZES.items()}


def _grown(of: str, sizes: Sequence[int]) -> Figures:
    measured = figures_of("cost", of=of, sizes=sizes, events=COST_EVENTS, rounds=ROUNDS)["sizes"]
    return {"sizes": measured, **growth(measured)}


def _workers(events: int) -> list[Figures]:
    """Each number of workers on a broker of its own."""
    return [_shared(count, events) for count in WORKERS]


def _shared(count: int, events: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="mahnlauf-scale-") as folder, temporary(Path(folder) / "kafka", choose("auto")) as bootstrap:
        asyncio.run(topics.create(Connection(bootstrap), PARTITIONS))
        with Members(count, bootstrap, PARTITIONS) as members:
            members.wait_until_shared()
            return {"workers": count, **_backlog(members, bootstrap, PARTITIONS, events, lambda: 0.0)}


def _many(events: int) -> Figures:
    """Four workers and three brokers, idle and with a backlog."""
    with (
        tempfile.TemporaryDirectory(prefix="mahnlauf-scale-") as folder,
        three(Path(folder) / "kafka", {}, jvm=(HEAP,), more=PATIENT) as brokers,
    ):
        asyncio.run(topics.create(Connection(brokers.bootstrap), MANY_PARTITIONS))
        pids = [broker.pid for broker in brokers.all.values()]
        with Members(MANY_WORKERS, brokers.bootstrap, MANY_PARTITIONS) as members:
            began_s = time.monotonic()
            members.wait_until_shared()
            figures = {
                "workers": MANY_WORKERS,
                "brokers": len(pids),
                "partitions": MANY_PARTITIONS,
                "shared_s": time.monotonic() - began_s,
                "connections": members.connections(),
                **_idle(members, lambda: sum(map(cpu_s, pids))),
            }
            return figures | _backlog(members, brokers.bootstrap, MANY_PARTITIONS, events, lambda: sum(map(cpu_s, pids)))


def _idle(members: Members, brokers_cpu_s: Callable[[], float]) -> Figures:
    """Cores that workers and brokers keep busy while there is nothing to do."""
    before, before_cpu_s, began_s = members.standing(), brokers_cpu_s(), time.monotonic()
    time.sleep(IDLE_S)  # the length of the measurement
    after, taken_s = members.standing(), time.monotonic() - began_s
    return {"idle_workers_cores": (after.cpu_s - before.cpu_s) / taken_s, "idle_brokers_cores": (brokers_cpu_s() - before_cpu_s) / taken_s}


def _backlog(members: Members, bootstrap: str, partitions: int, events: int, brokers_cpu_s: Callable[[], float]) -> Figures:
    with members.stopped():
        asyncio.run(workload.publish(bootstrap, workload.lives(events, events // EVENTS_A_CONTRACT), partitions))
        before_cpu_s = brokers_cpu_s()
    before, began_s = members.standing(), time.monotonic()
    after = members.wait_for(before.events + events)
    wall_s, taken_s = time.monotonic() - began_s, after.cpu_s - before.cpu_s
    transactions = after.transactions - before.transactions
    return {
        "events": after.events - before.events,
        "wall_s": wall_s,
        "cpu_s": taken_s,
        "transactions": transactions,
        "transactions_per_s": transactions / wall_s,
        "brokers_cpu_s": brokers_cpu_s() - before_cpu_s,
        "memory_mib": after.memory_mib,
        "loaded_connections": members.connections(),
    }


_PARTS: Final[dict[str, Callable[[int], Any]]] = {"cost": _cost, "workers": _workers, "many": _many}


def _show(figures: Figures) -> None:
    for of, grown in figures.get("cost", {}).items():
        table = Table(of, "us of CPU an event", "bytes of state")
        for one in grown["sizes"]:
            table.add_row(f"{one['size']:,}", f"{one['cpu_us']:.1f}", f"{one['state_bytes']:,.0f}")
        console.print(table)
        told = f"{grown['last_to_first']:.2f} times from first to last ({'flat' if grown['flat'] else 'not flat'})"
        console.print(f"{told}; {grown['us_each']:.3f} us each, straight to {grown['straight']:.3f}")
    for one in (*figures.get("workers", ()), *([figures["many"]] if "many" in figures else ())):
        console.print(one)


if __name__ == "__main__":
    main()
