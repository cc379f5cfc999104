"""The console over a million cases: `python -m bench.console` (part of `make bench`).

How many records a second the projector brings into the views, from nothing and where every record changes a case that is there; then the
pages over HTTP at a fixed rate: how long the answers take, by what is asked. Once over SQLite, and over PostgreSQL where it is installed.
Waits count from when a request was to be sent. Writes `bench/results/console.json`.
"""

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import httpx
from rich.table import Table

from bench import case_records, layout, workload
from bench.contestant import Figures, command, console, figures_of
from console.views.tables import SORTABLE
from mahnlauf import topics
from mahnlauf.broker.temporary import choose, temporary
from streams.engine.cluster import Connection
from tests.console import postgres

RESULTS: Final = Path(__file__).parent / "results" / "console.json"
CASES: Final = 1_000_000
CHANGES: Final = 100_000
RATE: Final = 20
REQUESTS: Final = 1_200
WARM_UP: Final = 60
TARGET_P95_MS: Final = 300
TARGET_RECORDS: Final = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    asked = parser.parse_args()
    kinds = asked.database or ["sqlite", *(["postgresql"] if postgres.programs() else [])]
    with tempfile.TemporaryDirectory(prefix="mahnlauf-console-") as folder, temporary(Path(folder) / "kafka", choose("auto")) as bootstrap:
        figures = Benchmark(bootstrap, Path(folder), asked.cases, asked.requests).run(kinds)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)


class Benchmark:
    """Both databases over the broker at `bootstrap`; `folder` for their files."""

    def __init__(self, bootstrap: str, folder: Path, cases: int, requests: int) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._cases = cases
        self._requests = requests

    def run(self, kinds: list[str]) -> Figures:
        """Every figure by name."""
        asyncio.run(topics.create(Connection(self._bootstrap), layout.PARTITIONS))
        with contextlib.ExitStack() as ends:
            databases = {kind: ends.enter_context(self._database(kind)) for kind in kinds}
            self._publish(case_records.first_told(self._cases))
            rebuilt = {kind: self._projected(url) for kind, url in databases.items()}
            self._publish(case_records.changes(self._cases, CHANGES))
            changed = {kind: self._projected(url) for kind, url in databases.items()}
            pages = {kind: self._pages(kind, url) for kind, url in databases.items()}
        by_kind = {kind: {"from nothing": rebuilt[kind], "changes": changed[kind], "pages": pages[kind]} for kind in kinds}
        return {"cases": self._cases, "changes": CHANGES, "requests_per_s": RATE, **by_kind}

    @contextlib.contextmanager
    def _database(self, kind: str) -> Iterator[str]:
        if kind == "sqlite":
            yield f"sqlite:///{self._folder / 'views.sqlite'}"
            return
        programs = postgres.programs()
        if programs is None:
            raise SystemExit("PostgreSQL is not here: install Debian's postgresql, or ask for --database sqlite alone")
        with postgres.running(programs) as socket:
            yield postgres.made(socket, "views")

    def _publish(self, records: Iterator[workload.Made]) -> None:
        console.print("writing what the processor would write")
        asyncio.run(workload.publish(self._bootstrap, records, layout.PARTITIONS))

    def _projected(self, url: str) -> Figures:
        return figures_of("projector", bootstrap=self._bootstrap, database=url)

    def _pages(self, kind: str, url: str) -> Figures:
        """For everybody's user, and for one creditor's."""
        found: dict[str, list[float]] = {}
        for tenant in ("", case_records.TENANTS[0]):
            people = str(self._folder / f"people-{kind}-{tenant}.sqlite")
            with _served({"database": url, "people": people, "tenant": tenant}) as (address, cookie):
                waits_ms = asyncio.run(_asked(address, cookie, list(_questions(self._cases)), self._requests))
            for question, waited in waits_ms.items():
                found.setdefault(question, []).extend(waited)
        return {question: _told(waited) for question, waited in [*found.items(), ("all", list(chain(*found.values())))]}


@contextlib.contextmanager
def _served(asked: Figures) -> Iterator[tuple[str, str]]:
    """The address of the pages, and the cookie of a session."""
    process = subprocess.Popen(command("pages", asked), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the pages did not start")
        told = json.loads(line)
        yield told["url"], told["cookie"]
    finally:
        process.terminate()
        process.wait(30)


def _questions(cases: int) -> Iterator[tuple[str, str]]:
    """What people ask, by kind: the first page counts as often as all the sorting together."""
    yield from [("first page", "/cases")] * 2 * len(SORTABLE)
    for column in SORTABLE:
        yield from (("sort", f"/cases?sort={order}{column}") for order in ("", "-"))
    draw = random.Random(workload.SEED)
    for _ in range(10):
        number = draw.randrange(cases)
        yield "search", f"/cases?q=c-{number:07d}"
        yield "search", f"/cases?q=az-{number:07d}"
        yield "contract", f"/cases/{case_records.tenant_of(number)}/C-{number:07d}"
    yield from (("search", f"/cases?q={words}") for words in ("rejected", "atriga", "ladder", "prokur ladder_ended", "nobody"))
    yield from (("filter", f"/cases?{filters}") for filters in ("status=Rejected", "agency=prokur&acts=3", "flag=ladder_ended", "acts=2"))
    yield from (("overview, to do", path) for path in ("/overview", "/attention"))


async def _asked(url: str, cookie: str, questions: list[tuple[str, str]], requests: int) -> Mapping[str, list[float]]:
    """Milliseconds by kind of question; one request every 1/`RATE` s, whether the one before was answered or not."""
    draw, waits_ms, asking = random.Random(workload.SEED), defaultdict[str, list[float]](list), []
    async with httpx.AsyncClient(base_url=url, headers={"cookie": cookie}, timeout=60) as client:
        began_s = time.monotonic()
        for number in range(WARM_UP + requests):
            at_s = began_s + number / RATE
            await asyncio.sleep(max(0.0, at_s - time.monotonic()))
            kind, path = draw.choice(questions)
            kept = waits_ms[kind] if number >= WARM_UP else []
            asking.append(asyncio.create_task(_ask(client, path, at_s, kept)))
        await asyncio.gather(*asking)
    return waits_ms


async def _ask(client: httpx.AsyncClient, path: str, at_s: float, waits_ms: list[float]) -> None:
    answer = await client.get(path)
    if answer.status_code not in (200, 404):  # a contract of another creditor is not there
        raise SystemExit(f"{path}: {answer.status_code}")
    waits_ms.append((time.monotonic() - at_s) * 1000)


def _told(waits_ms: list[float]) -> Figures:
    ordered = sorted(waits_ms)
    shares = {f"p{share}_ms": ordered[min(len(ordered) * share // 100, len(ordered) - 1)] for share in (50, 95, 99)}
    return {"requests": len(ordered), **shares, "most_ms": ordered[-1]}


def _show(figures: Figures) -> None:
    kinds = [kind for kind in ("sqlite", "postgresql") if kind in figures]
    projected = Table("records/s", *kinds, "target", title=f"the projector, {figures['cases']:,} cases")
    for name in ("from nothing", "changes"):
        rows = (figures[kind][name] for kind in kinds)
        told = (f"{row['events'] / row['wall_s']:,.0f} ({row['events'] / row['cpu_s']:,.0f} a second of its CPU)" for row in rows)
        projected.add_row(name, *told, f"{TARGET_RECORDS:,}")
    pages = Table("ms", *(f"{kind}: p50, p95, p99" for kind in kinds), "target p95", title=f"the pages at {RATE} requests a second")
    for question in figures[kinds[0]]["pages"]:
        rows = (figures[kind]["pages"][question] for kind in kinds)
        pages.add_row(question, *(f"{row['p50_ms']:.0f}, {row['p95_ms']:.0f}, {row['p99_ms']:.0f}" for row in rows), str(TARGET_P95_MS))
    console.print(projected)
    console.print(pages)


if __name__ == "__main__":
    main()
