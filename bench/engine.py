"""The engine beside what a user would pick instead, in one run on one broker: `python -m bench.engine` (or `make bench`).

A broker of its own, the events written beforehand, then each contestant as a process of its own, one after another. Believe the ratios: the
absolute figures are those of the machine and of the minute. Writes `bench/results/engine.json`.
"""

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from rich.table import Table

from bench import layout, workload
from bench.contestant import Figures, command, console, cpu_us, figures_of
from mahnlauf import topics
from mahnlauf.broker.temporary import choose, temporary
from streams.engine.cluster import Connection

Peers: TypeAlias = tuple[tuple[str, str, Figures], ...]

RESULTS: Final = Path(__file__).parent / "results" / "engine.json"
EVENTS: Final = 1_000_000
CONTRACTS: Final = 200_000
BEHIND: Final = 100_000
PEERS: Final[Peers] = (
    ("quixstreams, counter", "quixstreams_counter", {}),
    ("quixstreams at least once, counter", "quixstreams_counter", {"guarantee": "at-least-once"}),
    ("Kafka Streams, counter", "kafka_streams_counter", {}),
)
"""By the name of their figures: their contestants, with every event. A peer that only reads the beginning meets a new key most of the time,
which costs it more. All of them keep states in RocksDB, and their changelog on the broker."""
SLOW_PEERS: Final[Peers] = (
    ("Faust at least once, counter", "faust_counter", {}),
    ("Faust exactly once, counter", "faust_counter", {"guarantee": "exactly_once"}),
)
"""They read one event in `SLOW_PEERS_READ`, or the benchmark would wait ten minutes for them; in memory a new key costs them nothing."""
SLOW_PEERS_READ: Final = 20
LATENCY_RATES: Final = (200, 500)
LATENCY_S: Final = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="events for our engine")
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mahnlauf-bench-") as folder, temporary(Path(folder) / "kafka", choose("auto")) as bootstrap:
        figures = Benchmark(bootstrap, Path(folder), asked.events, asked.contracts).run()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)


class Benchmark:
    """All contestants on the broker at `bootstrap`; `folder` for their files."""

    def __init__(self, bootstrap: str, folder: Path, events: int, contracts: int) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._events = events
        self._contracts = contracts

    def run(self) -> Figures:
        """Every figure by name."""
        asyncio.run(self._prepare())
        size = {"events": self._events, "contracts": self._contracts}
        figures: Figures = {"events": self._events, "contracts": self._contracts, "partitions": layout.PARTITIONS}
        figures["fold of the counter"] = self._contestant("fold", processor="counter", **size)
        figures["engine, counter"] = self._contestant("engine", processor="counter", app="counter")
        figures["engine, counter, RocksDB"] = self._contestant(
            "engine", processor="counter", app="rocks", state_folder=str(self._folder / "rocks")
        )
        figures["fold of the wide counter"] = self._contestant("fold", processor="wide counter", **size)
        figures["engine, wide counter"] = self._contestant("engine", processor="wide counter", app="wide")
        figures |= self._peers()
        figures["recovery of the counter, memory"] = self._contestant("engine", processor="counter", app="counter", recovery=True)
        figures["latency"] = self._latency()
        figures["catching up, RocksDB"] = self._catching_up()
        figures["fold of the core"] = self._contestant("fold", processor="core", **size)
        figures["engine, core"] = self._contestant("engine", processor="core")
        figures["quixstreams, core"] = self._peer("quixstreams, core", "quixstreams_core", {}, self._events)
        figures["recovery of the core, memory"] = self._contestant("engine", processor="core", recovery=True)
        return figures | {"ratios": _ratios(figures)}

    async def _prepare(self) -> None:
        await topics.create(Connection(self._bootstrap), layout.PARTITIONS)
        await layout.create(self._bootstrap, ["counter", "wide", "behind", "rocks"])
        console.print(f"writing {2 * self._events:,} events")
        await self._publish_counted(self._events)
        await workload.publish(self._bootstrap, workload.lives(self._events, self._contracts), layout.PARTITIONS)

    async def _publish_counted(self, events: int) -> None:
        await workload.publish(self._bootstrap, workload.counted(layout.COUNTER_INPUT, events, self._contracts), layout.PARTITIONS)

    def _peers(self) -> Figures:
        every = [(*peer, self._events) for peer in PEERS] + [(*peer, self._events // SLOW_PEERS_READ) for peer in SLOW_PEERS]
        return {name: self._peer(name, module, asked, events) for name, module, asked, events in every}

    def _peer(self, name: str, module: str, asked: Figures, events: int) -> Figures:
        app = re.sub(r"\W+", "-", name)
        return self._contestant(module, app=app, events=events, state_folder=str(self._folder / app), **asked)

    def _catching_up(self) -> Figures:
        """A local store that is `BEHIND` changelog records behind, because another process went on in the meantime."""
        store = str(self._folder / "store")
        self._contestant("engine", processor="counter", app="behind", state_folder=store)
        asyncio.run(self._publish_counted(BEHIND))
        self._contestant("engine", processor="counter", app="behind")
        return self._contestant("engine", processor="counter", app="behind", state_folder=store, recovery=True)

    def _latency(self) -> Figures:
        asked = {"processor": "counter", "app": "counter", "serve": True, "bootstrap": self._bootstrap}
        with _running("engine", asked):
            return {str(rate): self._contestant("latency", rate=rate, events=rate * LATENCY_S) for rate in LATENCY_RATES}

    def _contestant(self, name: str, **asked: Any) -> Figures:
        return figures_of(name, bootstrap=self._bootstrap, **asked)


@contextlib.contextmanager
def _running(name: str, asked: Figures) -> Iterator[None]:
    process = subprocess.Popen(command(name, asked), stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _ratios(figures: Figures) -> Figures:
    overhead = {
        name: cpu_us(figures[f"engine, {name}"]) - cpu_us(figures[f"fold of the {name}"]) for name in ("counter", "wide counter", "core")
    }
    counter = {name: cpu_us(figures[name]) / cpu_us(figures["engine, counter"]) for name, *_ in (*PEERS, *SLOW_PEERS)}
    return {
        **{f"{name}, to the engine's by CPU": ratio for name, ratio in counter.items()},
        "quixstreams, core, to the engine's by CPU": cpu_us(figures["quixstreams, core"]) / cpu_us(figures["engine, core"]),
        "engine's CPU an event, core, without the fold (us)": overhead["core"],
        "engine's CPU an event, counter, without the fold (us)": overhead["counter"],
        "engine's CPU an event, wide counter, without the fold (us)": overhead["wide counter"],
        "core's to counter's": overhead["core"] / overhead["counter"],
        "core's to wide counter's": overhead["core"] / overhead["wide counter"],
    }


def _show(figures: Figures) -> None:
    table = Table("", "events/s", "events/s a core", "us CPU an event", "MiB", title=f"{figures['events']:,} events")
    for name, row in figures.items():
        if isinstance(row, dict) and "cpu_s" in row:
            rates = row["events"] / row["wall_s"], row["events"] / row["cpu_s"]
            table.add_row(name, *(f"{rate:,.0f}" for rate in rates), f"{cpu_us(row):.1f}", f"{row['memory_mib']:.0f}")
    console.print(table)
    for name, row in figures.items():
        if isinstance(row, dict) and "records" in row:
            rate, rate_cpu = (row["records"] / max(row[seconds], 1e-3) for seconds in ("recovery_s", "recovery_cpu_s"))
            taken = f"{row['recovery_s']:.2f} s ({row['recovery_cpu_s']:.2f} s of CPU)"
            console.print(f"{name}: {row['records']:,} records in {taken}, {rate:,.0f} a second ({rate_cpu:,.0f} a second of CPU)")
    for rate, taken in figures["latency"].items():
        told = ", ".join(f"{name} {taken[field]:.0f} ms" for name, field in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms")))
        console.print(f"latency at {rate} events/s: {told}")
    for name, ratio in figures["ratios"].items():
        console.print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
