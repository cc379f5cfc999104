"""The agencies' sandbox as its own process, that makes a case of every submission: sending twice shows as two cases.

python -m tests.faults.agency PORT
"""

import asyncio
import sys

from connectors.sandbox.app import create_app
from connectors.sandbox.cases import World
from connectors.web import WebServer
from mahnlauf.broker.ports import LOOPBACK


async def serve(port: int) -> None:
    """Until it is killed."""
    await WebServer(create_app(World(idempotent=False)), LOOPBACK, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
