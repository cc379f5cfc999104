"""What the rules give against what stands on the cluster, topic by topic, without holding either in memory.

Both come in the same order in a partition, so they are walked through side by side; only while they disagree is something kept: what
the rules gave and was not met yet, and what was met and the rules have not given yet.

A cluster may be at work while it is audited. `settled` is the end of a topic before the journal's end was asked for, `end` its end
afterwards: what stands before `settled` must be given by the journal that was read, and what that journal gives must stand before `end`.
"""

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import msgspec

from mahnlauf import committed
from mahnlauf.audit.findings import Findings
from streams.engine.cluster import Connection
from streams.engine.protocol import Output, Record


class Span(NamedTuple):
    """See the module's first lines."""

    settled: int
    end: int


class _Identified(msgspec.Struct):
    id: str


_identified: Final = msgspec.json.Decoder(_Identified)
_Content = tuple[bytes | None, bytes | None, int, tuple[tuple[str, bytes], ...]]
_Identity = tuple[bytes | None, str]


class _Met(NamedTuple):
    """A record that waits for its counterpart: `place` is its number among what the rules gave, or its offset."""

    place: int
    content: _Content


class Kept:
    """A topic of which every record counts, one partition of it."""

    def __init__(self, connection: Connection, topic: str, partition: int, span: Span, findings: Findings) -> None:
        self._topic, self._partition, self._span, self._findings = topic, partition, span, findings
        self._records = committed.read(connection, topic, partition, end=span.end)
        self._ahead: list[Record] = []
        self._given: dict[_Identity, list[_Met]] = {}
        self._found: dict[_Identity, list[_Met]] = {}
        self._furthest: dict[bytes | None, tuple[int, int]] = {}
        self.count = 0

    async def expect(self, outputs: Iterable[Output]) -> None:
        """What the rules give next on this topic."""
        for output in outputs:
            self.count += 1
            content = _of_output(output)
            record = await self._next()
            if record is not None and _of_record(record) == content:
                continue
            self._wait(self._given, self._found, _Met(self.count, content), given=True)
            if record is not None:
                self._wait(self._found, self._given, _Met(record.offset, _of_record(record)), given=False)

    async def finish(self) -> None:
        """Everything was expected: tell what has no counterpart."""
        while (record := await self._next()) is not None:
            self._wait(self._found, self._given, _Met(record.offset, _of_record(record)), given=False)
        for identity, given in self._given.items():
            found = self._found.get(identity, [])
            for _ in given:
                kind, where = ("different", f" (offset {found.pop(0).place})") if found else ("lost", "")
                self._find(kind, identity, where)
        for identity, unmet in self._found.items():
            for met in unmet:
                if met.place < self._span.settled:
                    self._find("doubled", identity, f" (offset {met.place})")

    def _wait(self, mine: dict[_Identity, list[_Met]], others: dict[_Identity, list[_Met]], met: _Met, *, given: bool) -> None:
        identity = _identity(met.content)
        partner = next((other for other in others.get(identity, ()) if other.content == met.content), None)
        if partner is None:
            mine.setdefault(identity, []).append(met)
            return
        others[identity].remove(partner)
        if not others[identity]:
            del others[identity]
        self._check_order(identity, met.place if given else partner.place, partner.place if given else met.place)

    def _check_order(self, identity: _Identity, number: int, offset: int) -> None:
        """Of one key, what the rules gave later must stand later."""
        key = identity[0]
        furthest = self._furthest.get(key, (number, offset))
        if (number < furthest[0]) != (offset < furthest[1]):
            self._find("different", identity, f" (offset {offset}: not in the order of the key's records)")
        self._furthest[key] = max(furthest, (number, offset))

    def _find(self, kind: Any, identity: _Identity, where: str) -> None:
        self._findings.add(kind, self._topic, self._partition, identity[0], f"id {identity[1]}{where}")

    async def _next(self) -> Record | None:
        if not self._ahead:
            self._ahead = (await anext(self._records, []))[::-1]
        return self._ahead.pop() if self._ahead else None

    async def close(self) -> None:
        async with aclosing(self._records):  # type: ignore[type-var]  # an async generator, told as an iterator
            pass


class Latest:
    """A compacted topic of which the last record of each key counts, one partition of it."""

    def __init__(self, connection: Connection, topic: str, partition: int, span: Span, findings: Findings) -> None:
        self._connection, self._topic, self._partition, self._span, self._findings = connection, topic, partition, span, findings
        self._given: dict[bytes | None, int] = {}
        self.count = 0

    async def expect(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self.count += 1
            self._given[output.key] = _digest(_of_output(output))
            if output.value is None:
                self._given[output.key] = 0

    async def finish(self) -> None:
        last, newer = await self._read()
        for key, given in self._given.items():
            found = last.get(key, 0)
            if given not in (found, *newer.get(key, ())):
                self._find("different" if found else "lost", key)
        for key, found in last.items():
            if found and key not in self._given:
                self._find("doubled", key)

    async def _read(self) -> tuple[dict[bytes | None, int], dict[bytes | None, list[int]]]:
        """By key the last record that must be given, and those that may be newer than the journal that was read. 0: no value."""
        last: dict[bytes | None, int] = {}
        newer: dict[bytes | None, list[int]] = {}
        async for records in committed.read(self._connection, self._topic, self._partition, end=self._span.end):
            for record in records:
                digest = 0 if record.value is None else _digest(_of_record(record))
                if record.offset < self._span.settled:
                    last[record.key] = digest
                else:
                    newer.setdefault(record.key, []).append(digest)
        return last, newer

    def _find(self, kind: Any, key: bytes | None) -> None:
        self._findings.add(kind, self._topic, self._partition, key, "the latest record of the key")

    async def close(self) -> None:
        """Nothing is held open."""


def _of_output(output: Output) -> _Content:
    return output.key, output.value, output.timestamp_ms, tuple(output.headers)


def _of_record(record: Record) -> _Content:
    return record.key, record.value, record.timestamp_ms, tuple(record.headers)


def _digest(content: _Content) -> int:
    return hash(content) or 1


def _identity(content: _Content) -> _Identity:
    key, value, timestamp_ms, _ = content
    try:
        return key, _identified.decode(value or b"").id
    except msgspec.DecodeError:
        return key, f"(none, at {timestamp_ms})"
