"""Handovers a second against what the agency allows: `python -m bench.connector`.

A broker of its own, three connectors as processes, an agency (a sandbox in this process) that answers after 50 ms and counts each account's
requests within any one second itself. One account after another, each with another limit; the last one's is more than can go. Writes
`bench/results/connector.json`.
"""

import argparse
import asyncio
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import handovers
from bench.handovers import Member, Publisher, Running, account, connector
from connectors.sandbox.app import Sandbox, SandboxConfig
from connectors.sandbox.traffic import Conditions
from mahnlauf import topics
from mahnlauf.broker.temporary import choose, temporary
from streams.engine.cluster import Connection

RESULTS: Final = Path(__file__).parent / "results" / "connector.json"
LIMITS: Final = (20, 50, 100, 200, 1_000)
SECONDS: Final = 30
HANDOVERS_MAX: Final = 6_000
LATENCY_MS: Final = 50.0
CONNECTORS: Final = 3
PARTITIONS: Final = 4
_WITHIN_S: Final = 600.0
_console = Console()

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="that the handovers of each limit would take at that limit")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mahnlauf-bench-") as folder, temporary(Path(folder) / "kafka", choose("auto")) as bootstrap:
        figures = asyncio.run(_measured(bootstrap, asked.seconds))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)


async def _measured(bootstrap: str, seconds: int) -> Figures:
    await topics.create(Connection(bootstrap), PARTITIONS)
    sandbox = Sandbox(SandboxConfig(port=0))
    await sandbox.start()
    accounts = tuple(account(_name(limit), sandbox.url, _name(limit), limit) for limit in LIMITS)
    try:
        with ExitStack() as stack:
            members = [stack.enter_context(connector(Running(bootstrap, accounts))) for _ in range(CONNECTORS)]
            await handovers.all_ready(members, PARTITIONS)
            async with handovers.publisher(bootstrap) as publisher:
                rows = [await _row(sandbox, publisher, members, limit, min(limit * seconds, HANDOVERS_MAX)) for limit in LIMITS]
    finally:
        await sandbox.stop()
    return {"latency_ms": LATENCY_MS, "connectors": CONNECTORS, "limits": rows}


async def _row(sandbox: Sandbox, publisher: Publisher, members: list[Member], limit: int, count: int) -> Figures:
    """One account's handovers, from the first the agency sees to the last."""
    traffic, customer = sandbox.faults.traffic, _name(limit)
    traffic.conditions = Conditions(per_second=limit, latency_ms=LATENCY_MS)
    contracts = [f"{customer}-{number}" for number in range(count)]
    await publisher.describe(contracts)
    traffic.accounts.clear()
    await publisher.submit(contracts, customer)
    await handovers.until_submitted(traffic.accounts, customer, count, members, _WITHIN_S)
    seen = traffic.accounts[customer]
    figures = {
        "limit": limit,
        "handovers": count,
        "seconds": seen.last_s - seen.first_s,
        "busiest_second": seen.busiest,
        "refused": seen.refused,
        "memory_mib": max(member.sizes_kib[-1] for member in members) / 1024,
    }
    _console.print(figures)
    return figures


def _name(limit: int) -> str:
    return f"limit-{limit}"


def _show(figures: Figures) -> None:
    title = f"{figures['connectors']} connectors, {figures['latency_ms']:.0f} ms an answer"
    table = Table("allowed a second", "handovers", "a second", "of the limit", "in the busiest second", "refused", "MiB", title=title)
    for row in figures["limits"]:
        rate = row["handovers"] / row["seconds"]
        told = f"{row['limit']:,}", f"{row['handovers']:,}", f"{rate:.1f}", f"{rate / row['limit']:.1%}"
        table.add_row(*told, str(row["busiest_second"]), str(row["refused"]), f"{row['memory_mib']:.0f}")
    _console.print(table)


if __name__ == "__main__":
    main()
