"""What the console's admins settle, at a cluster: the same that `mahnlauf policy` and `mahnlauf accounts` do."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.errors import KafkaError
from pydantic import ValidationError

from connectors.agencies.registry import AGENCIES
from connectors.billing.registry import UPSTREAMS
from connectors.delivery import accounts as sealed
from connectors.delivery.sealing import Keys, SealBroken
from console.actions.desk import Unsent
from console.actions.office import AccountTold, DeadLetter, Explained, GateTold, LetterPlace, PolicyTold, Previewed, Tried, Unfit
from mahnlauf import accounts, dead_letters
from mahnlauf.configuration import apply_policy, policies_in_force, policy_key, withdraw_policy
from mahnlauf.explain.told import explained
from mahnlauf.failures import ClusterWrong, CommandFailed
from mahnlauf.gates import gates
from mahnlauf.policy_advice import advise
from mahnlauf.policy_file import policy_in
from mahnlauf.policy_previewed import previewed
from mahnlauf.policy_text import as_file, differences
from mahnlauf.settings import Connector
from schemas.accounts import AgencyAccount
from schemas.ids import contract_key
from streams.engine.cluster import Connection
from streams.engine.errors import EngineError

NAME: Final = "policy"
"""What mistakes are told of, in place of a file."""


class ClusterOffice:
    """See `console.actions.office.Office`. Without `keys` no account can be added; `connectors` are the addresses of those that run."""

    def __init__(self, connection: Connection, keys: Keys, connector: Connector, connectors: Sequence[str] = ()) -> None:
        self._connection = connection
        self._keys = keys
        self._connector = connector
        self._connectors = connectors
        self._explaining = asyncio.Lock()
        self.agencies = sorted((*AGENCIES, *UPSTREAMS))

    async def explained(self, tenant: str, contract: str) -> Explained:
        """On a thread of its own, since much may have to be read; one after the other."""
        async with _told(), self._explaining:
            return await asyncio.to_thread(asyncio.run, explained(self._connection, contract_key(tenant, contract)))

    async def dead_letters(self) -> list[DeadLetter]:
        async with _told():
            return await dead_letters.newest(self._connection)

    async def put_back(self, place: LetterPlace, text: str | None) -> None:
        async with _told():
            await dead_letters.put_back(self._connection, place, text)

    async def policies(self) -> list[PolicyTold]:
        async with _told():
            found = await policies_in_force(self._connection)
        return [
            PolicyTold(key.split("/", 1)[0], content.policy, version, _ladder(content), as_file(content))
            for key, (content, version) in found.items()
        ]

    async def tried(self, tenant: str, text: str) -> Tried:
        async with _told():
            content, document = policy_in(text, NAME)
            advice = [f"{one.line}: {one.field}: {one.words}" for one in advise(content, document)]
            before, version = (await policies_in_force(self._connection)).get(policy_key(tenant, content.policy), (None, 0))
        changed = [] if before is None else [difference.told for difference in differences(before, content)]
        return Tried(content.policy, advice, version, changed)

    async def previewed(self, tenant: str, text: str, days: int) -> Previewed:
        """On a thread of its own, like what is explained."""
        async with _told(), self._explaining:
            return await asyncio.to_thread(asyncio.run, previewed(self._connection, tenant, policy_in(text, NAME)[0], days))

    async def apply(self, tenant: str, text: str) -> int:
        async with _told():
            return (await apply_policy(self._connection, tenant, policy_in(text, NAME)[0])).version

    async def withdraw(self, tenant: str, name: str) -> None:
        async with _told():
            if not await withdraw_policy(self._connection, tenant, name):
                raise Unfit(f"no policy {tenant}/{name} is in force")

    async def accounts(self) -> list[AccountTold]:
        async with _told():
            return [_account(key, found) for key, found in (await accounts.stored(self._connection)).items()]

    async def gates(self) -> dict[str, GateTold]:
        return await gates(self._connectors)

    async def add_account(self, told: dict[str, Any], secret: str) -> None:
        async with _told():
            if not self._keys:
                raise Unfit("the console has no encryption.key to seal a secret with")
            wanted = AgencyAccount.model_validate(told)
            url = wanted.settings.get(sealed.URL)
            if url is not None and (wrong := accounts.url_problem(url, wanted.mode, wanted.agency)) is not None:
                raise Unfit(wrong)
            key, new = f"{wanted.tenant}/{wanted.account}", await self._checked(wanted, {sealed.CODE: secret})

            def decide(now: Mapping[str, accounts.Found]) -> dict[str, AgencyAccount | None]:
                if key in now:
                    raise Unfit(f"there is an account {key} already")
                return {key: new}

            await accounts.change(self._connection, decide)

    async def rotate_account(self, tenant: str, name: str, secret: str) -> None:
        async with _told():
            key = f"{tenant}/{name}"
            known = accounts.readable(key, (await accounts.stored(self._connection)).get(key))
            new = await self._checked(known, {**sealed.secrets_of(known, self._keys), sealed.CODE: secret})

            def decide(now: Mapping[str, accounts.Found]) -> dict[str, AgencyAccount | None]:
                if now.get(key) != known:
                    raise Unfit(f"account {key} was changed by somebody else meanwhile; nothing was done")
                return {key: new}

            await accounts.change(self._connection, decide)

    async def _checked(self, account: AgencyAccount, secrets: Mapping[str, str]) -> AgencyAccount:
        """With its secrets, the agency asked."""
        new = sealed.with_secrets(account, secrets, self._keys)
        await accounts.check(accounts.opened(new, self._keys, self._connector))
        return new

    async def pause_account(self, tenant: str, name: str, why: str) -> None:
        def decide(now: Mapping[str, accounts.Found]) -> dict[str, AgencyAccount | None]:
            key = f"{tenant}/{name}"
            known = accounts.readable(key, now.get(key))
            rest = {field: value for field, value in known.settings.items() if field != sealed.PAUSED}
            return {key: known.model_copy(update={"settings": rest | ({sealed.PAUSED: why} if why else {})})}

        async with _told():
            await accounts.change(self._connection, decide)

    async def validate_account(self, tenant: str, name: str) -> str:
        async with _told():
            key = f"{tenant}/{name}"
            found = accounts.readable(key, (await accounts.stored(self._connection)).get(key))
            config = accounts.opened(found, self._keys, self._connector)
            known = await accounts.check(config)
        return f"{config.agency} {'knows it' if known else 'can not be asked, but its folder is as it must be'} ({config.mode})"


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """What goes wrong in the words of the console."""
    try:
        yield
    except (EngineError, KafkaError, ClusterWrong) as error:
        raise Unsent(str(error)) from error
    except (CommandFailed, SealBroken) as error:
        raise Unfit(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unfit(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def _ladder(content: Any) -> str:
    return ", ".join(f"{step.kind} {step.day}" for step in content.steps)


def _account(key: str, found: accounts.Found) -> AccountTold:
    tenant, _, name = key.partition("/")
    if isinstance(found, accounts.Unreadable):
        return AccountTold(tenant, name, "", "", "", "", "", "", found.why)
    url, per_second, paused = (found.settings.get(field, "") for field in (sealed.URL, sealed.PER_SECOND, sealed.PAUSED))
    return AccountTold(tenant, name, found.agency, found.mode, found.customer_id, url, per_second, paused, "")
