"""The console's projector over one database: from nothing, or from where the database stands, to the end of the topics as it is now."""

import asyncio

from bench.measuring import Run, settings
from console.database import opened
from console.views.projector import Projector
from console.views.store import Store
from streams.engine.cluster import Connection


async def main() -> None:
    asked, run = settings(), Run()
    store = Store(opened(asked["database"]))
    store.migrate()
    projector = Projector(Connection(asked["bootstrap"]), store)
    run.begin()
    await projector.drain()
    run.end(projector.progress.applied)


if __name__ == "__main__":
    asyncio.run(main())
