"""The group coordinator: Kafka's classic protocol of joining, syncing and heartbeats, static members, and committed offsets."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from tests.simulation.kafka import errors

_FIRST_JOIN_DELAY_S = 0.1
"""group.initial.rebalance.delay.ms of the project's own broker is as short."""


class State(Enum):
    EMPTY = "Empty"
    JOINING = "PreparingRebalance"
    SYNCING = "CompletingRebalance"
    STABLE = "Stable"


class Joined(NamedTuple):
    error: int
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    member_id: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass
class Member:
    member_id: str
    client_id: str
    instance: str | None
    session_s: float
    rebalance_s: float
    protocol: str
    metadata: bytes
    assignment: bytes = b""
    joining: "asyncio.Future[Joined] | None" = None
    syncing: "asyncio.Future[tuple[int, bytes]] | None" = None
    session: asyncio.TimerHandle | None = None


@dataclass
class Group:
    state: State = State.EMPTY
    generation: int = 0
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)
    """Ids given out to members that have to join again with them."""
    deadline: asyncio.TimerHandle | None = None
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    pending: dict[int, dict[tuple[str, int], int]] = field(default_factory=dict)


class Groups:
    """All groups of the cluster."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._given_ids = 0

    def group(self, group_id: str) -> Group:
        return self._groups.setdefault(group_id, Group())

    async def join(
        self,
        group_id: str,
        member_id: str,
        client_id: str,
        instance: str | None,
        session_ms: int,
        rebalance_ms: int,
        protocol: str,
        metadata: bytes,
    ) -> Joined:
        """Answered when everybody has joined, or the others' time to do so is over."""
        group = self.group(group_id)
        if member_id == "":
            member_id = self._new_id(client_id)
            if instance is None:
                group.expected.add(member_id)
                return Joined(errors.MEMBER_ID_REQUIRED, member_id=member_id)
            self._replace(group, instance, member_id)
        elif member_id not in group.members and member_id not in group.expected:
            return Joined(errors.UNKNOWN_MEMBER, member_id=member_id)
        group.expected.discard(member_id)
        member = group.members.get(member_id)
        if member is None:
            member = group.members[member_id] = Member(member_id, client_id, instance, 0, 0, protocol, metadata)
        member.session_s, member.rebalance_s = session_ms / 1000, rebalance_ms / 1000
        member.protocol, member.metadata = protocol, metadata
        member.joining = waiting = asyncio.get_running_loop().create_future()
        self._alive(group, member)
        self._rebalance(group)
        return await asyncio.shield(waiting)  # whose connection breaks stays a member, until its session is over

    async def sync(self, group_id: str, generation: int, member_id: str, assignments: Iterable[tuple[str, bytes]]) -> tuple[int, bytes]:
        group = self.group(group_id)
        error, member = self._known(group, generation, member_id)
        if member is None:
            return error, b""
        self._alive(group, member)
        if group.state is State.JOINING:
            return errors.REBALANCE_IN_PROGRESS, b""
        if group.state is State.STABLE:
            return errors.NONE, member.assignment
        member.syncing = waiting = asyncio.get_running_loop().create_future()
        if member_id == group.leader:
            self._divide(group, dict(assignments))
        return await asyncio.shield(waiting)

    def heartbeat(self, group_id: str, generation: int, member_id: str) -> int:
        group = self.group(group_id)
        error, member = self._known(group, generation, member_id)
        if member is None:
            return error
        self._alive(group, member)
        return errors.REBALANCE_IN_PROGRESS if group.state is State.JOINING else errors.NONE

    def leave(self, group_id: str, member_id: str) -> int:
        group = self.group(group_id)
        if member_id not in group.members:
            return errors.UNKNOWN_MEMBER
        self._remove(group, member_id)
        return errors.NONE

    def commit(self, group_id: str, offsets: dict[tuple[str, int], int], producer_id: int | None = None) -> None:
        """Of a transaction they wait for its end."""
        group = self.group(group_id)
        (group.offsets if producer_id is None else group.pending.setdefault(producer_id, {})).update(offsets)

    def settle(self, group_id: str, producer_id: int, *, commit: bool) -> None:
        group = self.group(group_id)
        pending = group.pending.pop(producer_id, {})
        if commit:
            group.offsets.update(pending)

    def _known(self, group: Group, generation: int, member_id: str) -> tuple[int, Member | None]:
        member = group.members.get(member_id)
        if member is None:
            return errors.UNKNOWN_MEMBER, None
        return (errors.NONE, member) if generation == group.generation else (errors.ILLEGAL_GENERATION, None)

    def _new_id(self, client_id: str) -> str:
        self._given_ids += 1
        return f"{client_id}-{self._given_ids:04d}"

    def _replace(self, group: Group, instance: str, new_id: str) -> None:
        """A static member comes again: the id it had is nobody's any more."""
        old = next((member for member in group.members.values() if member.instance == instance), None)
        if old is None:
            group.expected.add(new_id)
            return
        del group.members[old.member_id]
        for waiting in (old.joining, old.syncing):
            if waiting is not None and not waiting.done():
                waiting.cancel()
        if old.session is not None:
            old.session.cancel()
        group.members[new_id] = Member(
            new_id, old.client_id, instance, old.session_s, old.rebalance_s, old.protocol, old.metadata, old.assignment
        )

    def _alive(self, group: Group, member: Member) -> None:
        if member.session is not None:
            member.session.cancel()
        member.session = asyncio.get_running_loop().call_later(member.session_s, self._silent, group, member)

    def _silent(self, group: Group, member: Member) -> None:
        if group.members.get(member.member_id) is not member:
            return
        if member.joining is not None and not member.joining.done():
            self._alive(group, member)  # it waits for an answer, so it can't be asked for more
        else:
            self._remove(group, member.member_id)

    def _remove(self, group: Group, member_id: str) -> None:
        gone = group.members.pop(member_id)
        if gone.session is not None:
            gone.session.cancel()
        if gone.joining is not None and not gone.joining.done():
            gone.joining.set_result(Joined(errors.UNKNOWN_MEMBER, member_id=member_id))
        if gone.syncing is not None and not gone.syncing.done():
            gone.syncing.set_result((errors.UNKNOWN_MEMBER, b""))
        self._rebalance(group)

    def _rebalance(self, group: Group) -> None:
        if group.state is not State.JOINING:
            first = group.state is State.EMPTY
            group.state = State.JOINING
            for member in group.members.values():
                if member.syncing is not None and not member.syncing.done():
                    member.syncing.set_result((errors.REBALANCE_IN_PROGRESS, b""))
            longest_s = max((member.rebalance_s for member in group.members.values()), default=0.0)
            delay_s = _FIRST_JOIN_DELAY_S if first else longest_s
            group.deadline = asyncio.get_running_loop().call_later(delay_s, self._complete, group)
            if first:
                return
        elif group.generation == 0:
            return
        if all(member.joining is not None and not member.joining.done() for member in group.members.values()):
            self._complete(group)

    def _complete(self, group: Group) -> None:
        if group.deadline is not None:
            group.deadline.cancel()
        if group.state is not State.JOINING:
            return
        here = {
            one.member_id: one
            for one in group.members.values()
            if one.instance is not None or (one.joining is not None and not one.joining.done())
        }
        for member_id in group.members.keys() - here.keys():
            session = group.members[member_id].session
            if session is not None:
                session.cancel()
        group.members = here
        group.generation += 1
        joined = [member for member in here.values() if member.joining is not None and not member.joining.done()]
        if not joined:
            group.state, group.generation = State.EMPTY, max(group.generation, 1)
            return
        group.state, group.leader = State.SYNCING, joined[0].member_id
        everybody = tuple((member.member_id, member.instance, member.metadata) for member in here.values())
        for member in joined:
            told = everybody if member.member_id == group.leader else ()
            assert member.joining is not None
            member.joining.set_result(Joined(errors.NONE, group.generation, member.protocol, group.leader, member.member_id, told))
            self._alive(group, member)

    def _divide(self, group: Group, assignments: dict[str, bytes]) -> None:
        group.state = State.STABLE
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            if member.syncing is not None and not member.syncing.done():
                member.syncing.set_result((errors.NONE, member.assignment))
