"""A worker (or another command with pages) as its own process, and what is done to it: kill -9, SIGSTOP and SIGCONT, SIGTERM. Every wait is
bounded."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from mahnlauf.broker.leash import leash
from mahnlauf.broker.ports import LOOPBACK, choose_port
from tests.chaos.figures import Figures
from tests.chaos.waiting import until

MAHNLAUF = [sys.executable, "-m", "mahnlauf"]
ROOT = Path(__file__).parents[2]
ANSWER_WITHIN_S = 2.0
END_WITHIN_S = 60.0
LOG_LINES_TOLD = 15
LOG_COLUMNS_TOLD = 400


class Process:
    """`mahnlauf <words>`, called `kind` `name`, with settings of its own and pages on a free port. It does not outlive the test run."""

    def __init__(self, kind: str, name: str, folder: Path, environment: Mapping[str, str], *words: str) -> None:
        self.kind, self.name = kind, name
        self.port = choose_port(None)
        self.log = folder / f"{kind}-{name}.log"
        self.last = Figures()
        """What /metrics said when it was last asked."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*MAHNLAUF, *words],
                cwd=folder,
                env={"PYTHONPATH": str(ROOT), **environment, f"MAHNLAUF_{kind.upper()}__PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=leash(),  # noqa: PLW1509 - one system call, made ready before the fork
            )

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def ready(self) -> bool:
        """Whether it says so; raises AssertionError if it has ended instead."""
        assert self.running, f"{self.kind} {self.name} has ended with {self.process.returncode}:\n{self.last_words()}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=ANSWER_WITHIN_S).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def figures(self) -> Figures:
        """Its metrics now, or what they last were if it does not answer."""
        with contextlib.suppress(httpx.TransportError):
            self.last = Figures.read(httpx.get(f"{self.url}/metrics", timeout=ANSWER_WITHIN_S).text)
        return self.last

    def kill(self) -> None:
        """kill -9, with a last look at its metrics."""
        self.figures()
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGSTOP: it stands still and does not know it."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.figures()
        self.process.terminate()
        return self.ended()

    def ended(self, within_s: float = END_WITHIN_S) -> int:
        """The exit code of a process that is about to end."""
        until(lambda: not self.running, f"{self.kind} {self.name} ends; its log: {self.log}", within_s)
        return int(self.process.returncode)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_TOLD:]
        return "\n".join(line[:LOG_COLUMNS_TOLD] for line in lines)


class Worker(Process):
    """`mahnlauf worker --clock none`."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str], *options: str) -> None:
        super().__init__("worker", name, folder, environment, "worker", "--clock", "none", *options)
