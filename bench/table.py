"""Every figure of the benchmarks in one table, the peer's beside ours: `python -m bench.table` (the end of `make bench`).

Reads what the benchmarks last wrote into `bench/results/`; what was not measured is left out. Draws the CPU an event of all contestants
besides: `bench/results/engine.svg`.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

from bench.contestant import Figures, console, cpu_us
from bench.engine import PEERS, RESULTS, SLOW_PEERS
from bench.growth import FLAT

FOLDER: Final = RESULTS.parent
PLOT: Final = "engine.svg"
WIDTH: Final = 130
"""Columns of the table where the terminal is narrower, or there is none."""


class Row(NamedTuple):
    """`ours` beside `its`, formatted already. `ratio`: how many times better than a peer we are; to what is no peer it is ours to that."""

    figure: str
    ours: str
    peer: str = ""
    its: str = ""
    ratio: str = ""
    target: str = ""


def main() -> None:
    wide = Console(width=max(console.width, WIDTH))
    table = Table("", "ours", "beside it", "its", "ratio", "target", title="all benchmarks")
    for row in rows(FOLDER):
        table.add_row(*row)
    wide.print(table)
    if (FOLDER / "engine.json").exists():
        console.print(f"drawn: {draw(json.loads((FOLDER / 'engine.json').read_text()), FOLDER / PLOT)}")


def rows(folder: Path) -> Iterator[Row]:
    """What the results in `folder` say."""
    for name, told in _TOLD.items():
        path = folder / f"{name}.json"
        if path.exists():
            yield from told(json.loads(path.read_text()))


def draw(figures: Figures, to: Path) -> Path:
    """Bars of the CPU an event, the counter's contestants and the core's apart."""
    mpl.use("svg")
    from matplotlib import pyplot  # after the choice of what draws, which must not ask for a screen

    canvas, parts = pyplot.subplots(2, 1, figsize=(9, 5.5), height_ratios=(6, 2), layout="constrained")
    for part, kind in zip(parts, ("counter", "core"), strict=True):
        names = [name for name in figures if name.endswith(f", {kind}")][::-1]
        drawn = part.barh([name.removesuffix(f", {kind}") for name in names], [cpu_us(figures[name]) for name in names])
        part.bar_label(drawn, fmt="%.0f", padding=3)
        part.set_title(f"{kind}: microseconds of CPU an event", loc="left")
    canvas.savefig(to)
    return to


def _engine(found: Figures) -> Iterator[Row]:
    for peer, *_ in (*PEERS, *SLOW_PEERS):
        yield from _beside(found, "counter", peer, ">= 4" if peer == "quixstreams, counter" else "")
        yield from _later(found["engine, counter"], found[peer], peer)
    yield from _beside(found, "core", "quixstreams, core", ">= 1.5")
    memory, rocks = (cpu_us(found[name]) for name in ("engine, counter", "engine, counter, RocksDB"))
    yield _compared("counter in RocksDB, us of CPU an event", "in memory", rocks, memory, rocks / memory)
    for kind in ("counter", "wide counter", "core"):
        ours, fold = cpu_us(found[f"engine, {kind}"]), cpu_us(found[f"fold of the {kind}"])
        yield _compared(f"{kind}, us of CPU an event", "its bare fold", ours, fold, ours / fold)
    for other, target in (("counter", "<= 1.5"), ("wide counter", "")):
        ratio = found["ratios"][f"core's to {other}'s"]
        yield Row(f"worker minus fold, core to {other}", "", ratio=f"{ratio:.2f}", target=target)
    for name, row in found.items():
        if isinstance(row, dict) and "records" in row:
            target = ">= 300,000" if name.endswith("memory") else ""
            yield Row(f"{name}, records/s", f"{row['records'] / max(row['recovery_s'], 1e-3):,.0f}", target=target)
    for rate, taken in found["latency"].items():
        told = " / ".join(f"{taken[field]:.0f}" for field in ("p50_ms", "p99_ms", "p999_ms"))
        yield Row(f"latency at {rate} events/s, p50 / p99 / p99.9 ms", told, target="p99 < 100" if rate == "500" else "")


def _later(ours: Figures, its: Figures, peer: str) -> Iterator[Row]:
    """To a peer that is compiled as it runs: the second half of its events."""
    if "second_half_cpu_s" in its:
        its_us = cpu_us({"cpu_s": its["second_half_cpu_s"], "events": its["events"] / 2})
        name = f"{peer.removesuffix(', counter')}, second half"
        yield _compared("counter, us of CPU an event", name, cpu_us(ours), its_us, its_us / cpu_us(ours))


def _beside(found: Figures, kind: str, peer: str, target: str) -> Iterator[Row]:
    ours, its, name = found[f"engine, {kind}"], found[peer], peer.removesuffix(f", {kind}")
    yield _compared(f"{kind}, us of CPU an event", name, cpu_us(ours), cpu_us(its), cpu_us(its) / cpu_us(ours), target)
    rates = [row["events"] / row["wall_s"] for row in (ours, its)]
    yield _compared(f"{kind}, events/s", name, rates[0], rates[1], rates[0] / rates[1])
    yield _compared(f"{kind}, MiB", name, ours["memory_mib"], its["memory_mib"], its["memory_mib"] / ours["memory_mib"])


def _compared(figure: str, peer: str, ours: float, its: float, ratio: float, target: str = "") -> Row:
    return Row(figure, _number(ours), peer, _number(its), f"{ratio:.2f}", target)


def _apply(found: Figures) -> Iterator[Row]:
    loads_us = found["json_loads_us"]
    for figure, name, target in (("decode", "decode_us", ""), ("apply", "apply_us", f"<= {found['target_us']:.0f}")):
        yield _compared(f"{figure} of the core, us", "json.loads", found[name], loads_us, found[name] / loads_us, target)
    many, few = found["apply_all_features_us"], found["apply_us"]
    yield _compared("apply with all features, us", "few features", many, few, found["all_features_to_few_mean"])


def _preview(found: Figures) -> Iterator[Row]:
    yield Row(f"preview of {found['contracts']:,} contracts, s", _number(found["seconds"]), target=f"< {found['target_seconds']:.0f}")


def _night(found: list[Figures]) -> Iterator[Row]:
    for row in found:
        told = ("a worker with nothing is ready", "cold_s", "<= 60"), ("with its store", "warm_s", "<= 5"), ("night", "night_s", "<= 60")
        for figure, name, target in told:
            yield Row(f"{row['contracts']:,} contracts: {figure}, s", f"{row[name]:.1f}", target=target)


def _connector(found: Figures) -> Iterator[Row]:
    for row in found["limits"]:
        rate = row["handovers"] / row["seconds"]
        yield _compared("handovers a second", "the agency's limit", rate, row["limit"], rate / row["limit"])


def _console(found: Figures) -> Iterator[Row]:
    for kind in (kind for kind in ("sqlite", "postgresql") if kind in found):
        for name in ("from nothing", "changes"):
            yield Row(
                f"projector, {name}, {kind}, records/s",
                _number(found[kind][name]["events"] / found[kind][name]["wall_s"]),
                target=">= 5,000",
            )
        told = found[kind]["pages"]["all"]
        figure = f"pages of {found['cases']:,} cases, {kind}, p50 / p95 ms"
        yield Row(figure, f"{told['p50_ms']:.0f} / {told['p95_ms']:.0f}", target="p95 < 300")


def _scale(found: Figures) -> Iterator[Row]:
    for of, grown in found.get("cost", {}).items():
        first, last = grown["sizes"][0], grown["sizes"][-1]
        target = "linear" if of == "receivables" else f"<= {FLAT}"
        yield _compared(
            f"{last['size']:,} {of}, us of CPU an event",
            f"{first['size']:,}",
            last["cpu_us"],
            first["cpu_us"],
            last["cpu_us"] / first["cpu_us"],
            target,
        )
    workers = found.get("workers", [])
    for row in workers[1:]:
        ours, alone = cpu_us(row), cpu_us(workers[0])
        yield _compared(f"{row['workers']} workers, us of CPU an event", "1 worker", ours, alone, ours / alone)
    if "many" in found:
        row = found["many"]
        name = f"{row['partitions']} partitions, {row['workers']} workers, {row['brokers']} brokers"
        yield Row(f"{name}, us of CPU an event", _number(cpu_us(row)))
        yield Row(f"{name}, the brokers' us of CPU an event", _number(1e6 * row["brokers_cpu_s"] / row["events"]))
        yield Row(f"{name}, transactions/s", _number(row["transactions_per_s"]))
        yield Row(f"{name}, connections", _number(row["loaded_connections"]))


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 1_000 else f"{figure:.1f}"


_TOLD: Final[dict[str, Callable[[Any], Iterator[Row]]]] = {
    "engine": _engine,
    "apply": _apply,
    "night": _night,
    "preview": _preview,
    "connector": _connector,
    "console": _console,
    "scale": _scale,
}
"""By the name of their results: what is told of them."""


if __name__ == "__main__":
    main()
