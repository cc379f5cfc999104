"""What a connector is told: where Kafka is, which accounts are its own, how fast and how patient it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from connectors.delivery.agency import AccountConfig
from connectors.delivery.owner import Pace
from connectors.delivery.sealing import Keys
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Connection


class ConfigError(ValueError):
    """The configuration can't be used; the message says what and where."""


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """`app` names the group and the transactional ids. `host` and `port` of the status pages; port 0 takes a free one.

    `accounts` count where `agency.accounts` does not name the same; `keys` open what is sealed there, and `url_of` says where the agency of
    such an account is, or raises ValueError that says why it may not be used.

    `instance` makes the membership static: a restart within the session timeout goes on at once with the same partitions.
    """

    connection: Connection
    accounts: tuple[AccountConfig, ...] = ()
    keys: Keys = field(default_factory=Keys)
    url_of: Callable[[AgencyAccount], str] = lambda account: _no_url()
    app: str = "mahnlauf-connector"
    host: str = "127.0.0.1"
    port: int = 0
    pace: Pace = field(default_factory=Pace)
    instance: str | None = None
    session_timeout_ms: int = 10_000
    stop_within_s: float = 5.0


def by_key(accounts: tuple[AccountConfig, ...], known: frozenset[str]) -> dict[str, AccountConfig]:
    """Raises ConfigError for one that can't be used or stands there twice."""
    found: dict[str, AccountConfig] = {}
    for account in accounts:
        refuse_unusable(account, known)
        if account.key in found:
            raise ConfigError(f"account {account.key} stands there twice")
        found[account.key] = account
    return found


def refuse_unusable(account: AccountConfig, known: frozenset[str]) -> None:
    """Raises ConfigError for an account of an agency nobody here knows, or with a pace that is none."""
    if account.agency not in known:
        raise ConfigError(f"account {account.key}: there is no agency {account.agency!r}; there are {', '.join(sorted(known))}")
    if not 0 < account.per_second < float("inf"):
        raise ConfigError(f"account {account.key}: per_second must be a number more than 0")


def _no_url() -> NoReturn:
    raise ConfigError("where its agency is was not said")
