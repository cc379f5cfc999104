"""Run the console: the web pages for the creditor's people, and the views under them."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from connectors.delivery.sealing import Keys
from connectors.web import PortTaken, WebServer
from console.database import DatabaseUnusable, opened
from console.pages.app import Console, make_app
from console.people import People
from console.views.projector import Gone, Projector
from console.views.store import OtherTopic, Store
from mahnlauf import logs, topics
from mahnlauf.connecting import connection, keys
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.office import ClusterOffice
from mahnlauf.ordering import OrderDesk
from mahnlauf.running import run_until_told
from mahnlauf.settings import load
from mahnlauf.telling import note
from streams.engine.cluster import Connection

app = typer.Typer(add_completion=False)


@app.command("console", epilog="Example: mahnlauf console")
def command(
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="For the pages, instead of console.port; 0: a free one.")] = None,
    project: Annotated[bool, typer.Option(help="Whether to keep the views up to date here; else run mahnlauf project.")] = True,
) -> None:
    """Run the console: the web pages for the creditor's people, and the views under them.

    While there is no user, a one-time link that makes the first admin is told at each start; only the latest opens. Ends cleanly on SIGTERM
    and Ctrl-C.
    """
    settings = load()
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    where, console = connection(settings.kafka), settings.console
    held = keys(settings.encryption)
    try:
        views, people = opened(console.database), People.of(opened(console.people))
        store = Store(views)
        store.migrate()
        office = ClusterOffice(where, held, settings.connector)
        pages = Console(views, people, None, office, console.person_data, console.secure_cookies)
        port = console.port if port is None else port
        projector = Projector(where, store, persons=console.person_data) if project else None
        run_until_told(lambda told: _serve(where, settings.worker.app, held, pages, (console.host, port), projector, told))
    except (DatabaseUnusable, PortTaken) as error:
        raise BadInput(str(error)) from error
    except (Gone, OtherTopic) as error:
        raise CommandFailed(str(error)) from error


async def _serve(
    where: Connection,
    group_id: str,
    held: Keys,
    pages: Console,
    address: tuple[str, int],
    projector: Projector | None,
    told: asyncio.Event,
) -> None:
    await topics.require(where)
    async with OrderDesk(where, group_id, held) as desk:
        app = make_app(replace(pages, desk=desk))
        server = WebServer(app, *address)
        await server.start()
        try:
            note(f"the console is at {server.url}")
            if pages.people.directory.is_empty():
                note(f"make the first admin, once and within a day: {server.url}/welcome/{pages.people.directory.invite_first()}")
            await (projector.run(told) if projector else told.wait())
        finally:
            app.state.closing.set()
            await server.stop()
