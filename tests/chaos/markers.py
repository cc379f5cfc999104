"""What became of transactions, as the log itself tells: the markers that brokers write behind them."""

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


async def _aborted(cluster: Cluster, topic: str, partition: int) -> int:
    end = (await cluster.high_watermarks([topic], partition))[topic]
    position = (await cluster.log_starts([topic], partition))[topic]
    count = 0
    while position < end:
        request = FetchRequest(_MAX_WAIT_MS, 1, _MAX_BYTES, READ_UNCOMMITTED, [(topic, [(partition, position, _MAX_BYTES)])])
        answer = await cluster.client.send(cluster.leader(topic, partition), request)
        [(_, [part])] = answer.topics
        batches = MemoryRecords(part[-1])
        while batches.has_next():
            batch = batches.next_batch()
            if batch.is_control_batch and batch.base_offset >= position:
                count += ControlRecord.parse(next(batch).key) == ABORT_MARKER
            position = max(position, batch.next_offset)
    return count
