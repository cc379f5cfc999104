"""A contestant of a benchmark: a process of its own, `bench/contestants/NAME.py`, that tells its figures as its last line."""

import json
import subprocess
import sys
from typing import Any, Final, TypeAlias

from rich.console import Console

Figures: TypeAlias = dict[str, Any]

console: Final = Console()
_TIMEOUT_S: Final = 1_800


def command(name: str, asked: Figures) -> list[str]:
    """What starts it; `asked` are its settings."""
    return [sys.executable, "-m", f"bench.contestants.{name}", json.dumps(asked)]


def figures_of(name: str, **asked: Any) -> Figures:
    """Run it to its end. Raises SystemExit if it fails."""
    console.print(f"{name} {json.dumps(asked)}", style="dim")
    done = subprocess.run(command(name, asked), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{done.stderr[-4000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    console.print(figures)
    return figures


def cpu_us(figures: Figures) -> float:
    """Microseconds of CPU an event."""
    return float(1e6 * figures["cpu_s"] / figures["events"])
