"""The broker goes away, in the middle of work, and comes back: nothing is lost, and nobody has to do anything."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mahnlauf.broker.node import Node
from streams.engine import fetch, hidden
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


async def test_a_transaction_left_open_on_an_input_is_told_and_no_reason_to_restart(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is of the timers, where no tick shows that something waits."""
    monkeypatch.setattr(hidden, "TOLD_AFTER_S", 0.5)
    house = await House.build(kafka, partitions=1)
    timers = house.config.timers
    async with (
        Publisher(kafka) as publisher,
        Publisher(kafka, house.config.app + "-stranger") as stranger,
        Running(house.engine()) as engine,
    ):
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1, "due": 50}', 10)
        await eventually(lambda: all_told(house, 1), "work has begun")
        await stranger.producer.begin_transaction()
        await stranger.send(timers, None, b'{"tick": 50, "skew": 0}', 50)

        async def told() -> bool:
            return waits_for_an_end(engine)

        await eventually(told, "it says behind what it waits")
        (health,) = engine.health().partitions
        assert f"{timers}-0: somebody's transaction is open since offset 0" in health.reason
        assert engine.health().ready
        await publisher.send(house.config.inputs[0], b"k", b'{"add": 1}', 60)
        await eventually(lambda: waited(engine, 0.5), "a record waits behind it")
        assert await engine.alive(0.5), "a restart would not end it"
        await stranger.producer.commit_transaction()
        await eventually(lambda: all_told(house, 3), "the tick and what waited are applied")

        async def is_well() -> bool:
            return not waits_for_an_end(engine)

        await eventually(is_well, "it tells no more")


async def waited(engine: Engine[Any, Any, Any], over_s: float) -> bool:
    return all((health.oldest_unapplied_s or 0) > over_s for health in engine.health().partitions)
