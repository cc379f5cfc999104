"""policy preview: what it foretells is what then happens, from a file and from a cluster, and it writes nothing."""

import asyncio
import json
from collections import Counter
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mahnlauf import policy_preview, policy_previewed
from mahnlauf.cli import app
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy
from mahnlauf.policy_preview import Plan, Tally, of_cluster, of_files, preview
from mahnlauf.policy_previewed import previewed
from mahnlauf.replaying import Days as ReplayDays
from mahnlauf.replaying import replay_files
from mahnlauf.stories import TENANT
from schemas import topics as names
from streams.engine.engine import Engine
from streams.processor import EscalationProcessor
from tests.front_door.published import stories
from tests.front_door.reading import ends
from tests.front_door.test_replay import _engine

NOON = time(12)
FIRST, DAYS = date(2026, 2, 2), 60
NEW = """\
policy: standard
applies: at_once
time_zone: Europe/Berlin
minimum_open: {EUR: 500}
steps:
  - {kind: remind, day: 3, level: 1, fee: {EUR: 100}}
  - {kind: remind, day: 11, level: 2}
  - {kind: hand_over, day: 20}
"""
OLD = NEW.replace("day: 3", "day: 5").replace("day: 20", "day: 40").replace("100", "200")


def _invoice(number: int, tenant: str = "acme") -> dict[str, Any]:
    moment, due = date(2026, 1, 1 + number % 28), date(2026, 1 + number % 3, 10 + number % 17)
    told = {"invoice_id": "R", "issued_on": f"{moment}", "due_on": f"{due}", "amount": 400 + 100 * number, "currency": "EUR"}
    value = {"specversion": "1.0", "id": str(number), "source": "/t", "type": "invoice.issued", "subject": f"C-{number}", "tenant": tenant}
    return {"topic": names.INVOICES, "key": f"{tenant}/C-{number}", "value": {**value, "time": f"{moment}T09:00:00Z", "data": told}}


def _applied(moment: str, content: Path) -> dict[str, Any]:
    policy = json.loads(read_policy(content).model_dump_json(by_alias=True, exclude_none=True))
    return {"topic": names.POLICIES, "key": "acme/standard", "value": {**policy, "time": moment}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "new.yaml").write_text(NEW)
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(_invoice(number)) + "\n" for number in range(40)))
    return tmp_path


def _sent(tally: Tally) -> Counter[tuple[str, str]]:
    return Counter({(what.day.isoformat(), what.kind): count for what, count in tally.sent.items()})


def _quiet(done: int, whole: int) -> None:
    """Nobody is looking."""


def _happened(folder: Path) -> Counter[tuple[str, str]]:
    """What is sent from the first day on when the policy is really switched on then."""
    (folder / "all.jsonl").write_text(
        "".join(
            json.dumps(line) + "\n"
            for line in (
                _applied("2025-12-01T00:00:00Z", folder / "old.yaml"),
                *(_invoice(number) for number in range(40)),
                _applied(f"{FIRST}T00:00:00Z", folder / "new.yaml"),
            )
        )
    )
    replayed = replay_files([folder / "all.jsonl"], [], ReplayDays(date(2026, 4, 2), NOON)).replayed
    found: Counter[tuple[str, str]] = Counter()
    for topic in (names.NOTICES, names.COMMANDS):
        for output in replayed.outputs[topic]:
            event = json.loads(output.value or b"")
            kind = policy_preview.kind_of(event["type"], event["data"])
            if event["time"] >= f"{FIRST}" and kind:
                found[event["time"][:10], kind] += 1
    return found


@pytest.mark.parametrize("alone_max", [policy_preview.ALONE_MAX, 7])
def test_it_foretells_what_then_happens_in_one_process_or_several(folder: Path, monkeypatch: pytest.MonkeyPatch, alone_max: int) -> None:
    monkeypatch.setattr(policy_preview, "ALONE_MAX", alone_max)
    groups = of_files([folder / "events.jsonl"], [read_policy(folder / "old.yaml")], date(2026, 2, 1), NOON)
    assert len(groups) == (1 if alone_max > 40 else 6)
    found = preview(groups, Plan(read_policy(folder / "new.yaml"), FIRST, DAYS, NOON), _quiet)
    happened = _happened(folder)
    assert _sent(found) == happened
    assert {"reminder 1", "reminder 2", "handover"} <= {kind for _, kind in happened}
    assert (found.contracts, found.touched > 20, found.bound > 20) == (40, True, True)
    assert found.fees["EUR"] == 100 * sum(count for (_, kind), count in happened.items() if kind == "reminder 1")


def test_a_next_cycle_policy_leaves_begun_cycles_alone(folder: Path) -> None:
    (folder / "new.yaml").write_text(NEW.replace("at_once", "next_cycle"))
    groups = of_files([folder / "events.jsonl"], [read_policy(folder / "old.yaml")], date(2026, 2, 1), NOON)
    later = preview(groups, Plan(read_policy(folder / "new.yaml"), FIRST, DAYS, NOON), _quiet)
    (folder / "new.yaml").write_text(NEW)
    at_once = preview(groups, Plan(read_policy(folder / "new.yaml"), FIRST, DAYS, NOON), _quiet)
    assert _sent(later) != _sent(at_once)


def test_another_tenants_policy_sends_nothing(folder: Path) -> None:
    groups = of_files([folder / "events.jsonl"], [], date(2026, 2, 1), NOON)
    found = preview(groups, Plan(read_policy(folder / "new.yaml"), FIRST, DAYS, NOON, "beta"), _quiet)
    assert (found.sent, found.bound) == (Counter(), 0)


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["policy", "preview", *map(str, arguments)], catch_exceptions=False)


def test_as_a_command_it_tells_weeks_totals_and_the_busiest_day(folder: Path) -> None:
    arguments = (folder / "new.yaml", "--days", "60", "--events", folder / "events.jsonl", "--from", f"{FIRST}")
    told = _run(*arguments).stdout
    assert "40 contracts, 60 days from Mon 2026-02-02 on" in told
    assert "most on one day:" in told
    data = json.loads(_run(*arguments, "--json").stdout)
    assert data["contracts"] == 40
    assert sum(row["count"] for row in data["sent"] if row["kind"] == "handover") > 10
    assert data["sent"] == sorted(data["sent"], key=lambda row: (row["day"], row["kind"]))


def test_without_a_day_or_without_contracts_it_says_so(folder: Path) -> None:
    with pytest.raises(BadInput, match="--from is missing"):
        _run(folder / "new.yaml", "--days", "60", "--events", folder / "events.jsonl")
    with pytest.raises(BadInput, match="no contracts"):
        preview([], Plan(read_policy(folder / "new.yaml"), FIRST, DAYS, NOON), _quiet)


async def test_from_a_cluster_it_is_what_the_file_gives_and_nothing_is_written(
    own_kafka: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = date(2025, 2, 20)
    published = await stories(own_kafka, folder, 20, until)
    connection = published.connection
    await Engine(_engine(connection), EscalationProcessor()).drain()
    before = await ends(connection, *(names.NOTICES, names.COMMANDS, names.TIMERS, names.CASE_STATUS, names.CHANGELOG))
    groups = await of_cluster(connection, _quiet)
    assert policy_preview.last_tick(groups) == until
    plan = Plan(read_policy(folder / "new.yaml"), date(2025, 2, 21), 60, NOON)
    found = await asyncio.to_thread(preview, groups, plan, _quiet)
    from_file = preview(of_files([published.events], [published.policy], until, NOON), plan, _quiet)
    assert _sent(found)
    assert _sent(found) == _sent(from_file)
    assert found.contracts == from_file.contracts
    assert before == await ends(connection, *(names.NOTICES, names.COMMANDS, names.TIMERS, names.CASE_STATUS, names.CHANGELOG))

    told = await previewed(connection, TENANT, read_policy(folder / "new.yaml"), 60)
    after = {(f"{told.first + timedelta(days=place)}", step.kind): step.after[place] for step in told.steps for place in range(60)}
    assert Counter({place: count for place, count in after.items() if count}) == _sent(found)
    as_it_is = preview(groups, Plan(None, told.first, 60, NOON), _quiet)
    assert [sum(step.before) for step in told.steps] == [
        sum(count for what, count in as_it_is.sent.items() if what.kind == step.kind) for step in told.steps
    ]
    assert (told.first, told.contracts, told.touched_before, as_it_is.bound) == (date(2025, 2, 21), 20, as_it_is.touched, 0)
    assert _sent(as_it_is) != _sent(found)
    with pytest.raises(BadInput, match="no contracts"):
        await previewed(connection, "nobody", read_policy(folder / "new.yaml"), 60)
    monkeypatch.setattr(policy_previewed, "CONTRACTS_MAX", 19)
    with pytest.raises(BadInput, match=r"20 contracts are more than the 19 .* mahnlauf policy preview standard.yaml"):
        await previewed(connection, TENANT, read_policy(folder / "new.yaml"), 60)
