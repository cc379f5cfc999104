"""The console's pages over one database, until the process is terminated; its first line tells the address and a session of a user."""

import asyncio
import signal

from bench.measuring import settings, tell
from connectors.web import WebServer
from console.database import opened
from console.pages.app import COOKIE, Console, make_app
from console.people import People


async def main() -> None:
    asked = settings()
    people = People.of(opened(f"sqlite:///{asked['people']}"))
    session = people.directory.admit("bench", "admin", asked["tenant"])
    server = WebServer(make_app(Console(opened(asked["database"]), people)), "127.0.0.1", 0)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await server.start()
    tell(url=server.url, cookie=f"{COOKIE}={session}")
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
