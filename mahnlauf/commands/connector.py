"""Run the connector: hand claims over to agencies, and bring their answers back."""

import asyncio
from typing import Annotated

import typer

from connectors.delivery.agency import AccountConfig
from connectors.delivery.connector import ConfigError, ConnectorConfig
from connectors.process import deliver
from connectors.web import PortTaken
from mahnlauf import logs, topics
from mahnlauf.connecting import connection, secret
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.running import run_until_told
from mahnlauf.settings import Account, Settings, load
from mahnlauf.settings import Connector as ConnectorSettings
from streams.engine.cluster import Connection
from streams.engine.errors import EngineError, Unreachable

app = typer.Typer(add_completion=False)


@app.command("connector", epilog="Example: mahnlauf connector")
def command(
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="For the pages, instead of connector.port; 0: a free one.")] = None,
) -> None:
    """Run the connector: hand claims over to agencies, and bring their answers back.

    The accounts are `[[accounts]]` of the settings; nothing but the sandbox is asked unless connector.hosts is "live". Several connectors
    share the accounts out. Pages: /metrics, /healthz, /readyz, /status. Ends cleanly on SIGTERM and Ctrl-C.
    """
    settings = load()
    logs.configure(settings.log.level, None if settings.log.format == "auto" else settings.log.format == "json")
    where = connection(settings.kafka)
    accounts = tuple(_account(account, settings) for account in settings.accounts)
    config = _config(where, accounts, settings.connector, port)
    try:
        run_until_told(lambda told: _deliver(config, where, told))
    except (ConfigError, PortTaken) as error:
        raise BadInput(str(error)) from error
    except Unreachable:
        raise
    except EngineError as error:
        raise CommandFailed(f"the connector cannot go on: {error}") from error


def _config(where: Connection, accounts: tuple[AccountConfig, ...], settings: ConnectorSettings, port: int | None) -> ConnectorConfig:
    return ConnectorConfig(
        where,
        accounts,
        app=settings.app,
        host=settings.host,
        port=settings.port if port is None else port,
        instance=settings.instance_id,
        session_timeout_ms=settings.session_timeout_ms,
    )


async def _deliver(config: ConnectorConfig, where: Connection, told: asyncio.Event) -> None:
    await topics.require(where)
    await deliver(config, told)


def _account(account: Account, settings: Settings) -> AccountConfig:
    name = f"accounts ({account.tenant}/{account.account}): secret"
    return AccountConfig(
        account.tenant,
        account.account,
        account.agency,
        account.mode,
        _url(account, settings),
        account.customer_number,
        secret(name, account.secret_file, account.secret_variable),
        account.per_second,
        account.paused,
    )


def _url(account: Account, settings: Settings) -> str:
    if settings.connector.hosts == "sandbox":
        return settings.connector.sandbox_url
    if account.url is None:
        raise BadInput(f"accounts ({account.tenant}/{account.account}): url is missing, and connector.hosts is live")
    return account.url
