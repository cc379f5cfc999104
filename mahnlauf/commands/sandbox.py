"""Run the agencies as real HTTP servers on this machine, for trying things out."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from connectors.sandbox.app import SandboxConfig, serve
from connectors.sandbox.prokur import NotOurs
from connectors.sandbox.signatures import SIGNS
from connectors.sandbox.webhooks import Subscription
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
    webhooks: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where webhooks go: mahnlauf webhooks' address and /{agency}/<tenant>/<account>."),
    ] = None,
    webhook_secret_file: Annotated[
        Path | None, typer.Option(help="What they are signed with: the account's webhook secret, in base64 (as debitura's is).")
    ] = None,
) -> None:
    """Run the agencies as real HTTP servers on this machine, for trying things out.

    Their days are simulated: they pass by POST /clock alone. What becomes of a case is told by POST /script, what goes wrong by POST
    /faults; GET /cases lists every case and how often it was sent. Without --folder agencies that are reached by files are left out.

    With --webhooks the agencies that have webhooks send one whenever something happens to a case; {agency} in the address stands for the
    agency's name; an address that names one agency is told by that one alone. GET /webhooks tells what came of them.
    """
    config = SandboxConfig(host, port, folder=folder, webhooks=_subscriptions(webhooks, webhook_secret_file))
    try:
        run_until_told(lambda told: serve(config, told, _tell))
    except (PortTaken, NotOurs) as error:
        raise BadInput(str(error)) from error


def _subscriptions(url: str | None, secret_file: Path | None) -> list[Subscription]:
    if url is None and secret_file is None:
        return []
    if url is None or secret_file is None:
        raise BadInput("--webhooks and --webhook-secret-file go together: give both, or none to have no webhooks sent")
    try:
        secret = secret_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--webhook-secret-file {secret_file} can't be read: {error}") from error
    named = [agency for agency in SIGNS if "{agency}" in url or f"/{agency}/" in url]
    if not named:
        raise BadInput(f"--webhooks {url} names no agency: it must hold {{agency}} or one of {', '.join(SIGNS)} as a part of its path")
    try:
        return [Subscription.model_validate({"agency": each, "url": url.replace("{agency}", each), "secret": secret}) for each in named]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(f"--webhooks or its secret: {'.'.join(map(str, first['loc']))} {first['msg']}") from error


def _tell(url: str) -> None:
    say(f"the sandbox listens on {url}")
