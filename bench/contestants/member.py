"""One of several workers: our engine with the real core, states in memory. It says when it is ready, and, line by line of its input,
where it stands; the end of its input is its end.
"""

import asyncio
import gc
import sys
from dataclasses import replace
from typing import Any

import uvloop

from bench.layout import core_config, core_processor
from bench.measuring import cpu_s, memory_mib, settings, tell
from streams.engine.engine import Engine
from streams.engine.limits import GC_THRESHOLDS

SESSION_MS = 60_000
"""It is stopped while the events are written, and must not lose its partitions by that."""


async def main() -> None:
    asked = settings()
    config = replace(core_config(asked["bootstrap"], None), partitions=asked["partitions"], session_timeout_ms=SESSION_MS)
    made: Engine[Any, Any, Any] = Engine(config, core_processor(lambda: None))
    work, asks = asyncio.create_task(made.run()), await _asks()
    while await asks.readline() and not work.done():
        tell(**_figures(made))
    made.stop()
    await work


def _figures(made: Engine[Any, Any, Any]) -> dict[str, Any]:
    return {
        "partitions": len(made.partitions),
        "ready": made.health().ready,
        "events": sum(made.metrics.events.values()),
        "transactions": made.metrics.transactions["committed"],
        "cpu_s": cpu_s(),
        "memory_mib": memory_mib(),
    }


async def _asks() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(main())
