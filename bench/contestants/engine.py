"""Our engine, exactly once, with the counter or with the real core; states in memory, or in RocksDB where a folder is given.

`serve`: instead of draining, work until the process is terminated.
"""

import asyncio
import gc
import signal
from pathlib import Path
from typing import Any

import uvloop

from bench.layout import core_config, core_processor, counter_config, counter_processor
from bench.measuring import Run, cpu_s, settings, tell
from streams.engine.engine import Engine
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.partition import Phase

LOOK_S = 0.002


def engine(asked: dict[str, Any], run: Run) -> Engine[Any, Any, Any]:
    """The engine that is asked for, over the topics of its processor."""
    folder = Path(asked["state_folder"]) if asked.get("state_folder") else None
    if asked["processor"] == "core":
        return Engine(core_config(asked["bootstrap"], folder), core_processor(run.begin))
    return Engine(counter_config(asked["bootstrap"], asked["app"], folder), counter_processor(asked["processor"], run.begin))


async def main() -> None:
    asked, run = settings(), Run()
    made = engine(asked, run)
    if asked.get("serve"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, made.stop)
        await made.run()
        return
    watching = asyncio.create_task(_recovery(made))
    await made.drain()
    recovery = await watching
    if asked.get("recovery"):
        tell(records=made.metrics.recovered, **recovery)
    else:
        run.end(sum(made.metrics.events.values()))


async def _recovery(made: Engine[Any, Any, Any]) -> dict[str, float]:
    """Seconds, and seconds of CPU, from the first partition that reads its changelog to the last one that is ready."""
    loop = asyncio.get_running_loop()
    began: tuple[float, float] | None = None
    while not (health := made.health()).ready or not health.partitions:
        if began is None and any(part.phase is Phase.RECOVERING for part in health.partitions):
            began = loop.time(), cpu_s()
        await asyncio.sleep(LOOK_S)
    began_s, began_cpu_s = began or (loop.time(), cpu_s())
    return {"recovery_s": loop.time() - began_s, "recovery_cpu_s": cpu_s() - began_cpu_s}


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(main())
