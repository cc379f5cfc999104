"""A topic as lines: every committed record up to the end as it is when the export begins, partition by partition, in order of offset."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import IO, Final

from mahnlauf import committed, lines
from mahnlauf.failures import BadInput
from mahnlauf.topics import names
from schemas.topics import TOPICS
from streams.engine.cluster import Connection

NEAREST_TOLD: Final = 3


async def export(connection: Connection, topic: str, out: IO[bytes], progress: Callable[[int], None] = lambda _count: None) -> int:
    """Write `topic` to `out` and return the number of records. Raises BadInput for a topic that is none, ClusterWrong, EngineError."""
    await _refuse_mistyped(connection, topic)
    ends = await committed.ends(connection, await committed.places(connection, [topic]))
    count = 0
    for (_, number), end in ends.items():
        async for records in committed.read(connection, topic, number, end=end):
            out.writelines(lines.written(record) for record in records)
            count += len(records)
            progress(len(records))
    return count


async def _refuse_mistyped(connection: Connection, topic: str) -> None:
    """One of ours that is missing is another matter: then the cluster is wrong, not the word."""
    known = {*await names(connection), *(spec.name for spec in TOPICS)}
    if topic not in known:
        near = ", ".join(get_close_matches(topic, sorted(known), NEAREST_TOLD))
        raise BadInput(f"there is no topic {topic}; {f'the nearest are {near}' if near else 'mahnlauf topics check lists ours'}")
