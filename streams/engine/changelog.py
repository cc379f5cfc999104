"""Reading state back from Kafka: a compacted topic with one framed record a key (framing.py) and a tombstone for what was forgotten."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from streams.engine import unpack
from streams.engine.cluster import Cluster
from streams.engine.errors import Stopped
from streams.engine.fetch import BULK_FETCH_BYTES, PartitionFetch, through
from streams.engine.store import Store


class Recovery(NamedTuple):
    """How far reading the changelog has come, in offsets: from `start` to `position`, of `end`."""

    start: int
    position: int
    end: int


async def recover(
    cluster: Cluster, topic: str, partition: int, store: Store, newest_version: int, progressed: Callable[[Recovery], None]
) -> None:
    """Bring `store` from the position it stands at to the changelog's end.

    Call after the partition's producer was started: then no transaction on this partition is open and the end is the truth. Raises
    Stopped for a state of a newer schema than `newest_version`, Undecided if a transaction is open all the same.
    """
    end = (await cluster.high_watermarks([topic], partition))[topic]
    start = (await cluster.log_starts([topic], partition))[topic]
    reader = PartitionFetch(cluster, partition, lambda _, batches: unpack.key_values(batches), fetch_bytes=BULK_FETCH_BYTES)
    begin = max(store.position, start)
    reader.seek(topic, begin)
    progressed(Recovery(begin, begin, end))
    try:
        async for records in through(reader, topic, end):
            _refuse_newer(records.values(), newest_version, f"{topic}-{partition}")
            store.load(records, reader.positions[topic])
            progressed(Recovery(begin, reader.positions[topic], end))
    finally:
        await reader.close()
    store.loaded()


def _refuse_newer(values: Collection[bytes | None], newest_version: int, where: str) -> None:
    newest = int.from_bytes(max(filter(None, values), default=b"\x00\x00")[:2], "big")
    if newest > newest_version:
        raise Stopped(
            f"{where} holds a state of schema version {newest}, written by a newer release; this one reads up to {newest_version}. "
            "Run the newer release, or restore from before it"
        )
