"""The demo's cases: readable by the public contract, always the same, and each kind comes to what its name says (without an agency)."""

import json
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from mahnlauf import stories
from mahnlauf.demo.cases import from_file
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy, read_tenant
from mahnlauf.replaying import Days, replay_files
from mahnlauf.stories import Case
from schemas.codec import decode
from schemas.topics import CASE_HISTORY, DEBTORS, NOTICES

END = {
    "paid_in_time": "Clear",
    "paid_after_first_reminder": "Clear",
    "paid_in_two_parts": "Clear",
    "debit_returned": "Clear",
    "credited_in_part": "Clear",
    "dispute_rejected": "Clear",
    "dispute_upheld": "Clear",
    "held_for_a_while": "Clear",
    "overpaid": "Clear",
    "anchor_moves": "Clear",
    "too_small": "Clear",
}
"""Status at the end; all other stories are handed over, and wait for an agency."""


@pytest.fixture(scope="module")
def told() -> list[Case]:
    return list(stories.cases())


def test_every_event_is_one_of_the_public_contract(told: list[Case]) -> None:
    for line in stories.lines(told):
        read = json.loads(line)
        decode(read["topic"], json.dumps(read["value"]).encode(), (), read["key"].encode())


def test_there_are_500_with_a_debtor_each_and_always_the_same(told: list[Case]) -> None:
    described = {line["key"] for case in told for line in case.lines if line["topic"] == DEBTORS}
    assert len(told) == len(described) == stories.CONTRACTS
    assert list(stories.lines(told)) == list(stories.lines(list(stories.cases())))
    assert {case.story for case in told} == {story.__name__ for story in stories.STORIES}
    assert sum(stories.STORIES.values()) == 100


def test_each_story_comes_to_what_it_tells(told: list[Case], tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(stories.POLICY)
    (tmp_path / "tenant.yaml").write_text(stories.SETTINGS)
    assert read_tenant(tmp_path / "tenant.yaml").tenant == stories.TENANT
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(stories.lines(told)))
    replayed = replay_files([events], [read_policy(tmp_path / "policy.yaml")], Days(stories.LAST_DAY, time(12))).replayed
    ends = {case.contract: END.get(case.story, "ToBePassed") for case in told}
    found = {row["subject"]: row["data"]["status"] for row in _rows(output.value for output in replayed.sorted_status())}
    assert {contract: (found[contract], ends[contract]) for contract in ends if found[contract] != ends[contract]} == {}
    assert set(replayed.dead_letters) == {"case open"}  # a handover again, of what no agency has rejected


def test_a_contract_paid_in_time_hears_nothing(told: list[Case], tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(stories.POLICY)
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(stories.lines([case for case in told if case.story in ("paid_in_time", "too_small")])))
    replayed = replay_files([events], [read_policy(tmp_path / "policy.yaml")], Days(stories.LAST_DAY, time(12))).replayed
    assert replayed.outputs.get(NOTICES, []) == replayed.outputs.get(CASE_HISTORY, []) == []


def _rows(values: Iterator[bytes | None]) -> Iterator[Any]:
    return (json.loads(value) for value in values if value is not None)


def test_a_file_gets_what_the_chain_needs_besides(tmp_path: Path) -> None:
    line = {"topic": "billing.invoices", "key": "acme/C-1", "value": {"time": "2025-03-01T10:00:00Z"}}
    debtor = {"topic": DEBTORS, "key": "acme/C-2", "value": {"time": "2025-03-01T10:00:00Z"}}
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(each) for each in (line, {**line, "key": "acme/C-2"}, debtor)))
    cases = from_file(file, tmp_path, date(2026, 1, 1))
    described = [json.loads(text) for text in cases.files[0].read_text().splitlines()]
    assert (cases.tenants, cases.without_policy, cases.described) == (["acme"], ["acme"], 1)
    assert [each["key"] for each in described] == ["acme/C-1"]
    decode(DEBTORS, json.dumps(described[0]["value"]).encode(), (), b"acme/C-1")


def test_a_file_without_a_contract_is_told(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({"topic": "billing.invoices", "key": "acme", "value": {}}))
    with pytest.raises(BadInput, match="there is no contract's event with a time"):
        from_file(file, tmp_path, date(2026, 1, 1))
