"""The connector as the front door starts it: every agency there is, until told to stop."""

import asyncio

from connectors.agencies.registry import AGENCIES
from connectors.billing.registry import UPSTREAMS
from connectors.delivery.config import ConnectorConfig
from connectors.delivery.connector import Connector


async def deliver(config: ConnectorConfig, stopped: asyncio.Event) -> None:
    """Deliver until `stopped` is set. Raises ConfigError, PortTaken, EngineError."""
    connector = Connector(config, AGENCIES, UPSTREAMS)
    running = asyncio.create_task(connector.run())
    waiting = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        connector.stop()
        waiting.cancel()
        await running
