"""Add, list, validate, rotate and remove agency accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from pydantic import ValidationError
from rich.table import Table

from connectors.agencies.registry import AGENCIES
from connectors.billing.registry import UPSTREAMS
from connectors.delivery import accounts as sealed
from connectors.delivery.agency import AccountConfig
from connectors.delivery.sealing import SealBroken, key_id
from mahnlauf import accounts as cluster
from mahnlauf.connecting import connection, keys, needed_keys
from mahnlauf.failures import FINDINGS, BadInput, CommandFailed
from mahnlauf.running import run
from mahnlauf.secrets_given import given
from mahnlauf.settings import Account, Settings, load
from mahnlauf.telling import give_json, note, out, say
from schemas.accounts import AgencyAccount

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf accounts list")

Name = Annotated[str, typer.Argument(help="TENANT/ACCOUNT.", show_default=False, metavar="TENANT/ACCOUNT")]
SecretFile = Annotated[Path | None, typer.Option(help="File with the secret; without it, standard input is read.")]
SecretVariable = Annotated[str | None, typer.Option(help="Environment variable with the secret.")]
WebhookFile = Annotated[Path | None, typer.Option(help="File with the secret by which the agency signs its webhooks.")]
WebhookVariable = Annotated[str | None, typer.Option(help="Environment variable with that secret.")]
_NAMES: Final = {"customer_id": "--customer-id", "settings": "--url or --paused"}
"""What a field of an account is called here."""
Unchecked = Annotated[bool, typer.Option("--unchecked", help="Don't ask the agency first.")]


@app.callback()
def accounts() -> None:
    """Add, list, validate, rotate and remove agency accounts."""


@app.command(epilog="Example: mahnlauf accounts add acme/main --agency atriga --customer-id 4711 --secret-file /run/secrets/atriga")
def add(
    name: Name,
    agency: Annotated[str, typer.Option(help=f"One of {', '.join(sorted((*AGENCIES, *UPSTREAMS)))}.")],
    customer_id: Annotated[str, typer.Option(help="As the agency knows the creditor.")],
    mode: Annotated[str, typer.Option(help="test or live.")] = "test",
    url: Annotated[str | None, typer.Option(help='The agency\'s address, where connector.hosts is "live".')] = None,
    per_second: Annotated[float | None, typer.Option(min=0.01, help="Requests at most.")] = None,
    paused: Annotated[str, typer.Option(help="A reason for which nothing is sent now.")] = "",
    secret_file: SecretFile = None,
    secret_variable: SecretVariable = None,
    webhook_secret_file: WebhookFile = None,
    webhook_secret_variable: WebhookVariable = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also where there is an account of this name.")] = False,
    unchecked: Unchecked = False,
) -> None:
    """Add an account. The agency is asked first whether it knows the credentials; running connectors take the account up at once.

    The secret is read from a file, a variable, or standard input, and is sealed for this account in this mode.
    """
    settings = load()
    told = {sealed.URL: url, sealed.PER_SECOND: None if per_second is None else str(per_second), sealed.PAUSED: paused or None}
    if url is not None and (wrong := cluster.url_problem(url, mode, agency)) is not None:
        raise BadInput(f"--url: {wrong}")
    if per_second is not None and not isfinite(per_second):
        raise BadInput("--per-second is a number more than 0")
    wanted = _account(name, _agency(agency), _mode(mode), customer_id, {key: value for key, value in told.items() if value is not None})
    secrets = {sealed.CODE: given("secret", secret_file, secret_variable), **_webhook(webhook_secret_file, webhook_secret_variable)}
    new = _Change(settings, name, unchecked).sealed(wanted, secrets)

    def decide(now: Mapping[str, cluster.Found]) -> dict[str, AgencyAccount | None]:
        if name in now and not replace:
            raise BadInput(f"there is an account {name} already: --replace replaces it, mahnlauf accounts rotate changes its secret alone")
        return {name: new}

    run(cluster.change(connection(settings.kafka), decide))
    say(f"account {name} added: {agency}, {mode}")


@app.command("list", epilog="Example: mahnlauf accounts list --json")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """List the accounts, those of the settings too. Secrets are never shown, only the key that sealed them."""
    settings = load()
    found = [_row(name, account) for name, account in run(cluster.stored(connection(settings.kafka))).items()]
    named = {row["name"] for row in found}
    found += [row for one in settings.accounts if (row := _row_of_file(one))["name"] not in named]
    found = [row for row in found if tenant is None or str(row["name"]).startswith(f"{tenant}/")]
    if as_json:
        give_json(found)
        return
    table = Table("account", "agency", "mode", "customer id", "from", "sealed with", "paused", box=None)
    for row in found:
        table.add_row(*(str(row.get(column, "")) for column in ("name", "agency", "mode", "customer_id", "from", "key", "paused")))
    out.print(table)
    for row in found:
        if "unreadable" in row:
            note(cluster.cannot_be_read(str(row["name"]), cluster.Unreadable(str(row["unreadable"]))))


@app.command(epilog="Example: mahnlauf accounts validate acme/main")
def validate(names: Annotated[list[str], typer.Argument(help="TENANT/ACCOUNT; none: all.", show_default=False)] = []) -> None:  # noqa: B006
    """Ask the agencies whether they know the credentials, and whether these are of the account's mode. Exit code 1: one does not."""
    settings = load()
    known = run(cluster.stored(connection(settings.kafka)))
    given = {key: one for one in settings.accounts if (key := f"{one.tenant}/{one.account}") not in known}
    if unknown := set(names) - set(known) - set(given):
        raise BadInput(f"there is no account {', '.join(sorted(unknown))}: mahnlauf accounts list tells those there are")
    refused = 0
    for key in [key for key in (*known, *given) if not names or key in names]:
        try:
            config = cluster.of_file(given[key], settings.connector) if key in given else _opened(settings, key, known[key])
            known_there = run(cluster.check(config))
            told = "knows it" if known_there else "can't be asked whether it knows it, but its folder is as it must be"
            say(f"{key}: {config.agency} {told}, {config.mode}")
        except CommandFailed as error:
            refused += 1
            note(str(error))
    if refused:
        raise typer.Exit(FINDINGS)


@app.command(epilog="Example: mahnlauf accounts rotate acme/main --secret-file /run/secrets/atriga-new")
def rotate(
    name: Name,
    secret_file: SecretFile = None,
    secret_variable: SecretVariable = None,
    webhook_secret_file: WebhookFile = None,
    webhook_secret_variable: WebhookVariable = None,
    unchecked: Unchecked = False,
) -> None:
    """Change an account's secret. The agency is asked first; running connectors go on with the new one at once."""
    settings = load()
    held = needed_keys(settings.encryption)
    where = connection(settings.kafka)
    known = cluster.readable(name, run(cluster.stored(where)).get(name))
    try:
        before = sealed.secrets_of(known, held)
    except SealBroken as error:
        raise BadInput(f"account {name}: {error}") from None
    secrets = {**before, sealed.CODE: given("secret", secret_file, secret_variable)}
    new = _Change(settings, name, unchecked).sealed(known, {**secrets, **_webhook(webhook_secret_file, webhook_secret_variable)})

    def decide(now: Mapping[str, cluster.Found]) -> dict[str, AgencyAccount | None]:
        if now.get(name) != known:
            raise CommandFailed(f"account {name} was changed by somebody else meanwhile; nothing was done, try again")
        return {name: new}

    run(cluster.change(where, decide))
    say(f"account {name}: the secret was changed")


@app.command(epilog="Example: mahnlauf accounts remove acme/main")
def remove(name: Name) -> None:
    """Remove an account. What is meant for it waits until there is one of this name again; a recall still cancels it."""
    settings = load()

    def decide(now: Mapping[str, cluster.Found]) -> dict[str, AgencyAccount | None]:
        if name not in now:
            raise BadInput(f"there is no account {name} on the cluster: mahnlauf accounts list tells those there are")
        return {name: None}

    run(cluster.change(connection(settings.kafka), decide))
    say(f"account {name} removed")
    if name in {f"{one.tenant}/{one.account}" for one in settings.accounts}:
        note(f"{name} stands in the settings file too, and counts again from there: take it out there as well")


@dataclass(frozen=True, slots=True)
class _Change:
    """An account about to be written."""

    settings: Settings
    name: str
    unchecked: bool

    def sealed(self, account: AgencyAccount, secrets: Mapping[str, str]) -> AgencyAccount:
        """The account with its secrets, the agency asked. Raises BadInput, CommandFailed."""
        held = needed_keys(self.settings.encryption)
        new = sealed.with_secrets(account, secrets, held)
        config = cluster.opened(new, held, self.settings.connector)
        run(cluster.check(config, ask=not self.unchecked))
        return new


def _opened(settings: Settings, name: str, found: cluster.Found) -> AccountConfig:
    return cluster.opened(cluster.readable(name, found), keys(settings.encryption), settings.connector)


def _account(name: str, agency: str, mode: Literal["test", "live"], customer_id: str, settings: dict[str, str]) -> AgencyAccount:
    """Raises BadInput that names what can't be, and repeats none of it."""
    tenant, account = _parts(name)
    try:
        return AgencyAccount(tenant=tenant, account=account, agency=agency, mode=mode, customer_id=customer_id, settings=settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(f"{_NAMES.get(str(first['loc'][0]), 'TENANT/ACCOUNT')}: {first['msg']}") from None


def _webhook(file: Path | None, variable: str | None) -> dict[str, str]:
    return {sealed.WEBHOOK: given("webhook-secret", file, variable)} if file is not None or variable is not None else {}


def _row(name: str, account: cluster.Found) -> dict[str, Any]:
    if isinstance(account, cluster.Unreadable):
        return {"name": name, "from": "cluster", "paused": "cannot be read", "unreadable": account.why}
    told = account.model_dump(exclude={"tenant", "account", "secret", "settings"})
    key = key_id(account.secret) if account.secret else ""
    return {"name": name, **told, "from": "cluster", "key": key, **account.settings}


def _row_of_file(account: Account) -> dict[str, Any]:
    told = account.model_dump(include={"agency", "mode", "per_second", "paused"})
    return {"name": f"{account.tenant}/{account.account}", **told, "customer_id": account.customer_number, "from": "settings"}


def _parts(name: str) -> tuple[str, str]:
    tenant, slash, account = name.partition("/")
    if not (tenant and slash and account) or "/" in account or any(sign.isspace() for sign in name):
        raise BadInput(f"{name!r} is no TENANT/ACCOUNT, as in acme/main")
    return tenant, account


def _agency(name: str) -> str:
    known = sorted((*AGENCIES, *UPSTREAMS))
    if name not in known:
        raise BadInput(f"there is no agency {name!r}; there are {', '.join(known)}")
    return name


def _mode(mode: str) -> Literal["test", "live"]:
    if mode == "test":
        return "test"
    if mode == "live":
        return "live"
    raise BadInput(f"--mode is test or live, not {mode!r}")
