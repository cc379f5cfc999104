"""Policy and tenant files: every mistake is told with file, line, key and what would be right."""

from pathlib import Path

import pytest

from mahnlauf.policy_file import WrongFile, read_policy, read_tenant

FILE = """\
policy: standard
applies: next_cycle
time_zone: Europe/Berlin
calendar: {country: DE, subdivision: HE}
at: "08:00"
minimum_open: {EUR: 500}
starts_on: 2026-01-01
steps:
  - {kind: remind, day: 5, level: 1}
  - {kind: remind, day: 14, level: 2, fee: {EUR: 250}}
  - {kind: hand_over, day: 30, account: main}
"""


def _told(tmp_path: Path, text: str) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(WrongFile) as wrong:
        read_policy(file)
    return str(wrong.value).replace(str(file), "policy.yaml")


def test_a_file_as_the_rules_show_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(FILE.replace("starts_on: 2026-01-01\n", ""))
    policy = read_policy(file)
    assert (policy.policy, policy.at, policy.minimum_open, len(policy.steps)) == ("standard", "08:00", {"EUR": 500}, 3)


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("time_zone: Europe/Berlin", "tme_zone: Europe/Berlin", "policy.yaml:3: tme_zone: unknown key; did you mean time_zone?"),
        ("time_zone: Europe/Berlin", "time_zone: Europe/Atlantis", "policy.yaml:3: time_zone: unknown time zone"),
        ('at: "08:00"', "at: 12:00", 'policy.yaml:5: at: YAML reads 12:00 as a number of minutes or seconds: write "12:00" in quotes'),
        ('at: "08:00"', 'at: "24:00"', 'policy.yaml:5: at: must be a time of day in quotes, such as "08:00"'),
        ("{country: DE,", "{country: NO,", "policy.yaml:4: calendar.country: YAML reads NO as a truth value"),
        ("subdivision: HE", "subdivision: XX", "policy.yaml:4: calendar: unknown subdivision 'XX' of DE"),
        ("{EUR: 500}", "{EUR: 5.00}", "policy.yaml:6: minimum_open.EUR: 5.00 has a fraction"),
        ("{EUR: 500}", "{EURO: 500}", "policy.yaml:6: minimum_open.EURO: 'EURO' is no currency"),
        ("{EUR: 500}", "500", "policy.yaml:6: minimum_open: must be amounts in minor units by currency"),
        ("2026-01-01", "2026-01-01 10:00:00", "policy.yaml:7: starts_on: 2026-01-01 10:00:00 is read as a moment"),
        ("2026-01-01", "2026-13-01", "policy.yaml:7: starts_on: "),
        ("applies: next_cycle", "policy: other", "policy.yaml:2: policy: stands here twice, first in line 1"),
        ("applies: next_cycle", "applies:", "policy.yaml:2: applies: has no value"),
        ("applies: next_cycle", "applies: now", "policy.yaml:2: applies: must be 'next_cycle' or 'at_once'"),
        ("day: 14", "day: 014", "policy.yaml:10: steps[2].day: 014 is no plain number"),
        ("day: 14", "day: 5", "policy.yaml:10: steps[2]: step 2: day 5 does not come after day 5"),
        ("kind: remind, day: 14", "kind: fly, day: 14", "policy.yaml:10: steps[2].kind: must be one of 'remind'"),
        ("kind: remind, day: 14", "day: 14", "policy.yaml:10: steps[2].kind: missing"),
        ("fee: {EUR: 250}", "fee: {EUR: -250}", "policy.yaml:10: steps[2].fee.EUR: must be greater than or equal to 0"),
        ("level: 2, fee", "levle: 2, fee", "policy.yaml:10: steps[2].levle: unknown key; did you mean level?"),
        ("account: main}", "account: main", "policy.yaml:12: not YAML"),
        ("applies: next_cycle", "breathing_space: {days: 14}", "policy.yaml:2: breathing_space.from: missing"),
        ("account: main", "account: *main", "policy.yaml:11: aliases (*name) are not read here"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(tmp_path: Path, line: str, instead: str, told: str) -> None:
    assert line in FILE
    assert told in _told(tmp_path, FILE.replace(line, instead, 1))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = FILE.replace("level: 1", "level: one").replace("minimum_open", "minimum")
    assert [line.split(" ")[0] for line in _told(tmp_path, text).splitlines()] == ["policy.yaml:6:", "policy.yaml:9:"]


@pytest.mark.parametrize(
    ("content", "told"), [(b"policy: \xff", ":1: not UTF-8"), (b"", ":1: the file is empty"), (b"- 1", ":1: must be keys")]
)
def test_what_is_no_policy_at_all_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(WrongFile, match=told):
        read_policy(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongFile, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")


def test_a_tenant_file_is_read_as_strictly(tmp_path: Path) -> None:
    file = tmp_path / "tenant.yaml"
    file.write_text("tenant: acme\ncreditor: {name: Acme GmbH, address: Am Markt 1}\n")
    assert read_tenant(file).tenant == "acme"
    file.write_text("tenant: acme\ncreditor: {name: Acme GmbH, adress: Am Markt 1}\n")
    with pytest.raises(WrongFile, match=r"tenant.yaml:2: creditor.adress: unknown key; did you mean address"):
        read_tenant(file)
