"""A connector as a process of its own, so that a test can kill it. Arguments: bootstrap, tenant, the sandbox's address."""

import asyncio
import sys

from connectors.delivery.agency import AccountConfig
from connectors.delivery.connector import ConnectorConfig
from connectors.process import deliver
from streams.engine.cluster import Connection
from tests.connectors.kit import GROUP, PACE


async def main(bootstrap: str, tenant: str, url: str) -> None:
    account = AccountConfig(tenant, "main", "atriga", "test", url, "10001", "s3cret", per_second=1_000)
    # A static member, so that its successor need not wait for the session of the one that was killed to end.
    config = ConnectorConfig(Connection(bootstrap), (account,), app=f"{GROUP}-killed", pace=PACE, instance="one")
    await deliver(config, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
