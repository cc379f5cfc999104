"""Worker processes for tests: started, asked, waited for with a bound, and stopped by their ids."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
WITHIN_S = 40.0
MAHNLAUF = (sys.executable, "-m", "mahnlauf")


class Process:
    """A process of ours with its output in files. `port`: where its pages are."""

    def __init__(self, command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._out, self._err = folder / f"{port}.out", folder / f"{port}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(environment or {})}
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> str:
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        return self._err.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log lines, which are JSON because nobody watches; whatever else it wrote would fail here."""
        return [json.loads(line) for line in self.stderr.splitlines()]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=WITHIN_S)

    def told(self, path: str) -> tuple[int, Any] | None:
        """Status and JSON of a page, None while nobody listens."""
        try:
            answer = self.get(path)
        except httpx.TransportError:
            return None
        return answer.status_code, answer.json()

    def until_ready(self) -> None:
        wait_for(lambda: self.ended or (self.told("/readyz") or (0,))[0] == 200, self.describe)
        assert not self.ended, self.describe()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self, within_s: float = WITHIN_S) -> int:
        """Wait for its end."""
        return self._process.wait(within_s)

    def close(self) -> None:
        if not self.ended:
            self._process.kill()
            self._process.wait(WITHIN_S)

    def describe(self) -> str:
        return f"process {self.pid} (port {self.port}, exit code {self._process.poll()}):\n{self.stderr}"


@contextmanager
def running(command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    process = Process(command, port, folder, environment)
    try:
        yield process
    finally:
        process.close()


def wait_for(true: Callable[[], Any], what: Callable[[], str] = lambda: "", within_s: float = WITHIN_S) -> None:
    """Ask again and again until `true`; fails, telling `what`, if it isn't within the bound."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what()}"
        time.sleep(0.05)
