"""What seals and opens people's words (`connectors/delivery/texts.py`), for the time of a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.delivery.sealing import Keys
from connectors.delivery.texts import Texts
from mahnlauf import committed
from streams.engine.cluster import Cluster, Connection


@asynccontextmanager
async def opened_texts(connection: Connection, keys: Keys) -> AsyncIterator[Texts]:
    """Raises EngineError."""
    cluster = Cluster(connection, committed.CLIENT_ID)
    texts = Texts(connection, cluster, keys)
    try:
        await cluster.start()
        yield texts
    finally:
        await texts.stop()
        await cluster.stop()
