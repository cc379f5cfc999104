"""Where things are: `mahnlauf.toml`, and `MAHNLAUF_*` variables, which win (`MAHNLAUF_KAFKA__BOOTSTRAP`, `MAHNLAUF_LOG__LEVEL` …).

What decides about money (policies, tenants, ticks) is on Kafka, never here. Secrets are never here either: a setting whose name ends in
`_file` or `_variable` says where one is. A misspelt name is an error that tells file, line and field, not a setting without effect.
"""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mahnlauf.failures import BadInput
from mahnlauf.state import state_folder
from mahnlauf.toml_lines import line_of
from streams.engine.limits import Limits

PREFIX = "MAHNLAUF_"
DEFAULT_FILE = "mahnlauf.toml"
LOOPBACK = "127.0.0.1"
LIMITS = Limits()

Port: TypeAlias = Annotated[int, Field(ge=0, le=65_535)]


class SettingsError(BadInput):
    """The settings cannot be used; the message names the file (or variable), the line, the field and what would be right."""


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(Section):
    """The cluster. Without `bootstrap`, the broker that `mahnlauf broker start` has running is used."""

    bootstrap: Annotated[str, Field(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")] | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None
    password_variable: str | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 8
    replication: Annotated[int, Field(ge=1, le=9)] | None = None
    """None: min(3, brokers)."""


class Worker(Section):
    """The processor of escalation (`mahnlauf worker`)."""

    app: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "escalation"
    """Name of the group, and the beginning of every transactional.id: changing it begins a second processor."""
    store: Literal["memory", "rocksdb"] = "memory"
    state_folder: Path = Field(default_factory=lambda: state_folder() / "worker")
    state_version: Annotated[int, Field(ge=1)] | None = None
    """Version of the state records to write; None: the newest this release knows, which is the only one it can write so far."""
    batch_records: Annotated[int, Field(ge=1, le=50_000)] = LIMITS.batch_records
    batch_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 26)] = LIMITS.batch_bytes
    batch_ms: Annotated[int, Field(ge=1, le=10_000)] = int(LIMITS.batch_seconds * 1000)
    session_timeout_ms: Annotated[int, Field(ge=1_000, le=300_000)] = 10_000
    instance_id: str | None = None
    host: str = LOOPBACK
    port: Port = 6066
    """Pages: /metrics, /healthz, /readyz, /contracts/. 0: a free port."""


class Connector(Section):
    """What talks to agencies (`mahnlauf connector`)."""

    hosts: Literal["sandbox", "live"] = "sandbox"
    """`live` is written by hand: nothing reaches a real agency by default."""
    sandbox_url: Annotated[str, Field(pattern=r"^https?://")] = f"http://{LOOPBACK}:8091"
    sandbox_folder: Path | None = None
    """As given to `mahnlauf sandbox --folder`: where the sandbox's agencies that are reached by files have theirs."""
    app: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "mahnlauf-connector"
    session_timeout_ms: Annotated[int, Field(ge=6_000, le=300_000)] = 10_000
    instance_id: str | None = None
    host: str = LOOPBACK
    port: Port = 6067


class Webhooks(Section):
    """What receives the agencies' webhooks (`mahnlauf webhooks`)."""

    host: str = LOOPBACK
    port: Port = 6068


class SignOn(Section):
    """The creditor's own identity provider, through which people log in (OpenID Connect): `[console.sign_on]`."""

    issuer: Annotated[str, Field(pattern=r"^https?://")]
    """As the provider names itself in its ID tokens."""
    client_id: str
    secret_file: Path | None = None
    secret_variable: str | None = None
    address: Annotated[str, Field(pattern=r"^https?://[^/]+$")]
    """The console's own, as browsers reach it; the provider must know `<address>/login/provider/back`."""
    roles: Annotated[dict[str, Annotated[str, Field(pattern=r"^(admin|work|read)(/[^/\s]+)?$")]], Field(min_length=1)]
    """From a value of `roles_claim` to `role`, or `role/tenant` for one creditor alone."""
    roles_claim: str = "groups"
    name_claim: str = "preferred_username"
    label: str = "OpenID Connect"
    """What the link on the login page says."""


class Console(Section):
    """The web pages for the creditor's people, and the views under them (`mahnlauf console`, `mahnlauf project`)."""

    host: str = LOOPBACK
    port: Port = 6069
    database: str = Field(default_factory=lambda: f"sqlite:///{state_folder() / 'console' / 'views.sqlite'}")
    """The views: can be rebuilt from Kafka at any time. `sqlite:///FILE` or `postgresql+psycopg://…`."""
    people: str = Field(default_factory=lambda: f"sqlite:///{state_folder() / 'console' / 'people.sqlite'}")
    """Users and sessions: not on Kafka, so to be backed up. May be the same database."""
    person_data: bool = False
    """Whether names of debtors are in the views, to be shown and searched; they are erased with billing.debtors."""
    secure_cookies: bool = False
    """True behind a proxy that speaks HTTPS: then the session's cookie never travels in the clear."""
    connectors: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    """Status pages of the connectors, which *Agencies* asks how agencies can be reached. Empty: the one of [connector], on this machine."""
    sign_on: SignOn | None = None


class Account(Section):
    """One set of credentials at one agency: `[[accounts]]`, one each. An account of the same name on `agency.accounts` wins."""

    tenant: Annotated[str, Field(pattern=r"^[^/\s]+$")]
    account: Annotated[str, Field(pattern=r"^[^/\s]+$")]
    agency: str
    mode: Literal["test", "live"] = "test"
    url: Annotated[str, Field(pattern=r"^(https?|file)://")] | None = None
    """The agency's address for this mode (file:///path of one that is reached by files); with connector.hosts = "sandbox" the sandbox is
    asked instead."""
    customer_number: str
    secret_file: Path | None = None
    secret_variable: str | None = None
    per_second: Annotated[float, Field(gt=0)] = 20.0
    paused: str = ""
    """A reason for which nothing is sent now; empty: none."""


class Encryption(Section):
    """Where the key is that seals secrets and free text on Kafka (`mahnlauf keys`), and, while it is being changed, the one before it."""

    key_file: Path | None = None
    key_variable: str | None = None
    old_key_file: Path | None = None
    old_key_variable: str | None = None


class Log(Section):
    """What is told while running."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    """auto: text on a terminal, JSON elsewhere."""


class Settings(BaseSettings):
    """All of `mahnlauf.toml`, with the variables already applied."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    kafka: Kafka = Kafka()
    worker: Worker = Field(default_factory=Worker)
    connector: Connector = Field(default_factory=Connector)
    webhooks: Webhooks = Webhooks()
    console: Console = Field(default_factory=Console)
    encryption: Encryption = Encryption()
    log: Log = Log()
    accounts: tuple[Account, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables first: they win over the file, which comes as arguments."""
        return env_settings, init_settings


def load(file: Path | None = None) -> Settings:
    """Read `file`, else `$MAHNLAUF_CONFIG`, else ./mahnlauf.toml if there is one. Raises SettingsError."""
    path = file or _named_by_variable() or Path(DEFAULT_FILE)
    if not path.exists() and path == Path(DEFAULT_FILE):
        return _checked({}, "", path)
    text = _read(path)
    return _checked(_parsed(text, path), text, path)


def _named_by_variable() -> Path | None:
    named = os.environ.get(f"{PREFIX}CONFIG")
    return Path(named) if named else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _checked(content: dict[str, Any], text: str, path: Path) -> Settings:
    try:
        return Settings(**content)
    except ValidationError as error:
        lines = [_told(problem["loc"], problem["msg"], problem["type"], text, path) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    except ValueError as error:  # pydantic-settings: a variable of a whole table that is not JSON
        raise SettingsError(f"a {PREFIX}* variable cannot be read: {error.__cause__ or error} ({error})") from error


def _told(loc: Iterable[int | str], message: str, kind: str, text: str, path: Path) -> str:
    loc = tuple(loc)
    field = ".".join(str(part) for part in loc)
    if kind == "extra_forbidden":
        message = f"there is no such setting; {_known_beside(loc)}"
    variable = PREFIX + "__".join(str(part) for part in loc).upper()
    if variable in os.environ:
        return f"{variable}: {message}"
    line = line_of(text, loc)
    return f"{path}{f':{line}' if line else ''}: {field}: {message}"


def _known_beside(loc: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in loc[:-1]:
        model = SECTIONS.get(part, model) if isinstance(part, str) else model
    return f"there are: {', '.join(sorted(model.model_fields))}"


SECTIONS: dict[str, type[BaseModel]] = {
    "kafka": Kafka,
    "worker": Worker,
    "connector": Connector,
    "webhooks": Webhooks,
    "console": Console,
    "encryption": Encryption,
    "log": Log,
    "accounts": Account,
}
