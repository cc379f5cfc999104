"""Put a tenant's policy on the cluster as its next version."""

from pathlib import Path
from typing import Annotated

import typer

from mahnlauf import moments
from mahnlauf.configuration import apply_policy
from mahnlauf.connecting import connection
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, say

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf policy apply standard.yaml --tenant acme")


@app.callback()
def policy() -> None:
    """Put a tenant's policy on the cluster as its next version."""


@app.command(epilog="Example: mahnlauf policy apply standard.yaml --tenant acme")
def apply(
    file: Annotated[Path, typer.Argument(help="The policy file (YAML).", show_default=False)],
    tenant: Annotated[str, typer.Option(help="Whose policy it is.", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(
            "--time", help="From when it counts. Default: the first version from the beginning, a later one from now.", metavar="MOMENT"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Read a policy file strictly and broadcast it to every partition as the tenant's next version of that policy.

    Nothing is written if the latest version already says the same.
    """
    if not tenant or "/" in tenant:
        raise BadInput(f"--tenant {tenant}: a tenant's name is not empty and contains no slash")
    content = read_policy(file)
    moment = moments.past_moment("--time", at) if at else None
    applied = run(apply_policy(connection(load().kafka), tenant, content, moment))
    if as_json:
        give_json({"tenant": tenant, "policy": content.policy, "version": applied.version, "changed": applied.changed})
    elif applied.changed:
        say(f"{tenant}/{content.policy}: version {applied.version} counts from {moments.told(applied.since)}")
    else:
        say(f"{tenant}/{content.policy}: version {applied.version} already says the same; nothing was written")
