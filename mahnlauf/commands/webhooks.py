"""Receive webhooks: what agencies tell by themselves is verified, stored on Kafka and answered at once."""

import asyncio
from typing import Annotated

import typer

from connectors.agencies.registry import WEBHOOKS
from connectors.billing.registry import UPSTREAMS
from connectors.delivery.receiver import Receiver, ReceiverConfig
from connectors.web import PortTaken
from mahnlauf import logs, topics
from mahnlauf.connecting import connection, needed_keys
from mahnlauf.failures import BadInput
from mahnlauf.running import run_until_told
from mahnlauf.settings import load
from mahnlauf.telling import say

app = typer.Typer(add_completion=False)


@app.command("webhooks", epilog="Example: mahnlauf webhooks --port 6068")
def command(
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Instead of webhooks.port; 0: a free one.")] = None,
) -> None:
    """Receive webhooks: what agencies tell by themselves is verified, stored on Kafka and answered at once.

    POST /<agency or upstream>/<tenant>/<account>, signed with the account's webhook secret (mahnlauf accounts add --webhook-secret-file).
    Connectors do what follows. Any number may run. Pages: /metrics, /healthz. Put your own TLS in front of it.
    """
    settings = load()
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    where = connection(settings.kafka)
    config = ReceiverConfig(
        where, needed_keys(settings.encryption), settings.webhooks.host, settings.webhooks.port if port is None else port
    )

    async def receive(told: asyncio.Event) -> None:
        await topics.require(where)
        verifying = {**WEBHOOKS, **{name: upstream.verify for name, upstream in UPSTREAMS.items()}}
        await Receiver(config, verifying, upstreams=UPSTREAMS).run(told, lambda url: say(f"webhooks are received on {url}"))

    try:
        run_until_told(receive)
    except PortTaken as error:
        raise BadInput(str(error)) from error
