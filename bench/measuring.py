"""What a contestant says of itself: events, seconds from its first event to its last commit, and the CPU of its whole process."""

import json
import resource
import sys
import time
from typing import Any


def settings() -> dict[str, Any]:
    """The settings the process was started with."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def cpu_s() -> float:
    """User and system seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mib() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell(**figures: Any) -> None:
    """Print the figures as the process's last line."""
    print(json.dumps(figures), flush=True)


class Run:
    """Measures from `begin` (call it at the first event; later calls change nothing) to `end`."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def begin(self) -> None:
        if self._began is None:
            self._began = (time.monotonic(), cpu_s())

    def end(self, events: int) -> None:
        """Tell the figures of `events` events."""
        began_s, began_cpu_s = self._began or (time.monotonic(), cpu_s())
        tell(events=events, wall_s=time.monotonic() - began_s, cpu_s=cpu_s() - began_cpu_s, memory_mib=memory_mib())
