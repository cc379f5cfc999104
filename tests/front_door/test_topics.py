"""The topics of a cluster: made once, compared afterwards, and fit for events that are older than any retention."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidTimestampError

from mahnlauf import topics
from mahnlauf.failures import ClusterWrong
from schemas.topics import CASE_STATUS, INVOICES, PAYMENTS, POLICIES, TIMERS, TOPICS, dead_letters
from streams.engine.cluster import Connection

PARTITIONS = 2


@pytest.fixture
async def cluster(own_kafka: str) -> Connection:
    connection = Connection(own_kafka)
    await topics.create(connection, PARTITIONS)
    return connection


async def test_a_made_cluster_is_as_it_must_be_and_is_not_made_again(cluster: Connection) -> None:
    assert await topics.create(cluster, PARTITIONS) == []
    assert await topics.check(cluster) == []
    await topics.require(cluster, PARTITIONS)


async def test_every_difference_is_told(cluster: Connection) -> None:
    wrong = {"cleanup.policy": "delete", "retention.ms": "1000", "max.message.bytes": "1000"}
    async with _replaced(cluster, NewTopic(CASE_STATUS, PARTITIONS + 1, 1, topic_configs=wrong)):
        found = {(difference.topic, difference.what): difference.found for difference in await topics.check(cluster)}
    assert found[CASE_STATUS, "cleanup.policy"] == "delete"
    assert found[CASE_STATUS, "max.message.bytes"] == "1000"
    assert found[CASE_STATUS, "partitions"] == str(PARTITIONS + 1)
    assert {topic for topic, _ in found} == {CASE_STATUS}


async def test_retention_that_would_delete_events_is_refused_with_the_way_to_mend_it(cluster: Connection) -> None:
    async with _replaced(cluster, NewTopic(PAYMENTS, PARTITIONS, 1)):
        with pytest.raises(ClusterWrong, match=rf"{PAYMENTS}: retention\.ms is 604800000, must be -1; mend it with kafka-configs\.sh"):
            await topics.require(cluster)


async def test_more_than_wanted_is_no_difference(cluster: Connection) -> None:
    [spec] = [spec for spec in TOPICS if spec.name == INVOICES]
    generous = spec.settings(min_insync_replicas=1) | {"max.message.bytes": str(8 << 20)}
    async with _replaced(cluster, NewTopic(INVOICES, PARTITIONS, 1, topic_configs=generous)):
        assert await topics.check(cluster) == []


async def test_a_missing_topic_is_told(cluster: Connection) -> None:
    async with _admin(cluster) as admin:
        await _delete(admin, dead_letters(PAYMENTS))
    [difference] = await topics.check(cluster)
    assert str(difference) == f"{dead_letters(PAYMENTS)}: topic is missing, must be there; make it with: mahnlauf topics create"
    assert await topics.create(cluster, PARTITIONS) == [dead_letters(PAYMENTS)]


async def test_another_number_of_partitions_than_asked_for_is_told_of_each_partitioned_topic(cluster: Connection) -> None:
    told = {difference.topic for difference in await topics.check(cluster, partitions=PARTITIONS + 1)}
    assert told == {spec.name for spec in TOPICS if spec.partitioned}
    assert POLICIES not in told


async def test_events_of_long_ago_are_taken_and_ticks_of_tomorrow_are_not(cluster: Connection) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(INVOICES, b"{}", timestamp_ms=_ms(datetime(1987, 1, 1, tzinfo=UTC)))
        with pytest.raises(InvalidTimestampError):
            await producer.send_and_wait(TIMERS, b"{}", timestamp_ms=_ms(datetime.now(UTC) + timedelta(minutes=5)))
    finally:
        await producer.stop()


async def test_what_a_cluster_refuses_to_make_is_told(own_kafka: str) -> None:
    async with _admin(Connection(own_kafka)) as admin:
        await _delete(admin, POLICIES)
    with pytest.raises(ClusterWrong, match=rf"(?s)refuses to make topics.*{POLICIES}"):
        await topics.create(Connection(own_kafka), PARTITIONS, replication=3)


async def test_a_cluster_that_is_not_there_is_told_with_its_address() -> None:
    with pytest.raises(ClusterWrong, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        await topics.check(Connection("127.0.0.1:1"))


@pytest.mark.parametrize(("replication", "wanted"), [(1, 1), (2, 1), (3, 2), (5, 2)])
def test_min_insync_replicas(replication: int, wanted: int) -> None:
    assert topics.min_insync_replicas(replication) == wanted


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@asynccontextmanager
async def _admin(cluster: Connection) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _replaced(cluster: Connection, topic: NewTopic) -> AsyncIterator[None]:
    """The topic is another one inside the block, and made as it must be again by the next `cluster`."""
    async with _admin(cluster) as admin:
        await _delete(admin, topic.name)
        await admin.create_topics([topic])
        await _until(admin, topic.name, there=True)
        try:
            yield
        finally:
            await _delete(admin, topic.name)


async def _delete(admin: Any, topic: str) -> None:
    await admin.delete_topics([topic])
    await _until(admin, topic, there=False)


async def _until(admin: Any, topic: str, *, there: bool) -> None:
    """The controller answers before the broker knows."""
    async with asyncio.timeout(20):
        while (topic in await admin.list_topics()) is not there:
            await asyncio.sleep(0.01)
