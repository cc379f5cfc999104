"""What stands in deploy/ and docker-compose.yml, read by the tools that will read it, and compared with the code it names."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mahnlauf.broker.jars import POM
from mahnlauf.settings import PREFIX, load

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = ("topics", "worker", "connector", "sandbox")


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _tool(name: str) -> pytest.MarkDecorator:
    package = {"promtool": "prometheus"}.get(name, name)
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name} here (Debian: apt-get install {package})")


@_tool("docker-compose")
def test_docker_compose_reads_the_file_and_knows_every_service() -> None:
    told = yaml.safe_load(_run("docker-compose", "-f", "docker-compose.yml", "config"))
    assert set(told["services"]) == {"broker", "prometheus", *OURS}


@_tool("promtool")
def test_prometheus_takes_its_configuration_and_rules() -> None:
    _run("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))


@_tool("promtool")
def test_each_alert_fires_when_it_should_and_is_silent_on_a_quiet_day() -> None:
    _run("promtool", "test", "rules", str(PROMETHEUS / "alerts.test.yml"))


def test_each_alert_is_tested() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if "exp_alerts" in case}
    assert fired == alerts


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_broker_in_a_container_is_the_one_from_jars() -> None:
    version = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert version is not None
    assert COMPOSE["services"]["broker"]["image"] == f"apache/kafka:{version.group(1)}"


@pytest.mark.parametrize("service", OURS)
def test_the_variables_of_our_services_are_settings(service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    variables: dict[str, str] = COMPOSE["services"][service]["environment"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load().model_dump()
    for name, value in variables.items():
        section, field = name.removeprefix(PREFIX).lower().split("__")
        assert str(settings[section][field]) == value


def test_the_image_holds_every_room() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/py.typed")}
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == rooms
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert rooms < kept


def test_the_packages_of_ci_are_the_tools_of_the_tests() -> None:
    """Compose and Prometheus read here what is deployed; the console's tests run PostgreSQL and a browser."""
    lines = (ROOT / "deploy" / "debian-packages.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == {"chromium", "docker-compose", "postgresql", "prometheus"}


def test_ci_runs_are_executable_and_take_no_input() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    _run("bash", "-n", str(script))
