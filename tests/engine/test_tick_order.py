"""A tick is in order also while its publisher's commit is on its way to the log."""

import asyncio

from tests.engine.kit import House, Publisher, eventually


async def test_an_event_published_after_a_tick_does_not_overtake_its_commit(kafka: str) -> None:
    """A commit is acknowledged a moment before it can be read; here the moment lasts until we end it."""
    house = await House.build(kafka, partitions=1)
    events = house.config.inputs[0]
    engine = house.engine()
    running = asyncio.create_task(engine.run())
    async with Publisher(kafka) as publisher, Publisher(kafka, house.config.app + "-clock") as clock:
        await publisher.send(events, b"k", b'{"add": 1, "due": 50}', 10)
        await clock.producer.begin_transaction()
        await house.tick(clock, 50)
        await publisher.send(events, b"k", b'{"add": 7}', 60)

        async def seen() -> bool:
            applied = sum(engine.metrics.events.values())
            waiting = sum(health.lag for health in engine.health().partitions)
            return applied == 2 or applied + waiting == 3  # the first may wait too, if the engine came to it after the tick

        await eventually(seen, "the engine knows of the second event")
        await clock.producer.commit_transaction()

        async def ticked() -> bool:
            return engine.metrics.ticks == 1

        await eventually(ticked, "the tick is applied")
    engine.stop()
    await running
    assert [content["total"] for _, content in await house.outputs() if "tick" in content] == [1]
