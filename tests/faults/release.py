"""The product as it was before the last change of what a worker runs, from the project's own history."""

import io
import subprocess
import tarfile
from pathlib import Path

from tests.chaos.process import ROOT

RUNS = ("schemas", "streams")
"""What a worker's decisions, state and records come from."""


def before_this_one(folder: Path) -> str:
    """Write it to `folder`; returns the commit."""
    changed = git("rev-list", "-1", "HEAD", "--", *RUNS).decode().strip()
    commit = git("rev-parse", f"{changed}~1").decode().strip()
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    return commit


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: the release before this one is taken from the history: {done.stderr.decode()}"
    return done.stdout
