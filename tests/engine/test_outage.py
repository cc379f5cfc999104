"""The broker goes away, in the middle of work, and comes back: nothing is lost, and nobody has to do anything."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mahnlauf.broker.node import Node
from streams.engine import fetch
from streams.engine.engine import Engine
from tests.engine.kit import House, Publisher, eventually
from tests.engine.test_engine import Running
from tests.engine.test_rebalance import Flow, everything_is_told, in_sequence

BROKERS = 3
"""How often the scenario may begin anew, with another broker, because Kafka forgot the end of a transaction (docs/guarantees.md)."""


async def test_work_goes_on_by_itself_when_the_broker_is_back(tmp_path: Path) -> None:
    for number in range(BROKERS):
        if await work_goes_on(tmp_path / f"broker-{number}"):
            return
    pytest.fail(f"{BROKERS} brokers in a row forgot the end of a transaction")


async def work_goes_on(folder: Path) -> bool:
    """False if the broker forgot the end of a transaction that it was committing when it stopped."""
    node = Node(folder)
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
            await asyncio.to_thread(node.stop)

            async def noticed() -> bool:
                return any((health.kafka_silent_s or 0) > 0.5 for health in engine.health().partitions)

            await eventually(noticed, "the engine notices")
            assert await engine.alive(0.5), "Kafka being away is no reason to restart a worker"
            await asyncio.to_thread(node.start)

            async def decided() -> bool:
                return waits_for_an_end(engine) or await everything_is_told(house, flow.sent)

            await eventually(decided, "everything is told")
            if waits_for_an_end(engine):
                return False
            assert engine.health().ready
        assert in_sequence(await house.outputs()) == dict(flow.sent)
        return True
    finally:
        await asyncio.to_thread(node.stop)


def waits_for_an_end(engine: Engine[Any, Any, Any]) -> bool:
    """Whether a partition says that a transaction's end is lost on the broker."""
    return any("kafka-transactions.sh" in health.reason for health in engine.health().partitions)


async def some_are_told(house: House) -> bool:
    return len(await house.outputs()) > 50


@pytest.mark.parametrize("of", ["journal", "changelog"])
async def test_a_lost_end_of_the_former_owner_s_transaction_is_told_and_waited_for(
    kafka: str, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """A cluster's only broker may forget the markers of a transaction it was committing when it stopped; the partition must not hang in
    silence."""
    monkeypatch.setattr(fetch, "_DECIDED_WITHIN_S", 0.5)
    house = await House.build(kafka, partitions=1)
    async with Publisher(kafka) as publisher, Publisher(kafka, house.config.app + "-lost") as lost:
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}')
        await lost.producer.begin_transaction()
        await lost.send(getattr(house.config, of), b"k", None, partition=0)
        engine = house.engine()
        running = asyncio.create_task(engine.run())

        async def told() -> bool:
            return waits_for_an_end(engine)

        await eventually(told, "it says what it waits for")
        assert not engine.health().ready
        await lost.producer.abort_transaction()
        await eventually(lambda: all_told(house, 1), "it goes on by itself")
        engine.stop()
        await running


async def all_told(house: House, count: int) -> bool:
    return len(await house.outputs()) == count
