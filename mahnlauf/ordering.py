"""The console's desk at a cluster: publishes what a person orders, and says what became of it."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from connectors.agencies.registry import AGENCIES
from connectors.delivery.calendar import Calendar
from connectors.delivery.sealing import Keys, SealBroken
from connectors.delivery.texts import DebtorErased, Texts, TextTooLong
from console.actions.desk import NotSealed, Sent, Unsent
from mahnlauf import committed
from schemas import codec, topics
from schemas.ids import contract_key
from streams.engine import deadletter
from streams.engine.cluster import Cluster, Connection
from streams.engine.errors import EngineError
from streams.engine.placing import partition_of
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter

log = logging.getLogger(__name__)

LETTERS: Final = topics.dead_letters(topics.INSTRUCTIONS)
ANSWER_WITHIN_S: Final = 2.0
"""A page must not wait longer for Kafka."""


class OrderDesk:
    """A context. See `console.actions.desk.Desk`; `group_id` is the workers' group; without `keys` no words go in or out."""

    def __init__(self, connection: Connection, group_id: str, keys: Keys) -> None:
        self._connection = connection
        self.seals = bool(keys)
        self._group_id = group_id
        self._cluster = Cluster(connection, committed.CLIENT_ID)
        self._texts = Texts(connection, self._cluster, keys)
        self._id = f"mahnlauf-console-{uuid4()}"
        self._writing = asyncio.Lock()
        self._refused: dict[tuple[int, int], str] = {}
        """By partition and offset on the instructions, why the processor did not take one."""
        self.can: Mapping[str, frozenset[str]] = {name: _commands(agency) for name, agency in AGENCIES.items()}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await self._cluster.start()
            opening.push_async_callback(self._cluster.stop)
            opening.push_async_callback(self._texts.stop)
            await self._cluster.watch([topics.INSTRUCTIONS, LETTERS])
            self._calendar = Calendar(self._cluster, lambda: None)
            await self._calendar.start()
            opening.push_async_callback(self._calendar.stop)
            self._letters = AIOKafkaConsumer(
                **self._connection.options(committed.CLIENT_ID), isolation_level="read_committed", enable_auto_commit=False
            )
            await self._letters.start()
            opening.push_async_callback(self._letters.stop)
            parts = [TopicPartition(LETTERS, number) for number in range(await self._cluster.partitions(LETTERS))]
            self._letters.assign(parts)
            await self._letters.seek_to_beginning(*parts)
            for work in (self._calendar.run(), self._read_letters()):
                opening.push_async_callback(_end, asyncio.create_task(work))
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self._calendar.now_ms / 1000, UTC) if self._calendar.now_ms else datetime.now(UTC)

    async def seal(self, tenant: str, contract: str, text: str) -> str:
        try:
            return await self._texts.seal(contract_key(tenant, contract), text)
        except (TextTooLong, DebtorErased) as error:
            raise NotSealed(str(error)) from error
        except (SealBroken, EngineError, KafkaError) as error:
            raise Unsent(f"it can't be sealed: {error}") from error

    async def opened(self, tenant: str, contract: str, sealed: str) -> str | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._texts.open(contract_key(tenant, contract), sealed)
        except (TimeoutError, SealBroken, EngineError, KafkaError):
            return None

    async def send(self, events: Sequence[Any]) -> list[Sent]:
        """In one transaction, by a writer of its own: people order seldom, and what failed leaves nothing behind."""
        async with self._writing:
            writer = TransactionalWriter(self._connection, self._id, client_id=committed.CLIENT_ID)
            try:
                await writer.start()
                count = await writer.partitions(topics.INSTRUCTIONS)
                outputs = [_output(event, count) for event in events]
                ends = await writer.commit(outputs)
            except (EngineError, KafkaError) as error:
                raise Unsent(f"Kafka did not take it: {error}") from error
            finally:
                await writer.stop()
        return _places(outputs, ends)

    async def fate(self, sent: Sent) -> str | None:
        """The letter of one that was refused is written in the transaction that passes it; it is waited for."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                done = await self._cluster.committed(self._group_id, [topics.INSTRUCTIONS], sent.partition)
                if done.get(topics.INSTRUCTIONS, 0) <= sent.offset:
                    return None
                end = (await self._cluster.high_watermarks([LETTERS], sent.partition))[LETTERS]
                while await self._letters.position(TopicPartition(LETTERS, sent.partition)) < end:
                    await asyncio.sleep(0.01)
        except (TimeoutError, EngineError, KafkaError):
            return None
        return self._refused.get((sent.partition, sent.offset), "")

    async def _read_letters(self) -> None:
        while True:
            try:
                for records in (await self._letters.getmany(timeout_ms=500)).values():
                    for record in records:
                        self._note(record)
            except KafkaError as error:  # it reads on where it stood
                log.warning("the console can't read %s for now: %r", LETTERS, error)
                await asyncio.sleep(1.0)

    def _note(self, record: Any) -> None:
        letter = Output(LETTERS, record.key, record.value, record.timestamp, tuple(record.headers), record.partition)
        with contextlib.suppress(KeyError, ValueError):  # not one of the processor's
            _, offset = deadletter.origin_of(letter)
            self._refused[record.partition, offset] = f"{deadletter.reason_of(letter)}: {deadletter.detail_of(letter)}"


def _commands(agency: Any) -> frozenset[str]:
    commands: frozenset[str] = agency.capabilities.commands
    return commands


def _output(event: Any, partitions: int) -> Output:
    key = contract_key(event.tenant, event.subject).encode()
    return Output(topics.INSTRUCTIONS, key, codec.encode(event), round(event.time.timestamp() * 1000), (), partition_of(key, partitions))


def _places(outputs: list[Output], ends: Mapping[tuple[str, int], int]) -> list[Sent]:
    """`ends` are the offsets after the last record of each partition; what one transaction writes stands in a row."""
    places: list[Sent] = []
    left = {number: end for (_, number), end in ends.items()}
    for output in reversed(outputs):
        assert output.partition is not None
        left[output.partition] -= 1
        places.append(Sent(output.partition, left[output.partition]))
    return places[::-1]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
