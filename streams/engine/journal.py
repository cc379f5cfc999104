"""The order of application as a fact: one journal record a transaction, in the same transaction.

An entry lists the transaction's steps in order. A step of records names its input ranges; the order within it follows from the ranges
(`merge.ordered` over them). A step of a tick names the tick and the keys that were due. So who reads the journal of a partition entry by
entry applies everything in the order the engine did: that is what an audit and a replay from the cluster do.

On the topic an entry is JSON, written compactly:

    {"version": 1, "rules": 3, "at": {"billing.payments": 17, …},
     "steps": [{"ranges": [["billing.payments", 12, 17], …]},
               {"tick": 4, "from": "acme/C-1", "to": "acme/C-9", "first": true, "last": false}]}

`at` is the next offset of every input after the transaction and equals what it commits for the group. A range is [topic, first offset,
next offset]; records in it that were aborted, forwarded or dead-lettered were not applied. A tick's keys are all that were due from
`from` to `to` (null: none was); `first` and `last` tell whether the tick began and ended in this step. Keys that are not UTF-8 are written
with surrogate escapes. The partition is the journal record's own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from streams.engine import unpack
from streams.engine.cluster import Cluster
from streams.engine.errors import Stopped
from streams.engine.fetch import PartitionFetch, through
from streams.engine.protocol import Record

_VERSION = 1
_FIRST_LOOK_BACK = 16


@dataclass(frozen=True, slots=True)
class RecordsStep:
    """Records applied: (topic, first offset, next offset) in the order of the inputs."""

    ranges: Sequence[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class TickStep:
    """A tick, by its offset on the timers topic, and the keys visited: all due ones from `from_key` to `to_key`."""

    offset: int
    from_key: bytes | None
    to_key: bytes | None
    first: bool
    last: bool


Step: TypeAlias = RecordsStep | TickStep


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction. `positions`: next offset by topic."""

    rules: int
    positions: Mapping[str, int]
    steps: Sequence[Step]

    def encode(self) -> bytes:
        steps = [_written(step) for step in self.steps]
        content = {"version": _VERSION, "rules": self.rules, "at": dict(self.positions), "steps": steps}
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes) -> "Entry":
        """Raises ValueError for what is no entry of this version."""
        try:
            read = json.loads(value)
            if read["version"] != _VERSION:
                raise ValueError(f"journal entry of version {read['version']}, this release reads {_VERSION}")
            return cls(read["rules"], read["at"], [_read_step(step) for step in read["steps"]])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a journal entry: {error!r}") from error


def _written(step: Step) -> dict[str, object]:
    if isinstance(step, RecordsStep):
        return {"ranges": list(step.ranges)}
    return {"tick": step.offset, "from": _text(step.from_key), "to": _text(step.to_key), "first": step.first, "last": step.last}


def _read_step(read: Mapping[str, Any]) -> Step:
    if "tick" in read:
        return TickStep(read["tick"], _bytes(read["from"]), _bytes(read["to"]), read["first"], read["last"])
    return RecordsStep([(topic, first, after) for topic, first, after in read["ranges"]])


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("utf-8", "surrogateescape")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


async def last_entry(cluster: Cluster, topic: str, partition: int) -> Entry | None:
    """The journal's last committed entry, or None if it has none; to be asked after fencing.

    Raises Stopped for a journal that can't be read, Undecided if a transaction in it is still open.
    """
    end = (await cluster.high_watermarks([topic], partition))[topic]
    start = (await cluster.log_starts([topic], partition))[topic]
    look_back = _FIRST_LOOK_BACK
    while end > start:
        # Aborted entries and markers may lie at the end, so look further back until there is one.
        first = max(start, end - look_back)
        records = await _read(cluster, topic, partition, first, end)
        if records:
            return _decoded(records[-1], f"{topic}-{partition}")
        if first == start:
            break
        look_back *= 16
    return None


async def _read(cluster: Cluster, topic: str, partition: int, start: int, end: int) -> list[Record]:
    reader = PartitionFetch(cluster, partition, lambda _, batches: unpack.records(topic, partition, batches).records)
    reader.seek(topic, start)
    try:
        return [record async for records in through(reader, topic, end) for record in records]
    finally:
        await reader.close()


def _decoded(record: Record, where: str) -> Entry:
    try:
        return Entry.decode(record.value or b"")
    except ValueError as error:
        raise Stopped(f"{where} offset {record.offset}: {error}; so what was applied can't be checked against what is committed") from error


def check(committed: Mapping[str, int], last: Entry | None, inputs: Sequence[str], where: str) -> None:
    """The group's offsets must be those of the last transaction. Raises Stopped and says what differs."""
    recorded = {} if last is None else {topic: last.positions[topic] for topic in inputs if topic in last.positions}
    missing = {topic: offset for topic, offset in recorded.items() if topic not in committed}
    if missing:
        raise Stopped(
            f"{where}: the group's committed offsets are gone for {_told(missing)} (expired, or a restored backup?). These are "
            "the positions of the journal's last entry: set the group's offsets to them, or restore group and topics from the same moment"
        )
    differing = {topic: offset for topic, offset in committed.items() if recorded.get(topic) != offset}
    if differing:
        raise Stopped(
            f"{where}: the group has committed {_told(differing)}, but the journal's last entry says "
            f"{_told({topic: recorded[topic] for topic in differing if topic in recorded}) or 'nothing of them'}. Somebody moved the "
            "group's offsets, or one of the two was restored from a backup; set the offsets to the journal's"
        )


def _told(positions: Mapping[str, int]) -> str:
    return ", ".join(f"{topic} at {offset}" for topic, offset in sorted(positions.items()))
