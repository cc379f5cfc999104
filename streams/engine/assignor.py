"""Gives out partition numbers, not topics: whoever gets number p reads p of every input it subscribes to.

So one owner holds all that concerns a key, also while a release adds an input: then members subscribe to different sets of topics, and
aiokafka's own assignors would hand p of the new topic to somebody else. A number stays with its previous owner where balance allows: each
member tells in its user data which numbers it holds and as of which turn (the leader counts turns), so that a member that comes back
after a long pause does not win against the one that has taken over.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

_VERSION = 0


class Claim(NamedTuple):
    """What a member says when it joins: the numbers it holds, the turn they were given in, and who it is (`address` host:port)."""

    held: frozenset[int] = frozenset()
    turn: int = 0
    instance: str | None = None
    process: str = ""
    address: str = ""

    def encode(self) -> bytes:
        return json.dumps({**self._asdict(), "held": sorted(self.held)}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Claim":
        """Reads what `encode` wrote; what another version or program wrote is an empty claim, never an error."""
        try:
            read = json.loads(data)
            held, turn = frozenset(map(int, read["held"])), int(read["turn"])
            return cls(held, turn, read.get("instance"), read.get("process", ""), read.get("address", ""))
        except (ValueError, TypeError, KeyError):
            return cls()


def spread(partitions: int, claims: Mapping[str, Claim]) -> dict[str, list[int]]:
    """Numbers 0 … partitions - 1 by member: their counts differ by one at most, and as few as possible change hands."""
    owned = _owned(partitions, claims)
    least, extra = divmod(partitions, len(claims))
    given: dict[str, list[int]] = {}
    for member in sorted(claims, key=lambda name: (-len(owned[name]), name)):
        share = least + (1 if extra and len(owned[member]) > least else 0)
        extra -= share - least
        given[member] = owned[member][:share]
    free = sorted(set(range(partitions)).difference(*given.values()))
    for member in sorted(claims, key=lambda name: (len(given[name]), name)):
        share = max(least - len(given[member]), 0)
        if extra and len(given[member]) + share == least:
            share += 1
            extra -= 1
        given[member], free = sorted(given[member] + free[:share]), free[share:]
    return given


def _owned(partitions: int, claims: Mapping[str, Claim]) -> dict[str, list[int]]:
    """Each number's holder as of the latest turn, by member."""
    holder: dict[int, str] = {}
    for member in sorted(claims, key=lambda name: (claims[name].turn, name)):
        holder.update((number, member) for number in claims[member].held if 0 <= number < partitions)
    return {member: sorted(number for number, name in holder.items() if name == member) for member in claims}


class NumberAssignor:
    """aiokafka's assignor interface over `spread`. One object a group member.

    `held` tells which numbers it holds now; `about` is what else the member says of itself (its `held` and `turn` are not used).
    """

    name = "partition-numbers"

    def __init__(self, held: Callable[[], Collection[int]], about: Claim = Claim()) -> None:  # noqa: B008  # a Claim is a value
        self._held = held
        self._turn = 0
        self._about = about

    def metadata(self, topics: Iterable[str]) -> Any:
        claim = self._about._replace(held=frozenset(self._held()), turn=self._turn)
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), claim.encode())

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        claims = {member: Claim.decode(metadata.user_data or b"") for member, metadata in members.items()}
        topics = {topic for metadata in members.values() for topic in metadata.subscription}
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        turn = Claim(turn=1 + max(claim.turn for claim in claims.values())).encode()
        return {
            member: ConsumerProtocolMemberAssignment(_VERSION, _by_topic(numbers, sorted(members[member].subscription), counts), turn)
            for member, numbers in spread(max(counts.values()), claims).items()
        }

    def on_assignment(self, assignment: Any) -> None:
        self._turn = Claim.decode(assignment.user_data or b"").turn


def _by_topic(numbers: list[int], topics: list[str], counts: Mapping[str, int]) -> list[tuple[str, list[int]]]:
    by_topic = [(topic, [number for number in numbers if number < counts[topic]]) for topic in topics]
    return [(topic, held) for topic, held in by_topic if held]
