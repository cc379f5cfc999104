"""The broker that `mahnlauf broker start` leaves running: started once, found by everybody else, stopped by name.

`kafka/broker.json` in the state folder says where it listens. A process id alone proves nothing (ids are given out again), so it counts
as ours only while its command line names our server.properties.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mahnlauf.broker.errors import BrokerError
from mahnlauf.broker.node import Node
from mahnlauf.broker.ports import answers_metadata
from mahnlauf.state import state_folder

PORT = 9092
STOP_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Background:
    """A running broker: where it listens, its process, and where its things are."""

    bootstrap: str
    pid: int
    started_at: str
    data: str
    log: str

    @property
    def port(self) -> int:
        return int(self.bootstrap.rpartition(":")[2])


def folder() -> Path:
    """Where the broker of this user lives."""
    return state_folder() / "kafka"


def find() -> Background | None:
    """The running broker, or None. Raises BrokerError if the note about it cannot be read."""
    note = folder() / "broker.json"
    try:
        found = Background(**json.loads(note.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise BrokerError(f"{note} cannot be read ({error}); end the broker by hand if one runs, and delete that file") from error
    return found if _is_ours(found.pid) else None


def start(port: int = PORT) -> tuple[Background, bool]:
    """The running broker, and whether this call started it. `port` where it is free, another one else."""
    with _alone():
        found = find()
        if found is not None:
            return found, False
        node = Node(folder(), port=port, leashed=False)
        node.start()
        started = Background(node.bootstrap, node.pid, datetime.now(UTC).isoformat(timespec="seconds"), str(node.data), str(node.log))
        (folder() / "broker.json").write_text(json.dumps(asdict(started), indent=2) + "\n")
        return started, True


def stop() -> Background | None:
    """End the running broker and return what it was; None if none runs. Raises BrokerError if it does not end."""
    with _alone():
        found = find()
        if found is not None:
            _end(found.pid)
        (folder() / "broker.json").unlink(missing_ok=True)
        return found


def answers(broker: Background) -> bool:
    """Whether it does what a broker is for, not only exists."""
    return answers_metadata(broker.port)


def _end(pid: int) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.kill(pid, sign)
        deadline = time.monotonic() + STOP_WITHIN_S
        while _is_ours(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
    raise BrokerError(f"the broker (process {pid}) does not end, not even when killed")


def _is_ours(pid: int) -> bool:
    return str(folder() / "server.properties") in _command_line(pid)


def _command_line(pid: int) -> str:
    """Of a running process; empty if there is none, or only its remains."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    told = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return told.stdout


@contextmanager
def _alone() -> Iterator[None]:
    """Two starts at once would make two brokers over one data folder."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
