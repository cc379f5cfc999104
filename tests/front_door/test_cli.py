"""The command line as a user and a script meet it: help with examples, JSON, exit codes, and no stack traces."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from mahnlauf import cli
from mahnlauf.cli import COMMANDS

RUNNER = CliRunner()


def _run(*args: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "MAHNLAUF_STATE": str(folder), "COLUMNS": "160", **variables}
    return subprocess.run(
        [sys.executable, "-m", "mahnlauf", *args], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def _paths(command: object, *above: str) -> list[list[str]]:
    """Every command there is, groups included, as the words that call it."""
    found = [list(above)]
    for name, below in getattr(command, "commands", {}).items():
        found += _paths(below, *above, name)
    return found


NAMES = [path.stem.replace("_", "-") for path in sorted(COMMANDS.glob("*.py")) if path.stem != "__init__"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    module = import_module(f"mahnlauf.commands.{name.replace('-', '_')}")
    for path in _paths(typer.main.get_command(module.app), name):
        told = RUNNER.invoke(cli.app, [*path, "--help"], prog_name="mahnlauf", env={"COLUMNS": "160"}).output
        assert f"Example: mahnlauf {name}" in told
        assert "--install-completion" not in told


def test_the_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    code = "import sys; from mahnlauf import cli; sys.argv = ['mahnlauf', '--help']\ntry: cli.main()\nexcept SystemExit: pass\n"
    code += "print([m for m in sys.modules if m.startswith(('mahnlauf.commands.', 'aiokafka', 'faust', 'pydantic'))])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert told.splitlines()[-1] == "[]"
    assert "Start, find and stop a Kafka broker" in told


def test_version_as_json(tmp_path: Path) -> None:
    assert json.loads(_run("version", "--json", folder=tmp_path).stdout)["aiokafka"]


def test_no_cluster_is_exit_code_3_with_what_to_do(tmp_path: Path) -> None:
    told = _run("topics", "check", folder=tmp_path)
    assert (told.returncode, told.stdout) == (3, "")
    assert "mahnlauf broker start" in told.stderr


def test_a_cluster_that_does_not_answer_is_exit_code_3(tmp_path: Path) -> None:
    told = _run("topics", "check", folder=tmp_path, MAHNLAUF_KAFKA__BOOTSTRAP="127.0.0.1:1")
    assert told.returncode == 3
    assert told.stderr.startswith("Kafka at 127.0.0.1:1 does not answer as it should")
    assert len(told.stderr.splitlines()) == 1


def test_a_wrong_setting_is_exit_code_2_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[kafka]\nbootstrap = 9092\n")
    told = _run("--config", "wrong.toml", "topics", "check", folder=tmp_path)
    assert told.returncode == 2
    assert told.stderr.startswith("wrong.toml:2: kafka.bootstrap: Input should be a valid string")


def test_a_wrong_option_is_exit_code_2(tmp_path: Path) -> None:
    told = _run("topics", "check", "--partitions", "none", folder=tmp_path)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr


def test_a_defect_is_told_without_a_trace_and_with_a_file_for_the_report(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("[of our own]")

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 70
    told = capfd.readouterr().err
    assert told.startswith("a defect in mahnlauf: ZeroDivisionError: [of our own]")
    [trace] = tmp_path.iterdir()
    assert str(trace) in told
    assert "Traceback" in trace.read_text()


def test_status_of_no_broker_is_exit_code_3(tmp_path: Path) -> None:
    told = _run("broker", "status", "--json", folder=tmp_path)
    assert (told.returncode, json.loads(told.stdout)) == (3, {"running": False, "answers": False})


def test_from_broker_to_topics_and_back(tmp_path: Path) -> None:
    try:
        assert json.loads(_run("broker", "start", "--json", folder=tmp_path).stdout)["started"] is True
        assert _run("topics", "check", folder=tmp_path).returncode == 1
        made = json.loads(_run("topics", "create", "--partitions", "2", "--json", folder=tmp_path).stdout)
        assert (len(made["made"]), made["differences"]) == (made["topics"], [])
        assert _run("topics", "check", folder=tmp_path).returncode == 0
    finally:
        assert _run("broker", "stop", folder=tmp_path).returncode == 0


def test_a_sandbox_tells_where_it_listens_once_it_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mahnlauf", "sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        try:
            told, _, url = sandbox.stdout.readline().strip().rpartition(" ")
            assert told == "the sandbox listens on"
            assert httpx.get(f"{url}/clock", trust_env=False).status_code == 200
            port = url.rpartition(":")[2]
            second = subprocess.run([*command[:-1], port], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
            assert (second.returncode, second.stdout) == (2, "")
            assert f"can't listen on 127.0.0.1:{port}" in second.stderr
        finally:
            sandbox.terminate()
        assert sandbox.wait(30) == 0


def test_a_sandbox_is_told_where_its_webhooks_go(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("c2VjcmV0\n")
    where = ["--webhooks", "http://127.0.0.1:9/{agency}/acme/main", "--webhook-secret-file", "secret"]
    command = [sys.executable, "-m", "mahnlauf", "sandbox", "--port", "0", *where]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        try:
            url = sandbox.stdout.readline().strip().rpartition(" ")[2]
            answer = httpx.get(f"{url}/webhooks", trust_env=False)
            told = [each["url"] for each in answer.json()["subscriptions"]]
            assert told == [f"http://127.0.0.1:9/{agency}/acme/main" for agency in ("atriga", "debitura", "paywise")]
            assert "c2VjcmV0" not in answer.text
        finally:
            sandbox.terminate()
        assert sandbox.wait(30) == 0


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("http://127.0.0.1:9/hook", "c2VjcmV0", "names no agency"),
        ("http://127.0.0.1:9/debitura/acme/main", "no base64!", "must be base64"),
        ("127.0.0.1:9/{agency}/acme/main", "c2VjcmV0", "url"),
        ("http://127.0.0.1:9/{agency}/acme/main", None, "can't be read"),
    ],
)
def test_webhooks_of_a_sandbox_that_could_never_work_are_refused(tmp_path: Path, url: str, secret: str | None, why: str) -> None:
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
    refused = _run("sandbox", "--port", "0", "--webhooks", url, "--webhook-secret-file", "secret", folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert why in refused.stderr
    assert secret is None or secret not in refused.stderr
