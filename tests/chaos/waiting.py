"""Waiting for a condition, never for time alone."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], what: str, within_s: float = 120.0) -> None:
    """Wait until `condition` holds; an AssertionError that says `what` did not come."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)  # between two looks
