"""Membership in a consumer group: which partition numbers are this process's, and whose the others are.

    group = Group(connection, "collector", ["agency.outbox"], address="127.0.0.1:6066", moved=on_moved)
    await group.start()              # joins; `moved(taken, given_up)` is called with sets of numbers at every change
    ...
    await group.stop()               # leaves

The group only gives out numbers. Reading, fencing and committing belong to the owner of a number (fetch.py, transaction.py): on `taken`
start a task that first starts its TransactionalWriter, then asks `Cluster.committed`, then reads; on `given_up` end it. `moved` must return
at once (the member sends no heartbeat while it runs), so it only starts and ends tasks. While a rebalance is under way nothing is
given up: owners work on, and who really loses a number is fenced by its next owner.

The client id is `<group>@host:port`, so that the group's description tells people where the worker of a partition listens.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.client import CoordinationType
from aiokafka.protocol.group import LeaveGroupRequest

from streams.engine.assignor import Claim, NumberAssignor
from streams.engine.cluster import Cluster, Connection, Member
from streams.engine.errors import EngineError, InstanceTaken

log = logging.getLogger(__name__)

Moved: TypeAlias = Callable[[frozenset[int], frozenset[int]], None]

SESSION_TIMEOUT_MS = 10_000
"""A worker that is silent for so long loses its partitions; shorter would take them from one in a long garbage collection."""
_NEVER_MS = 1 << 60
"""aiokafka leaves the group of a consumer that fetches nothing for max_poll_interval; this consumer never fetches."""
_WATCH_INTERVAL_MS = 1_000
_STOP_WITHIN_S = 10.0
_JOIN_AGAIN_S = 1.0
_ASKED_WITHIN_S = 1.0


class Group:
    """A member of `group_id`, dividing the partition numbers of `topics` with the other members.

    `address` is host:port of this process's pages. `instance` makes the membership static: a restart within the session timeout moves no
    partition, and `stop(for_good=True)` is the planned removal. `held` tells the numbers really held now (absent: those
    given), which the assignor uses to move as few as possible. `failed` is set when membership is over for a reason a person must see.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        topics: Sequence[str],
        *,
        address: str,
        moved: Moved,
        held: Callable[[], Collection[int]] | None = None,
        instance: str | None = None,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
    ) -> None:
        self.group_id = group_id
        self.client_id = f"{group_id}@{address}"
        self.numbers: frozenset[int] = frozenset()
        self.joined = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._moved = moved
        self._address = address
        self._instance = instance
        self._process = uuid.uuid4().hex
        self._cluster = Cluster(connection, self.client_id)
        self._topics = list(topics)
        self._watch: asyncio.Task[None] | None = None
        self._session_timeout_ms = session_timeout_ms
        self._options = connection.options(self.client_id)
        self._assignor = NumberAssignor(held or (lambda: self.numbers), Claim(instance=instance, process=self._process, address=address))
        self._consumer = self._new_consumer()

    async def start(self) -> None:
        """Join. Returns before the first numbers are given. Raises Unreachable, InstanceTaken if the instance id is in use."""
        await self._cluster.start()
        await self._refuse_used_instance()
        self._watch = asyncio.create_task(self._run(), name=f"group {self.group_id}")
        self._watch.add_done_callback(self._ended)

    async def stop(self, *, for_good: bool = False) -> None:
        """Leave and close. A static member only stops, unless `for_good`: then the others get its numbers now instead of after its
        session timeout."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        member_id = await self._static_member_id() if for_good else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self._consumer.stop()
        if member_id is not None:
            await self._remove(member_id)
        await self._cluster.stop()
        if not self.failed.done():
            self.failed.cancel()

    async def confirmed(self, number: int) -> bool:
        """Whether the coordinator, asked now, has `number` as this process's: what a fenced owner needs to know before taking again.

        A process that was paused beyond its session is no longer in the description, and one that is about to lose the number is asked
        again once the rebalance is over, so that it and the rightful owner don't fence each other for ever.
        """
        description = await self._cluster.describe_group(self.group_id)
        me = next((member for member in description.members if self._is_me(member)), None)
        return description.settled and me is not None and any(partition == number for _, partition in me.assigned)

    async def owners(self) -> dict[int, str]:
        """host:port of the process that holds each number, as far as the coordinator knows."""
        description = await self._cluster.describe_group(self.group_id)
        return {number: _address(member) for member in description.members for _, number in member.assigned}

    def given(self, numbers: frozenset[int]) -> None:
        """Take note of a new assignment (called by the rebalance listener)."""
        before, self.numbers = self.numbers, numbers
        self.joined = True
        if before != numbers:
            log.info("group %s: partitions %s (before: %s)", self.group_id, sorted(numbers), sorted(before))
            self._moved(numbers - before, before - numbers)

    def pause(self, partitions: Any) -> None:
        self._consumer.pause(*partitions)

    async def replaced_by(self) -> Member | None:
        """The member that has taken this process's instance id, if there is one."""
        if self._instance is None or not self.joined:
            return None
        members = (await self._cluster.describe_group(self.group_id)).members
        return next((member for member in members if self._has_instance(member) and not self._is_me(member)), None)

    async def _refuse_used_instance(self) -> None:
        """Not joining in a living member's place: it would end, be started again, take the place back, and so on.

        Kafka doesn't tell a living static member from one that has stopped, until its session is over; so the member itself is asked, where
        its pages listen. At this process's own address it is this process's predecessor, whose port is free again. One that can't be
        asked is taken for stopped; if it lives all the same, it ends when it hears of its successor (`replaced_by`).
        """
        if self._instance is None:
            return
        try:
            members = (await self._cluster.describe_group(self.group_id)).members
        except EngineError as error:
            log.info("group %s: can't see whether the instance id %s is in use: %s", self.group_id, self._instance, error)
            return
        for member in members:
            if self._has_instance(member) and _address(member) != self._address and await _answers(_address(member)):
                raise InstanceTaken(
                    f"instance id {self._instance} of group {self.group_id} is in use by the process at {_address(member)}; "
                    "give each process an instance id of its own, or stop that one first"
                )

    async def _run(self) -> None:
        """Start the consumer and pass on what its background tasks report; aiokafka tells it only to who asks."""
        while True:
            self._consumer.subscribe(self._topics, listener=_Listener(self))
            try:
                await self._consumer.start()
                break
            except kafka_errors.KafkaError as error:
                log.warning("group %s: can't join yet: %r", self.group_id, error)
                await self._consumer.stop()
                await asyncio.sleep(_JOIN_AGAIN_S)
                self._consumer = self._new_consumer()  # one that has failed to start can't be started again
        while not self.failed.done():
            try:
                await self._consumer.getmany(timeout_ms=_WATCH_INTERVAL_MS)
            except kafka_errors.KafkaError as error:
                await self._judge(error)

    def _new_consumer(self) -> Any:
        return AIOKafkaConsumer(
            **self._options,
            group_id=self.group_id,
            group_instance_id=self._instance,
            partition_assignment_strategy=(self._assignor,),
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 5,
            max_poll_interval_ms=_NEVER_MS,
            enable_auto_commit=False,
            # Nothing is ever read through this consumer; where it would begin is of no account.
            auto_offset_reset="latest",
        )

    async def _judge(self, error: Exception) -> None:
        try:
            replacing = await self.replaced_by()
        except EngineError:
            replacing = None  # the coordinator is away; it will be asked again
        if replacing is not None:
            self.fail(self.instance_taken(replacing))
        elif isinstance(error, kafka_errors.GroupAuthorizationFailedError | kafka_errors.TopicAuthorizationFailedError):
            self.fail(EngineError(f"group {self.group_id}: not authorized: {error}"))
        else:
            log.warning("group %s: %r", self.group_id, error)
            await asyncio.sleep(_WATCH_INTERVAL_MS / 1000)

    def _ended(self, watch: "asyncio.Task[None]") -> None:
        """Whatever ended the watch unasked ends the membership: without it nobody would hear what the coordinator says."""
        error = None if watch.cancelled() else watch.exception()
        if error is not None:
            self.fail(EngineError(f"group {self.group_id}: the membership can't go on: {error!r}"))

    def fail(self, error: EngineError) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    def instance_taken(self, by: Member) -> InstanceTaken:
        return InstanceTaken(
            f"instance id {self._instance} of group {self.group_id} was taken over by the process at {_address(by)}; "
            "give each process an instance id of its own"
        )

    async def _static_member_id(self) -> str | None:
        if self._instance is None:
            return None
        try:
            members = (await self._cluster.describe_group(self.group_id)).members
        except EngineError as error:
            log.warning("group %s: could not leave for good, the partitions move after the session timeout: %s", self.group_id, error)
            return None
        return next((member.member_id for member in members if self._is_me(member)), None)

    async def _remove(self, member_id: str) -> None:
        """What the admin call does; a static member sends it for nobody, not even for itself."""
        try:
            node = await self._cluster.client.coordinator_lookup(CoordinationType.GROUP, self.group_id)
            await self._cluster.client.send(node, LeaveGroupRequest(self.group_id, member_id))
        except kafka_errors.KafkaError as error:
            log.warning("group %s: could not leave for good, the partitions move after the session timeout: %r", self.group_id, error)

    def _is_me(self, member: Member) -> bool:
        return Claim.decode(member.user_data).process == self._process

    def _has_instance(self, member: Member) -> bool:
        return Claim.decode(member.user_data).instance == self._instance


async def _answers(address: str) -> bool:
    """Whether somebody listens at host:port."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_ASKED_WITHIN_S):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True


def _address(member: Member) -> str:
    """Where the member says it listens; not from its client id, because the coordinator keeps a static member's first one for ever."""
    return Claim.decode(member.user_data).address or member.client_id.partition("@")[2]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, group: Group) -> None:
        self._group = group

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Before joining again: a member that another process has replaced must not, or the two replace each other for ever."""
        replacing = await self._group.replaced_by()
        if replacing is not None:
            self._group.fail(self._group.instance_taken(replacing))
            raise asyncio.CancelledError  # ends aiokafka's coordination task without a further join

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._group.pause(assigned)
        self._group.given(frozenset(partition.partition for partition in assigned))
