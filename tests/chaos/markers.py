"""What became of transactions, as the log itself tells: the markers that brokers write behind them, and the epoch of who wrote them."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from streams.engine.cluster import READ_UNCOMMITTED, Cluster, Connection

_MAX_BYTES = 8 << 20
_MAX_WAIT_MS = 500


async def aborted(connection: Connection, topic: str) -> int:
    """How many transactions that had written to a partition of `topic` were aborted, each partition counted."""
    cluster = Cluster(connection, "chaos")
    await cluster.start()
    try:
        await cluster.watch([topic])
        return sum([await _aborted(cluster, topic, number) for number in range(await cluster.partitions(topic))])
    finally:
        await cluster.stop()


async def epochs(connection: Connection, topic: str) -> dict[int, list[int]]:
    """By partition, the producer's epoch of each batch of records in the order of the log. Taking a partition raises it (that is what
    fences); so a batch of a lower one behind a batch of a higher one was written by an owner that had been replaced."""
    cluster = Cluster(connection, "chaos")
    await cluster.start()
    try:
        await cluster.watch([topic])
        numbers = range(await cluster.partitions(topic))
        return {
            number: [batch.producer_epoch async for batch in _batches(cluster, topic, number) if not batch.is_control_batch]
            for number in numbers
        }
    finally:
        await cluster.stop()


async def _aborted(cluster: Cluster, topic: str, partition: int) -> int:
    markers = [batch async for batch in _batches(cluster, topic, partition) if batch.is_control_batch]
    return sum(ControlRecord.parse(next(marker).key) == ABORT_MARKER for marker in markers)


async def _batches(cluster: Cluster, topic: str, partition: int) -> AsyncIterator[Any]:
    end = (await cluster.high_watermarks([topic], partition))[topic]
    position = (await cluster.log_starts([topic], partition))[topic]
    while position < end:
        request = FetchRequest(_MAX_WAIT_MS, 1, _MAX_BYTES, READ_UNCOMMITTED, [(topic, [(partition, position, _MAX_BYTES)])])
        answer = await cluster.client.send(cluster.leader(topic, partition), request)
        [(_, [part])] = answer.topics
        batches = MemoryRecords(part[-1])
        while batches.has_next():
            batch = batches.next_batch()
            if batch.base_offset >= position:
                yield batch
            position = max(position, batch.next_offset)
