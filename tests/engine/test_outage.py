"""The broker goes away, in the middle of work, and comes back: nothing is lost, and nobody has to do anything."""

import asyncio
from pathlib import Path

from mahnlauf.broker.node import Node
from tests.engine.kit import House, Publisher, eventually
from tests.engine.test_engine import Running
from tests.engine.test_rebalance import Flow, everything_is_told, in_sequence


async def test_work_goes_on_by_itself_when_a_killed_broker_is_back(tmp_path: Path) -> None:
    node = Node(tmp_path / "broker")
    await asyncio.to_thread(node.start)
    try:
        house = await House.build(node.bootstrap, partitions=2)
        async with Running(house.engine()) as engine:
            flow = Flow(house)
            await eventually(lambda: some_are_told(house), "work has begun")
            await flow.end()
            async with Publisher(node.bootstrap) as publisher:
                await publisher.send_many(house.config.inputs[0], [(b"key-0", b'{"add": 1}', 1)] * 2_000)
                flow.sent[b"key-0"] += 2_000
            await asyncio.to_thread(node.kill)

            async def noticed() -> bool:
                return any((health.kafka_silent_s or 0) > 0.5 for health in engine.health().partitions)

            await eventually(noticed, "the engine notices")
            assert await engine.alive(0.5), "Kafka being away is no reason to restart a worker"
            await asyncio.to_thread(node.start)
            await eventually(lambda: everything_is_told(house, flow.sent), "everything is told")
            assert engine.health().ready
        assert in_sequence(await house.outputs()) == dict(flow.sent)
    finally:
        await asyncio.to_thread(node.stop)


async def some_are_told(house: House) -> bool:
    return len(await house.outputs()) > 50
