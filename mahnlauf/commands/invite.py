"""Let somebody into the console: a one-time link that makes a user."""

from enum import StrEnum
from typing import Annotated

import typer

from console.database import DatabaseUnusable, opened
from console.people.directory import Directory
from mahnlauf.failures import BadInput
from mahnlauf.settings import load

app = typer.Typer(add_completion=False)


class Role(StrEnum):
    read = "read"
    work = "work"
    admin = "admin"


@app.command("invite", epilog="Example: mahnlauf invite --role work --tenant acme")
def command(
    role: Annotated[
        Role, typer.Option(help="read: looks; work: orders and proposes; admin: settles policies and accounts, too.")
    ] = Role.read,
    tenant: Annotated[str, typer.Option(help="The only tenant whose cases the user sees; without it all.")] = "",
) -> None:
    """Tell a one-time link that makes a user of the console, good for a day."""
    console = load().console
    try:
        directory = Directory(opened(console.people))
        directory.migrate()
    except DatabaseUnusable as error:
        raise BadInput(str(error)) from error
    typer.echo(f"http://{console.host}:{console.port}/welcome/{directory.invite(role, tenant)}")
