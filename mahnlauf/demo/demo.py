"""The demo itself: make the cluster, let the days pass, tell what happened, and have it audited."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Final

import httpx

from mahnlauf import stories, topics
from mahnlauf.audit.auditing import Audit, audit
from mahnlauf.commands.audit import tell
from mahnlauf.configuration import apply_policy, set_tenant
from mahnlauf.demo import history
from mahnlauf.demo.cases import Cases
from mahnlauf.demo.chain import Chain, ChainBroken, running
from mahnlauf.demo.display import ORDER, Show, display
from mahnlauf.demo.quiet import Quiet
from mahnlauf.demo.watching import Seen, Watch, watching
from mahnlauf.policy_file import read_policy, read_tenant
from mahnlauf.progress import bars
from mahnlauf.publishing import Days, publish
from mahnlauf.telling import say
from streams.engine.cluster import Cluster, Connection
from streams.processor import EscalationProcessor

PARTITIONS: Final = 4
"""Enough to see a chain divided, few enough for two cores."""
NOON: Final = time_of_day(12)
HISTORY_LINES: Final = 60
ANSWER_WITHIN_S: Final = 30.0
LOOK_AGAIN_S: Final = 1.0
"""Between two looks whether all processes still run."""


@dataclass(slots=True)
class Outcome:
    """What the demo came to. `missing`: what a chain that works must have done, and this one has not."""

    audit: Audit
    missing: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.audit.clean and not self.missing


@dataclass(frozen=True, slots=True)
class Lived:
    """A chain after its days. `http` asks its processes; `seen`: all that went by."""

    connection: Connection
    chain: Chain
    http: httpx.AsyncClient
    seen: Seen


async def demo(bootstrap: str, cases: Cases, folder: Path, *, complete: bool, keep: bool) -> Outcome:
    """Run it over an empty Kafka. `complete`: the cases are such that everything must happen. `keep`: let everything run on until Ctrl-C.

    Raises CommandFailed, EngineError.
    """
    async with lived(bootstrap, cases, folder) as town:
        if keep:
            outcome = await _told(town.connection, cases, town.seen, complete=complete)
            await _stay(town.chain)
            return outcome
    return await _told(town.connection, cases, town.seen, complete=complete)


@asynccontextmanager
async def lived(bootstrap: str, cases: Cases, folder: Path) -> AsyncIterator[Lived]:
    """The chain over an empty Kafka, still running, after all days of the cases. Raises CommandFailed, EngineError."""
    connection = Connection(bootstrap)
    await _prepare(connection, cases, folder)
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as http:
        say("starting worker, connector, the agency's sandbox and the console")
        async with running(folder, bootstrap, cases.tenants, http) as chain, watching(connection) as watch:
            say(f"look at it while it runs: {chain.door}")
            await _direct(http, chain, cases)
            await _days(connection, chain, http, cases, watch)
            await watch.caught_up()
            yield Lived(connection, chain, http, watch.seen)


async def _told(connection: Connection, cases: Cases, seen: Seen, *, complete: bool) -> Outcome:
    _summarize(seen)
    await _path(connection, cases.exemplar or max(seen.history, key=lambda key: (seen.history[key], key), default=None))
    return Outcome(await _audit(connection), _missing(seen) if complete else _missing_of_any(seen))


async def _stay(chain: Chain) -> None:
    """Until Ctrl-C. Raises ChainBroken if a process ends before."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    say(f"everything stays up until Ctrl-C; the console is at {chain.console.url}")
    while not told.is_set():
        chain.check()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), LOOK_AGAIN_S)


async def _prepare(connection: Connection, cases: Cases, folder: Path) -> None:
    await topics.create(connection, PARTITIONS)
    (folder / "policy.yaml").write_text(stories.POLICY)
    (folder / "tenant.yaml").write_text(stories.SETTINGS)
    policy, settings = read_policy(folder / "policy.yaml"), read_tenant(folder / "tenant.yaml")
    for tenant in cases.tenants:
        await set_tenant(connection, settings.model_copy(update={"tenant": tenant}), cases.beginning)
    for tenant in cases.without_policy:
        await apply_policy(connection, tenant, policy, cases.beginning)


async def _direct(http: httpx.AsyncClient, chain: Chain, cases: Cases) -> None:
    for script in cases.scripts:
        answer = await http.post(f"{chain.sandbox.url}/script", json=script)
        if answer.status_code != httpx.codes.OK:
            raise ChainBroken(f"the sandbox does not take the script of {script['contract']}: {answer.text}")


async def _days(connection: Connection, chain: Chain, http: httpx.AsyncClient, cases: Cases, watch: Watch) -> None:
    cluster = Cluster(connection, "mahnlauf-demo")
    await cluster.start()
    began, passed = time.monotonic(), 0
    try:
        quiet = Quiet(cluster, PARTITIONS, chain, http)
        with display() as show:
            day_done = _day_done(quiet, watch.seen, show)
            passed = (await publish(connection, cases.files, Days(NOON, cases.until), after_tick=day_done)).ticks
    finally:
        await cluster.stop()
    say(f"{passed} days passed in {time.monotonic() - began:.0f} s")


def _day_done(quiet: Quiet, seen: Seen, show: Show) -> Callable[[datetime], Awaitable[None]]:
    async def done(tick: datetime) -> None:
        await quiet.day_done(tick)
        show(tick, seen)

    return done


def _summarize(seen: Seen) -> None:
    by_kind = (("notices", seen.notices), ("to the agency", seen.commands), ("answers", seen.replies), ("booked", seen.bookings))
    say("")
    for name in ORDER:
        if seen.status[name]:
            say(f"{seen.status[name]:>8,}  {name}")
    for title, counts in by_kind:
        say(f"{title}: " + (", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())) or "none"))
    say(f"escalations reset after a successful close: {seen.resets:,}")
    if seen.dead_letters:
        say("dead letters: " + ", ".join(f"{count:,} {topic}" for topic, count in sorted(seen.dead_letters.items())))


async def _path(connection: Connection, key: str | None) -> None:
    if key is not None:
        say(f"\nthe path of {key}:")
        for told in history.shown(await history.told(connection, key), HISTORY_LINES):
            say(told)
        say("")


async def _audit(connection: Connection) -> Audit:
    with bars(counted=False) as begin:
        told = await audit(connection, EscalationProcessor(), begin("auditing"))
    tell(told)
    return told


def _missing_of_any(seen: Seen) -> list[str]:
    """What must hold whatever the cases are."""
    unanswered = seen.commands["case.submit"] - seen.replies["case.passed"] - seen.replies["case.failed"] - seen.replies["case.rejected"]
    return [f"{unanswered} handovers without an answer"] if unanswered > 0 else []


def _missing(seen: Seen) -> list[str]:
    """What the stories must come to."""
    missing = [f"no contract was ever {status}" for status in ORDER if status not in seen.reached]
    if not seen.resets:
        missing.append("no escalation was reset after a successful close")
    if seen.dead_letters:
        missing.append(f"{seen.dead_letters.total()} dead letters, and the stories have none")
    return missing + _missing_of_any(seen)
