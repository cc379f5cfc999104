"""Records the worker did not apply: dead letters and forwarded ones. Each must stand where the fold says, once, and nothing else may."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from mahnlauf import committed
from mahnlauf.audit.findings import Findings, Kind
from mahnlauf.audit.fold import Forward, Letter
from mahnlauf.audit.outcome import Span
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.deadletter import PREFIX
from streams.engine.protocol import Headers, Output, Record
from streams.engine.reroute import original

BESIDE_THE_RULES: Final = frozenset({"state too large"})
"""Reasons the worker has for a dead letter that no rule gives."""


class Origin(NamedTuple):
    """Where a record was published. The key tells visits of one tick apart."""

    topic: str
    partition: int
    offset: int
    key: bytes | None


class PassedOn:
    """The dead letters of all inputs and `escalation.rerouted`, read once; what the folds account for is struck out."""

    def __init__(self) -> None:
        self._letters: dict[Origin, list[str]] = {}
        self._forwards: Counter[tuple[Origin, int]] = Counter()
        self._newer: set[Origin] = set()

    @classmethod
    def places(cls, partitions: int) -> list[tuple[str, int]]:
        """What is read: (topic, partition)."""
        return [(name, number) for name in (*_LETTERS, topics.REROUTED) for number in range(partitions)]

    async def read(self, connection: Connection, spans: Mapping[tuple[str, int], Span]) -> None:
        """Raises ClusterWrong."""
        for (name, number), span in spans.items():
            if name != topics.REROUTED and name not in _LETTERS:
                continue
            async for records in committed.read(connection, name, number, end=span.end):
                for record in records:
                    self._note(record, newer=record.offset >= span.settled)

    def refused(self) -> dict[tuple[str, int, int], str]:
        """What the worker refused for reasons beside the rules."""
        return {
            (origin.topic, origin.partition, origin.offset): reason
            for origin, reasons in self._letters.items()
            for reason in reasons
            if reason in BESIDE_THE_RULES
        }

    def strike_letter(self, letter: Letter, findings: Findings) -> None:
        record = letter.record
        origin = Origin(record.topic, record.partition, record.offset, record.key)
        reasons = self._letters.get(origin, [])
        if not reasons:
            _find(findings, "lost", origin, f"has no dead letter ({letter.reason})")
            return
        if letter.reason not in reasons:
            _find(findings, "different", origin, f"is a dead letter for {reasons[0]!r}, the rules give {letter.reason!r}")
        reasons.remove(letter.reason if letter.reason in reasons else reasons[0])
        if not reasons:
            del self._letters[origin]

    def strike_forward(self, forward: Forward, findings: Findings) -> None:
        record = forward.record
        origin = Origin(record.topic, record.partition, record.offset, record.key)
        if self._forwards[origin, forward.partition] > 0:
            self._forwards[origin, forward.partition] -= 1
        else:
            _find(findings, "lost", origin, f"was not forwarded to partition {forward.partition}")

    def finish(self, findings: Findings) -> None:
        """All folds are done: what is left was given by none."""
        for origin, reasons in self._letters.items():
            for reason in reasons:
                if origin not in self._newer:
                    _find(findings, "doubled", origin, f"is a dead letter ({reason}) and the rules apply it")
        for (origin, partition), count in self._forwards.items():
            if origin not in self._newer:
                for _ in range(count):
                    _find(findings, "doubled", origin, f"stands in {topics.REROUTED}-{partition} once too often")

    def _note(self, record: Record, *, newer: bool) -> None:
        if record.topic == topics.REROUTED:
            found = original(record)
            if found is None:  # written by a stranger: the fold makes a dead letter of it
                return
            origin = Origin(found.topic, found.partition, found.offset, found.key)
            self._forwards[origin, record.partition] += 1
        else:
            origin, reason = _told(record.key, record.headers)
            self._letters.setdefault(origin, []).append(reason)
        if newer:
            self._newer.add(origin)


_LETTERS: Final = tuple(
    topics.dead_letters(name) for name in topics.INPUTS if topics.dead_letters(name) in {spec.name for spec in topics.TOPICS}
)


def letter_of(output: Output) -> Letter:
    """The dead letter that the rules themselves give."""
    origin, reason = _told(output.key, output.headers)
    return Letter(Record(origin.topic, origin.partition, origin.offset, output.timestamp_ms, output.key, output.value), reason)


def _told(key: bytes | None, headers: Headers) -> tuple[Origin, str]:
    """What a dead letter's headers say: which record it is, and the reason."""
    told = {name.removeprefix(PREFIX): value.decode(errors="replace") for name, value in headers if name.startswith(PREFIX)}
    origin = Origin(told.get("topic", ""), _number(told.get("partition")), _number(told.get("offset")), key)
    return origin, told.get("exception.class.name", "")


def _number(text: str | None) -> int:
    """-1 where a letter that is none of the worker's names no place."""
    return int(text) if text is not None and text.isdigit() else -1


def _find(findings: Findings, kind: Kind, origin: Origin, what: str) -> None:
    findings.add(kind, origin.topic, origin.partition, origin.key, f"the record at offset {origin.offset} {what}")
