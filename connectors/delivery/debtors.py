"""Person data, looked up at the moment of sending: the connector's own store of `billing.debtors`. In memory, and nowhere else.

A look-up first reads up to the end that the topic has at that moment, so that an address published before the handover is used by it. A
record without a value erases the debtor here too.

aiokafka's consumer reads in a task of its own; if that ever ends, `getmany` returns nothing for ever and says nothing. So a reader that
does not get to an end that it should get to is made anew.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final, Protocol

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas import codec, topics
from schemas.debtors import DebtorDescribedData
from streams.engine.cluster import Connection
from streams.engine.errors import Unreachable

log = logging.getLogger(__name__)

_WAIT_MS: Final = 500
_ASK_AGAIN_S: Final = 0.5
STANDS_AFTER_S: Final = 15.0
"""A reader that has not moved for so long although there is something to read is made anew; it goes on where it stands."""


class DebtorMissing(Exception):
    """Nobody is described under this key. `reason` is what is answered."""

    reason = "debtor_missing"


class DebtorUnreadable(DebtorMissing):
    """The latest description can't be read; an earlier one would be out of date."""

    reason = "debtor_unreadable"


class Took(Protocol):
    """Who is told of each record: a debtor was described, or erased."""

    def __call__(self, contract: str, *, described: bool) -> None: ...


def _tell_nobody(contract: str, *, described: bool) -> None:
    """Nobody asked."""


class Debtors:
    """`start` before use, `run` as a task beside it, `stop` afterwards. `took` is told each record, by contract, in its order."""

    def __init__(self, connection: Connection, client_id: str, partitions: int, took: Took = _tell_nobody) -> None:
        self._took = took
        self._options = {**connection.options(client_id), "enable_auto_commit": False, "isolation_level": "read_committed"}
        self._consumer = self._reader()
        # On a connection of its own: a question would wait behind the reader's long poll, half a second a look-up.
        self._asker = AIOKafkaConsumer(**self._options)
        self._partitions = [TopicPartition(topics.DEBTORS, number) for number in range(partitions)]
        self._known: dict[bytes, tuple[bytes, codec.HeaderList]] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()
        self._asking = asyncio.Lock()
        self._begun = self._answered = 0
        self._stands = False

    def __len__(self) -> int:
        return len(self._known)

    async def start(self) -> None:
        """Raises Unreachable."""
        try:
            await self._asker.start()
            await self._consumer.start()
        except kafka_errors.KafkaError as error:
            await self.stop()
            raise Unreachable(f"no broker answers: {error}. Is Kafka running, and is this its address?") from error
        self._consumer.assign(self._partitions)

    async def stop(self) -> None:
        await self._stop_reader()
        await _stopped(self._asker)

    async def run(self) -> None:
        """Follow the topic."""
        while True:
            try:
                if self._stands:
                    await self._begin_anew()
                async with asyncio.timeout(STANDS_AFTER_S):
                    await self._read()
            except (kafka_errors.KafkaError, TimeoutError) as error:
                log.warning("%s can't be read for now: %r", topics.DEBTORS, error)
                self._stands = True
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
            while not await self._reached(ends):
                pass
            self._answered = this

    async def _reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether the reader gets there while it moves."""
        before = self._positions
        try:
            async with asyncio.timeout(STANDS_AFTER_S), self._moved:
                await self._moved.wait_for(lambda: all(self._positions.get(part, 0) >= end for part, end in ends.items()))
        except TimeoutError:
            if self._positions == before:
                log.warning("%s was not read on for %.0f s; its reader is made anew", topics.DEBTORS, STANDS_AFTER_S)
                self._stands = True
            return False
        return True

    def _reader(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**self._options, auto_offset_reset="earliest")

    async def _stop_reader(self) -> None:
        await _stopped(self._consumer)
        await self._consumer._client.close()  # where the reader's task has failed, `stop` raises and leaves this undone

    async def _begin_anew(self) -> None:
        """A new reader, where the old one stood. Raises KafkaError."""
        await self._stop_reader()
        self._consumer = self._reader()
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        for part, position in self._positions.items():
            self._consumer.seek(part, position)
        self._stands = False

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
        self._took(key.decode(errors="replace"), described=value is not None)
        if value is None:
            self._known.pop(key, None)
        else:
            self._known[key] = (value, headers)


async def _stopped(consumer: AIOKafkaConsumer) -> None:
    """What its own tasks failed with says nothing any more, nor that it cancelled one: aiokafka may raise that as if it were us."""
    try:
        with contextlib.suppress(kafka_errors.KafkaError):
            await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
