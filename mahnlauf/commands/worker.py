"""Run the processor: apply events and ticks exactly once, write statuses, notices and commands."""

import dataclasses
from typing import Annotated

import typer

from mahnlauf import logs, topics
from mahnlauf.connecting import connection
from mahnlauf.failures import BadInput
from mahnlauf.running import run
from mahnlauf.settings import Worker as WorkerSettings
from mahnlauf.settings import load
from schemas.topics import TIMERS
from streams.engine.cluster import Cluster, Connection
from streams.engine.config import EngineConfig
from streams.engine.limits import Limits
from streams.processor import EscalationProcessor
from streams.worker.config import ClockKind, PagesError, WorkerConfig, claimed, engine_config, reachable_at
from streams.worker.readable import readable
from streams.worker.shell import run_worker

app = typer.Typer(add_completion=False)
CLIENT_ID = "mahnlauf-worker"


@app.command("worker", epilog="Example: mahnlauf worker --clock live")
def command(
    clock: Annotated[
        ClockKind | None,
        typer.Option(help="live: a tick each minute, from every worker to its own partitions; none: ticks are published. Default: live."),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Apply what is there now, without a clock, and end.")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="For the pages, instead of worker.port; 0: a free one.")] = None,
) -> None:
    """Run the processor: apply events and ticks exactly once, write statuses, notices and commands.

    As many as you like: they share out the partitions. A cluster has one source of ticks, so all its workers run with the same --clock.
    Pages: /metrics, /healthz, /readyz, /contracts/TENANT/CONTRACT. The log goes to standard error. Ends cleanly on SIGTERM and Ctrl-C
    (exit code 0); with 1 if it cannot go on, with 3 if the cluster is wrong or not there.
    """
    if drain and clock == "live":
        raise BadInput("--drain ends when everything is applied; a live clock never lets it (leave out --clock, or --clock none)")
    settings = load()
    _check_version(settings.worker)
    where = connection(settings.kafka)
    partitions = run(_checked(where))
    config = WorkerConfig(
        _engine(settings.worker, where, partitions, _claimed(settings.worker, port)),
        host=settings.worker.host,
        clock="none" if drain else clock or "live",
        drain=drain,
    )
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    raise typer.Exit(run_worker(config, EscalationProcessor(), readable))


def _check_version(settings: WorkerSettings) -> None:
    known = EscalationProcessor.state_version
    if settings.state_version not in (None, known):
        raise BadInput(f"worker.state_version is {settings.state_version}, and this release writes {known}; leave the setting out")


async def _checked(where: Connection) -> int:
    """How many partitions the cluster's topics have. Raises ClusterWrong."""
    await topics.require(where)
    cluster = Cluster(where, CLIENT_ID)
    await cluster.start()
    try:
        return await cluster.partitions(TIMERS)
    finally:
        await cluster.stop()


def _claimed(settings: WorkerSettings, port: int | None) -> int:
    try:
        return claimed(settings.host, settings.port if port is None else port)
    except PagesError as error:
        raise BadInput(str(error)) from error


def _engine(settings: WorkerSettings, where: Connection, partitions: int, port: int) -> EngineConfig:
    limits = dataclasses.replace(
        Limits(), batch_records=settings.batch_records, batch_bytes=settings.batch_bytes, batch_seconds=settings.batch_ms / 1000
    )
    return engine_config(
        where,
        partitions,
        reachable_at(settings.host, port),
        app=settings.app,
        instance=settings.instance_id,
        state_folder=settings.state_folder if settings.store == "rocksdb" else None,
        session_timeout_ms=settings.session_timeout_ms,
        limits=limits,
    )
