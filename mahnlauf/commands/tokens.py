"""Let other systems use the console's API: add, list and remove their tokens."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from console.database import DatabaseUnusable, opened
from console.people.directory import Refused
from console.people.tokens import Token, Tokens
from mahnlauf.commands.invite import Role
from mahnlauf.failures import BadInput
from mahnlauf.settings import load
from mahnlauf.telling import give_json, note, out, say

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf tokens list")

Name = Annotated[str, typer.Argument(help="Which system it is for; orders made with it are its.", show_default=False)]


@app.callback()
def tokens() -> None:
    """Let other systems use the console's API: add, list and remove their tokens."""


@app.command(epilog="Example: mahnlauf tokens add shop --role work --tenant acme --days 365")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="read: looks; work and admin: order, too.")] = Role.read,
    tenant: Annotated[str, typer.Option(help="The only tenant whose cases it sees; without it all.")] = "",
    days: Annotated[int | None, typer.Option(min=1, max=3_650, help="How long it is good for; without it until it is removed.")] = None,
) -> None:
    """Make a token and tell it, for the only time: the console keeps no more than its digest."""
    try:
        token = _tokens().add(name, role, tenant, days)
    except Refused as refused:
        wrong = "there is a token of this name: remove it first" if refused.reason == "refused_taken" else "a name has 1 to 100 characters"
        raise BadInput(f"{name}: {wrong}") from refused
    note("Send it as Authorization: Bearer TOKEN; it is told only now.")
    say(token)


@app.command("list", epilog="Example: mahnlauf tokens list --json")
def list_(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Tell which there are, and how long each is good for."""
    known = _tokens().known()
    if json:
        give_json([token._asdict() for token in known])
        return
    table = Table("name", "role", "tenant", "made", "until")
    for token in known:
        table.add_row(token.name, token.role, token.tenant or "all", _day(token.made_at_ms), _until(token))
    out.print(table)


@app.command(epilog="Example: mahnlauf tokens remove shop")
def remove(name: Name) -> None:
    """From now on it opens nothing."""
    if not _tokens().remove(name):
        raise BadInput(f"{name}: there is no token of this name; mahnlauf tokens list tells which there are")
    note(f"{name} can't ask any more")


def _tokens() -> Tokens:
    try:
        found = Tokens(opened(load().console.people))
        found.migrate()
    except DatabaseUnusable as error:
        raise BadInput(str(error)) from error
    return found


def _until(token: Token) -> str:
    return "removed" if token.until_ms is None else _day(token.until_ms)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
