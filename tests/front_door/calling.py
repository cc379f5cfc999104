"""`mahnlauf` as a person calls it against a cluster, and everything that was said."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from mahnlauf.broker.ports import choose_port


class Run:
    """Calls `mahnlauf` against a cluster, and keeps everything that was said."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.folder = folder
        self.port = choose_port(None)
        self.said: list[str] = []
        self._running: list[subprocess.Popen[str]] = []
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAHNLAUF_")},
            "MAHNLAUF_KAFKA__BOOTSTRAP": bootstrap,
            "MAHNLAUF_STATE": str(folder / "state"),
            "MAHNLAUF_CONNECTOR__SANDBOX_URL": f"http://127.0.0.1:{self.port}",
            "MAHNLAUF_CONNECTOR__PORT": "0",
            "COLUMNS": "160",
        }

    def key(self, name: str, old: str | None = None) -> None:
        """Use the key in this file, and `old` to read with."""
        self._env["MAHNLAUF_ENCRYPTION__KEY_FILE"] = str(self.folder / name)
        self._env.pop("MAHNLAUF_ENCRYPTION__OLD_KEY_FILE", None)
        if old is not None:
            self._env["MAHNLAUF_ENCRYPTION__OLD_KEY_FILE"] = str(self.folder / old)

    def use(self, **variables: str) -> None:
        """Settings for every call from now on, as MAHNLAUF_ variables."""
        self._env |= {f"MAHNLAUF_{name}": value for name, value in variables.items()}

    def __call__(self, *words: str, secret: str = "") -> "subprocess.CompletedProcess[str]":
        done = self.aside(*words, secret=secret)
        self.said += [done.stdout, done.stderr, " ".join(words)]
        return done

    def aside(self, *words: str, secret: str = "") -> "subprocess.CompletedProcess[str]":
        """A call of what shows on purpose what nothing else may: what it says is not kept."""
        command = [sys.executable, "-m", "mahnlauf", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self._env, input=secret + "\n", capture_output=True, text=True, check=False, timeout=100
        )

    def start(self, *words: str, until: str) -> None:
        """A process that goes on, once it has said `until`."""
        command = [sys.executable, "-m", "mahnlauf", *words]
        running = subprocess.Popen(
            command, cwd=self.folder, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        )
        self._running.append(running)
        met = threading.Event()

        def listen() -> None:
            assert running.stdout is not None
            for line in running.stdout:
                self.said.append(line)
                if until in line:
                    met.set()

        threading.Thread(target=listen, daemon=True).start()
        assert met.wait(60), (until, self.said[-5:])

    def heard(self, words: str, within_s: float = 60.0) -> bool:
        """Whether one of the processes says this."""
        deadline = threading.Event()
        for _ in range(int(within_s / 0.1)):
            if any(words in said for said in self.said):
                return True
            deadline.wait(0.1)
        return False

    def stop(self) -> None:
        for running in self._running:
            running.terminate()
        for running in self._running:
            running.wait(30)
