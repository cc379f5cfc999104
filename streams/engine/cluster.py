"""Questions to a Kafka cluster: where logs end, what a group has committed, who is in it.

One `Cluster` a process, shared by all partitions. Everything here asks; nothing here writes. aiokafka's public consumer can't answer
some of these (high watermarks beside read_committed reading, committed offsets without a cache, group descriptions), so its client and
request classes are used directly, in this file and in fetch.py alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import aiokafka.errors as kafka_errors
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from streams.engine import connections
from streams.engine.errors import EngineError, Unreachable

connections.mend()  # whoever makes a client of this project's clusters takes its options from `Connection`, so has been here

log = logging.getLogger(__name__)

READ_UNCOMMITTED = 0
READ_COMMITTED = 1
_LATEST = -1
_EARLIEST = -2
_ASK_AGAIN_S = 0.05
_NEW_TOPIC_KNOWN_WITHIN_S = 5.0
"""Every broker has heard of a topic within moments of its making, but not at once."""

Positions: TypeAlias = Mapping[tuple[str, int], int]
"""Next offset to read by (topic, partition)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the cluster is: `bootstrap` "host:port,…" and aiokafka's security options (security_protocol, ssl_context, sasl_…)."""

    bootstrap: str
    security: Mapping[str, Any] = field(default_factory=dict)

    def options(self, client_id: str) -> dict[str, Any]:
        """aiokafka's arguments for a client of this cluster."""
        return {"bootstrap_servers": self.bootstrap, "client_id": client_id, **self.security}


class Member(NamedTuple):
    """A member of a group as the coordinator tells it. `user_data` is what its assignor sent when it joined."""

    member_id: str
    client_id: str
    user_data: bytes
    assigned: frozenset[tuple[str, int]]


class GroupDescription(NamedTuple):
    """`settled` is False while the group rebalances; members then stand without assignment."""

    settled: bool
    members: tuple[Member, ...]


class Cluster:
    """Shared, read-only access to a cluster. `start` before use, `stop` afterwards.

    Every question is asked again until it is answered or `answer_within_s` is over, then `Unreachable` is raised.
    """

    def __init__(self, connection: Connection, client_id: str, *, answer_within_s: float = 30.0) -> None:
        self._client = AIOKafkaClient(**connection.options(client_id))
        self._answer_within_s = answer_within_s
        self._topics: set[str] = set()

    @property
    def client(self) -> Any:
        """aiokafka's client, for fetch.py's own requests."""
        return self._client

    async def start(self) -> None:
        try:
            await self._client.bootstrap()
        except kafka_errors.KafkaError as error:
            raise Unreachable(f"no broker answers: {error}. Is Kafka running, and is this its address?") from error

    async def stop(self) -> None:
        await self._client.close()

    async def watch(self, topics: Iterable[str]) -> None:
        """Keep the metadata of `topics` up to date; returns once it is known."""
        self._topics.update(topics)
        await self._client.set_topics(self._topics)

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has. Raises EngineError if there is no such topic, Unreachable if no broker says so."""
        await self.watch({topic})
        clock = asyncio.get_running_loop().time
        began, answered_at = clock(), None
        while not (numbers := self._client.cluster.partitions_for_topic(topic)):
            if answered_at is not None and clock() - answered_at > _NEW_TOPIC_KNOWN_WITHIN_S:
                raise EngineError(f"there is no topic {topic} on this cluster; create it first")
            if answered_at is None and clock() - began > self._answer_within_s:
                raise Unreachable(f"no broker said for {self._answer_within_s:.0f} s how many partitions {topic} has")
            await asyncio.sleep(_ASK_AGAIN_S)
            if not await self._client.force_metadata_update():
                answered_at = None  # nobody answered, which says nothing about the topic
            elif answered_at is None:
                answered_at = clock()
        return len(numbers)

    async def high_watermarks(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """Offset after the last record the broker holds, open transactions included (read_uncommitted)."""
        return await self._list_offsets(topics, partition, _LATEST, READ_UNCOMMITTED)

    async def log_starts(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """Offset of the first record each log still holds."""
        return await self._list_offsets(topics, partition, _EARLIEST, READ_UNCOMMITTED)

    async def committed(self, group_id: str, topics: Iterable[str], partition: int) -> dict[str, int]:
        """Offsets the group has committed, never from a cache; topics without one are missing from the answer."""
        request = OffsetFetchRequest(group_id, [(topic, [partition]) for topic in sorted(topics)])
        offsets: dict[str, int] = await self._of_group(group_id, request, _offsets)
        return offsets

    async def describe_group(self, group_id: str) -> GroupDescription:
        """Who is in the group and what they were given."""
        description: GroupDescription = await self._of_group(group_id, DescribeGroupsRequest([group_id]), _described)
        return description

    async def ask_any(self, request: Any) -> Any:
        """Send a request that any broker can answer."""
        return await self._answered("the cluster", lambda: self._client.send(self._client.get_random_node(), request))

    async def _of_group(self, group_id: str, request: Any, read: Callable[[Any], Any]) -> Any:
        """`read` belongs to asking: a coordinator that moves or loads its groups says so in its answer, and is asked again."""

        async def ask() -> Any:
            node = await self._client.coordinator_lookup(CoordinationType.GROUP, group_id)
            return read(await self._client.send(node, request))

        return await self._answered(f"the coordinator of group {group_id}", ask)

    async def _list_offsets(self, topics: Iterable[str], partition: int, which: int, isolation: int) -> dict[str, int]:
        wanted = sorted(topics)

        async def ask() -> dict[str, int]:
            by_node: dict[int, list[tuple[str, list[tuple[int, int]]]]] = {}
            for topic in wanted:
                by_node.setdefault(self.leader(topic, partition), []).append((topic, [(partition, which)]))
            requests = [self._client.send(node, OffsetRequest(-1, isolation, parts)) for node, parts in by_node.items()]
            answers = await asyncio.gather(*requests)
            return {topic: _offset(part) for answer in answers for topic, [part] in answer.topics}

        answer: dict[str, int] = await self._answered(f"the leaders of partition {partition}", ask)
        return answer

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition. Raises aiokafka's LeaderNotAvailableError while there is none."""
        node = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if node is None or node == -1:
            raise kafka_errors.LeaderNotAvailableError(f"{topic}-{partition}")
        return int(node)

    async def _answered(self, who: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._answer_within_s
        while True:
            try:
                return await ask()
            except kafka_errors.KafkaError as error:
                if not (error.retriable or error.invalid_metadata):
                    raise EngineError(f"{who}: {error!r}") from error
                if loop.time() > deadline:
                    raise Unreachable(f"{who} did not answer for {self._answer_within_s:.0f} s: {error!r}") from error
                await self._refreshed(deadline)
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _refreshed(self, deadline: float) -> None:
        """Wait for fresh metadata, but not beyond `deadline` (loop time)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._client.force_metadata_update()


def _raise(error_code: int) -> None:
    if error_code:
        raise kafka_errors.for_code(error_code)()


def _offset(part: tuple[int, ...]) -> int:
    _, error_code, *rest = part
    _raise(error_code)
    return rest[1]


def _offsets(response: Any) -> dict[str, int]:
    offsets: dict[str, int] = {}
    for topic, [(_, offset, _, error_code)] in response.topics:
        _raise(error_code)
        if offset >= 0:
            offsets[topic] = offset
    return offsets


def _described(response: Any) -> GroupDescription:
    error_code, _, state, _, _, members, *_ = response.groups[0]
    _raise(error_code)
    return GroupDescription(state == "Stable", tuple(_member(*member[:2], *member[3:]) for member in members))


def _member(member_id: str, client_id: str, metadata: bytes, assignment: bytes) -> Member:
    user_data = ConsumerProtocolMemberMetadata.decode(metadata).user_data if metadata else b""
    given = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
    return Member(member_id, client_id, user_data or b"", frozenset((tp.topic, tp.partition) for tp in given))
