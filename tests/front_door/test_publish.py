"""publish: order, stamps, ticks as barriers, and nothing sent while a line cannot be used."""

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from mahnlauf import topics
from mahnlauf.failures import BadInput
from mahnlauf.publishing import Days, publish
from schemas.codec import decode
from schemas.fields import TEXT_MAX_LENGTH
from schemas.timers import ClockTicked, PolicyApplied
from schemas.topics import CHARGEBACKS, CONTRACTS, DEBTORS, INSTRUCTIONS, INVOICES, PAYMENTS, POLICIES, TIMERS
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of
from tests.front_door.reading import ends, read

PARTITIONS = 3
NOON = Days(time(12), date(2026, 3, 4))


@pytest.fixture
async def cluster(own_kafka: str) -> Connection:
    connection = Connection(own_kafka)
    await topics.create(connection, PARTITIONS)
    return connection


@pytest.fixture
async def before(cluster: Connection) -> Mapping[tuple[str, int], int]:
    return await ends(cluster, INVOICES, PAYMENTS, CHARGEBACKS, CONTRACTS, DEBTORS, TIMERS, POLICIES)


def _line(topic: str, moment: str | None, contract: str = "C-1", **more: Any) -> str:
    value = {"specversion": "1.0", "id": "e", "source": "/t", "type": "t", "subject": contract, "tenant": "acme", "data": {}}
    return json.dumps({"topic": topic, "key": f"acme/{contract}", "value": value | ({"time": moment} if moment else {}), **more})


def _file(tmp_path: Path, *lines: str, name: str = "events.jsonl") -> Path:
    path = tmp_path / name
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def _today() -> date:
    """Asked when a test runs: it may have become another day since the tests were collected."""
    return datetime.now(UTC).date()


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


async def test_records_stand_where_murmur2_puts_them_stamped_with_their_time(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    lines = [_line(INVOICES, f"2026-03-02T10:00:00.{number:03}9Z", f"C-{number}") for number in reversed(range(50))]
    told = await publish(cluster, [_file(tmp_path, *lines, name="events.jsonl.gz")], Days())
    found = await read(cluster, INVOICES, before)
    assert told.records == {INVOICES: 50}
    assert {record.key: (record.partition, record.timestamp_ms) for record in found} == {
        f"acme/C-{number}".encode(): (partition_of(f"acme/C-{number}".encode(), PARTITIONS), _ms("2026-03-02T10:00:00Z") + number)
        for number in range(50)
    }
    for number in range(PARTITIONS):
        stamps = [record.timestamp_ms for record in found if record.partition == number]
        assert stamps == sorted(stamps)
    assert await read(cluster, TIMERS, before) == []


async def test_each_day_has_a_tick_in_every_partition_in_one_transaction(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    file = _file(tmp_path, _line(INVOICES, "2026-03-02T10:00:00Z"), _line(PAYMENTS, "2026-03-03T12:00:00.001Z"))
    told = await publish(cluster, [file], NOON)
    ticks = await read(cluster, TIMERS, before)
    moments = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (2, 3, 4)]
    assert told.ticks == 3
    for number in range(PARTITIONS):
        events = [decode(TIMERS, record.value) for record in ticks if record.partition == number]
        assert [(type(event), event.data.now, event.data.skew) for event in events] == [(ClockTicked, moment, 0) for moment in moments]
    assert all(record.key is None for record in ticks)
    assert [record.timestamp_ms for record in ticks[:3]] == [int(moment.timestamp() * 1000) for moment in moments]


async def test_events_of_the_ticks_own_moment_come_before_it_and_later_days_are_left_out(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    file = _file(
        tmp_path,
        _line(INVOICES, "2026-03-04T12:00:00Z"),
        _line(PAYMENTS, "2026-03-04T23:59:59.999Z"),
        _line(PAYMENTS, "2026-03-05T00:00:00Z"),
    )
    told = await publish(cluster, [file], NOON)
    assert (told.records, told.after_until, told.ticks) == ({INVOICES: 1, PAYMENTS: 1}, 1, 1)


async def test_what_has_no_time_keeps_its_place(cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        json.dumps({"topic": DEBTORS, "key": "acme/C-9", "value": None}),
        _line(PAYMENTS, "2026-03-02T10:00:00Z"),
        _line(PAYMENTS, None),
        json.dumps({"topic": PAYMENTS, "key": "acme/C-1", "value_base64": "/w=="}),
    )
    told = await publish(cluster, [file], Days())
    stamp = _ms("2026-03-02T10:00:00Z")
    assert told.without_time == 3
    assert [(record.value, record.timestamp_ms) for record in await read(cluster, DEBTORS, before)] == [(None, stamp)]
    payments = await read(cluster, PAYMENTS, before)
    assert [record.timestamp_ms for record in payments] == [stamp] * 3
    assert payments[-1].value == b"\xff"


async def test_the_head_of_a_file_takes_the_first_moment_of_that_file_and_a_line_s_timestamp_is_one(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    erased = {"topic": DEBTORS, "key": "acme/C-9", "value": None}
    early = _file(tmp_path, _line(PAYMENTS, "2026-03-01T10:00:00Z"), name="early.jsonl")
    late = _file(tmp_path, json.dumps(erased), _line(PAYMENTS, "2026-03-02T10:00:00Z"), name="late.jsonl")
    exported = _file(tmp_path, json.dumps(erased), json.dumps({**erased, "timestamp": 1_772_445_600_000}), name="exported.jsonl")
    told = await publish(cluster, [early, late, exported], Days())
    assert told.without_time == 2
    assert [record.timestamp_ms for record in await read(cluster, DEBTORS, before)] == [_ms("2026-03-02T10:00:00Z")] * 3


async def test_a_tenant_without_a_time_comes_before_the_first_event_of_its_file(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    tenant = {"topic": TIMERS, "key": None, "value": {"type": "tenant.configured"}}
    exported = {"topic": INVOICES, "key": "acme/C-1", "timestamp": 1_772_445_600_000, "value_base64": "/w=="}
    await publish(cluster, [_file(tmp_path, json.dumps(tenant), json.dumps(exported))], Days())
    assert {record.timestamp_ms for record in await read(cluster, TIMERS, before)} == {1_772_445_600_000}


async def test_a_line_of_timers_goes_to_every_partition_and_its_exported_copies_do_not(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path
) -> None:
    value = {"specversion": "1.0", "id": "i", "source": "/t", "type": "payments.imported", "time": "2026-03-02T10:00:00Z"}
    line = {"topic": TIMERS, "key": None, "value": value | {"data": {"tenant": "acme", "until": "2026-03-01"}}}
    file = _file(tmp_path, json.dumps(line), *(json.dumps({**line, "partition": number}) for number in range(PARTITIONS)))
    told = await publish(cluster, [file], Days())
    found = await read(cluster, TIMERS, before)
    assert (told.broadcasts, told.copies) == (2, PARTITIONS - 1)
    assert [record.partition for record in found] == [number for number in range(PARTITIONS) for _ in range(2)]


async def test_a_policy_line_is_a_version_of_its_own(cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path) -> None:
    policy = {"policy": "lines", "time_zone": "Europe/Berlin", "steps": [{"kind": "remind", "day": 5, "level": 1}]}
    lines = [
        _line(INVOICES, "2026-03-02T10:00:00Z"),
        json.dumps({"topic": POLICIES, "key": "acme/lines", "value": {**policy, "steps": [], "time": "2026-03-03T10:00:00Z"}}),
        json.dumps({"topic": POLICIES, "key": "acme/lines", "value": policy}),
    ]
    told = await publish(cluster, [_file(tmp_path, *lines)], Days())
    broadcast = [record for record in await read(cluster, TIMERS, before) if record.partition == 0]
    events = [decode(TIMERS, record.value) for record in broadcast]
    assert told.policies == 2
    assert [(type(event), event.data.version, len(event.data.content.steps)) for event in events] == [
        (PolicyApplied, 1, 1),
        (PolicyApplied, 2, 0),
    ]
    assert [record.timestamp_ms for record in broadcast] == [_ms("2026-03-02T10:00:00Z") - 1, _ms("2026-03-03T10:00:00Z")]


LINE = _line(INVOICES, "2026-03-02T10:00:00Z")
FUTURE = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ('{"topic": "billing.invoices"', "events.jsonl:2: not JSON"),
        ('{"key": "acme/C-1", "value": {}}', "events.jsonl:2: Object missing required field `topic`"),
        ('{"topic": "billing.invoices", "value": {}}', "events.jsonl:2: has no key"),
        ('{"topic": "billing.invoices", "key": "acme/C-1"}', "events.jsonl:2: has no value"),
        ('{"topic": "billing.invoice", "key": "acme/C-1", "value": {}}', "events.jsonl:2: 'billing.invoice' is no topic of events"),
        ('{"topic": "case-status", "key": "acme/C-1", "value": {}}', "events.jsonl:2: 'case-status' is no topic of events"),
        ('{"topic": "billing.invoices", "key": "acme/C-1", "value_base64": "!"}', "events.jsonl:2: value_base64 is not base64"),
        ('{"topic": "escalation.policies", "key": "acme", "value": {}}', "events.jsonl:2: the key of a policy is"),
        ('{"topic": "escalation.policies", "key": "acme/p", "value": {"policy": "p"}}', "events.jsonl:2: value.time_zone: Field required"),
        (_line(PAYMENTS, FUTURE), "events.jsonl:2: its time"),
        (_line(PAYMENTS, None, timestamp=4_000_000_000_000), "events.jsonl:2: its time 2096"),
        (_line(PAYMENTS, None, timestamp="2026-03-02"), "events.jsonl:2: Expected `int | null`, got `str` - at `$.timestamp`"),
        (_line(PAYMENTS, None, timestamp=-7), "events.jsonl:2: timestamp: -7 is no moment of 1970 to 2199: write milliseconds since 1970"),
        (_line(PAYMENTS, None, colour="red"), "events.jsonl:2: colour: no such key; the keys of a line are topic, key,"),
        (_line(PAYMENTS, None, header=[]), "events.jsonl:2: header: no such key (is headers meant?)"),
    ],
)
async def test_a_line_that_cannot_be_used_is_told_and_nothing_is_sent(
    cluster: Connection, before: Mapping[tuple[str, int], int], tmp_path: Path, bad: str, told: str
) -> None:
    with pytest.raises(BadInput) as wrong:
        await publish(cluster, [_file(tmp_path, LINE, bad)], NOON)
    assert told in str(wrong.value)
    assert await ends(cluster, INVOICES, TIMERS) == {place: end for place, end in before.items() if place[0] in (INVOICES, TIMERS)}


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (lambda: Days(until=_today() + timedelta(days=1)), "lies after today"),
        (lambda: Days(until=date(2026, 3, 1)), "lies before the first event"),
        (lambda: Days(time(23, 59, 59), _today()), "is still to come"),
    ],
)
async def test_days_that_cannot_pass_are_refused(cluster: Connection, tmp_path: Path, days: Callable[[], Days], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        await publish(cluster, [_file(tmp_path, LINE)], days())


async def test_a_file_without_events_is_told(cluster: Connection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to publish"):
        await publish(cluster, [_file(tmp_path)], Days())


async def test_a_broken_gzip_file_is_told(cluster: Connection, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(LINE.encode() * 100)[:-10])
    with pytest.raises(BadInput, match="a broken gzip file"):
        await publish(cluster, [path], Days())


async def test_words_that_are_too_long_are_refused_before_anything_is_sent(cluster: Connection, tmp_path: Path) -> None:
    line = json.loads(_line(INSTRUCTIONS, "2026-03-01T08:00:00Z"))
    line["value"] |= {"type": "case.message_written", "data": {"by": "ann", "message_id": "m", "text": "ü" * (TEXT_MAX_LENGTH + 1)}}
    with pytest.raises(BadInput, match=r"data\.text: 16385 characters; a text has at most 16384"):
        await publish(cluster, [_file(tmp_path, json.dumps(line))], NOON)


async def test_a_person_s_words_for_no_contract_are_refused(cluster: Connection, tmp_path: Path) -> None:
    """They could not be sealed, and would stand in a dead letter in the clear."""
    line = json.loads(_line(INSTRUCTIONS, "2026-03-01T08:00:00Z"))
    line |= {"key": None, "value": line["value"] | {"type": "case.message_written", "data": {"message_id": "m", "text": "please"}}}
    with pytest.raises(BadInput, match="`key` must be tenant/contract"):
        await publish(cluster, [_file(tmp_path, json.dumps(line))], NOON)
