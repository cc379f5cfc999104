"""One KRaft node from jars: formatted once, started on loopback, ready within seconds, stopped by its process id.

A node's folder holds server.properties, broker.log and data/. A data folder that Kafka refuses is reported and left as it is:
it may be the only copy of something.
"""

import base64
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from mahnlauf.broker import jars
from mahnlauf.broker.errors import BrokerError, PortTaken
from mahnlauf.broker.leash import leash
from mahnlauf.broker.ports import LOOPBACK, answers_metadata, choose_port
from mahnlauf.broker.properties import properties

HEAP = "-Xmx256m"  # with the cleaner's small buffer (see properties.py) about 200 MB resident
JVM = [HEAP, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
READY_WITHIN_S = 60.0  # 2 s on a quiet machine of two cores; a busy one gets patience
STOP_WITHIN_S = 30.0
ATTEMPTS = 5  # at ports, when others choose theirs at the same time
LOG_LINES_TOLD = 6


class Node:
    """A broker process of ours. `leashed` ones die with us; the others run on in the background."""

    def __init__(self, folder: Path, *, port: int | None = None, leashed: bool = True) -> None:
        """`port` is tried first; where it is taken (or None) a free one is chosen, and `bootstrap` tells which."""
        self.folder = folder
        self.leashed = leashed
        self._port = port
        self._controller_port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where it listens: `127.0.0.1:PORT`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """The port of the bootstrap address; raises BrokerError before start."""
        if self._port is None:
            raise BrokerError("the broker was not started")
        return self._port

    @property
    def pid(self) -> int:
        """The id of the JVM; raises BrokerError before start."""
        if self._process is None:
            raise BrokerError("the broker was not started")
        return self._process.pid

    @property
    def log(self) -> Path:
        """Kafka's own words, warnings and worse."""
        return self.folder / "broker.log"

    @property
    def data(self) -> Path:
        """The topics themselves."""
        return self.folder / "data"

    def start(self) -> None:
        """Format if new, start, and return when clients are answered; raises BrokerError with the reason and the log's last words."""
        java = jars.java()
        if java is None:
            raise BrokerError(f"no Java {jars.OLDEST_JAVA} or newer found: {jars.WHAT_TO_INSTALL}")
        command = [java, *JVM, "-cp", f"{jars.fetch()}/*"]
        self.folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(ATTEMPTS):
            try:
                self._start_once(command)
                return
            except PortTaken:
                self._port = self._controller_port = None
                if attempt == ATTEMPTS - 1:
                    raise

    def _start_once(self, command: list[str]) -> None:
        self._port = choose_port(self._port)
        self._controller_port = choose_port(self._controller_port, but_not=self._port)
        settings = self.folder / "server.properties"
        settings.write_text(properties(self.data, self._port, self._controller_port))
        self._format_if_new(command, settings)
        said_before = self.log.stat().st_size if self.log.exists() else 0
        self._process = self._spawn([*command, "kafka.Kafka", str(settings)])
        try:
            self._wait_until_ready(said_before)
        except BaseException:
            self.stop()
            raise

    def _format_if_new(self, command: list[str], settings: Path) -> None:
        if (self.data / "meta.properties").exists():
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise BrokerError(
                f"{self.data} has files in it but no meta.properties, so it is not (or no longer) a data folder of Kafka. "
                "Nothing was changed: move it away to begin anew, or put meta.properties back"
            )
        format_it = [*command, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id(), "-c", str(settings)]
        try:
            done = subprocess.run(format_it, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READY_WITHIN_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise BrokerError(f"Kafka did not format {self.data} within {READY_WITHIN_S:.0f} s") from error
        if done.returncode != 0:
            raise BrokerError(f"Kafka could not format {self.data}: {_last_lines(done.stdout + done.stderr)}")

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        tie = leash() if self.leashed else None
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we stop it in order
                preexec_fn=tie,  # noqa: PLW1509 - one system call, made ready before the fork
            )

    def _wait_until_ready(self, said_before: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_WITHIN_S
        while not answers_metadata(self.port):
            if self._process.poll() is not None:
                raise self._ended(said_before)
            if time.monotonic() > deadline:
                raise BrokerError(f"the broker was not ready within {READY_WITHIN_S:.0f} s; its log: {self.log}")
            time.sleep(0.05)
        if self._process.poll() is not None:  # somebody else's broker answered on a port we lost
            raise self._ended(said_before)

    def _ended(self, said_before: int) -> BrokerError:
        with self.log.open("rb") as log:
            log.seek(said_before)
            said = log.read().decode(errors="replace")
        if re.search(r"Address already in use|Socket server failed to bind", said):
            return PortTaken(f"port {self._port} or {self._controller_port} was taken by somebody else")
        return BrokerError(
            f"Kafka ended at its start: {_last_lines(said)}\n"
            f"Its log: {self.log}. Its data, which was left as it is: {self.data} (if it is broken, move it away and start again)"
        )

    def stop(self) -> None:
        """End it in order, and by force if it does not; does nothing if it is not running."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it at once and without order, for tests of what must survive that."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def cluster_id() -> str:
    """A new id as Kafka writes them: a UUID in 22 letters, and never with a leading `-`, which its tools would take for an option."""
    while (written := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return written


def _last_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not _is_stack(line)]
    return "\n".join(lines[-LOG_LINES_TOLD:]) or "it said nothing"


_is_stack: Callable[[str], object] = re.compile(r"\s+at |\s+\.\.\. \d+ more").match
