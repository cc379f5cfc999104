"""Stock faust-streaming with the same counter: an agent and a table, as its documentation has them, the table's changelog on the broker.

At least once, its default, or `guarantee`. Its states are in memory, which is faster than its RocksDB store. Nothing goes wrong in a
benchmark; what is lost and doubled where something does is told in docs/faust.md.
"""

import asyncio
from typing import Any

import faust

from bench.counting import OUT_TOPIC, count, dump, load, read
from bench.layout import COUNTER_INPUT, PARTITIONS
from bench.measuring import Run, settings

WITHIN_S = 1_500.0
RAW: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}


def counter(asked: dict[str, Any], run: Run, over: asyncio.Event) -> faust.App:
    """The app; `over` is set when it has counted all events."""
    app = faust.App(
        asked["app"],
        broker=f"kafka://{asked['bootstrap']}",
        store="memory://",
        datadir=asked["state_folder"],
        processing_guarantee=asked.get("guarantee", "at_least_once"),
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_allow_declare=True,
        web_enabled=False,
    )
    source = app.topic(COUNTER_INPUT, **RAW)
    target = app.topic(OUT_TOPIC, **RAW)
    counted = app.Table("counted", partitions=PARTITIONS, key_type=bytes, value_type=bytes)
    seen = 0

    @app.agent(source)
    async def step(stream: Any) -> None:
        nonlocal seen
        async for key, value in stream.items():
            run.begin()
            event = read(value)
            kept = counted.get(key)
            after, told = count(None if kept is None else load(kept), event)
            counted[key] = dump(after)
            await target.send(key=key, value=told)
            seen += 1
            if seen == asked["events"]:
                over.set()

    return app


async def main() -> None:
    asked, run, over = settings(), Run(), asyncio.Event()
    app = counter(asked, run, over)
    await app.start()
    async with asyncio.timeout(WITHIN_S):
        await over.wait()
    await app.stop()
    run.end(asked["events"])


if __name__ == "__main__":
    asyncio.run(main())
