"""What tests of the front door read back from a cluster."""

from collections.abc import Mapping

from mahnlauf import committed
from streams.engine.cluster import Connection
from streams.engine.protocol import Record


async def ends(connection: Connection, *topics: str) -> Mapping[tuple[str, int], int]:
    """Where these topics end now: a place from which `read` tells what came afterwards."""
    return await committed.ends(connection, await committed.places(connection, topics))


async def read(connection: Connection, topic: str, since: Mapping[tuple[str, int], int] | None = None) -> list[Record]:
    """All committed records of a topic (after `since`), partition by partition."""
    found: list[Record] = []
    for (_, number), end in (await ends(connection, topic)).items():
        async for records in committed.read(connection, topic, number, begin=(since or {}).get((topic, number)), end=end):
            found.extend(records)
    return found
