"""replay as a command: files in, files out, the same records as a cluster's, and mistakes told with file and line."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mahnlauf import topics
from mahnlauf.cli import app
from mahnlauf.configuration import apply_policy
from mahnlauf.policy_file import read_policy
from mahnlauf.publishing import Days, publish
from mahnlauf.replaying import Days as ReplayDays
from mahnlauf.replaying import replay_files
from mahnlauf.stories import POLICY, TENANT, cases, lines
from schemas import topics as names
from streams.engine.cluster import Connection
from streams.engine.config import EngineConfig
from streams.engine.engine import Engine
from streams.engine.protocol import Output, Record
from streams.processor import EscalationProcessor
from tests.front_door.reading import read

PARTITIONS = 2
UNTIL = date(2025, 4, 15)
POLICY_WITH_ONE_STEP = {"policy": "p", "time_zone": "Europe/Berlin", "steps": [{"kind": "remind", "day": 5, "level": 1}]}


def _invoice(contract: str, moment: str, **more: Any) -> dict[str, Any]:
    data = {"invoice_id": f"R-{contract}", "issued_on": "2026-01-01", "due_on": "2026-01-05", "amount": 2_000, "currency": "EUR"}
    value = {"specversion": "1.0", "id": contract, "source": "/t", "type": "invoice.issued", "subject": contract, "tenant": "acme"}
    return {"topic": names.INVOICES, "key": f"acme/{contract}", "value": {**value, "time": moment, "data": data}, **more}


def _file(path: Path, *told: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    return path


def _replayed(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)], catch_exceptions=False)


def test_the_outputs_are_written_as_files(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(json.dumps(POLICY_WITH_ONE_STEP))
    file = _file(tmp_path / "e.jsonl", _invoice("C-2", "2026-01-01T10:00:00Z"), _invoice("C-1", "2026-01-01T11:00:00Z"))
    result = _replayed(file, "--policy", tmp_path / "p.yaml", "--until", "2026-02-01", "--out", tmp_path / "out", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["events"], told["ticks"], told["status"]) == (0, 2, 32, {"Reminded": 2})
    written = {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"case-status", "case-history", "debtor.notices", "collection.commands", "receivable.bookings", "dead-letters"}
    assert [line["key"] for line in written["case-status"]] == ["acme/C-1", "acme/C-2"]
    assert [line["value"]["type"] for line in written["debtor.notices"]] == ["notice.reminder", "notice.ladder_ended"] * 2


def test_a_policy_in_the_file_is_a_version_and_a_copy_of_a_broadcast_is_none(tmp_path: Path) -> None:
    policy = {"topic": names.POLICIES, "key": "acme/standard", "value": {**POLICY_WITH_ONE_STEP, "policy": "standard"}}
    tick = {"specversion": "1.0", "id": "t", "source": "/t", "type": "clock.ticked", "time": "2026-01-20T12:00:00Z"}
    broadcast = {"topic": names.TIMERS, "key": None, "value": {**tick, "data": {"now": "2026-01-20T12:00:00Z"}}}
    file = _file(tmp_path / "e.jsonl", _invoice("C-1", "2026-01-01T10:00:00Z"), policy, {**broadcast, "partition": 1}, broadcast)
    told = replay_files([file], [], ReplayDays(date(2026, 1, 21), time(3)))  # the daily ticks are too early for any step
    reminder = json.loads(told.replayed.outputs[names.NOTICES][0].value or b"")
    assert told.seen.copies == 1
    assert (reminder["type"], reminder["time"]) == ("notice.reminder", "2026-01-20T12:00:00Z")


def test_a_dead_letter_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    spoiled = _invoice("C-2", "2026-01-02T10:00:00Z")
    del spoiled["value"]["data"]["amount"]
    file = _file(tmp_path / "e.jsonl", _invoice("C-1", "2026-01-01T10:00:00Z"), spoiled)
    words = _replayed(file, "--until", "2026-01-03").stdout
    assert f"{file}:2: billing.invoices acme/C-2: invalid: " in words
    assert "amount" in words.split("acme/C-2")[1].splitlines()[0]
    [named] = json.loads(_replayed(file, "--until", "2026-01-03", "--json").stdout)["dead_letters_named"]
    assert (named["place"], named["topic"], named["key"], named["reason"]) == (f"{file}:2", names.INVOICES, "acme/C-2", "invalid")
    assert "amount" in named["detail"]


def test_a_tick_too_early_for_every_step_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(json.dumps(POLICY_WITH_ONE_STEP))
    file = _file(tmp_path / "e.jsonl", _invoice("C-1", "2026-01-01T10:00:00Z"))
    result = _replayed(file, "--policy", tmp_path / "p.yaml", "--until", "2026-02-01", "--tick", "03:00Z")
    assert "1 contracts never saw a tick at or after their policy's `at`" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--until", "soon"], "--until soon: a day is written YYYY-MM-DD"),
        (["--until", "2025-01-01"], "lies before the first event"),
        (["--until", "2026-02-01", "--tick", "noon"], "--tick noon: a time of day in UTC is written HH:MMZ"),
        (["--until", "2026-02-01", "--policy", "POLICY", "--policy", "POLICY"], "--policy: p is given twice"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "p.yaml").write_text(json.dumps(POLICY_WITH_ONE_STEP))
    file = _file(tmp_path / "e.jsonl", _invoice("C-1", "2026-01-01T10:00:00Z"))
    given = [str(tmp_path / "p.yaml") if argument == "POLICY" else argument for argument in arguments]
    with pytest.raises(Exception, match=told):
        _replayed(file, *given)


async def test_a_cluster_gives_the_same_records(own_kafka: str, tmp_path: Path) -> None:
    connection = Connection(own_kafka)
    await topics.create(connection, PARTITIONS)
    (tmp_path / "policy.yaml").write_text(POLICY)
    policy = read_policy(tmp_path / "policy.yaml")
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(lines(list(cases())[:60])))
    await apply_policy(connection, TENANT, policy, datetime(2025, 1, 1, tzinfo=UTC))
    await publish(connection, [events], Days(time(12), UNTIL))
    await Engine(_engine(connection), EscalationProcessor()).drain()
    replayed = replay_files([events], [policy], ReplayDays(UNTIL, time(12))).replayed
    for topic in (names.CASE_HISTORY, names.NOTICES, names.COMMANDS):
        assert _by_key(await read(connection, topic)) == _by_key(replayed.outputs[topic])
    latest = {record.key: record.value for record in await read(connection, names.CASE_STATUS)}
    assert latest == {output.key: output.value for output in replayed.sorted_status()}


def _by_key(records: Iterable[Record] | Iterable[Output]) -> dict[bytes | None, list[bytes | None]]:
    found: dict[bytes | None, list[bytes | None]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record.value)
    return found


def _engine(connection: Connection) -> EngineConfig:
    return EngineConfig(
        app="escalation",
        connection=connection,
        inputs=tuple(topic for topic in names.INPUTS if topic not in (names.REROUTED, names.TIMERS)),
        rerouted=names.REROUTED,
        timers=names.TIMERS,
        changelog=names.CHANGELOG,
        journal=names.JOURNAL,
        partitions=PARTITIONS,
        address="127.0.0.1:1",
    )


def test_a_withdrawn_policy_keeps_its_number_so_that_the_next_version_is_accepted(tmp_path: Path) -> None:
    content = {**POLICY_WITH_ONE_STEP, "policy": "standard"}
    lines = (
        {"topic": names.POLICIES, "key": "acme/standard", "value": {**content, "time": "2026-01-01T00:00:00Z"}},
        _invoice("C-1", "2026-01-01T10:00:00Z"),
        {"topic": names.POLICIES, "key": "acme/standard", "value": None},
        {"topic": names.POLICIES, "key": "acme/standard", "value": {**content, "time": "2026-01-01T12:00:00Z"}},
    )
    told = json.loads(_replayed(_file(tmp_path / "e.jsonl", *lines), "--until", "2026-02-01", "--json").stdout)
    assert (told["dead_letters"], told["status"]) == ({}, {"Reminded": 1})
