"""The process around the engine, with an engine that does nothing: pages, signals, exit codes, what it writes where."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mahnlauf.broker.ports import choose_port
from tests.worker.processes import Process, running


@contextmanager
def _worker(mode: str, folder: Path) -> Iterator[Process]:
    port = choose_port(None)
    with running([sys.executable, "-m", "tests.worker.stub_engine", str(port), mode], port, folder) as process:
        yield process


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with _worker("serve", tmp_path_factory.mktemp("serving")) as process:
        process.until_ready()
        yield process


def test_metrics_are_for_prometheus(serving: Process) -> None:
    answer = serving.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'mahnlauf_events_total{topic="billing.invoices",type="invoice.issued"} 3.0' in answer.text.splitlines()


def test_a_healthy_worker_says_so(serving: Process) -> None:
    assert serving.told("/healthz") == (200, {"ok": True, "reasons": []})
    assert serving.told("/readyz") == (200, {"ok": True, "reasons": []})


@pytest.mark.parametrize(("path", "status"), [("C-1", "Due"), ("C%202/b", "Clear"), ("C%202%2Fb", "Clear")])
def test_a_contract_is_found_whatever_its_id_looks_like(serving: Process, path: str, status: str) -> None:
    told = serving.told(f"/contracts/acme/{path}")
    assert told is not None
    assert (told[0], told[1]["state"]) == (200, {"status": status})


@pytest.mark.parametrize("path", ["/", "/table/", "/router/", "/graph/", "/performance/"])
def test_nothing_of_fausts_own_pages_tells_anything(serving: Process, path: str) -> None:
    answer = serving.get(path)
    assert answer.status_code == 404 or answer.json() == {"status": "OK"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_within_seconds(number: signal.Signals, tmp_path: Path) -> None:
    with _worker("serve", tmp_path) as process:
        process.until_ready()
        process.send(number)
        assert process.exit_code(within_s=12) == 0
        assert process.stdout == ""
        assert "engine stopped" in process.stderr


def test_an_engine_that_does_not_stop_is_left_behind(tmp_path: Path) -> None:
    with _worker("hang", tmp_path) as process:
        process.until_ready()
        process.send(signal.SIGTERM)
        assert process.exit_code(within_s=30) == 0


def test_a_drained_worker_ends_by_itself(tmp_path: Path) -> None:
    with _worker("drain", tmp_path) as process:
        assert process.exit_code() == 0
        assert process.stdout == ""
        assert [line["event"] for line in process.log] == ["worker starts", "worker ends"]


def test_what_a_person_can_mend_is_told_in_words(tmp_path: Path) -> None:
    with _worker("fail", tmp_path) as process:
        assert process.exit_code() == 1
        assert "Traceback" not in process.stderr
        last = process.log[-1]
        assert (last["event"], last["level"], last["reason"]) == ("worker ends", "error", "escalation.journal has 3 partitions, mend it")


def test_a_defect_of_ours_is_told_once_and_with_its_trace(tmp_path: Path) -> None:
    with _worker("defect", tmp_path) as process:
        assert process.exit_code() == 1
        traces = [line for line in process.log if "exception" in line]
        assert [line["event"] for line in traces] == ["worker ends by a defect of ours"]
        assert "KeyError: 'colour'" in traces[0]["exception"]


def test_a_port_taken_meanwhile_is_told_in_words(serving: Process, tmp_path: Path) -> None:
    with running([sys.executable, "-m", "tests.worker.stub_engine", str(serving.port), "serve"], serving.port, tmp_path) as process:
        assert process.exit_code() == 1
        assert "Traceback" not in process.stderr
        assert "address already in use" in process.log[-1]["reason"].lower()
