"""Keep the console's views up to date: statuses, history, answers and notices as SQL tables."""

import asyncio
from typing import Annotated

import typer

from console.database import DatabaseUnusable, opened
from console.views.projector import Gone, Projector
from console.views.store import OtherTopic, Store
from mahnlauf import logs, topics
from mahnlauf.connecting import connection
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.running import run_until_told
from mahnlauf.settings import load
from mahnlauf.telling import note
from streams.engine.cluster import Connection

app = typer.Typer(add_completion=False)


@app.command("project", epilog="Example: mahnlauf project --drain")
def command(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Forget the views first. Users and sessions stay.")] = False,
    drain: Annotated[bool, typer.Option("--drain", help="Apply what is there now, and end.")] = False,
) -> None:
    """Keep the console's views up to date: statuses, history, answers and notices as SQL tables.

    The database is console.database of the settings. It can be forgotten and rebuilt at any time; several of these at once never double
    anything. Ends cleanly on SIGTERM and Ctrl-C.
    """
    settings = load()
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    where = connection(settings.kafka)
    try:
        store = Store(opened(settings.console.database))
        store.migrate()
        if rebuild:
            store.clear()
        projector = Projector(where, store, persons=settings.console.person_data)
        run_until_told(lambda told: _project(where, projector, told, drain))
    except DatabaseUnusable as error:
        raise BadInput(str(error)) from error
    except (Gone, OtherTopic) as error:
        raise CommandFailed(str(error)) from error
    note(f"{projector.progress.applied:,} records applied, {projector.progress.skipped:,} unreadable")


async def _project(where: Connection, projector: Projector, told: asyncio.Event, drain: bool) -> None:
    await topics.require(where)
    await (projector.drain() if drain else projector.run(told))
