"""Our engine with the counter, exactly once; states in memory, or in RocksDB where a folder is given."""

import gc
from pathlib import Path

import uvloop

from bench.counting import Counter
from bench.layout import counter_config
from bench.measuring import Run, settings
from streams.engine.engine import Engine
from streams.engine.limits import GC_THRESHOLDS


async def main() -> None:
    asked = settings()
    run = Run()
    folder = Path(asked["state_folder"]) if asked.get("state_folder") else None
    engine = Engine(counter_config(asked["bootstrap"], asked["app"], folder), Counter(run.begin))
    await engine.drain()
    run.end(sum(engine.metrics.events.values()))


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(main())
