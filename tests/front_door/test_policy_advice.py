"""`policy check`, `policy diff` and the text of a policy: what is legal but unwise, what differs, and the file that says the same."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mahnlauf import cli
from mahnlauf.failures import BadInput
from mahnlauf.policy_advice import advise
from mahnlauf.policy_file import read_policy, read_policy_with_lines
from mahnlauf.policy_places import OnCluster, is_file
from mahnlauf.policy_text import as_file, differences

RUNNER = CliRunner()
FILE = """\
policy: standard
time_zone: Europe/Berlin
calendar: {country: DE, subdivision: HE}
at: "08:30"
minimum_open: {EUR: 500}
steps:
  - {kind: remind, day: 5, level: 1}
  - {kind: remind, day: 14, level: 2, fee: {EUR: 250}}
  - {kind: hand_over, day: 30, account: main, payment_methods: [direct_debit]}
"""
IDLE = ("breathing_space_idle", 4, "breathing_space")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(FILE)
    return path


def _changed(file: Path, *changes: tuple[str, str]) -> Path:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


def test_an_ordinary_policy_gets_no_advice(file: Path) -> None:
    assert advise(*read_policy_with_lines(file)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("calendar: {country: DE, subdivision: HE}\n", "")], [("no_calendar", 1, "calendar")]),
        ([("minimum_open: {EUR: 500}", "minimum_open: {CHF: 500}")], [("no_minimum", 5, "minimum_open")]),
        ([("day: 14", "day: 11")], [("reminders_close", 8, "steps[2].day")]),
        ([("day: 14", "day: 12")], []),
        ([("level: 2", "level: 1")], [("level_not_rising", 8, "steps[2].level")]),
        ([("EUR: 250", "EUR: 251")], [("fee_high", 8, "steps[2].fee")]),
        ([("EUR: 250", "CHF: 900")], []),
        ([("level: 1}", "level: 1, fee: {EUR: 100}}")], [("fee_before_default", 7, "steps[1].fee")]),
        ([("level: 1}", "level: 1, fee: {EUR: 100}}"), ("at:", "default: due_date\nat:")], []),
        ([("day: 30", "day: 20")], [("hand_over_close", 9, "steps[3].day")]),
        ([("at:", "default: thirty_days\nat:")], [("default_uncertain", 10, "steps[3].day")]),
        ([("at:", "default: thirty_days\nat:"), ("day: 30", "day: 31")], []),
        (
            [("  - {kind: remind, day: 5, level: 1}\n", ""), ("  - {kind: remind, day: 14, level: 2, fee: {EUR: 250}}\n", "")],
            [("bureau_never", 7, "steps[1].day"), ("default_uncertain", 7, "steps[1].day")],
        ),
        ([("  - {kind: remind, day: 5, level: 1}\n", ""), (", fee: {EUR: 250}", "")], [("bureau_never", 8, "steps[2].day")]),
        ([("at:", "breathing_space: {days: 14, from: first_step}\nat:")], []),
        ([("at:", "breathing_space: {days: 14, from: first_step}\nat:"), (", fee: {EUR: 250}", "")], [IDLE]),
        ([("at:", "breathing_space: {days: 14, from: hand_over}\nat:")], [IDLE]),
        ([("at:", "interest: {kind: statutory}\nbreathing_space: {days: 14, from: hand_over}\nat:")], []),
        (
            [
                ("at:", "breathing_space: {days: 14, from: hand_over}\nat:"),
                ("kind: hand_over, day: 30, account: main, payment_methods: [direct_debit]", "kind: signal, day: 30, name: block"),
            ],
            [IDLE],
        ),
    ],
)
def test_what_is_unwise_is_told_with_its_line(file: Path, changes: list[tuple[str, str]], expected: list[tuple[str, int, str]]) -> None:
    found = advise(*read_policy_with_lines(_changed(file, *changes)))
    assert [(advice.code, advice.line, advice.field) for advice in found] == expected


def _run(*args: str) -> tuple[int, str]:
    told = RUNNER.invoke(cli.app, ["policy", *args])
    if isinstance(told.exception, BadInput):
        return told.exception.exit_code, str(told.exception)
    return told.exit_code, told.stdout


def test_check_ends_with_0_1_or_2(file: Path) -> None:
    assert _run("check", str(file))[0] == 0
    code, told = _run("check", str(_changed(file, ("day: 14", "day: 9"))), "--json")
    assert code == 1
    [advice] = json.loads(told)
    assert (advice["file"], advice["line"], advice["field"], advice["code"]) == (str(file), 8, "steps[2].day", "reminders_close")


def test_check_refuses_what_apply_refuses(file: Path) -> None:
    code, told = _run("check", str(_changed(file, ("day: 14", "day: 4"))))
    assert (code, "days must increase" in told) == (2, True)


def test_diff_names_each_place_and_ends_with_1(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FILE.replace("day: 14", "day: 15").replace("minimum_open: {EUR: 500}\n", "").replace("main", "second"))
    code, told = _run("diff", str(file), str(other))
    assert (code, told.splitlines()) == (
        1,
        ["minimum_open.EUR: 500 → absent", "steps[2].day: 14 → 15", "steps[3].account: main → second"],
    )
    assert _run("diff", str(file), str(file)) == (0, "no difference\n")


def test_a_step_more_or_less_differs_in_all_its_keys(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FILE.rsplit("  - ", 1)[0])
    found = {difference.field: difference.after for difference in differences(read_policy(file), read_policy(other))}
    assert {"steps[3].kind", "steps[3].day", "steps[3].account"} <= found.keys()
    assert set(found.values()) == {None}


def test_the_text_of_a_policy_is_a_file_that_says_the_same(file: Path, tmp_path: Path) -> None:
    policy = read_policy(_changed(file, ("country: DE, subdivision: HE", "country: 'NO'"), ("at:", "answer_days: 3\nat:")))
    again = tmp_path / "again.yaml"
    again.write_text(as_file(policy))
    assert read_policy(again) == policy


def test_a_policy_without_steps_has_a_text_too(file: Path, tmp_path: Path) -> None:
    file.write_text("policy: watch\ntime_zone: Europe/Berlin\nsteps: []\n")
    (tmp_path / "again.yaml").write_text(as_file(read_policy(file)))
    assert read_policy(tmp_path / "again.yaml") == read_policy(file)


@pytest.mark.parametrize(
    ("text", "file"), [("acme/standard", False), ("acme/standard@2", False), ("a/b/c.yaml", True), ("x.yml", True), ("acme", True)]
)
def test_what_names_a_file_and_what_the_cluster(text: str, file: bool) -> None:
    assert is_file(text) == file


@pytest.mark.parametrize("text", ["acme", "acme/standard@0", "acme/standard@", "a/b/c"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="tenant/policy"):
        OnCluster.parse(text)
