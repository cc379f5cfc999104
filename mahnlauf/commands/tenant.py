"""Set a tenant's creditor, default policy, time zone and calendar."""

from pathlib import Path
from typing import Annotated

import typer

from mahnlauf import moments
from mahnlauf.configuration import set_tenant
from mahnlauf.connecting import connection
from mahnlauf.policy_file import read_tenant
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, say

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf tenant set acme.yaml")


@app.callback()
def tenant() -> None:
    """Set a tenant's creditor, default policy, time zone and calendar."""


@app.command("set", epilog="Example: mahnlauf tenant set acme.yaml")
def set_(
    file: Annotated[Path, typer.Argument(help="The tenant file (YAML).", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(
            "--time", help="From when it counts. Default: the first settings from the beginning, later ones from now.", metavar="MOMENT"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Read a tenant file strictly (tenant, default_policy, creditor, time_zone, calendar) and broadcast it to every partition.

    What the file leaves out is no longer set.
    """
    settings = read_tenant(file)
    moment = moments.past_moment("--time", at) if at else None
    changed = run(set_tenant(connection(load().kafka), settings, moment))
    if as_json:
        give_json({"tenant": settings.tenant, "changed": changed})
    elif changed:
        say(f"{settings.tenant}: set" + (f", from {moments.told(moment)} on" if moment else ""))
    else:
        say(f"{settings.tenant}: already set like this; nothing was written")
