"""The Faust app around the engine: supervision, signals, the web server, the clock's timer.

Faust's own Kafka client stays off (`enable_kafka`): what it would bring is a second consumer group for nothing to consume, which every
start waits for; after another worker's kill -9 as long as its session timeout (`docs/faust.md` has the measurement). The engine is a
service of the app: when it fails the app crashes, the process ends with exit code 1, and whoever runs it starts it again.
"""

import asyncio
import gc
import logging
import signal
import tempfile
from typing import Any, Final

import faust
import mode
import structlog
import uvloop
from faust.app import BootStrategy as StockBootStrategy

from streams.engine.engine import Engine
from streams.engine.errors import EngineError
from streams.engine.limits import GC_THRESHOLDS
from streams.worker import metrics, pages
from streams.worker.census import Census, repeat
from streams.worker.clock import EVERY_MINUTE, Clock
from streams.worker.config import WorkerConfig
from streams.worker.observed import MakeEngine, ObservedEngine

log: Any = structlog.get_logger(__name__)

CRASHED: Final = 1
STOP_WITHIN_S: Final = 8.0
"""For the transaction under way and leaving the group, which take a second. Kafka away, it is cut short: no worse than a kill."""
UNHEARD: Final = logging.getLogger("faust.shell")
"""Where Faust's supervision tells that it starts, stops and crashes; what an operator needs of that is told once, by `run_worker`."""
UNHEARD.setLevel(logging.CRITICAL + 1)


class Shell(faust.App):
    """An app that talks to Kafka through its services alone."""

    logger = UNHEARD

    class BootStrategy(StockBootStrategy):
        enable_kafka = False


class Process(faust.Worker):
    """The process the app runs in: signals, exit. It writes nothing to standard output."""

    logger = UNHEARD

    def __init__(self, app: Shell, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        self.spinner = None


def run_worker(config: WorkerConfig, processor: Any, describe: pages.Describe, make_engine: MakeEngine = Engine) -> int:
    """Run until a signal, a failure or, draining, the end; returns the exit code. Takes over the main thread and its signals.

    `describe` turns a state of `processor` into what /contracts shows. Logging is the caller's.
    """
    gc.set_threshold(*GC_THRESHOLDS)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    engine = loop.run_until_complete(_made(make_engine, config, processor))
    with tempfile.TemporaryDirectory(prefix="mahnlauf-worker-") as folder:
        app = _app(config, folder)
        census = Census()
        pages.add(app, engine, metrics.registry(engine, census), pages.ContractPage(engine, describe))
        app.service(_supervised(engine, config.drain))
        if config.clock == "live":
            app.service(_wound(engine, config))
        if not config.drain:
            app.service(_counting(engine, census, config))
        log.info("worker starts", group=config.engine.app, pages=f"http://{config.engine.address}", clock=config.clock, drain=config.drain)
        return _executed(Process(app, loop))


async def _made(make: MakeEngine, config: WorkerConfig, processor: Any) -> ObservedEngine:
    return make(config.engine, processor)


def _app(config: WorkerConfig, folder: str) -> Shell:
    return Shell(
        f"{config.engine.app}-shell",
        datadir=folder,  # Faust wants a folder for tables, of which there are none
        web_bind=config.host,
        web_host=config.host,
        web_port=config.port,
        web_router_enabled=False,
        web_tables_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_metrics_enabled=False,
    )


def _supervised(engine: ObservedEngine, drain: bool) -> type[mode.Service]:
    """The engine as a service: its failure is the app's crash, its end (when drained) the app's stop."""

    class EngineService(mode.Service):
        logger = UNHEARD
        _running: asyncio.Task[None] | None = None

        async def on_started(self) -> None:
            self._running = asyncio.create_task(self._run(), name="engine")

        async def on_stop(self) -> None:
            if self._running is not None:
                engine.stop()
                await asyncio.wait([self._running], timeout=STOP_WITHIN_S)
                self._running.cancel()

        async def _run(self) -> None:
            try:
                await (engine.drain() if drain else engine.run())
            except Exception as error:
                await self.crash(error)
            else:
                signal.raise_signal(signal.SIGTERM)

    return EngineService


def _wound(engine: ObservedEngine, config: WorkerConfig) -> type[mode.Service]:
    """The clock as a service: a tick a minute to the partitions this worker has at that moment."""

    class ClockService(mode.Service):
        logger = UNHEARD

        def __post_init__(self) -> None:
            self._clock = Clock(config.engine.connection, config.engine.timers, client_id=config.engine.client_id)

        @mode.Service.crontab(EVERY_MINUTE)
        async def tick(self) -> None:
            await self._clock.tick(engine.partitions)

        async def on_shutdown(self) -> None:
            await self._clock.stop()

    return ClockService


def _counting(engine: ObservedEngine, census: Census, config: WorkerConfig) -> type[mode.Service]:
    """The census as a service."""

    class CensusService(mode.Service):
        logger = UNHEARD

        @mode.Service.task
        async def count(self) -> None:
            await repeat(census, config.engine.connection, config.engine.client_id, lambda: engine.partitions)

    return CensusService


def _executed(worker: Process) -> int:
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        _tell(worker.crash_reason or end.__context__)
        return end.code if isinstance(end.code, int) else CRASHED
    raise AssertionError("execute_from_commandline always raises SystemExit")


def _tell(reason: BaseException | None) -> None:
    if reason is None:
        log.info("worker ends")
    elif isinstance(reason, EngineError | OSError):
        log.error("worker ends", reason=str(reason))
    else:
        log.error("worker ends by a defect of ours", exc_info=reason)
