"""A topic as lines: every committed record up to the end as it is when the export begins, partition by partition, in order of offset."""

from collections.abc import Callable
from typing import IO

from mahnlauf import committed, lines
from streams.engine.cluster import Connection


async def export(connection: Connection, topic: str, out: IO[bytes], progress: Callable[[int], None] = lambda _count: None) -> int:
    """Write `topic` to `out` and return the number of records. Raises ClusterWrong."""
    ends = await committed.ends(connection, await committed.places(connection, [topic]))
    count = 0
    for (_, number), end in ends.items():
        async for records in committed.read(connection, topic, number, end=end):
            out.writelines(lines.written(record) for record in records)
            count += len(records)
            progress(len(records))
    return count
