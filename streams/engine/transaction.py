"""The one place that writes: a transactional producer that belongs to a partition.

    writer = TransactionalWriter(connection, "collector-3", client_id="collector@127.0.0.1:6066")
    await writer.start()                      # fences every earlier holder of the id; read committed offsets only after this
    ends = await writer.commit(outputs, {("agency.outbox", 3): reader.positions["agency.outbox"]}, group_id="collector")
    await writer.stop()

`commit` is one transaction: all outputs and the positions become visible together or not at all. After any error the writer is spent:
stop it, and take the partition again with a new one. Use one transactional id a partition (`<app>-<partition>`): then the next
owner's `start` ends whatever this one had open, at whatever point it stood. Ids by process would let a worker that was thrown out of its
group commit all the same, because the transaction requests of aiokafka carry no group generation.

Kept behind this one class so that another client can take aiokafka's place.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.engine.cluster import Connection, Positions
from streams.engine.errors import EngineError, Fenced, RecordTooLarge, Stopped, TransactionFailed, Unreachable
from streams.engine.placing import partition_of
from streams.engine.protocol import Output

log = logging.getLogger(__name__)

BATCH_BYTES = 900_000
"""A record batch stays below the broker's default `message.max.bytes` (1,048,588); a larger single record makes a batch of its own."""
TRANSACTION_TIMEOUT_MS = 60_000
"""How long a dead worker's open transaction may hold up read_committed readers if nobody takes its partition."""
_RETRY_BACKOFF_MS = 20
"""aiokafka's default of 100 ms is a visible part of a transaction's latency; Kafka answers most retries within a few ms."""
_STOP_WITHIN_S = 5.0
_NO_HEADERS: list[tuple[str, bytes]] = []
_Record: TypeAlias = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""(timestamp in ms, key, value, headers)"""

_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
_FENCED = (kafka_errors.ProducerFenced, kafka_errors.InvalidProducerEpoch, kafka_errors.InvalidProducerIdMapping)


class KeyValues(NamedTuple):
    """Records by key for one partition, all with one timestamp: what a changelog gets, without an Output for each."""

    topic: str
    partition: int
    values: Mapping[bytes, bytes | None]
    timestamp_ms: int


class Home(NamedTuple):
    """Keys whose place is known without hashing: those that `holds` are in `partition` of every topic with `partitions` partitions."""

    partition: int
    partitions: int
    holds: Callable[[bytes | None], bool]


class TransactionalWriter:
    """Writes transactions under one `transactional_id`. See the module's first lines.

    `home` saves hashing the keys of outputs; murmur2 costs a quarter of everything done to an event.
    """

    def __init__(
        self, connection: Connection, transactional_id: str, *, client_id: str, transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS
    ) -> None:
        self.home: Home | None = None
        self._transactional_id = transactional_id
        self._producer = AIOKafkaProducer(
            **connection.options(client_id),
            transactional_id=transactional_id,
            transaction_timeout_ms=transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            acks="all",
        )
        self._partitions: dict[str, int] = {}
        self._open = False

    async def start(self) -> None:
        """Fence earlier holders of the id and end their open transaction. Raises Unreachable, Stopped."""
        try:
            await self._producer.start()
        except kafka_errors.TransactionalIdAuthorizationFailed as error:
            raise Stopped(
                f"{self._transactional_id}: this user may not write under this transactional id; allow it on the broker"
            ) from error
        except kafka_errors.KafkaError as error:
            raise Unreachable(f"{self._transactional_id}: the transaction coordinator does not answer: {error!r}") from error

    async def commit(
        self, outputs: Iterable[Output], positions: Positions | None = None, *, group_id: str = "", state: KeyValues | None = None
    ) -> dict[tuple[str, int], int]:
        """Write `outputs` and `state` and commit `positions` of `group_id` in one transaction.

        Returns the offset after the last record written, by (topic, partition). Raises Fenced, TransactionFailed, RecordTooLarge.
        """
        try:
            return await self._commit(outputs, positions or {}, group_id, state)
        except (kafka_errors.KafkaError, kafka_errors.IllegalOperation, AssertionError) as error:
            # The last two are what aiokafka says when its background task has failed between two calls.
            raise self._explained(error) from error

    async def stop(self) -> None:
        """End an open transaction, so that it holds up no reader, and close. Bounded in time; never raises for a broken connection."""
        with contextlib.suppress(TimeoutError, AssertionError, kafka_errors.KafkaError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self._abort()
        with contextlib.suppress(TimeoutError, kafka_errors.KafkaError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self._producer.stop()
        self._forget_failed_waits()

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has. Raises TransactionFailed if there is no such topic."""
        known = self._partitions.get(topic)
        if known is None:
            known = self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return known

    async def _commit(
        self, outputs: Iterable[Output], positions: Positions, group_id: str, state: KeyValues | None
    ) -> dict[tuple[str, int], int]:
        await self._producer.begin_transaction()
        self._open = True
        at_hand: Collection[bytes] = () if state is None else state.values.keys()
        placed: dict[tuple[str, int], Iterable[_Record]] = {}
        for where, outs in (await self._placed(outputs, at_hand)).items():
            placed[where] = [(out.timestamp_ms, out.key, out.value, list(out.headers) if out.headers else _NO_HEADERS) for out in outs]
        if state is not None and state.values:
            placed[state.topic, state.partition] = zip(
                repeat(state.timestamp_ms), state.values.keys(), state.values.values(), repeat(_NO_HEADERS), strict=False
            )
        ends = await self._send(placed)
        if positions:
            offsets = {TopicPartition(*where): offset for where, offset in positions.items()}
            await self._producer.send_offsets_to_transaction(offsets, group_id)
        await self._producer.commit_transaction()
        self._open = False
        return ends

    async def _placed(self, outputs: Iterable[Output], at_hand: Collection[bytes]) -> dict[tuple[str, int], list[Output]]:
        """Outputs by where they go. `at_hand`: keys that changed in this transaction, and so are at home."""
        placed: dict[tuple[str, int], list[Output]] = {}
        for topic, outs in _by_topic(outputs).items():
            partitions = self._partitions.get(topic) or await self.partitions(topic)
            home = self.home if self.home is not None and self.home.partitions == partitions else None
            if home is not None and all(output.partition is None and output.key in at_hand for output in outs):
                placed[topic, home.partition] = outs
                continue
            for output in outs:
                key, partition = output.key, output.partition
                if partition is None:
                    if home is not None and (key in at_hand or home.holds(key)):
                        partition = home.partition
                    elif key is None:
                        raise ValueError(f"an output for {topic} has neither key nor partition, so it has no place")
                    else:
                        partition = partition_of(key, partitions)
                if (same := placed.get((topic, partition))) is None:
                    placed[topic, partition] = [output]
                else:
                    same.append(output)
        return placed

    async def _send(self, placed: Mapping[tuple[str, int], Iterable[_Record]]) -> dict[tuple[str, int], int]:
        """Send and await everything: aiokafka commits a transaction although one of its batches was refused, and offsets added before
        the broker has taken the batches are answered with retries."""
        sent: list[tuple[tuple[str, int], int, Any]] = []
        try:
            for where, records in placed.items():
                sent += [(where, count, future) for count, future in await self._send_to(*where, records)]
        finally:
            # Also when a later batch could not be sent: what the earlier ones met is the reason.
            results: list[Any] = await asyncio.gather(*(future for _, _, future in sent), return_exceptions=True)
            for (where, _, _), result in zip(sent, results, strict=True):
                if isinstance(result, BaseException):
                    log.info("%s: a batch for %s-%d was refused: %r", self._transactional_id, *where, result)
                    raise self._for_size(*where, result) if isinstance(result, _TOO_LARGE) else result
        return {where: result.offset + count for (where, count, _), result in zip(sent, results, strict=True)}

    def _for_size(self, topic: str, partition: int, refused: BaseException) -> RecordTooLarge:
        return RecordTooLarge(
            f"{self._transactional_id}: {topic}-{partition} refused a record batch for its size ({refused!r}): the topic's "
            f"max.message.bytes is lower than what is written to it. `mahnlauf topics check` tells what it should be"
        )

    async def _send_to(self, topic: str, partition: int, records: Iterable[_Record]) -> list[tuple[int, Any]]:
        if partition >= await self.partitions(topic):
            raise TransactionFailed(f"{self._transactional_id}: {topic} has no partition {partition}")
        return [await self._submit(batch, count, topic, partition) for batch, count in self._filled(records)]

    def _filled(self, records: Iterable[_Record]) -> Iterator[tuple[Any, int]]:
        """Record batches, closed, and the number of records in each.

        aiokafka's `BatchBuilder.append` costs three times what the builder inside it does, and is asked for twice an event.
        """
        batch, count = self._producer.create_batch(), 0
        append = batch._builder.append
        for timestamp_ms, key, value, headers in records:
            if append(count, timestamp_ms, key, value, headers) is None:
                yield _closed(batch, count), count
                batch, count = self._producer.create_batch(), 0
                append = batch._builder.append
                append(0, timestamp_ms, key, value, headers)  # the first one is taken whatever its size
            count += 1
        yield _closed(batch, count), count

    async def _submit(self, batch: Any, count: int, topic: str, partition: int) -> tuple[int, Any]:
        return count, await self._producer.send_batch(batch, topic, partition=partition)

    async def _abort(self) -> None:
        if self._open:
            self._open = False
            await self._producer.abort_transaction()

    def _forget_failed_waits(self) -> None:
        """aiokafka keeps futures of a fenced transaction that nobody awaits; asyncio would log each with a stack trace."""
        waiting = [getattr(getattr(self._producer, "_txn_manager", None), "_transaction_waiter", None)]
        batches = getattr(getattr(self._producer, "_message_accumulator", None), "_batches", {})
        waiting += [getattr(batch, "_drain_waiter", None) for queue in batches.values() for batch in queue]
        for future in waiting:
            if future is not None and future.done() and not future.cancelled():
                future.exception()

    def _explained(self, error: Exception) -> EngineError:
        sender = getattr(getattr(self._producer, "_sender", None), "sender_task", None)
        failed = sender.exception() if sender is not None and sender.done() and not sender.cancelled() else None
        causes = [cause for known in (error, failed) if known is not None for cause in _causes(known)]
        if any(isinstance(cause, _FENCED) for cause in causes):
            return Fenced(f"{self._transactional_id}: another process has taken this id")
        return TransactionFailed(f"{self._transactional_id}: the transaction was refused: {causes[-1]!r}")


def _by_topic(outputs: Iterable[Output]) -> dict[str, list[Output]]:
    """Without those that a later one replaces."""
    plain: dict[str, list[Output]] = {}
    latest: dict[str, dict[tuple[bytes | None, int | None], Output]] = {}
    for output in outputs:
        topic = output.topic
        if output.latest_only:
            if (kept := latest.get(topic)) is None:
                kept = latest[topic] = {}
            kept[output.key, output.partition] = output
        elif (same := plain.get(topic)) is None:
            plain[topic] = [output]
        else:
            same.append(output)
    return {topic: [*plain.get(topic, ()), *latest.get(topic, {}).values()] for topic in plain | latest}


def _closed(batch: Any, count: int) -> Any:
    batch._relative_offset = count
    batch.close()
    return batch


def _causes(error: BaseException) -> Iterable[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
