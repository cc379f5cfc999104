"""Running seeds of the simulator in a process of their own: it puts its own time and chance in place of the world's, and a seed shows the
same only where strings have the same hash."""

import os
import subprocess
import sys


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As `python -m tests.simulation`."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
