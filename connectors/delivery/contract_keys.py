"""The topic `debtor.keys`: each contract's key, sealed, by `<tenant>/<contract>`; a record without a value has erased it.

Whoever writes a partition writes under one transactional id, and reads it to its end between taking the id and writing: of two that write
at the same time the second fences the first, which begins anew with what the second has written. A tombstone may also come from somebody
who knows nothing of that; so after writing it is read on, and what was erased in between is erased again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from schemas import topics
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import EngineError, Fenced, TransactionFailed
from streams.engine.fetch import Reader, through
from streams.engine.placing import partition_of
from streams.engine.protocol import Output, Record
from streams.engine.transaction import TransactionalWriter

CLIENT_ID: Final = "mahnlauf-texts"
ATTEMPTS: Final = 20
"""Each attempt that fails means that somebody else's succeeded or began: twenty in a row are not chance."""
_TOPIC: Final = topics.DEBTOR_KEYS

Change: TypeAlias = Callable[[Mapping[bytes, str]], Mapping[bytes, str | None]]
"""From a partition's keys as they stand, sealed, to those that are to be written; None erases."""


class ContractKeys:
    """Reads when asked, up to the end the topic has then. `stop` after use."""

    def __init__(self, connection: Connection, cluster: Cluster) -> None:
        self._connection = connection
        self._cluster = cluster
        self._sealed: dict[int, dict[bytes, str]] = {}
        self._readers: dict[int, Reader] = {}
        self._reading = asyncio.Lock()

    async def find(self, contract: str) -> str | None:
        """The contract's key, sealed; None: it has none, or it was erased. Raises EngineError."""
        number = await self.partition(contract)
        await self._read_on(number)
        return self._sealed[number].get(contract.encode())

    async def partition(self, contract: str) -> int:
        """Where a contract's key stands."""
        return partition_of(contract.encode(), await self.partitions())

    async def partitions(self) -> int:
        return await self._cluster.partitions(_TOPIC)

    async def change(self, number: int, decide: Change) -> Mapping[bytes, str | None]:
        """Write what `decide` makes of a partition as it stands, with nobody else in between. Returns what was written. Raises
        EngineError, and what `decide` raises."""
        written: dict[bytes, str | None] = {}
        overwritten: set[bytes] = set()
        for attempt in range(ATTEMPTS):
            writer = TransactionalWriter(self._connection, transactional_id(number), client_id=CLIENT_ID)
            try:
                await writer.start()
                await self._read_on(number)
                changed = {**decide(self._sealed[number]), **dict.fromkeys(overwritten)}
                if changed:
                    await writer.commit(_output(number, key, sealed) for key, sealed in changed.items())
                    overwritten = {record.key or b"" for record in await self._read_on(number) if _erases_ours(record, changed)}
                    written |= changed
                if not overwritten:
                    return written
            except (Fenced, TransactionFailed):  # a broker that is fencing may answer with an error of its own
                await asyncio.sleep(random.uniform(0, 0.1 * (attempt + 1)))
            finally:
                await writer.stop()
        raise EngineError(f"{_TOPIC}-{number} could not be written {ATTEMPTS} times because others wrote at the same time; try again")

    async def stop(self) -> None:
        for reader in self._readers.values():
            await reader.close()

    async def _read_on(self, number: int) -> list[Record]:
        """What was written since the last time, taken in. Raises Undecided."""
        async with self._reading:
            reader = await self._reader(number)
            end = (await self._cluster.high_watermarks([_TOPIC], number))[_TOPIC]
            read = [record async for records in through(reader, _TOPIC, end) for record in records]
            for record in read:
                self._take(self._sealed[number], record)
            return read

    async def _reader(self, number: int) -> Reader:
        reader = self._readers.get(number)
        if reader is None:
            reader = Reader(self._cluster, [_TOPIC], number)
            reader.seek(_TOPIC, (await self._cluster.log_starts([_TOPIC], number))[_TOPIC])
            self._readers[number], self._sealed[number] = reader, {}
        return reader

    def _take(self, sealed: dict[bytes, str], record: Record) -> None:
        if record.value is None:
            sealed.pop(record.key or b"", None)
        else:
            sealed[record.key or b""] = record.value.decode(errors="replace")


def _output(number: int, key: bytes, sealed: str | None) -> Output:
    value = None if sealed is None else sealed.encode()
    return Output(_TOPIC, key, value, int(time.time() * 1000), partition=number)


def _erases_ours(record: Record, changed: Mapping[bytes, str | None]) -> bool:
    """Whether somebody else erased a key that was just written."""
    return record.value is None and changed.get(record.key or b"") is not None


def transactional_id(partition: int) -> str:
    """Whoever writes this partition of `debtor.keys` writes under this id."""
    return f"mahnlauf-debtor-keys-{partition}"


def key_place(contract: str) -> str:
    """What a contract's key is bound to."""
    return f"{_TOPIC}/{contract}"
