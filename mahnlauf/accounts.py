"""Agency accounts of a cluster: reading and changing `agency.accounts`, and what settings say about where their agencies are.

The topic is the truth. `[[accounts]]` of the settings count where the topic does not name the same, so that a first try needs no key.

Every writer uses the same transactional id, so of two that change an account at the same time the second fences the first, which then
begins anew with what the second has written.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from connectors.agencies.registry import AGENCIES, BY_FILES, SANDBOX_PATHS
from connectors.billing.registry import UPSTREAMS
from connectors.billing.upstream import NotThere
from connectors.delivery import accounts, wire
from connectors.delivery.agency import AccountConfig, Agency
from connectors.delivery.errors import AccountUnusable, AgencyError
from connectors.delivery.sealing import Keys, SealBroken, key_id
from connectors.delivery.upstreams import Upstream, fetch_by
from mahnlauf import committed
from mahnlauf.configuration import timestamp_ms
from mahnlauf.connecting import secret
from mahnlauf.failures import BadInput, ClusterWrong, CommandFailed
from mahnlauf.settings import Account, Connector
from schemas import topics
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Connection
from streams.engine.errors import Fenced, TransactionFailed
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter

TRANSACTIONAL_ID: Final = "mahnlauf-accounts"
ATTEMPTS: Final = 20
"""Each attempt that fails means that somebody else's succeeded or began: twenty in a row are not chance."""
CHECK_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands on the topic where an account should, and can't be read by this release; `why` repeats nothing of it."""

    why: str


Found: TypeAlias = AgencyAccount | Unreadable
Change: TypeAlias = Callable[[dict[str, Found]], Mapping[str, AgencyAccount | None]]
"""From all accounts by key to those that are to be written; None removes."""


async def stored(connection: Connection) -> dict[str, Found]:
    """All accounts of the cluster by `<tenant>/<account>`, sorted. Raises ClusterWrong, EngineError."""
    found: dict[str, Found] = {}
    for (_, partition), end in (await committed.whole_ends(connection, await committed.places(connection, [topics.ACCOUNTS]))).items():
        async for records in committed.read(connection, topics.ACCOUNTS, partition, end=end):
            for record in records:
                key = (record.key or b"").decode(errors="replace")
                if record.value is None:
                    found.pop(key, None)
                else:
                    found[key] = _read(key, record.value)
    return dict(sorted(found.items()))


async def change(connection: Connection, decide: Change) -> None:
    """Write what `decide` makes of the accounts as they are, in one transaction, with nobody else in between. Raises ClusterWrong,
    EngineError, and what `decide` raises."""
    for attempt in range(ATTEMPTS):
        writer = TransactionalWriter(connection, TRANSACTIONAL_ID, client_id=committed.CLIENT_ID)
        try:
            await writer.start()
            changed = decide(await stored(connection))
            if changed:
                now_ms = timestamp_ms(datetime.now(UTC))
                await writer.commit(
                    Output(topics.ACCOUNTS, key.encode(), None if account is None else accounts.encode(account), now_ms)
                    for key, account in changed.items()
                )
            return
        except (Fenced, TransactionFailed):  # a broker that is fencing may answer with an error of its own
            await asyncio.sleep(random.uniform(0, 0.1 * (attempt + 1)))
        finally:
            await writer.stop()
    raise ClusterWrong(f"{topics.ACCOUNTS} could not be written {ATTEMPTS} times because others wrote at the same time; try again")


def resealed(account: AgencyAccount, keys: Keys) -> AgencyAccount | None:
    """The account sealed with the key that writes; None: it is already. Raises SealBroken."""
    if account.secret is None or key_id(account.secret) == keys.writing:
        return None
    return accounts.with_secrets(account, accounts.secrets_of(account, keys), keys)


async def check(account: AccountConfig, *, ask: bool = True) -> bool:
    """Whether the account can be used; `ask` the agency whether it knows the credentials, and whether they are of the account's mode.
    Returns whether credentials can be asked about at all: one that is reached by files knows none. Raises BadInput, CommandFailed."""
    if account.agency in UPSTREAMS:
        await _check_upstream(UPSTREAMS[account.agency], account, ask)
        return True
    if account.agency not in AGENCIES:
        raise BadInput(f"account {account.key}: there is no agency {account.agency!r} in this release")
    try:
        agency = AGENCIES[account.agency](account)
    except AccountUnusable as error:
        raise BadInput(f"account {account.key}: {error}") from None
    try:
        if ask:
            await _ask(agency, account)
        return agency.capabilities.can("validate")
    finally:
        await agency.close()


async def _check_upstream(upstream: Upstream, account: AccountConfig, ask: bool) -> None:
    try:
        asked = upstream.wire(account)
    except AccountUnusable as error:
        raise BadInput(f"account {account.key}: {error}") from None
    try:
        if ask:
            await fetch_by(asked)(upstream.probe)
    except (AgencyError, NotThere) as error:
        raise CommandFailed(f"account {account.key}: {account.agency} refuses it: {error}") from None
    finally:
        await asked.close()


async def _ask(agency: Agency, account: AccountConfig) -> None:
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            await agency.check()
    except AgencyError as error:
        raise CommandFailed(f"account {account.key}: {account.agency} refuses it: {error.reason} ({error})") from None
    except TimeoutError:
        raise CommandFailed(f"account {account.key}: {account.agency} did not answer within {CHECK_WITHIN_S:.0f} s") from None


def readable(name: str, found: Found | None) -> AgencyAccount:
    """Raises BadInput that says what can be done."""
    if found is None:
        raise BadInput(f"there is no account {name} on the cluster: mahnlauf accounts list tells those there are")
    if isinstance(found, Unreadable):
        raise BadInput(f"{cannot_be_read(name, found)}: mahnlauf accounts remove, or add --replace, mends it")
    return found


def cannot_be_read(name: str, found: Unreadable) -> str:
    """What is told of it."""
    return f"account {name} cannot be read by this release: {found.why}"


def opened(account: AgencyAccount, keys: Keys, connector: Connector) -> AccountConfig:
    """The account as its adapter takes it. Raises BadInput."""
    try:
        return accounts.config_of(account, keys, url_of(account, connector))
    except (SealBroken, ValueError) as error:
        raise BadInput(f"account {account.tenant}/{account.account}: {error}") from None


def of_file(account: Account, connector: Connector) -> AccountConfig:
    """An account of `[[accounts]]`. Raises BadInput."""
    name = f"accounts ({account.tenant}/{account.account})"
    try:
        url = _url(account.agency, account.mode, account.url, connector)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from None
    return AccountConfig(
        account.tenant,
        account.account,
        account.agency,
        account.mode,
        url,
        account.customer_number,
        secret(f"{name}: secret", account.secret_file, account.secret_variable),
        account.per_second,
        account.paused,
    )


def url_of(account: AgencyAccount, connector: Connector) -> str:
    """Where the account's agency is. Raises ValueError that says why it may not be asked."""
    return _url(account.agency, account.mode, account.settings.get(accounts.URL), connector)


def _url(agency: str, mode: str, url: str | None, connector: Connector) -> str:
    """Test and live never mix: a live credential does not even go to the sandbox."""
    if connector.hosts == "sandbox":
        if mode == "live":
            raise ValueError('its mode is live, and connector.hosts is "sandbox": live credentials go nowhere but to the live agency')
        return _sandbox_address(agency, connector)
    if url is None:
        raise ValueError("url is missing, and connector.hosts is live")
    if (wrong := url_problem(url, mode, agency)) is not None:
        raise ValueError(wrong)
    return url


def _sandbox_address(agency: str, connector: Connector) -> str:
    if agency not in BY_FILES:
        return connector.sandbox_url.rstrip("/") + SANDBOX_PATHS.get(agency, "")
    if connector.sandbox_folder is None:
        raise ValueError(f"{agency} is reached by files: set connector.sandbox_folder to the folder of mahnlauf sandbox --folder")
    return (connector.sandbox_folder.absolute() / agency).as_uri()


def url_problem(url: str, mode: str, agency: str) -> str | None:
    """Why an account of this mode at this agency can't have this url; None: it can."""
    if agency in BY_FILES:
        return None if url.startswith("file:///") else f"the url of an account at {agency} must be file:///path: it is reached by files"
    if (wrong := wire.url_problem(url)) is not None:
        return f"the url {wrong}"
    if mode == "live" and not url.lower().startswith("https:"):
        return "a live account's url must begin with https://, or its secret could be read on the way"
    return None


def _read(key: str, value: bytes) -> Found:
    try:
        account = accounts.decode(value)
    except ValueError as error:
        return Unreadable(str(error))
    return account if f"{account.tenant}/{account.account}" == key else Unreadable("the key names another account than the value")
