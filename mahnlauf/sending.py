"""Sending records to the input topics in batches, and broadcasts in transactions, with one certainty: `settle` returns when everything
handed over before has been acknowledged."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from mahnlauf import committed
from mahnlauf.failures import ClusterWrong
from mahnlauf.lines import Line
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of
from streams.engine.protocol import Headers, Output
from streams.engine.transaction import TransactionalWriter

BATCH_BYTES: Final = 256 * 1024
REQUEST_BYTES: Final = 2 << 20
"""What our producers take (`events.md`, Topics)."""
KEYS_REMEMBERED: Final = 1_000_000
"""Hashing a key takes longer than looking it up; a contract has several events."""


class Sender:
    """A context: opens the clients, and closes them whatever happens. Records of one key keep their order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer = AIOKafkaProducer(
            **connection.options(committed.CLIENT_ID), enable_idempotence=True, max_batch_size=BATCH_BYTES, max_request_size=REQUEST_BYTES
        )
        self._filling: dict[tuple[str, int], Any] = {}
        self._sent: list[tuple[str, int, asyncio.Future[Any]]] = []
        self._partitions: dict[str, int] = {}
        self._places: dict[bytes, int] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            opening.push_async_callback(self._producer.stop)
            try:
                await self._producer.start()
            except KafkaError as error:
                raise ClusterWrong(f"Kafka at {self._connection.bootstrap} does not answer: {error}") from error
            self._writer = TransactionalWriter(self._connection, f"mahnlauf-publish-{uuid4()}", client_id=committed.CLIENT_ID)
            opening.push_async_callback(self._writer.stop)
            await self._writer.start()
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def add(self, line: Line, timestamp_ms: int) -> None:
        """Hand a record over; it is placed by murmur2 of its key, in partition 0 without one."""
        where = (line.topic, await self._partition(line.topic, line.key))
        batch = self._filling.get(where)
        if batch is not None and _append(batch, line, timestamp_ms):
            return
        if batch is not None:
            await self._submit(where, batch)
        batch = self._filling[where] = self._producer.create_batch()
        _append(batch, line, timestamp_ms)

    async def settle(self) -> None:
        """Wait until all that was handed over is acknowledged. Raises ClusterWrong."""
        for where, batch in self._filling.items():
            await self._submit(where, batch)
        self._filling.clear()
        for topic, partition, acknowledged in self._sent:
            try:
                await acknowledged
            except MessageSizeTooLargeError as error:
                raise ClusterWrong(
                    f"{topic}-{partition}: a record is larger than the topic takes; mahnlauf topics check tells its max.message.bytes"
                ) from error
            except KafkaError as error:
                raise ClusterWrong(f"{topic}-{partition}: Kafka refused records: {error!r}") from error
        self._sent.clear()

    async def broadcast(self, records: Sequence[tuple[bytes | None, int]], headers: Headers = ()) -> None:
        """Settle, then write each (value, timestamp in ms) to every partition of escalation.timers, all in one transaction."""
        await self.settle()
        numbers = range(await self._writer.partitions(topics.TIMERS))
        await self._writer.commit(
            [Output(topics.TIMERS, None, value, stamp, headers, number) for number in numbers for value, stamp in records]
        )

    async def _submit(self, where: tuple[str, int], batch: Any) -> None:
        batch.close()
        topic, partition = where
        try:
            self._sent.append((topic, partition, await self._producer.send_batch(batch, topic, partition=partition)))
        except KafkaError as error:
            raise ClusterWrong(f"{topic}-{partition}: Kafka does not take records: {error!r}") from error

    async def _partition(self, topic: str, key: bytes | None) -> int:
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = await self._count(topic)
        if key is None:
            return 0
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= KEYS_REMEMBERED:
                self._places.clear()
            place = self._places[key] = partition_of(key, count)
        return place

    async def _count(self, topic: str) -> int:
        count = await self._writer.partitions(topic)
        if self._partitions and count != next(iter(self._partitions.values())):
            raise ClusterWrong(f"{topic} has {count} partitions, others have another number; mahnlauf topics check tells which")
        return count


def _append(batch: Any, line: Line, timestamp_ms: int) -> bool:
    return batch.append(timestamp=timestamp_ms, key=line.key, value=line.value, headers=list(line.headers)) is not None
