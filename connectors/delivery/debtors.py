"""Person data, looked up at the moment of sending: the connector's own store of `billing.debtors`. In memory, and nowhere else.

A look-up first reads up to the end that the topic has at that moment, so that an address published before the handover is used by it. A
record without a value erases the debtor here too.
"""

import asyncio
import logging
from typing import Final

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas import codec, topics
from schemas.debtors import DebtorDescribedData
from streams.engine.cluster import Connection

log = logging.getLogger(__name__)

_WAIT_MS: Final = 500
_ASK_AGAIN_S: Final = 0.5


class DebtorMissing(Exception):
    """Nobody is described under this key. `reason` is what is answered."""

    reason = "debtor_missing"


class DebtorUnreadable(DebtorMissing):
    """The latest description can't be read; an earlier one would be out of date."""

    reason = "debtor_unreadable"


class Debtors:
    """`start` before use, `run` as a task beside it, `stop` afterwards."""

    def __init__(self, connection: Connection, client_id: str, partitions: int) -> None:
        options = {**connection.options(client_id), "enable_auto_commit": False, "isolation_level": "read_committed"}
        self._consumer = AIOKafkaConsumer(**options, auto_offset_reset="earliest")
        # On a connection of its own: a question would wait behind the reader's long poll, half a second a look-up.
        self._asker = AIOKafkaConsumer(**options)
        self._partitions = [TopicPartition(topics.DEBTORS, number) for number in range(partitions)]
        self._known: dict[bytes, tuple[bytes, codec.HeaderList]] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()
        self._asking = asyncio.Lock()
        self._begun = self._answered = 0

    def __len__(self) -> int:
        return len(self._known)

    async def start(self) -> None:
        await self._asker.start()
        await self._consumer.start()
        self._consumer.assign(self._partitions)

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._asker.stop()

    async def run(self) -> None:
        """Follow the topic."""
        while True:
            try:
                await self._read()
            except kafka_errors.KafkaError as error:
                log.warning("%s can't be read for now: %r", topics.DEBTORS, error)
                await asyncio.sleep(_ASK_AGAIN_S)

    async def find(self, key: str) -> DebtorDescribedData:
        """Who is described under the contract's key now. Raises DebtorMissing, DebtorUnreadable."""
        await self.caught_up()
        known = self._known.get(key.encode())
        if known is None:
            raise DebtorMissing
        try:
            described: DebtorDescribedData = codec.decode(topics.DEBTORS, *known, key.encode()).data
        except codec.Unreadable as error:
            log.error("the description of a debtor on %s can't be read: %s", topics.DEBTORS, error.reason)
            raise DebtorUnreadable from None
        return described

    async def caught_up(self) -> None:
        """Returns once everything that the topic holds now was read. Those who ask at the same time share one question."""
        came = self._begun
        async with self._asking:
            if self._answered > came:
                return
            self._begun += 1
            this = self._begun
            ends = await self._ends()
            async with self._moved:
                await self._moved.wait_for(lambda: all(self._positions.get(part, 0) >= end for part, end in ends.items()))
            self._answered = this

    async def _ends(self) -> dict[TopicPartition, int]:
        while True:
            try:
                ends: dict[TopicPartition, int] = await self._asker.end_offsets(self._partitions)
                return ends
            except kafka_errors.KafkaError as error:
                log.warning("the end of %s is not known for now: %r", topics.DEBTORS, error)
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _read(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_WAIT_MS)
        for records in fetched.values():
            for record in records:
                self._take(record.key or b"", record.value, record.headers)
        positions = {part: await self._consumer.position(part) for part in self._partitions}
        async with self._moved:
            self._positions = positions
            self._moved.notify_all()

    def _take(self, key: bytes, value: bytes | None, headers: codec.HeaderList) -> None:
        if value is None:
            self._known.pop(key, None)
        else:
            self._known[key] = (value, headers)
