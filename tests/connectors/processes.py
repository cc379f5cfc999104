"""Connectors as processes of their own, started and ended by a test: the command itself, or one whose pace a test sets (`child.py`)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from mahnlauf.broker.leash import leash
from mahnlauf.broker.ports import LOOPBACK, choose_port
from tests.connectors.child import Child
from tests.connectors.kit import PARTITIONS, Tenant

ROOT = Path(__file__).parents[2]
SECRET = "TEST_AGENCY_CODE"


@contextmanager
def connector_process(bootstrap: str, child: Child) -> Iterator["subprocess.Popen[str]"]:
    """A connector; killed at the end."""
    command = [sys.executable, "-m", "tests.connectors.child", bootstrap, TypeAdapter(Child).dump_json(child).decode()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def connector_command(tenant: Tenant, folder: Path, group: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """`mahnlauf connector` for a tenant's account, with the address of its pages; killed at the end. A static member, so that its
    successor need not wait for the session of one that was killed to end. The cluster has every topic of the product."""
    port = choose_port(None)
    settings = folder / "mahnlauf.toml"
    settings.write_text(_settings(tenant, group, port))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAHNLAUF_")}
    with (folder / "connector.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mahnlauf", "--config", str(settings), "connector"],
            cwd=ROOT,
            env={**ours, SECRET: tenant.account.authentication_code, "MAHNLAUF_STATE": str(folder / "state")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=leash(),  # noqa: PLW1509 - one system call, made ready before the fork
        )
    with process:
        try:
            yield process, f"http://{LOOPBACK}:{port}"
        finally:
            process.kill()


def _settings(tenant: Tenant, group: str, port: int) -> str:
    account = tenant.account
    return f"""\
[kafka]
bootstrap = "{tenant.bootstrap}"
partitions = {PARTITIONS}

[connector]
app = "{group}"
instance_id = "one"
sandbox_url = "{account.url}"
sandbox_folder = "{tenant.sandbox.folder}"
port = {port}

[[accounts]]
tenant = "{account.tenant}"
account = "{account.account}"
agency = "{account.agency}"
customer_number = "{account.customer_number}"
secret_variable = "{SECRET}"
per_second = {account.per_second}
"""


def url_of(process: "subprocess.Popen[str]") -> str:
    """Where its pages are; waits until it tells."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
