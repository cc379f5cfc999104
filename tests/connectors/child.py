"""A connector as a process of its own, on uvloop as the front door runs it, so that a test can kill or stop it.

Arguments: bootstrap, the settings below as JSON. Its first line tells where its pages are.
"""

import asyncio
import sys
from dataclasses import replace

import uvloop
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from connectors.agencies.registry import AGENCIES
from connectors.delivery.agency import AccountConfig
from connectors.delivery.config import ConnectorConfig
from connectors.delivery.connector import Connector
from streams.engine.cluster import Connection
from tests.connectors.kit import PACE


@dataclass(frozen=True)
class Child:
    """`url`: the sandbox."""

    tenant: str
    url: str
    group: str
    per_second: float = 1_000.0
    feed_interval_s: float = PACE.feed_interval_s
    session_timeout_ms: int = 10_000


async def main(bootstrap: str, child: Child) -> None:
    account = AccountConfig(child.tenant, "main", "atriga", "test", child.url, "10001", "s3cret", per_second=child.per_second)
    pace = replace(PACE, feed_interval_s=child.feed_interval_s)
    config = ConnectorConfig(Connection(bootstrap), (account,), app=child.group, pace=pace, session_timeout_ms=child.session_timeout_ms)
    connector = Connector(config, AGENCIES)
    running = asyncio.create_task(connector.run())
    while not running.done() and connector.url.endswith(":0"):
        await asyncio.sleep(0.01)  # between two looks: it has no moment to wait for
    print(connector.url, flush=True)
    await running


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], TypeAdapter(Child).validate_json(sys.argv[2])))
