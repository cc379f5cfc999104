"""Ticks: what they say, where they go, and what becomes of them without Kafka."""

import asyncio
from datetime import UTC, datetime, timedelta

from schemas.codec import decode
from schemas.topics import TIMERS
from streams.engine.cluster import Connection
from streams.worker.clock import Clock, full_minute
from tests.engine.kit import make_topics, read_all, unique

MINUTE = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_tick_says_the_full_minute_also_when_the_timer_wakes_up_early() -> None:
    assert full_minute(MINUTE + timedelta(milliseconds=3)) == MINUTE
    assert full_minute(MINUTE - timedelta(milliseconds=3)) == MINUTE
    assert full_minute(MINUTE + timedelta(seconds=40)) == MINUTE


async def test_each_partition_gets_the_tick_of_its_minute(kafka: str) -> None:
    topic = unique("timers")
    await make_topics(kafka, [topic], 4)
    times = iter([MINUTE, MINUTE, MINUTE + timedelta(minutes=1)])
    clock = Clock(Connection(kafka), topic, client_id="test", wall=lambda: next(times))
    assert await clock.tick({1, 3})
    assert await clock.tick({3})  # again, by a worker that was paused in between, or by another
    assert await clock.tick({3})
    await clock.stop()
    records = await read_all(kafka, topic)
    assert [record.partition for record in records] == [1, 3, 3, 3]
    ticks = [decode(TIMERS, record.value) for record in records]
    assert ticks[1] == ticks[2]
    assert [tick.data.now for tick in ticks] == [MINUTE, MINUTE, MINUTE, MINUTE + timedelta(minutes=1)]
    assert {(tick.source, tick.data.skew) for tick in ticks} == {("/mahnlauf/clock", 60)}
    assert len({tick.id for tick in ticks}) == 3
    assert [record.timestamp_ms for record in records] == [int(tick.data.now.timestamp()) * 1000 for tick in ticks]
    assert {record.key for record in records} <= {None, b""}


async def test_without_kafka_a_tick_is_left_out() -> None:
    clock = Clock(Connection("127.0.0.1:1"), TIMERS, client_id="test")
    async with asyncio.timeout(10):
        assert not await clock.tick({0})
        await clock.stop()
