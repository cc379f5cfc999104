"""Agency accounts as `agency.accounts` holds them: key `<tenant>/<account>`, the secrets sealed for that account, its agency and its mode.

A sealed secret that is copied to another account, or to the same one in the other mode, does not open. What can't be opened or read is not
left out: the account stands still with a reason, so what is meant for it waits.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from connectors.delivery.agency import PER_SECOND_DEFAULT, AccountConfig
from connectors.delivery.sealing import Keys, SealBroken
from schemas import topics
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Cluster
from streams.engine.fetch import Reader, through
from streams.engine.protocol import Record

log = logging.getLogger(__name__)

_PARTITION: Final = 0
"""The topic has one partition: every process reads all accounts."""
SECRET_SEALED: Final = "secret_sealed"
UNREADABLE: Final = "account_unreadable"
UNUSABLE: Final = "account_unusable"
FOR_A_PERSON: Final = frozenset({SECRET_SEALED, UNREADABLE, UNUSABLE})
"""Why an account stands still until somebody mends what it is configured with."""
PER_SECOND: Final = "per_second"
PAUSED: Final = "paused"
URL: Final = "url"
CODE: Final = "authentication_code"
WEBHOOK: Final = "webhook_secret"


def place(account: AgencyAccount) -> str:
    """What an account's secrets are bound to; also where they are sent: who can write the topic must not have them sent elsewhere."""
    who = f"{account.tenant}/{account.account}/{account.agency}/{account.mode}/{account.customer_id}"
    return f"{topics.ACCOUNTS}/{who}/{account.settings.get(URL, '')}"


def with_secrets(account: AgencyAccount, secrets: Mapping[str, str], keys: Keys) -> AgencyAccount:
    """The account with these secrets, sealed. Raises SealBroken."""
    return account.model_copy(update={"secret": keys.seal(json.dumps(dict(secrets)).encode(), place(account))})


def secrets_of(account: AgencyAccount, keys: Keys) -> dict[str, str]:
    """The account's secrets by name. Raises SealBroken."""
    if account.secret is None:
        return {}
    opened: dict[str, str] = json.loads(keys.open(account.secret, place(account)))
    return opened


def encode(account: AgencyAccount) -> bytes:
    """As the topic holds it."""
    return account.model_dump_json(exclude_none=True).encode()


def decode(value: bytes) -> AgencyAccount:
    """Raises ValueError without repeating what stands there."""
    try:
        return AgencyAccount.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def config_of(account: AgencyAccount, keys: Keys, url: str) -> AccountConfig:
    """The account as adapters take it. Raises SealBroken, ValueError."""
    secrets, settings = secrets_of(account, keys), account.settings
    return AccountConfig(
        account.tenant,
        account.account,
        account.agency,
        account.mode,
        url,
        account.customer_id,
        secrets.get(CODE, ""),
        float(settings.get(PER_SECOND, PER_SECOND_DEFAULT)),
        settings.get(PAUSED, ""),
        secrets.get(WEBHOOK, ""),
    )


class Accounts:
    """The accounts that are configured now, by key: the topic's, and of `given` (a settings file) those it does not name.

    `start` reads the topic to its end, `run` follows it; `changed` is told the key of each account that is other than before. `url_of` says
    where an account's agency is; what it raises makes the account stand still.
    """

    def __init__(
        self,
        cluster: Cluster,
        given: Mapping[str, AccountConfig],
        keys: Keys,
        url_of: Callable[[AgencyAccount], str],
        usable: Callable[[AccountConfig], None],
        changed: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._given = given
        self._keys = keys
        self._url_of = url_of
        self._usable = usable
        self._changed = changed
        self._reader = Reader(cluster, [topics.ACCOUNTS], _PARTITION)
        self.by_key: dict[str, AccountConfig] = dict(given)

    async def start(self) -> None:
        """Returns once everything the topic holds now was read. Raises Undecided."""
        await self._cluster.watch([topics.ACCOUNTS])
        end = (await self._cluster.high_watermarks([topics.ACCOUNTS], _PARTITION))[topics.ACCOUNTS]
        self._reader.seek(topics.ACCOUNTS, (await self._cluster.log_starts([topics.ACCOUNTS], _PARTITION))[topics.ACCOUNTS])
        async for records in through(self._reader, topics.ACCOUNTS, end):
            for record in records:
                self._take(record)

    async def run(self) -> None:
        """Follow the topic."""
        while True:
            for key in await self._read():
                self._changed(key)

    async def stop(self) -> None:
        await self._reader.close()

    async def _read(self) -> list[str]:
        return [key for _, records in await self._reader.poll() for record in records if (key := self._take(record)) is not None]

    def _take(self, record: Record) -> str | None:
        """The key of an account that is other than before."""
        key = (record.key or b"").decode(errors="replace")
        before = self.by_key.get(key)
        after = self._given.get(key) if record.value is None else self._read_account(key, record.value)
        if after == before:
            return None
        if after is None:
            self.by_key.pop(key)
            log.info("account %s: removed", key)
        else:
            self.by_key[key] = after
            log.info("account %s: read from %s%s", key, topics.ACCOUNTS, f"; stands still: {after.paused}" if after.paused else "")
        return key

    def _read_account(self, key: str, value: bytes) -> AccountConfig:
        tenant, _, name = key.partition("/")
        still = AccountConfig(tenant, name, "none", "test", "", "", "")
        try:
            account = decode(value)
            if f"{account.tenant}/{account.account}" != key:
                raise ValueError("the key names another account than the value")
            config = config_of(account, self._keys, self._url_of(account))
            self._usable(config)
        except SealBroken as error:
            log.error("account %s: its secret can't be opened: %s", key, error)
            return still_for(still, SECRET_SEALED)
        except ValueError as error:
            log.error("account %s: it can't be used: %s", key, error)
            return still_for(still, UNREADABLE)
        return config


def still_for(account: AccountConfig, reason: str) -> AccountConfig:
    """The account with nothing going out for `reason`."""
    return AccountConfig(
        account.tenant, account.account, account.agency, account.mode, "", account.customer_number, "", account.per_second, reason
    )
