"""Real cases under five policies through a worker on a real Kafka, from the command line: what the replay gives, record for record."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from tests.chaos.house import COMPARED, PARTITIONS, House, assert_clean, assert_same, by_key, said
from tests.chaos.telling import tell
from tests.replay.cases import FINES, needs_fines
from tests.replay.five import POLICIES, UNTIL

pytestmark = [needs_fines, pytest.mark.timeout(600)]
BEFORE = "2006-07-18T00:00:00Z"
DAYS = ("--tick", "12:00Z", "--until", UNTIL.isoformat())


EVERY_TIME = ("interest", "calls")
"""The others take as long again, and are for `make soak`."""


@pytest.mark.parametrize(
    "policy",
    [pytest.param(policy, id=policy.stem, marks=() if policy.stem in EVERY_TIME else pytest.mark.soak) for policy in POLICIES],
)
def test_publish_and_drain_give_what_replay_gives(house: House, policy: Path) -> None:
    tenant = house.folder / "comune.yaml"
    tenant.write_text(f"tenant: comune\ndefault_policy: {policy.stem}\n", encoding="utf-8")
    house.run("topics", "create", "--partitions", str(PARTITIONS))
    house.run("policy", "apply", str(policy), "--tenant", "comune", "--time", BEFORE)
    house.run("tenant", "set", str(tenant), "--time", BEFORE)
    published = json.loads(house.run("publish", str(FINES), *DAYS, "--json"))
    house.drain()
    house.run("replay", str(FINES), "--policy", str(policy), *DAYS, "--out", str(house.folder / "replayed"))

    counts = {topic: _compared(house, topic) for topic in (topics.CASE_STATUS, *COMPARED)}
    assert not (house.folder / "replayed" / "dead-letters.jsonl").read_bytes()
    verdict = house.audit()
    told = ", ".join(f"{count} {topic}" for topic, count in counts.items())
    tell(f"{sum(published['records'].values())} events and {published['ticks']} ticks; equal to the replay: {told}; {said(verdict)}")
    assert_clean(verdict)
    assert counts[topics.CASE_STATUS] == 2_000
    assert counts[topics.BOOKINGS] > 0


def _compared(house: House, topic: str) -> int:
    exported = house.folder / f"{topic}.jsonl"
    house.run("export", topic, "--out", str(exported))
    found, replayed = by_key(_records(exported)), by_key(_records(house.folder / "replayed" / f"{topic}.jsonl"))
    if topic == topics.CASE_STATUS:
        found, replayed = ({key: records[-1:] for key, records in of.items()} for of in (found, replayed))
    assert_same(topic, found, replayed)
    return sum(len(records) for records in replayed.values())


def _records(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            yield line["key"], (line["timestamp"], line["value"])
