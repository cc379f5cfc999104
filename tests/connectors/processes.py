"""Connectors as processes of their own (`child.py`), started and ended by a test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from tests.connectors.child import Child

ROOT = Path(__file__).parents[2]


@contextmanager
def connector_process(bootstrap: str, child: Child) -> Iterator["subprocess.Popen[str]"]:
    """A connector; killed at the end."""
    command = [sys.executable, "-m", "tests.connectors.child", bootstrap, TypeAdapter(Child).dump_json(child).decode()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: "subprocess.Popen[str]") -> str:
    """Where its pages are; waits until it tells."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
