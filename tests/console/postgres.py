"""A PostgreSQL of the tests' own: on a socket in a folder of its own, without a port, gone when it ends."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

OWNER = "postgres"
"""Whom the server runs as where the tests are root's: it refuses to be root's."""


def programs() -> Path | None:
    """Where initdb and pg_ctl are; None: there is no PostgreSQL here."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return debian[-1] if debian else Path(found).parent if found else None


@contextmanager
def running(where: Path) -> Iterator[str]:
    """The folder of its socket, while it runs."""
    folder = tempfile.mkdtemp(prefix="mahnlauf-postgres-")
    as_owner = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"] if os.geteuid() == 0 else []
    if as_owner:
        shutil.chown(folder, OWNER, OWNER)
    data = f"{folder}/data"

    def call(*words: str) -> None:
        done = subprocess.run([*as_owner, *words], cwd="/", capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        call(str(where / "initdb"), "-D", data, "-A", "trust", "-U", "mahnlauf", "--no-sync", "--locale=C.UTF-8")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        call(str(where / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield folder
        finally:
            call(str(where / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def made(socket: str, name: str) -> str:
    """The address of a new database."""
    with psycopg.connect(f"host={socket} user=mahnlauf dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"postgresql+psycopg://mahnlauf@/{name}?host={socket}"
