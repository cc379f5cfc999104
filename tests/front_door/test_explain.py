"""explain: why a contract stands where it stands; and what it foretells is what then happens."""

import json
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from mahnlauf.cli import app
from mahnlauf.explain.coming import coming
from mahnlauf.explain.found import in_files, on_cluster
from mahnlauf.explain.standing import ATTENTION, WAITS
from mahnlauf.explain.words import money
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy
from mahnlauf.replaying import Days as ReplayDays
from mahnlauf.replaying import replay_files
from schemas import topics as names
from streams.processor import EscalationProcessor
from tests.front_door.plain_worker import work
from tests.front_door.published import stories

LADDER = """\
policy: standard
time_zone: Europe/Berlin
calendar: {country: DE, subdivision: HE}
minimum_open: {EUR: 500}
steps:
  - {kind: remind, day: 5, level: 1}
  - {kind: remind, day: 14, level: 2, fee: {EUR: 250}}
  - {kind: hand_over, day: 30, account: main}
"""
KEY = "acme/C-1"
NOON = time(12)


def _event(topic: str, kind: str, moment: str, /, **data: Any) -> dict[str, Any]:
    value = {"specversion": "1.0", "id": f"{kind}{moment}", "source": "/t", "type": kind, "subject": "C-1", "tenant": "acme"}
    return {"topic": topic, "key": KEY, "value": {**value, "time": f"{moment}T09:00:00Z", "data": data}}


def _invoice(moment: str = "2026-01-05", due: str = "2026-01-17", invoice_id: str = "R1", amount: int = 8_400) -> dict[str, Any]:
    told = {"invoice_id": invoice_id, "issued_on": moment, "due_on": due, "amount": amount, "currency": "EUR"}
    return _event(names.INVOICES, "invoice.issued", moment, **told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(LADDER)
    return tmp_path


def _explained(folder: Path, until: str, *events: dict[str, Any]) -> Any:
    (folder / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    arguments = ["explain", KEY, "--events", f"{folder}/e.jsonl", "--policy", f"{folder}/policy.yaml", "--until", until, "--json"]
    return json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)


def _why(told: Any) -> list[str]:
    return [f"[{reason['section']}] {reason['words']}" for reason in told["why"]]


def _changes(told: Any) -> dict[str, str]:
    return {one["cause"]: one["effect"] for one in told["what_if"]}


def test_a_contract_on_the_ladder_is_explained_with_its_due_days_steps_and_distances(folder: Path) -> None:
    told = _explained(folder, "2026-02-10", _invoice(), _invoice("2026-02-05", "2026-02-19", "R2", 2_000))
    why = _why(told)
    assert told["status"] == "Reminded"
    assert "[4] Reminded: 84.00 EUR overdue, and reminded in this cycle (level 2)" in why
    overdue = "overdue since Tue 2026-01-20 (due Sat 2026-01-17, moved), steps of this cycle that covered it: 2"
    assert f"[3] R1: 84.00 EUR open and 2.50 EUR costs, {overdue}" in why
    assert "[3] R2: 20.00 EUR open, due Thu 2026-02-19, overdue from Fri 2026-02-20" in why
    assert "[4] step 2, a reminder on Wed 2026-02-04: level 2, fee 2.50 EUR, for R1" in why
    assert any("next is step 3 (hand_over)" in one and "the distance from the last step gives Fri 2026-02-20" in one for one in why)
    assert [(one["at"][:16], one["words"]) for one in told["coming"]][:2] == [
        ("2026-02-20 08:00", "Reminded → ToBePassed, level 2"),
        ("2026-02-20 08:00", "handed over to account main: 84.00 EUR"),
    ]
    changes = _changes(told)
    assert changes["86.50 EUR arrives today: all that is due"] == "Reminded → Clear"
    assert changes["the debtor disputes the claim"] == "Reminded → Held, level 2"
    assert "handed over to account main: 84.00 EUR" in changes["a colleague orders the handover"]
    assert changes["a payment is announced as under way"] == "Reminded → Held, level 2"
    assert changes["the debtor promises to pay within 14 days"] == "Reminded → Held, level 2"


def test_interest_and_breathing_space_are_explained(folder: Path) -> None:
    """A reminder on Sun 25 January (moved to Monday) begins default, and ten days in which nothing is added."""
    more = "interest: {kind: statutory}\nbreathing_space: {days: 10, from: first_step}\n"
    (folder / "policy.yaml").write_text(LADDER.replace("steps:", more + "steps:"))
    events = _invoice(), _invoice("2026-01-28", "2026-03-12", "R2", 2_000)
    assert "[2] R1 bears no interest yet: default begins with the first reminder that covers it" in _why(
        _explained(folder, "2026-01-24", *events)
    )
    inside = _why(_explained(folder, "2026-01-30", *events))
    assert "[2] R1 bears interest from Thu 2026-02-05 on" in inside
    space = "breathing space until Thu 2026-02-05 (exclusive): R1 bears no interest before its end, and fees wait for it"
    assert f"[2] {space}" in inside
    after = _why(_explained(folder, "2026-02-10", *events))
    assert "[2] R1 bears interest since Thu 2026-02-05, now 6.27 percent a year, 1.27 of it the base rate" in after
    assert not [one for one in after if "breathing space" in one]


def test_a_hold_says_from_when_until_when_and_that_its_days_do_not_count(folder: Path) -> None:
    hold = _event(names.CONTRACTS, "hold.placed", "2026-01-21", hold_id="H", kind="manual", **{"from": "2026-01-21", "until": "2026-01-25"})
    told = _explained(folder, "2026-01-22", _invoice(), hold)
    held = "hold H (manual) of the whole contract holds from Wed 2026-01-21 until Sun 2026-01-25 (exclusive); held days do not count"
    assert f"[3] {held}" in _why(told)
    assert (told["status"], told["coming"][0]["words"]) == ("Held", "Held → Due")


def test_what_is_below_the_minimum_or_not_due_or_disputed_or_in_a_case_is_said(folder: Path) -> None:
    assert any("less than the policy's minimum of 5.00 EUR" in one for one in _why(_explained(folder, "2026-02-10", _invoice(amount=499))))
    assert "[4] Clear: nothing is overdue" in _why(_explained(folder, "2026-01-18", _invoice()))
    dispute = _event(names.CONTRACTS, "dispute.opened", "2026-01-21", dispute_id="D", invoice_id="R1")
    assert any("but held by itself" in one for one in _why(_explained(folder, "2026-01-22", _invoice(), dispute)))
    told = _explained(folder, "2026-02-23", _invoice())
    assert "[6] R1: 84.00 EUR open and 2.50 EUR costs, is in the agency's hands" in _why(told)
    assert _changes(told)["86.50 EUR arrives today: all that is due"] == "told to the agency: recall"


def test_without_a_policy_that_is_the_reason(folder: Path) -> None:
    (folder / "e.jsonl").write_text(json.dumps(_invoice()))
    told = in_files([folder / "e.jsonl"], [], ReplayDays(date(2026, 2, 10), NOON), KEY)
    assert (told.contract.attention, coming(told)) == (("policy_missing",), [])


def test_what_comes_is_what_then_happens(folder: Path) -> None:
    """Ticks at noon instead of each minute: the same days, with later times."""
    (folder / "e.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (_invoice(), _invoice("2026-01-09", "2026-01-30", "R2"))))
    policy = read_policy(folder / "policy.yaml")
    foretold = [
        one.at.date().isoformat() for one in coming(in_files([folder / "e.jsonl"], [policy], ReplayDays(date(2026, 1, 18), NOON), KEY))
    ]
    happened = replay_files([folder / "e.jsonl"], [policy], ReplayDays(date(2027, 2, 1), NOON)).replayed
    told = [json.loads(output.value or b"") for name, outputs in happened.outputs.items() if name != "dead-letters" for output in outputs]
    assert sorted(foretold) == sorted(one["time"][:10] for one in told if one["time"] >= "2026-01-19")
    assert len(foretold) > 6


@pytest.mark.parametrize("argument", ["C-1", "acme/", "/C-1"])
def test_a_contract_is_named_with_its_tenant(argument: str) -> None:
    with pytest.raises(BadInput, match="written tenant/contract"):
        CliRunner().invoke(app, ["explain", argument], catch_exceptions=False)


def test_an_unknown_contract_and_a_missing_day_are_told(folder: Path) -> None:
    (folder / "e.jsonl").write_text(json.dumps(_invoice()))
    with pytest.raises(BadInput, match="acme/C-9: not known"):
        in_files([folder / "e.jsonl"], [], ReplayDays(date(2026, 2, 10), NOON), "acme/C-9")
    with pytest.raises(BadInput, match="--until is missing"):
        CliRunner().invoke(app, ["explain", KEY, "--events", str(folder / "e.jsonl")], catch_exceptions=False)


def test_every_name_of_what_waits_and_of_attention_is_put_into_words() -> None:
    assert {"account", "address", "amount", "approval", "balance", "payments", "unapplied"} <= WAITS.keys()
    assert {"rejected", "recalled", "ladder_ended", "policy_missing", "undeliverable", "not_passed"} <= ATTENTION.keys()


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (123_450, "EUR", "1,234.50 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-250, "EUR", "-2.50 EUR"),
        (500, "JPY", "500 JPY"),
        (1_500, "KWD", "1.500 KWD"),
    ],
)
def test_amounts_are_said_as_people_say_them(amount: int, currency: str, told: str) -> None:
    assert money(amount, currency) == told


async def test_from_a_cluster_it_is_the_contract_that_a_replay_gives(own_kafka: str, tmp_path: Path) -> None:
    until = date(2025, 3, 20)
    published = await stories(own_kafka, tmp_path, 8, until)
    connection = published.connection
    await work(connection, 2, lambda outputs: outputs)
    replayed = replay_files([published.events], [published.policy], ReplayDays(until, NOON)).replayed
    processor = EscalationProcessor()
    for key, state in replayed.states.items():
        found = await on_cluster(connection, key.decode(), lambda done, whole: None)
        assert _facts(processor, found.contract) == _facts(processor, state)
        assert found.as_of_us >= found.shared.last_tick_us == replayed.shared.last_tick_us
    with pytest.raises(BadInput, match="no worker has applied"):
        await on_cluster(connection, "acme/nobody", lambda done, whole: None)


def _facts(processor: EscalationProcessor, contract: Any) -> Any:
    """All but the policy's number: a replay's policy for everyone is version 0."""
    return processor.dump(replace(contract, binding=None))
