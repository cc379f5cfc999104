"""A cluster with the product's topics, driven from outside: by the command line, by worker processes, by the public clients."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from mahnlauf.configuration import apply_policy, set_tenant
from mahnlauf.exporting import export
from mahnlauf.publishing import Days, Published, publish
from mahnlauf.sending import Sender
from mahnlauf.topics import create
from schemas import topics
from schemas.accounts import TenantSettings
from streams.engine.cluster import Cluster, Connection
from streams.engine.protocol import Output
from streams.replay import Replayed, clock_ticked
from tests.chaos.cases import TICK, Cases, Slice
from tests.chaos.figures import Figures
from tests.chaos.markers import aborted, epochs
from tests.chaos.process import ROOT, Worker

PARTITIONS = 8
GROUP = "escalation"
SESSION_S = 6
COMMAND_WITHIN_S = 120.0
DRAIN_WITHIN_S = 180.0
BY_ARRIVAL = frozenset({"version", "changed_at", "last_changes"})
"""Fields of case-status that tell when and how often a status changed."""
COMPARED = (topics.CASE_HISTORY, topics.NOTICES, topics.COMMANDS, topics.BOOKINGS)
"""Topics of which every record counts; of case-status the last of each key."""

ByKey = dict[str, list[Any]]


class Told(NamedTuple):
    """What a command said. `code` is its exit code."""

    code: int
    out: str
    words: str


class House:
    """One cluster. `folder` takes files and logs of this test; `close` ends every worker that is left."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.connection = Connection(bootstrap)
        self.folder = folder
        self.workers: list[Worker] = []
        self._files = 0
        self._runner = asyncio.Runner()
        self._clock: Sender | None = None

    # --- the command line

    def told(self, *arguments: str) -> Told:
        """Run `mahnlauf ARGUMENTS` to its end."""
        command = [sys.executable, "-m", "mahnlauf", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str) -> str:
        """The same where it must succeed. Returns standard output."""
        told = self.told(*arguments)
        assert told.code == 0, f"mahnlauf {' '.join(arguments)} ended with {told.code}:\n{told.out}{told.words}"
        return told.out

    def furnish(self, cases: Cases) -> None:
        """Topics, the tenant's policy and the tenant, from before the first event on."""
        asyncio.run(self._furnish(cases))

    async def _furnish(self, cases: Cases) -> None:
        before = cases.lines[0].moment - timedelta(days=1)
        await create(self.connection, PARTITIONS)
        await apply_policy(self.connection, cases.tenant, cases.policy, before)
        tenant = TenantSettings(tenant=cases.tenant, default_policy=cases.policy.policy)
        await set_tenant(self.connection, tenant, before)

    def audit(self) -> dict[str, Any]:
        """What the audit says, whatever its verdict."""
        told = self.told("audit", "--json")
        assert told.code in (0, 1), f"mahnlauf audit ended with {told.code}:\n{told.out}{told.words}"
        found: dict[str, Any] = json.loads(told.out)
        return found

    # --- events

    def publish(self, piece: Slice, *, ticks: bool = True) -> Published:
        """Publish with a tick a day at noon, as `mahnlauf publish FILE --tick 12:00Z --until DATE` does, without a process for it."""
        self._files += 1
        file = piece.written(self.folder / f"slice-{self._files}.jsonl")
        return asyncio.run(publish(self.connection, [file], Days(TICK if ticks else None, piece.until)))

    def tick(self, moments: Sequence[datetime]) -> None:
        """Ticks, and nothing else."""
        self._runner.run(self._tick(moments))

    async def _tick(self, moments: Sequence[datetime]) -> None:
        if self._clock is None:
            self._clock = await Sender(self.connection).__aenter__()
        await self._clock.broadcast([(clock_ticked(moment), round(moment.timestamp() * 1000)) for moment in moments])

    # --- workers

    def worker(self, name: str, *options: str, **settings: str) -> Worker:
        """Start a worker; `settings` as `MAHNLAUF_WORKER__…` takes them."""
        own = {f"MAHNLAUF_WORKER__{setting.upper()}": value for setting, value in settings.items()}
        started = Worker(name, self.folder, {**self.environment(), **own}, *options)
        self.workers.append(started)
        return started

    def drain(self, name: str = "drain", **settings: str) -> None:
        """One worker that applies everything there is and leaves; it must end with exit code 0."""
        worker = self.worker(name, "--drain", **settings)
        code = worker.ended(DRAIN_WITHIN_S)
        assert code == 0, f"worker {name} ended with {code}:\n{worker.last_words()}"

    def figures(self) -> Figures:
        """The metrics of all workers there were, added."""
        return Figures.together(worker.figures() if worker.running else worker.last for worker in self.workers)

    def close(self) -> None:
        for worker in self.workers:
            if worker.running:
                worker.go_on()
                worker.process.kill()
                worker.process.wait()
        if self._clock is not None:
            self._runner.run(self._clock.__aexit__())
        self._runner.close()

    # --- what the cluster holds

    def settle(self, within_s: float = 90.0) -> None:
        """Wait until everything on the inputs is applied, as Kafka sees it."""
        asyncio.run(self._settled(within_s))

    async def _settled(self, within_s: float) -> None:
        cluster = Cluster(self.connection, "chaos")
        await cluster.start()
        try:
            await cluster.watch(topics.INPUTS)
            async with asyncio.timeout(within_s):
                while behind := await self._behind(cluster):
                    await asyncio.sleep(0.1)  # between two questions to the broker
        except TimeoutError:
            raise AssertionError(f"not within {within_s:.0f} s: everything is applied; (position, end): {behind}") from None
        finally:
            await cluster.stop()

    async def _behind(self, cluster: Cluster) -> dict[str, tuple[int, int]]:
        """First all positions, then all ends: what a worker forwards stands behind no position that was read before."""
        numbers = range(PARTITIONS)
        positions = [await cluster.committed(GROUP, topics.INPUTS, number) for number in numbers]
        ends = [await cluster.high_watermarks(topics.INPUTS, number) for number in numbers]
        return {
            f"{topic}-{number}": (positions[number].get(topic, 0), end)
            for number in numbers
            for topic, end in ends[number].items()
            if positions[number].get(topic, 0) < end
        }

    def status(self) -> dict[str, Any]:
        """The last case-status of each contract."""
        return {line["key"]: line["value"] for line in self.exported(topics.CASE_STATUS)}

    def kept(self, topic: str) -> ByKey:
        """All records of each contract, in order."""
        return by_key((line["key"], line["value"]) for line in self.exported(topic))

    def exported(self, topic: str) -> list[dict[str, Any]]:
        """All lines that export writes of a topic."""
        file = io.BytesIO()
        asyncio.run(export(self.connection, topic, file))
        return [json.loads(line) for line in file.getvalue().splitlines()]

    def aborted(self) -> int:
        """How many transactions of workers the brokers have aborted (of those that had got as far as the journal)."""
        return asyncio.run(aborted(self.connection, topics.JOURNAL))

    def epochs(self) -> dict[int, list[int]]:
        """Of each partition, the epoch of whoever wrote each transaction, in the order of the journal."""
        return asyncio.run(epochs(self.connection, topics.JOURNAL))

    def environment(self, bootstrap: str | None = None) -> dict[str, str]:
        """What a process of ours is told by; `bootstrap`: its own way to the brokers."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MAHNLAUF_")}
        return {
            **ours,
            "PYTHONPATH": str(ROOT),
            "MAHNLAUF_STATE": str(self.folder / "state"),
            "MAHNLAUF_KAFKA__BOOTSTRAP": bootstrap or self.bootstrap,
            "MAHNLAUF_KAFKA__PARTITIONS": str(PARTITIONS),
            "MAHNLAUF_WORKER__SESSION_TIMEOUT_MS": str(SESSION_S * 1000),
        }


def by_key(records: Iterable[tuple[str, Any]]) -> ByKey:
    found: ByKey = {}
    for key, value in records:
        found.setdefault(key, []).append(value)
    return found


def assert_like_replay(house: House, replayed: Replayed, kept: Sequence[str] = COMPARED) -> dict[str, int]:
    """Record for record, whole value, of each key in order. Returns how many records of each topic were compared."""
    wanted = latest(replayed)
    assert_same(topics.CASE_STATUS, house.status(), wanted)
    counts = {topics.CASE_STATUS: len(wanted)}
    for topic in kept:
        outputs = replayed.outputs.get(topic, [])
        assert_same(topic, house.kept(topic), by_key(_read(output) for output in outputs))
        counts[topic] = len(outputs)
    return counts


def assert_ends_like_replay(house: House, cases: Cases, replayed: Replayed) -> str:
    """The last case-status of each contract, whole value; of those whose events arrive in no certain order, all but how often and when
    the status changed. Returns in words what was compared."""
    undecided = cases.undecided()
    found, wanted = house.status(), latest(replayed)
    assert_same(topics.CASE_STATUS, *({key: row for key, row in rows.items() if key not in undecided} for rows in (found, wanted)))
    assert_same(topics.CASE_STATUS, *({key: standing(row) for key, row in rows.items() if key in undecided} for rows in (found, wanted)))
    return f"final case-status of {len(wanted)} contracts as in the replay ({len(undecided & wanted.keys())} but for order of arrival)"


def standing(row: dict[str, Any]) -> dict[str, Any]:
    """A case-status without what tells the order of arrival."""
    return {name: value for name, value in row["data"].items() if name not in BY_ARRIVAL}


def latest(replayed: Replayed) -> dict[str, Any]:
    """The last case-status of each contract, as `House.status` gives them."""
    return dict(_read(output) for output in replayed.case_status.values())


def _read(output: Output) -> tuple[str, Any]:
    assert output.key is not None
    assert output.value is not None
    return output.key.decode(), json.loads(output.value)


def assert_same(topic: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Equal by key; an AssertionError shows the first key that is not, and the records themselves."""
    different = [key for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]
    if different:
        told = "\n".join(f"{who}: {json.dumps(which.get(different[0]))}" for who, which in (("found   ", found), ("replayed", wanted)))
        raise AssertionError(f"{topic}: {len(different)} of {len(wanted)} contracts differ, the first is {different[0]}\n{told}")


def said(verdict: dict[str, Any]) -> str:
    """The audit's verdict in words."""
    return ", ".join(f"{verdict[kind]} {kind}" for kind in ("lost", "doubled", "different"))


def assert_clean(told: dict[str, Any]) -> None:
    """The audit's verdict, and that it has seen everything."""
    assert (told["lost"], told["doubled"], told["different"]) == (0, 0, 0), told["findings"][:10]
    assert told["not_applied"] == 0
    assert told["events"] > 0
