"""Run the agencies as real HTTP servers on this machine, for trying things out."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.sandbox.app import SandboxConfig, serve
from connectors.sandbox.prokur import NotOurs
from connectors.web import PortTaken
from mahnlauf.failures import BadInput
from mahnlauf.running import run_until_told
from mahnlauf.telling import say

app = typer.Typer(add_completion=False)


@app.command("sandbox", epilog="Example: mahnlauf sandbox --port 8091")
def command(
    host: Annotated[str, typer.Option(help="Where to listen.")] = SandboxConfig.host,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: a free one.")] = SandboxConfig.port,
    folder: Annotated[Path | None, typer.Option(help="Where agencies that are reached by files (prokur) have theirs. Emptied.")] = None,
) -> None:
    """Run the agencies as real HTTP servers on this machine, for trying things out.

    Their days are simulated: they pass by POST /clock alone. What becomes of a case is told by POST /script, what goes wrong by POST
    /faults; GET /cases lists every case and how often it was sent. Without --folder agencies that are reached by files are left out.
    """
    try:
        run_until_told(lambda told: serve(SandboxConfig(host, port, folder=folder), told, _tell))
    except (PortTaken, NotOurs) as error:
        raise BadInput(str(error)) from error


def _tell(url: str) -> None:
    say(f"the sandbox listens on {url}")
