"""Changing the key that seals: everything that it sealed, sealed anew with the one that writes now.

Texts themselves are sealed with keys of their contracts (`debtor.keys`), which stay: only those keys are sealed anew. Each partition is
done in one transaction, under the id of whoever makes keys there, so none is made or taken away in between.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.delivery.sealing import Key, Keys, key_id
from connectors.delivery.texts import key_place, transactional_id
from mahnlauf import accounts, committed
from mahnlauf.configuration import timestamp_ms
from schemas import topics
from schemas.accounts import AgencyAccount
from streams.engine.cluster import Connection
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter


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
    contracts = [await _partition(connection, keys, number) for _, number in await committed.places(connection, [topics.DEBTOR_KEYS])]
    return Resealed(len(changed), sum(contracts), tuple(unread))


async def _partition(connection: Connection, keys: Keys, number: int) -> int:
    writer = TransactionalWriter(connection, transactional_id(number), client_id=committed.CLIENT_ID)
    try:
        await writer.start()
        latest: dict[bytes, bytes | None] = {}
        async for records in committed.read(connection, topics.DEBTOR_KEYS, number):
            latest |= {record.key or b"": record.value for record in records}
        now_ms = timestamp_ms(datetime.now(UTC))
        anew = [_anew(key, value.decode(), keys, now_ms, number) for key, value in latest.items() if value and _is_old(value, keys)]
        if anew:
            await writer.commit(anew)
        return len(anew)
    finally:
        await writer.stop()


def _is_old(value: bytes, keys: Keys) -> bool:
    return key_id(value.decode()) != keys.writing


def _anew(key: bytes, sealed: str, keys: Keys, now_ms: int, number: int) -> Output:
    place = key_place(key.decode())
    raw = Key.of(keys.open(sealed, place)).raw
    return Output(topics.DEBTOR_KEYS, key, keys.seal(raw, place).encode(), now_ms, partition=number)
