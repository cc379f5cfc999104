"""A broker of the world: what it answers to each request. Its state is the cluster's (cluster.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.simulation.kafka import batches, errors
from tests.simulation.kafka.cluster import Broker, Shares
from tests.simulation.kafka.log import READ_COMMITTED, Answer
from tests.simulation.kafka.wire import VERSIONS, Wire
from tests.simulation.loop import Pipe

_EARLIEST = -2
_TRANSACTION_KEYS = 1
_NOT_LEADER = 6


class Node:
    """Answers on behalf of `broker`. `fault` is asked before and after each request is carried out; it may delay, or cut the connection."""

    def __init__(self, broker: Broker, cluster: Shares, fault: Callable[[Pipe, str], Awaitable[None]]) -> None:
        self._broker = broker
        self._cluster = cluster
        self._fault = fault

    def served(self, pipe: Pipe) -> Callable[[bytes], None]:
        """A new connection."""

        async def handle(request: Any, client_id: str) -> Any:
            name = type(request).__name__.partition("Request")[0]
            await self._fault(pipe, f"before {name}")
            response = await self._answer(name, request, client_id)
            await self._fault(pipe, f"after {name}")
            return response

        return Wire(pipe, handle).take

    async def _answer(self, name: str, request: Any, client_id: str) -> Any:
        kind = request.RESPONSE_TYPE
        match name:
            case "ApiVersion":
                return kind(0, VERSIONS)
            case "Metadata":
                return self._metadata(kind, request)
            case "Produce":
                return self._produce(kind, request)
            case "Fetch":
                return await self._fetch(kind, request)
            case "Offset":
                return kind(0, _each(request.topics, lambda topic, part: self._list_offset(topic, part, request.isolation_level)))
            case "FindCoordinator":
                number = self._cluster.coordinator(request.coordinator_key)
                return kind(0, errors.NONE if number >= 0 else errors.COORDINATOR_NOT_AVAILABLE, "", number, "kafka", 9_000 + number)
            case "InitProducerId":
                return self._init_producer(kind, request)
            case "AddPartitionsToTxn" | "AddOffsetsToTxn" | "EndTxn" | "TxnOffsetCommit":
                return self._of_transaction(name, kind, request)
            case _:
                return await self._of_group(name, kind, request, client_id)

    def _metadata(self, kind: Any, request: Any) -> Any:
        cluster = self._cluster
        wanted = request.topics if request.topics else list(cluster.topics)
        brokers = [(broker.number, "kafka", broker.port, None) for broker in cluster.brokers if broker.up]

        def partitions(topic: str) -> list[Any]:
            led = [cluster.leader(topic, number) for number in range(len(cluster.topics[topic]))]
            return [(0 if leader >= 0 else 5, number, leader, [leader], [leader]) for number, leader in enumerate(led)]

        known = [
            (0, topic, False, partitions(topic)) if topic in cluster.topics else (errors.UNKNOWN_TOPIC, topic, False, [])
            for topic in wanted
        ]
        return kind(brokers, 0, known)

    def _leads(self, topic: str, partition: int) -> int:
        if topic not in self._cluster.topics:
            return errors.UNKNOWN_TOPIC
        return errors.NONE if self._cluster.leader(topic, partition) == self._broker.number else _NOT_LEADER

    def _coordinates(self, key: str) -> int:
        return errors.NONE if self._cluster.coordinator(key) == self._broker.number else errors.NOT_COORDINATOR

    def _produce(self, kind: Any, request: Any) -> Any:
        def write(topic: str, part: Any) -> tuple[int, int, int, int]:
            partition, data = part
            error, base = self._leads(topic, partition), -1
            for batch in batches.split(data) if not error else ():
                error, base = self._append(request.transactional_id, topic, partition, batch)
                if error:
                    break
            return partition, error, base, -1

        return kind(_each(request.topics, write), 0)

    def _append(self, transactional_id: str | None, topic: str, partition: int, batch: bytes) -> tuple[int, int]:
        head = batches.head(batch)
        if head.transactional:
            where = topic, partition
            error = self._cluster.transactions.may_write(transactional_id or "", head.producer_id, head.producer_epoch, where)
            if error:
                return error, -1
        return self._cluster.log(topic, partition).append(batch)

    async def _fetch(self, kind: Any, request: Any) -> Any:
        """Waits for something to tell, as long as the asker wants."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.max_wait_time / 1000
        while True:
            logs = [self._cluster.log(topic, part[0]) for topic, parts in request.topics for part in parts if topic in self._cluster.topics]
            found = _each(request.topics, lambda topic, part: self._read(topic, part, request))
            told = any(part[1] or part[5] for _, parts in found for part in parts)
            left_s = deadline - loop.time()
            if told or left_s <= 0 or not logs:
                return kind(0, found)
            changes = [asyncio.ensure_future(log.changed.wait()) for log in logs]
            await asyncio.wait(changes, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for change in changes:
                change.cancel()

    def _read(self, topic: str, part: Any, request: Any) -> tuple[Any, ...]:
        partition, position, max_bytes = part
        error = self._leads(topic, partition)
        if error:
            return partition, error, -1, -1, [], b""
        answer: Answer = self._cluster.log(topic, partition).read(position, request.isolation_level, max_bytes)
        return partition, answer.error, answer.high, answer.stable, answer.aborted, answer.data

    def _list_offset(self, topic: str, part: Any, isolation: int) -> tuple[int, int, int, int]:
        partition, which = part
        error = self._leads(topic, partition)
        if error:
            return partition, error, -1, -1
        log = self._cluster.log(topic, partition)
        end = log.stable if isolation == READ_COMMITTED else log.end
        return partition, 0, -1, log.start if which == _EARLIEST else end

    def _init_producer(self, kind: Any, request: Any) -> Any:
        if request.transactional_id is None:
            return kind(0, errors.NONE, self._cluster.transactions.new_producer(), 0)
        error = self._coordinates(request.transactional_id)
        if error:
            return kind(0, error, -1, -1)
        return kind(0, *self._cluster.transactions.begin(request.transactional_id, request.transaction_timeout_ms))

    def _of_transaction(self, name: str, kind: Any, request: Any) -> Any:
        transactions = self._cluster.transactions
        whose = request.transactional_id, request.producer_id, request.producer_epoch
        if name == "TxnOffsetCommit":
            return kind(0, self._commit_offsets(request, whose))
        error = self._coordinates(request.transactional_id)
        if name == "AddPartitionsToTxn":
            places = [(topic, partition) for topic, partitions in request.topics for partition in partitions]
            error = error or transactions.add(*whose, places)
            return kind(0, _each(request.topics, lambda topic, partition: (partition, error)))
        if name == "AddOffsetsToTxn":
            return kind(0, error or transactions.add(*whose, group=request.group_id))
        return kind(0, error or transactions.end(*whose, commit=request.transaction_result))

    def _commit_offsets(self, request: Any, whose: tuple[str, int, int]) -> list[Any]:
        error = self._coordinates(request.group_id) or self._cluster.transactions.may_commit(*whose, request.group_id)
        if not error:
            self._cluster.groups.commit(request.group_id, _offsets(request.topics), request.producer_id)
        return _each(request.topics, lambda topic, part: (part[0], error))

    async def _of_group(self, name: str, kind: Any, request: Any, client_id: str) -> Any:
        groups = self._cluster.groups
        key = request.groups[0] if name == "DescribeGroups" else getattr(request, "group", None) or getattr(request, "consumer_group", None)
        assert key is not None, f"{name} is no request of a group"
        error = self._coordinates(key)
        match name:
            case "JoinGroup":
                return await self._join(kind, request, client_id, error)
            case "SyncGroup":
                told = (error, b"") if error else await groups.sync(key, request.generation_id, request.member_id, request.group_assignment)
                return kind(0, *told)
            case "Heartbeat":
                return kind(0, error or groups.heartbeat(key, request.generation_id, request.member_id))
            case "LeaveGroup":
                return kind(0, error or groups.leave(key, request.member_id))
            case "DescribeGroups":
                return kind(0, [self._described(key, error)])
            case "OffsetFetch":
                known = {} if error else groups.group(key).offsets
                parts = _each(request.topics, lambda topic, partition: (partition, known.get((topic, partition), -1), "", error))
                return kind(0, parts, error)
            case "OffsetCommit":
                if not error:
                    groups.commit(key, _offsets(request.topics))
                return kind(_each(request.topics, lambda topic, part: (part[0], error)))
        raise AssertionError(f"nobody here answers {name}")

    async def _join(self, kind: Any, request: Any, client_id: str, error: int) -> Any:
        if error:
            return kind(0, error, -1, "", "", request.member_id, [])
        protocol, claim = request.group_protocols[0]
        who = request.group, request.member_id, client_id, request.group_instance_id
        times = request.session_timeout, request.rebalance_timeout
        joined = await self._cluster.groups.join(*who, *times, protocol, claim)
        return kind(0, joined.error, joined.generation, joined.protocol, joined.leader, joined.member_id, list(joined.members))

    def _described(self, group_id: str, error: int) -> tuple[Any, ...]:
        group = self._cluster.groups.group(group_id)
        settled = group.state.value == "Stable"
        members = [
            (one.member_id, one.client_id, "/sim", one.metadata if settled else b"", one.assignment if settled else b"")
            for one in group.members.values()
        ]
        return error, group_id, group.state.value, "consumer", "", [] if error else members


def _each(topics: Iterable[Any], of: Callable[[str, Any], Any]) -> list[Any]:
    return [(topic, [of(topic, part) for part in parts]) for topic, parts in topics]


def _offsets(topics: Iterable[Any]) -> dict[tuple[str, int], int]:
    return {(topic, partition): offset for topic, parts in topics for partition, offset, _ in parts}
