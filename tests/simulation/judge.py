"""The auditor's word on a world: the rules written a second time, over what the journal says was applied, against what stands in the logs.

Nothing of the engine, the core or the product's own audit takes part in it: the logs are read as the brokers hold them.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python

from schemas import topics
from streams.engine.placing import partition_of
from tests.auditor.auditor import Auditor
from tests.auditor.compare import KINDS, Told, add, difference
from tests.simulation.kafka import batches
from tests.simulation.kafka.cluster import Shares

_ORIGIN = "__mahnlauf.rerouted.topic"


def findings(cluster: Shares, partitions: int) -> list[str]:
    """What the auditor would have told otherwise, and what the journal leaves out or names twice."""
    return [found for number in range(partitions) for found in _Partition(cluster, number, partitions).findings()]


class _Partition:
    def __init__(self, cluster: Shares, number: int, partitions: int) -> None:
        self._cluster, self._number, self._partitions = cluster, number, partitions
        self._inputs = {topic: self._records(topic) for topic in topics.INPUTS}
        self._appended_at = {topic: self._times(topic) for topic in topics.INPUTS}
        self._read = dict.fromkeys(topics.INPUTS, 0)
        self._found: list[str] = []

    def findings(self) -> list[str]:
        auditor = Auditor()
        for record, topic in self._applied():
            here = record.key is None or partition_of(record.key, self._partitions) == self._number
            if here:  # what is not is forwarded, and comes back in the right partition
                key, origin = record.key and record.key.decode(), dict(record.headers).get(_ORIGIN, topic.encode()).decode()
                auditor.apply({"topic": origin, "key": key, "value": json.loads(record.value)})
        want, got = _expected(auditor), self._actual()
        for key in sorted(want.keys() | got.keys()):
            differs = difference(want.get(key, Told()), got.get(key, Told({"status": None})))
            if differs is not None:
                self._found.append(f"{key}: {differs.where}: {differs.expected!r} expected, {differs.actual!r} found")
        return self._found

    def _records(self, topic: str) -> list[Any]:
        return [record for batch in self._cluster.log(topic, self._number).committed() for record in batches.records(batch.data)]

    def _times(self, topic: str) -> dict[int, float]:
        """When each record was appended, by offset."""
        held = self._cluster.log(topic, self._number).committed()
        return {offset: batch.at for batch in held for offset in range(batch.base, batch.last + 1)}

    def _applied(self) -> Iterator[tuple[Any, str]]:
        """Each input record in the order of the journal; a tick once, where it begins."""
        for entry in self._records(topics.JOURNAL):
            for step in json.loads(entry.value)["steps"]:
                if "tick" not in step:
                    yield from _merged([(topic, self._range(topic, first, after)) for topic, first, after in step["ranges"]])
                elif step["first"]:
                    for tick in self._range(topics.TIMERS, step["tick"], step["tick"] + 1):
                        self._look_back_from(tick)
                        yield tick, topics.TIMERS

    def _look_back_from(self, tick: Any) -> None:
        """What was there before a tick, and is not younger than it, is applied before it: else somebody who has paid is reminded."""
        now_ms = datetime.fromisoformat(json.loads(tick.value)["data"]["now"]).timestamp() * 1000
        for topic in topics.INPUTS[:-2]:
            times, read = self._appended_at[topic], self._read[topic]
            late = [record.offset for record in self._inputs[topic] if record.offset >= read and record.timestamp <= now_ms]
            overtaken = [offset for offset in late if times[offset] < self._appended_at[topics.TIMERS][tick.offset]]
            if overtaken:
                self._found.append(
                    f"{topic}-{self._number}: offsets {overtaken} were there before the tick at {tick.offset}, and come after it"
                )

    def _range(self, topic: str, first: int, after: int) -> list[Any]:
        """The committed records of a range; that it goes on where the last one ended is looked at as well."""
        inside = [record for record in self._inputs[topic] if first <= record.offset < after]
        passed = [record.offset for record in self._inputs[topic] if self._read[topic] <= record.offset < first]
        if first < self._read[topic]:
            self._found.append(f"{topic}-{self._number}: offsets {first} to {self._read[topic] - 1} are applied twice")
        if passed:
            self._found.append(f"{topic}-{self._number}: offsets {passed} are never applied")
        self._read[topic] = max(self._read[topic], after)
        return inside

    def _actual(self) -> dict[str, Told]:
        told: dict[str, Told] = defaultdict(Told)
        for topic, kind in KINDS.items():
            for record in self._records(topic):
                told[record.key.decode()].lists[kind].append(json.loads(record.value))
        for record in self._records(topics.CASE_STATUS):
            told[record.key.decode()].status["status"] = None if record.value is None else json.loads(record.value)
        for one in told.values():  # a tombstone that compaction has forgotten says what it said
            one.status.setdefault("status", None)
        return told


def _merged(parts: list[tuple[str, list[Any]]]) -> Iterator[tuple[Any, str]]:
    """By time, and at the same time in the order of the inputs; each input keeps its own order."""
    waiting = sorted(parts, key=lambda part: topics.INPUTS.index(part[0]))
    while any(records for _, records in waiting):
        topic, records = min((part for part in waiting if part[1]), key=lambda part: part[1][0].timestamp)
        yield records.pop(0), topic


def _expected(auditor: Auditor) -> dict[str, Told]:
    told: dict[str, Told] = defaultdict(Told)
    for contract in auditor.forgotten:
        add(told[contract.key], contract)
        told[contract.key].status["status"] = None
    for key, contract in auditor.contracts.items():
        add(told[key], contract)
        told[key].status["status"] = to_jsonable_python(contract.out.status)
    return told
