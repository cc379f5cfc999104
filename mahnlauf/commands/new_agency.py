"""Write the skeleton of another agency's adapter into a checkout."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.agencies.registry import AGENCIES
from connectors.billing.registry import UPSTREAMS
from mahnlauf.failures import BadInput
from mahnlauf.skeleton import NotWritable, write
from mahnlauf.telling import say

app = typer.Typer(add_completion=False)


@app.command("new-agency", epilog="Example: mahnlauf new-agency northwind")
def command(
    name: Annotated[str, typer.Argument(help="The agency's name, as accounts will say it.")],
    checkout: Annotated[Path, typer.Option(help="Where mahnlauf's source is.")] = Path(),
) -> None:
    """Write the skeleton of another agency's adapter into a checkout.

    Adapter, sandbox, test and page, and a line each in the registry, the sandbox and the list of agencies. It passes the contract suite at
    once for what it declares; its format is a placeholder until somebody replaces it by the agency's own.
    """
    try:
        written = write(checkout, name, frozenset((*AGENCIES, *UPSTREAMS)))
    except NotWritable as error:
        raise BadInput(str(error)) from None
    for path in written:
        say(str(path))
    say(f"next: pytest tests/connectors/test_agency_contract.py tests/connectors/test_{name}.py -k {name}")
