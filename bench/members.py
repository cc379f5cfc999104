"""Several workers at once, each a process of its own (`bench/contestants/member.py`), asked from outside where they stand."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, NamedTuple

from bench.contestant import Figures, command
from bench.watching import connections
from tests.chaos.waiting import until

READY_WITHIN_S: Final = 400.0
STEADY_S: Final = 5.0
DONE_WITHIN_S: Final = 900.0
END_WITHIN_S: Final = 60.0


class Standing(NamedTuple):
    """All workers together."""

    ready: bool
    partitions: tuple[int, ...]
    events: int
    transactions: int
    cpu_s: float
    memory_mib: float


class Members:
    """`count` workers over `partitions` partitions, from the beginning of the block to its end."""

    def __init__(self, count: int, bootstrap: str, partitions: int) -> None:
        asked = {"bootstrap": bootstrap, "partitions": partitions}
        self._partitions = partitions
        self._ports = [int(address.rpartition(":")[2]) for address in bootstrap.split(",")]
        self._processes = [
            subprocess.Popen(command("member", asked), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            for _ in range(count)
        ]

    def __enter__(self) -> "Members":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def standing(self) -> Standing:
        told = [self._told(process) for process in self._processes]
        return Standing(
            all(one["ready"] for one in told),
            tuple(one["partitions"] for one in told),
            sum(one["events"] for one in told),
            sum(one["transactions"] for one in told),
            sum(one["cpu_s"] for one in told),
            sum(one["memory_mib"] for one in told),
        )

    def wait_until_shared(self) -> None:
        """Every partition is held, each worker has its share of them, all are ready, and that for a while: no rebalance is under way."""
        share = self._partitions // len(self._processes)
        since_s = time.monotonic()

        def shared() -> bool:
            nonlocal since_s
            now = self.standing()
            if not now.ready or sum(now.partitions) != self._partitions or min(now.partitions) < share:
                since_s = time.monotonic()
            return time.monotonic() - since_s >= STEADY_S

        until(shared, "every worker holds its share of the partitions", READY_WITHIN_S)

    def wait_for(self, events: int) -> Standing:
        """Returns when `events` have been committed since they began."""
        until(lambda: self.standing().events >= events, f"{events:,} events are applied", DONE_WITHIN_S)
        return self.standing()

    def connections(self) -> int:
        return sum(connections(process.pid, self._ports) for process in self._processes)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody works inside the block: what is written there is a backlog that all begin with at once."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(number)

    def _told(self, process: subprocess.Popen[str]) -> Figures:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        line = process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended by itself")
        told: Figures = json.loads(line)
        return told
