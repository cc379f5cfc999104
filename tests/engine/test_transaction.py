"""A transaction is all or nothing, and one transactional id a partition keeps a former owner from writing."""

import asyncio

import pytest

from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import Fenced, RecordTooLarge, TransactionFailed
from streams.engine.fetch import Reader
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter
from tests.engine.kit import eventually, make_topics, read_all, unique


def writer(bootstrap: str, transactional_id: str) -> TransactionalWriter:
    return TransactionalWriter(Connection(bootstrap), transactional_id, client_id="test")


def output(topic: str, value: bytes, *, key: bytes = b"k", latest_only: bool = False, partition: int | None = None) -> Output:
    return Output(topic, key, value, 1_000, (), partition, latest_only)


async def committed(bootstrap: str, group: str, topic: str) -> dict[str, int]:
    cluster = Cluster(Connection(bootstrap), "test")
    await cluster.start()
    try:
        return await cluster.committed(group, [topic], 0)
    finally:
        await cluster.stop()


async def is_committed(bootstrap: str, group: str, topic: str, offset: int) -> bool:
    return await committed(bootstrap, group, topic) == {topic: offset}


async def test_outputs_and_positions_become_visible_together(kafka: str) -> None:
    topic, group = unique("out"), unique("group")
    await make_topics(kafka, [topic], 1)
    mine = writer(kafka, unique("app"))
    await mine.start()
    ends = await mine.commit([output(topic, b"1"), output(topic, b"2")], {(topic, 0): 7}, group_id=group)
    assert ends == {(topic, 0): 2}
    assert [record.value for record in await read_all(kafka, topic)] == [b"1", b"2"]
    await eventually(lambda: is_committed(kafka, group, topic, 7), "the offset is committed")
    await mine.stop()


async def test_a_refused_batch_lets_nothing_of_its_transaction_become_visible(kafka: str) -> None:
    topic, small, group = unique("out"), unique("small"), unique("group")
    await make_topics(kafka, [topic], 1)
    await make_topics(kafka, [small], 1, {"max.message.bytes": "1000"})
    mine = writer(kafka, unique("app"))
    await mine.start()
    with pytest.raises(RecordTooLarge, match=f"{small}-0.*MessageSizeTooLarge.*max.message.bytes"):
        await mine.commit([output(topic, b"1"), output(small, b"x" * 5_000)], {(topic, 0): 7}, group_id=group)
    await mine.stop()
    assert await read_all(kafka, topic) == []
    assert await committed(kafka, group, topic) == {}


async def test_an_unknown_partition_is_refused_by_name(kafka: str) -> None:
    topic = unique("out")
    await make_topics(kafka, [topic], 1)
    mine = writer(kafka, unique("app"))
    await mine.start()
    with pytest.raises(TransactionFailed, match=f"{topic} has no partition 4"):
        await mine.commit([output(topic, b"1", partition=4)])
    await mine.stop()


class HeldUp(TransactionalWriter):
    """A former owner that stands still at one step of its transaction, as a stopped process does, until it is let go."""

    def hold_at(self, step: str) -> None:
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()
        original = getattr(self._producer, step)

        async def held(*arguments: object, **named: object) -> object:
            self.reached.set()
            await self.let_go.wait()
            return await original(*arguments, **named)

        setattr(self._producer, step, held)


@pytest.mark.parametrize("step", ["begin_transaction", "send_batch", "send_offsets_to_transaction", "commit_transaction"])
async def test_the_next_owner_fences_the_former_one_wherever_it_stands(kafka: str, step: str) -> None:
    topic, group, transactional_id = unique("out"), unique("group"), unique("app")
    await make_topics(kafka, [topic], 1)
    former = HeldUp(Connection(kafka), transactional_id, client_id="former")
    await former.start()
    former.hold_at(step)
    stale = asyncio.create_task(former.commit([output(topic, b"stale")], {(topic, 0): 5}, group_id=group))
    await former.reached.wait()
    heir = writer(kafka, transactional_id)
    await heir.start()
    await heir.commit([output(topic, b"rightful")], {(topic, 0): 6}, group_id=group)
    former.let_go.set()
    with pytest.raises(Fenced):
        await asyncio.wait_for(stale, 20)
    assert [record.value for record in await read_all(kafka, topic)] == [b"rightful"]
    await eventually(lambda: is_committed(kafka, group, topic, 6), "the offset is committed")
    await asyncio.gather(former.stop(), heir.stop())


async def test_more_than_a_batch_holds_is_written_in_order(kafka: str) -> None:
    topic = unique("out")
    await make_topics(kafka, [topic], 1)
    mine = writer(kafka, unique("app"))
    await mine.start()
    values = [b"%05d" % i + b"x" * 10_000 for i in range(250)]
    ends = await mine.commit(output(topic, value) for value in values)
    assert ends == {(topic, 0): 250}
    assert [record.value for record in await read_all(kafka, topic)] == values
    await mine.stop()


async def test_of_outputs_to_a_compacted_topic_only_the_last_of_a_key_is_written(kafka: str) -> None:
    topic = unique("out")
    await make_topics(kafka, [topic], 1)
    mine = writer(kafka, unique("app"))
    await mine.start()
    await mine.commit([output(topic, b"a1", key=b"a", latest_only=True), output(topic, b"b1", key=b"b", latest_only=True),
                       output(topic, b"a2", key=b"a", latest_only=True)])  # fmt: skip
    assert sorted((record.key, record.value) for record in await read_all(kafka, topic)) == [(b"a", b"a2"), (b"b", b"b1")]
    await mine.stop()


async def test_a_reader_s_position_passes_markers_and_what_was_aborted(kafka: str) -> None:
    topic, small = unique("in"), unique("small")
    await make_topics(kafka, [topic], 1)
    await make_topics(kafka, [small], 1, {"max.message.bytes": "1000"})
    for outputs in ([output(topic, b"1")], [output(topic, b"aborted"), output(small, b"x" * 5_000)], [output(topic, b"2")]):
        mine = writer(kafka, "once-" + topic)
        await mine.start()
        await asyncio.gather(mine.commit(outputs), return_exceptions=True)
        await mine.stop()
    cluster = Cluster(Connection(kafka), "test")
    await cluster.start()
    reader = Reader(cluster, [topic], 0)
    await cluster.watch([topic])
    reader.seek(topic, 0)
    values: list[bytes | None] = []
    while reader.positions[topic] < (await cluster.high_watermarks([topic], 0))[topic]:
        for _, records in await reader.poll(max_wait_ms=100):
            values += [record.value for record in records]
    assert values == [b"1", b"2"]
    assert reader.positions[topic] == 6  # two records, an aborted one, three markers
    await reader.close()
    await cluster.stop()
