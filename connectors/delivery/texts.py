"""Free text on Kafka: sealed with a key of its contract's own, so that taking the key away erases every text about that debtor at once.

The keys stand on the compacted topic `debtor.keys` (key `<tenant>/<contract>`), each sealed with the key that never is on Kafka. A contract
gets its key with its first text. Whoever makes one writes under one transactional id a partition, so of two that make a key for the same
contract at the same time only one succeeds, and the other one uses it.
"""

import asyncio
import random
import time
from typing import Final

from connectors.delivery.sealing import Key, Keys, SealBroken
from schemas import topics
from schemas.fields import TEXT_MAX_LENGTH
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import EngineError, Fenced, TransactionFailed
from streams.engine.fetch import Reader, through
from streams.engine.placing import partition_of
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter

CLIENT_ID: Final = "mahnlauf-texts"
ATTEMPTS: Final = 20
"""Each attempt that fails means that somebody else's succeeded or began: twenty in a row are not chance."""


class TextTooLong(SealBroken):
    """A text is longer than one may be; the message repeats nothing of it."""


class Texts:
    """Seals and opens texts. `keys` seal the contracts' keys; without any nothing can be sealed. `stop` after use.

    Keys are read from the topic when they are asked for, up to its end then: one that was taken away does not open any more.
    """

    def __init__(self, connection: Connection, cluster: Cluster, keys: Keys) -> None:
        self._connection = connection
        self._cluster = cluster
        self._keys = keys
        self._sealed: dict[bytes, str] = {}
        self._readers: dict[int, Reader] = {}
        self._reading = asyncio.Lock()

    async def seal(self, contract: str, text: str) -> str:
        """`text` sealed for the contract (`<tenant>/<contract>`). Raises TextTooLong, SealBroken, EngineError."""
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

    async def stop(self) -> None:
        for reader in self._readers.values():
            await reader.close()

    async def _key(self, contract: str) -> Key | None:
        async with self._reading:
            await self._read_on(await self._number(contract))
        sealed = self._sealed.get(contract.encode())
        return None if sealed is None else Key.of(self._keys.open(sealed, key_place(contract)))

    async def _made(self, contract: str) -> Key:
        made = Key.new()
        sealed = self._keys.seal(made.raw, key_place(contract)).encode()
        for attempt in range(ATTEMPTS):
            writer = TransactionalWriter(self._connection, transactional_id(await self._number(contract)), client_id=CLIENT_ID)
            try:
                await writer.start()
                if (known := await self._key(contract)) is not None:
                    return known
                await writer.commit([Output(topics.DEBTOR_KEYS, contract.encode(), sealed, int(time.time() * 1000))])
                return made
            except (Fenced, TransactionFailed):
                await asyncio.sleep(random.uniform(0, 0.1 * (attempt + 1)))
            finally:
                await writer.stop()
        raise EngineError(f"{topics.DEBTOR_KEYS}: a key could not be written {ATTEMPTS} times because others wrote at the same time")

    async def _number(self, contract: str) -> int:
        return partition_of(contract.encode(), await self._cluster.partitions(topics.DEBTOR_KEYS))

    async def _read_on(self, number: int) -> None:
        topic = topics.DEBTOR_KEYS
        reader = self._readers.get(number)
        if reader is None:
            reader = self._readers[number] = Reader(self._cluster, [topic], number)
            reader.seek(topic, (await self._cluster.log_starts([topic], number))[topic])
        end = (await self._cluster.high_watermarks([topic], number))[topic]
        async for records in through(reader, topic, end):
            for record in records:
                if record.value is None:
                    self._sealed.pop(record.key or b"", None)
                else:
                    self._sealed[record.key or b""] = record.value.decode(errors="replace")


def _place(contract: str) -> str:
    return f"text/{contract}"


def transactional_id(partition: int) -> str:
    """Whoever writes this partition of `debtor.keys` writes under this id."""
    return f"mahnlauf-debtor-keys-{partition}"


def key_place(contract: str) -> str:
    """What a contract's key is bound to."""
    return f"{topics.DEBTOR_KEYS}/{contract}"
