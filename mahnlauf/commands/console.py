"""Run the console: the web pages for the creditor's people, and the views under them."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from connectors.delivery.sealing import Keys
from connectors.web import PortTaken, WebServer
from console.database import DatabaseUnusable, opened
from console.pages.app import Console, make_app
from console.pages.entering import BACK
from console.people import People
from console.people.sign_on import Provider, SignOn
from console.views.projector import Gone, Projector
from console.views.store import OtherTopic, Store
from mahnlauf import logs, settings, topics
from mahnlauf.connecting import connection, keys, secret
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.office import ClusterOffice
from mahnlauf.ordering import OrderDesk
from mahnlauf.running import run_until_told
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
    told = settings.load()
    logs.configure(told.log.level, None if told.log.format == "auto" else told.log.format == "json")
    where, console = connection(told.kafka), told.console
    held = keys(told.encryption)
    try:
        views, people = opened(console.database), People.of(opened(console.people))
        store = Store(views)
        store.migrate()
        office = ClusterOffice(where, held, told.connector, console.connectors or (f"http://{settings.LOOPBACK}:{told.connector.port}",))
        pages = Console(views, people, None, office, console.person_data, console.secure_cookies, _sign_on(console.sign_on))
        port = console.port if port is None else port
        projector = Projector(where, store, persons=console.person_data) if project else None
        run_until_told(lambda stop: _serve(where, told.worker.app, held, pages, (console.host, port), projector, stop))
    except (DatabaseUnusable, PortTaken) as error:
        raise BadInput(str(error)) from error
    except (Gone, OtherTopic) as error:
        raise CommandFailed(str(error)) from error


def _sign_on(told: settings.SignOn | None) -> SignOn | None:
    """Raises BadInput."""
    if told is None:
        return None
    given = secret("console.sign_on.secret", told.secret_file, told.secret_variable)
    words = (told.roles, told.roles_claim, told.name_claim, told.label)
    return SignOn(Provider(told.issuer, told.client_id, given, told.address + BACK, *words))


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
