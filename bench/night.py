"""The night of a creditor: `python -m bench.night` (part of `make bench`).

Every contract has a receivable; on one tick a step is due for one in twenty. How long a worker with nothing, and one with its local store,
takes to be ready; how long from that tick to the last reminder committed; memory, and what it holds on disk. Once with a tenth of the
contracts, to show how it grows. Writes `bench/results/night.json`.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from rich.table import Table

from bench import layout, workload
from bench.contestant import Figures, console, figures_of
from mahnlauf import topics
from mahnlauf.broker.temporary import choose, temporary
from schemas import topics as names
from streams.engine.cluster import Connection

RESULTS: Final = Path(__file__).parent / "results" / "night.json"
CONTRACTS: Final = 1_000_000
ONE_DUE_IN: Final = 20
ISSUED: Final = date(2025, 2, 3)
NIGHT: Final = datetime(2025, 3, 3, 12, tzinfo=UTC)
"""A Monday, five days after the fifth of the contracts fell due: the policy's first reminder."""
TARGET_S: Final = {"night_s": 60.0, "cold_s": 60.0, "warm_s": 5.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    contracts: int = parser.parse_args().contracts
    figures = [_one(count) for count in (contracts // 10, contracts)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)


def _one(contracts: int) -> Figures:
    """The figures of one size, on a broker of its own."""
    with tempfile.TemporaryDirectory(prefix="mahnlauf-night-") as folder, temporary(Path(folder) / "kafka", choose("auto")) as bootstrap:
        asyncio.run(_publish(bootstrap, contracts))
        store = Path(folder) / "store"
        figures_of("engine", processor="core", bootstrap=bootstrap, state_folder=str(store))
        asked = {"bootstrap": bootstrap, "now": NIGHT.isoformat()}
        cold = figures_of("night", **asked, state_folder=str(Path(folder) / "cold"), ticks=False)
        shutil.rmtree(Path(folder) / "cold")
        night = figures_of("night", **asked, state_folder=str(store), ticks=True)
        sizes = {"store_mib": _mib(store), "kafka_mib": _mib(Path(folder) / "kafka")}
    return {
        "contracts": contracts,
        "due": contracts // ONE_DUE_IN,
        "cold_s": cold["ready_s"],
        "warm_s": night.pop("ready_s"),
        **night,
        **sizes,
    }


async def _publish(bootstrap: str, contracts: int) -> None:
    await topics.create(Connection(bootstrap), layout.PARTITIONS)
    console.print(f"writing {contracts:,} receivables")
    await workload.publish(bootstrap, _receivables(contracts), layout.PARTITIONS)


def _receivables(contracts: int) -> Iterator[workload.Made]:
    at = datetime.combine(ISSUED, time(9), UTC)
    for number in range(contracts):
        due_on = NIGHT.date() + timedelta(days=17 if number % ONE_DUE_IN else -5)
        data = {"invoice_id": f"I-{number}", "issued_on": str(ISSUED), "due_on": str(due_on), "amount": 4990, "currency": "EUR"}
        yield workload.made(names.INVOICES, "invoice.issued", number, number, at, data)


def _mib(folder: Path) -> float:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 2**20


def _show(figures: list[Figures]) -> None:
    table = Table("", *(f"{row['contracts']:,} contracts" for row in figures), "target")
    for name in (name for name in figures[0] if name != "contracts"):
        table.add_row(name, *(f"{row[name]:,.1f}" for row in figures), f"{TARGET_S[name]:.0f}" if name in TARGET_S else "")
    console.print(table)


if __name__ == "__main__":
    main()
