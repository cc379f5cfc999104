"""policy apply, tenant set, publish, export and audit as a script calls them: words, JSON and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mahnlauf.stories import POLICY, SETTINGS, cases, lines
from schemas.topics import INVOICES, TIMERS


@pytest.fixture
def run(own_kafka: str, tmp_path: Path) -> "Run":
    return Run(own_kafka, tmp_path)


class Run:
    """Calls `mahnlauf` against a cluster."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._folder = folder
        self._env = {**os.environ, "MAHNLAUF_KAFKA__BOOTSTRAP": bootstrap, "MAHNLAUF_STATE": str(folder), "COLUMNS": "160"}

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mahnlauf", *words]
        return subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, check=False, timeout=100)

    def json(self, *words: str) -> dict[str, object]:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, object] = json.loads(done.stdout)
        return told


@pytest.mark.timeout(300)
def test_the_way_of_a_file_through_the_commands(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "tenant.yaml").write_text(SETTINGS)
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines(list(cases())[:5])))
    assert run("topics", "create", "--partitions", "2").returncode == 0
    assert run.json("policy", "apply", "policy.yaml", "--tenant", "acme")["version"] == 1
    assert "version 1 already says the same" in run("policy", "apply", "policy.yaml", "--tenant", "acme").stdout
    assert run.json("tenant", "set", "tenant.yaml") == {"tenant": "acme", "changed": True}
    told = run.json("publish", "events.jsonl", "--tick", "12:00Z", "--until", "2025-02-10")
    assert told["ticks"] == 27
    done = run("export", TIMERS, "--out", "timers.jsonl.gz")
    assert done.stderr == f"{2 * (1 + 1 + 27)} records of {TIMERS} in timers.jsonl.gz\n"
    exported = [json.loads(line) for line in run("export", INVOICES).stdout.splitlines()]
    assert {line["value"]["type"] for line in exported} == {"invoice.issued"}
    done = run("audit", "--json")
    audited = json.loads(done.stdout)
    assert (done.returncode, audited["lost"], audited["events"]) == (1, 0, 0)  # nobody has applied anything
    assert sum(audited["standing"].values()) == audited["not_applied"] > 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["policy", "apply", "wrong.yaml", "--tenant", "acme"], 2, "wrong.yaml:2: at: YAML reads 12:00 as a number"),
        (["policy", "apply", "wrong.yaml", "--tenant", "a/b"], 2, "--tenant a/b: a tenant's name is not empty and contains no slash"),
        (["tenant", "set", "wrong.yaml"], 2, "wrong.yaml:2: at: YAML reads"),
        (["publish", "wrong.jsonl"], 2, "wrong.jsonl:1: not JSON"),
        (["publish", "none.jsonl"], 2, "none.jsonl: cannot be read: No such file or directory"),
        (["publish", "wrong.jsonl", "--tick", "noon"], 2, "--tick noon: a time of day in UTC is written HH:MMZ"),
        (["export", "billing.invoice"], 2, "there is no topic billing.invoice; the nearest are billing.invoices"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(run: Run, tmp_path: Path, words: list[str], code: int, told: str) -> None:
    (tmp_path / "wrong.yaml").write_text("policy: p\nat: 12:00\n")
    (tmp_path / "wrong.jsonl").write_text("{\n")
    done = run(*words)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
