"""Free text on Kafka: sealed with a key of its contract's own, so that taking the key away erases every text about that debtor at once.

The keys stand on `debtor.keys` (`contract_keys.py`), each sealed with the key that never is on Kafka. A contract gets its key with its
first text; of two that make one at the same time only one succeeds, and the other one uses it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from connectors.delivery.contract_keys import ContractKeys, key_place
from connectors.delivery.sealing import Key, Keys, SealBroken, key_id
from schemas.fields import TEXT_MAX_LENGTH, is_sealed
from streams.engine.cluster import Cluster, Connection


class TextTooLong(SealBroken):
    """A text is longer than one may be; the message repeats nothing of it."""


class DebtorErased(SealBroken):
    """The contract's debtor was erased: nothing more is kept about them."""


Erased: TypeAlias = Callable[[str], Awaitable[bool]]
"""Whether a contract's debtor is erased now."""


async def _not_asked(contract: str) -> bool:
    return False


class Texts:
    """Seals and opens texts. `keys` seal the contracts' keys; without any nothing can be sealed. `erased` is asked before a contract gets a
    key. `stop` after use.

    Keys are read from the topic when they are asked for, up to its end then: one that was taken away does not open any more.
    """

    def __init__(self, connection: Connection, cluster: Cluster, keys: Keys, erased: Erased = _not_asked) -> None:
        self._erased = erased
        self._keys = keys
        self._contracts = ContractKeys(connection, cluster)

    async def seal(self, contract: str, text: str) -> str:
        """`text` sealed for the contract (`<tenant>/<contract>`). Raises TextTooLong, DebtorErased, SealBroken, EngineError."""
        if len(text) > TEXT_MAX_LENGTH:
            raise TextTooLong(f"it has {len(text)} characters, a text has at most {TEXT_MAX_LENGTH}")
        key = await self._key(contract) or await self._made(contract)
        return Keys([key]).seal(text.encode(), _place(contract))

    async def open(self, contract: str, sealed: str) -> str:
        """Raises SealBroken where the key was taken away, EngineError."""
        key = await self._key(contract)
        if key is None:
            raise SealBroken(f"there is no key for {contract}: its texts were erased")
        return Keys([key]).open(sealed, _place(contract)).decode()

    async def erase(self, contract: str) -> bool:
        """Take the contract's key away: no text that was sealed for it can be opened any more. False: it had none. Raises EngineError."""
        name = contract.encode()
        if await self._contracts.find(contract) is None:
            return False
        await self._contracts.change(await self._contracts.partition(contract), lambda known: {name: None} if name in known else {})
        return True

    async def reseal(self) -> int:
        """Seal every contract's key anew that another than the writing key has sealed; returns how many. Raises SealBroken, EngineError."""
        changed = [await self._contracts.change(number, self._anew) for number in range(await self._contracts.partitions())]
        return sum(sealed is not None for each in changed for sealed in each.values())

    async def stop(self) -> None:
        await self._contracts.stop()

    async def _key(self, contract: str) -> Key | None:
        sealed = await self._contracts.find(contract)
        return None if sealed is None else self._opened(contract, sealed)

    async def _made(self, contract: str) -> Key:
        if await self._erased(contract):
            raise DebtorErased(f"the debtor of {contract} was erased")
        name, made = contract.encode(), self._keys.seal(Key.new().raw, key_place(contract))
        await self._contracts.change(await self._contracts.partition(contract), lambda known: {} if name in known else {name: made})
        key = await self._key(contract)
        if key is None:
            raise SealBroken(f"the key of {contract} was erased as it was made")
        return key

    def _anew(self, known: Mapping[bytes, str]) -> dict[bytes, str | None]:
        old = {name.decode(): sealed for name, sealed in known.items() if not is_sealed(sealed) or key_id(sealed) != self._keys.writing}
        return {name.encode(): self._keys.seal(self._opened(name, sealed).raw, key_place(name)) for name, sealed in old.items()}

    def _opened(self, contract: str, sealed: str) -> Key:
        try:
            return Key.of(self._keys.open(sealed, key_place(contract)))
        except SealBroken as error:
            raise SealBroken(f"the key of {contract}: {error}") from None


def _place(contract: str) -> str:
    return f"text/{contract}"
