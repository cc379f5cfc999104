"""Run the connector: hand claims over to agencies, and bring their answers back."""

import asyncio
from functools import partial
from typing import Annotated

import typer

from connectors.delivery.config import ConfigError, ConnectorConfig
from connectors.process import deliver
from connectors.web import PortTaken
from mahnlauf import logs, topics
from mahnlauf.accounts import of_file, url_of
from mahnlauf.connecting import connection, keys
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.running import run_until_told
from mahnlauf.settings import Settings, load
from streams.engine.cluster import Connection
from streams.engine.errors import EngineError, Unreachable

app = typer.Typer(add_completion=False)


@app.command("connector", epilog="Example: mahnlauf connector")
def command(
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="For the pages, instead of connector.port; 0: a free one.")] = None,
) -> None:
    """Run the connector: hand claims over to agencies, and bring their answers back.

    The accounts are those of `mahnlauf accounts`, and `[[accounts]]` of the settings where they name others; a change is taken up at once.
    Nothing but the sandbox is asked unless connector.hosts is "live". Several connectors share the accounts out. Pages: /metrics,
    /healthz, /readyz, /status. Ends cleanly on SIGTERM and Ctrl-C.
    """
    settings = load()
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    where = connection(settings.kafka)
    config = _config(where, settings, port)
    try:
        run_until_told(lambda told: _deliver(config, where, told))
    except (ConfigError, PortTaken) as error:
        raise BadInput(str(error)) from error
    except Unreachable:
        raise
    except EngineError as error:
        raise CommandFailed(f"the connector cannot go on: {error}") from error


def _config(where: Connection, settings: Settings, port: int | None) -> ConnectorConfig:
    connector = settings.connector
    return ConnectorConfig(
        where,
        tuple(of_file(account, connector) for account in settings.accounts),
        keys=keys(settings.encryption),
        url_of=partial(url_of, connector=connector),
        app=connector.app,
        host=connector.host,
        port=connector.port if port is None else port,
        instance=connector.instance_id,
        session_timeout_ms=connector.session_timeout_ms,
    )


async def _deliver(config: ConnectorConfig, where: Connection, told: asyncio.Event) -> None:
    await topics.require(where)
    await deliver(config, told)
