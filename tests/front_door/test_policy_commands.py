"""The policy commands on a real cluster: apply, show, diff and withdraw as a person meets them."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mahnlauf import cli, topics
from mahnlauf.failures import BadInput
from streams.engine.cluster import Connection
from tests.front_door.test_policy_advice import FILE

RUNNER = CliRunner()


@pytest.fixture
def cluster(own_kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(topics.create(Connection(own_kafka), 2))
    monkeypatch.setenv("MAHNLAUF_KAFKA__BOOTSTRAP", own_kafka)


def _run(*args: str) -> tuple[int, str]:
    told = RUNNER.invoke(cli.app, ["policy", *args])
    if isinstance(told.exception, BadInput):
        return told.exception.exit_code, str(told.exception)
    return told.exit_code, told.stdout


@pytest.mark.usefixtures("cluster")
def test_a_policy_from_its_first_version_to_its_withdrawal_and_back(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(FILE)
    assert _run("show")[1] == "no policy is in force\n"
    _run("apply", str(file), "--tenant", "acme")
    assert _run("show")[1] == "acme/standard: version 1: remind 5, remind 14, hand_over 30\n"
    assert _run("diff", "acme/standard", str(file))[0] == 0
    file.write_text(FILE.replace("day: 14", "day: 15"))
    assert _run("diff", "acme/standard", str(file)) == (1, "steps[2].day: 14 → 15\n")
    _run("apply", str(file), "--tenant", "acme")
    assert _run("diff", "acme/standard@1", "acme/standard@2") == (1, "steps[2].day: 14 → 15\n")
    shown = json.loads(_run("show", "acme/standard", "--json")[1])
    assert (shown["version"], shown["content"]["steps"][1]["day"]) == (2, 15)
    (tmp_path / "shown.yaml").write_text(_run("show", "acme/standard")[1])
    assert _run("diff", "acme/standard", str(tmp_path / "shown.yaml"))[0] == 0

    assert _run("withdraw", "acme/standard")[0] == 0
    assert _run("show")[1] == "no policy is in force\n"
    assert "there are: none" in _run("show", "acme/standard")[1]
    assert _run("withdraw", "acme/standard")[0] == 2
    assert json.loads(_run("show", "acme/standard@1", "--json")[1])["content"]["steps"][1]["day"] == 14
    assert "version 3 counts from 20" in _run("apply", str(file), "--tenant", "acme")[1]
    assert _run("show", "acme/standard@4") == (2, "acme/standard has no version 4; there were: 1, 2, 3")
    assert _run("withdraw", "acme/standard@1")[0] == 2
