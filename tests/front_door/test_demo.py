"""demo as a user runs it: a small file of cases to its end, and nothing left running however it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mahnlauf.stories import cases, lines

GONE_WITHIN_S = 30.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")


def _heed_interrupts() -> None:
    """A shell that runs the tests in the background lets them, and so the demo, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _demo(tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that keeps everything it makes below `tmp_path`."""
    command = [sys.executable, "-m", "mahnlauf", "demo", *words]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        start_new_session=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  # no threads here yet
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _left(tmp_path: Path) -> list[str]:
    """Command lines of running processes that name our folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in told:
            found.append(told)
    return found


def _gone(tmp_path: Path) -> bool:
    deadline = time.monotonic() + GONE_WITHIN_S
    while _left(tmp_path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _said(process: subprocess.Popen[str], words: str) -> str:
    """Everything it said up to the line with these words."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r}, but:\n{said}")


@pytest.mark.timeout(300)
def test_cases_of_a_file_go_all_the_way(tmp_path: Path) -> None:
    told = [case for case in cases() if case.story == "agency_collects"][:2]
    events = tmp_path / "events.jsonl"
    kept = [line for line in lines(told) if json.loads(line)["value"]["type"] == "invoice.issued"]
    events.write_bytes(b"".join(kept))
    with _demo(tmp_path, "--cases", str(events), "--keep") as process:
        said = _said(process, "until Ctrl-C")
        _look(said, {case.contract for case in told})
        process.send_signal(signal.SIGINT)
        said += _said(process, "the demo took")
        assert process.wait(60) == 0
    assert "2 contracts have no debtor in the file" in said
    assert "audit: 0 lost, 0 doubled, 0 different" in said
    assert "2 case.submit" in said
    assert "2 case.passed" in said
    assert _gone(tmp_path)
    assert list(tmp_path.iterdir()) == [events]


def _look(said: str, contracts: set[str]) -> None:
    """The link that was told lets one in, who sees the cases."""
    door = re.search(r"http://\S+/welcome/\S+", said)
    assert door is not None
    with httpx.Client(follow_redirects=True, timeout=20) as browser:
        browser.post(door[0], data={"name": "anna", "password": "correct horse battery"}).raise_for_status()
        deadline = time.monotonic() + GONE_WITHIN_S
        while not all(contract in browser.get(httpx.URL(door[0]).join("/cases")).text for contract in contracts):
            assert time.monotonic() < deadline, "the cases are not on the page"
            time.sleep(0.1)  # between two looks


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_running_when_it_is_interrupted(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    with _demo(tmp_path) as process:
        _said(process, "reminders 0")
        assert len(_left(tmp_path)) >= 4
        process.send_signal(sign)
        assert process.wait(60) == code
    assert _gone(tmp_path)
    assert sign == signal.SIGKILL or list(tmp_path.iterdir()) == []
