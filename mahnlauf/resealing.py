"""Changing the key that seals: everything that it sealed, sealed anew with the one that writes now.

Texts themselves are sealed with keys of their contracts (`debtor.keys`), which stay: only those keys are sealed anew. Accounts and keys are
read and written with nobody else in between, so what is removed or erased at the same moment stays so.
"""

from dataclasses import dataclass

from connectors.delivery.sealing import Keys
from mahnlauf import accounts
from mahnlauf.opening import opened_texts
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Connection


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many accounts and how many contracts' keys were sealed anew, and the accounts that can't be read, so were left as they are."""

    accounts: int
    contracts: int
    unread: tuple[str, ...]


async def reseal(connection: Connection, keys: Keys) -> Resealed:
    """Seal everything anew. Raises SealBroken, ClusterWrong, EngineError."""
    changed: dict[str, AgencyAccount] = {}
    unread: list[str] = []

    def decide(now: dict[str, accounts.Found]) -> dict[str, AgencyAccount]:
        changed.clear()
        unread.clear()
        for key, account in now.items():
            if isinstance(account, accounts.Unreadable):
                unread.append(key)
            elif (sealed := accounts.resealed(account, keys)) is not None:
                changed[key] = sealed
        return changed

    await accounts.change(connection, decide)
    async with opened_texts(connection, keys) as texts:
        contracts = await texts.reseal()
    return Resealed(len(changed), contracts, tuple(unread))
