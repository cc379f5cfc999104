"""One worker's engine with the real core and a local store: until it is ready, and (`ticks`) through one tick.

The tick is published by a client of its own, as the clock's; it is over when every partition's last transaction of it is committed.
"""

import asyncio
import gc
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from bench.layout import PARTITIONS, core_config, core_processor
from bench.measuring import cpu_s, memory_mib, settings, tell
from mahnlauf.sending import Sender
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.engine import Engine
from streams.engine.limits import GC_THRESHOLDS
from streams.replay import clock_ticked

LOOK_S = 0.01
REMINDER = topics.NOTICES, "notice.reminder"


async def main() -> None:
    asked = settings()
    made: Engine[Any, Any, Any] = Engine(core_config(asked["bootstrap"], Path(asked["state_folder"])), core_processor(lambda: None))
    began_s = time.monotonic()
    work = asyncio.create_task(made.run())
    await _until(lambda: made.health().ready and len(made.partitions) == PARTITIONS, work)
    figures = {"ready_s": time.monotonic() - began_s}
    if asked["ticks"]:
        figures |= await _night(made, asked["bootstrap"], datetime.fromisoformat(asked["now"]), work)
    made.stop()
    await work
    tell(**figures)


async def _night(made: Engine[Any, Any, Any], bootstrap: str, now: datetime, work: asyncio.Task[None]) -> dict[str, float]:
    async with Sender(Connection(bootstrap)) as clock:
        began_s, began_cpu_s = time.monotonic(), cpu_s()
        await clock.broadcast([(clock_ticked(now), round(now.timestamp() * 1000))])
        await _until(lambda: made.metrics.ticks == PARTITIONS, work)
        figures = {"night_s": time.monotonic() - began_s, "night_cpu_s": cpu_s() - began_cpu_s, "memory_mib": memory_mib()}
    return {**figures, "reminders": made.metrics.outputs[REMINDER], "transactions": made.metrics.transactions["committed"]}


async def _until(condition: Any, work: asyncio.Task[None]) -> None:
    while not condition():
        if work.done():
            work.result()
        await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(main())
