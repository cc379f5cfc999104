"""The demo's processes: started side by side, ready or told why not, and ended whatever happens.

Each is this very program with settings of its own in the demo's folder, so nothing of the user's settings or state is touched.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from connectors.delivery.sealing import Key
from mahnlauf.broker.leash import leash
from mahnlauf.broker.ports import LOOPBACK, choose_port
from mahnlauf.failures import CommandFailed

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 10.0
APP: Final = "demo"
CODE_VARIABLE: Final = "DEMO_AGENCY_CODE"
LOG_LINES_TOLD: Final = 5
KEY: Final = "key"
"""What seals messages to the agency, and secrets of accounts that are added in the console."""
_DOOR: Final = re.compile(r"http://\S+/welcome/\S+")


class ChainBroken(CommandFailed):
    """A process of the demo ended or does not answer; the message names its log."""


class Process:
    """One of the chain: `mahnlauf <words>`, its log in `<folder>/<name>.log`, its pages under `url`."""

    def __init__(self, name: str, words: list[str], folder: Path, url: str, ready: str) -> None:
        self.name, self.url = name, url
        self.log = folder / f"{name}.log"
        self._ready = url + ready
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mahnlauf", "--config", str(folder / "mahnlauf.toml"), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(folder),
                start_new_session=True,  # Ctrl-C is for us, and we end them in order
                preexec_fn=leash(),  # noqa: PLW1509 - one system call, made ready before the fork
            )

    async def become_ready(self, http: httpx.AsyncClient) -> None:
        """Raises ChainBroken."""
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        while not await self._answers(http):
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise ChainBroken(f"the {self.name} was not ready within {READY_WITHIN_S:.0f} s; its log: {self.log}")
            await asyncio.sleep(0.05)

    async def said(self, pattern: re.Pattern[str]) -> str:
        """What of its log fits, once it is there. Raises ChainBroken."""
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        while (found := pattern.search(self.log.read_text(errors="replace"))) is None:
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise ChainBroken(f"the {self.name} did not say {pattern.pattern} within {READY_WITHIN_S:.0f} s; its log: {self.log}")
            await asyncio.sleep(0.05)
        return found[0]

    def check(self) -> None:
        """Raises ChainBroken if it has ended."""
        if self._process.poll() is not None:
            said = "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_TOLD:])
            raise ChainBroken(f"the {self.name} ended with exit code {self._process.returncode}; its log ({self.log}) ends with:\n{said}")

    def ask_to_stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    async def stop(self) -> None:
        """Returns when it is gone."""
        self.ask_to_stop()
        try:
            await asyncio.to_thread(self._process.wait, STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _answers(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(self._ready)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class Chain:
    """Worker, connector, sandbox and console, ready. `door`: the one-time link that makes the console's first admin."""

    def __init__(self, worker: Process, connector: Process, sandbox: Process, console: Process, door: str) -> None:
        self.worker, self.connector, self.sandbox, self.console, self.door = worker, connector, sandbox, console, door
        self.processes = (worker, connector, sandbox, console)

    def check(self) -> None:
        """Raises ChainBroken if one of them has ended."""
        for process in self.processes:
            process.check()


@asynccontextmanager
async def running(folder: Path, bootstrap: str, tenants: list[str], http: httpx.AsyncClient) -> AsyncIterator[Chain]:
    """The chain over the Kafka at `bootstrap`, ended with the block. Raises ChainBroken."""
    ports = _ports()
    (folder / KEY).write_text(Key.new().text)
    (folder / "mahnlauf.toml").write_text(_settings(bootstrap, tenants, ports, folder))
    started: list[Process] = []
    try:
        for name, words, ready in (
            ("sandbox", ["sandbox", "--port", str(ports["sandbox"])], "/clock"),
            ("worker", ["worker", "--clock", "none"], "/readyz"),
            ("connector", ["connector"], "/readyz"),
            ("console", ["console", "--port", str(ports["console"])], "/login"),
        ):
            started.append(Process(name, words, folder, f"http://{LOOPBACK}:{ports[name]}", ready))
        await asyncio.gather(*(process.become_ready(http) for process in started))
        sandbox, worker, connector, console = started
        yield Chain(worker, connector, sandbox, console, await console.said(_DOOR))
    finally:
        for process in started:
            process.ask_to_stop()
        await asyncio.shield(asyncio.gather(*(process.stop() for process in started)))


def _ports() -> dict[str, int]:
    ports: dict[str, int] = {}
    for name in ("worker", "connector", "sandbox", "console"):
        while (port := choose_port(None)) in ports.values():
            pass
        ports[name] = port
    return ports


def _settings(bootstrap: str, tenants: list[str], ports: Mapping[str, int], folder: Path) -> str:
    accounts = "".join(_account(tenant) for tenant in tenants)
    return f"""\
[kafka]
bootstrap = "{bootstrap}"

[worker]
app = "{APP}"
port = {ports["worker"]}

[connector]
sandbox_url = "http://{LOOPBACK}:{ports["sandbox"]}"
port = {ports["connector"]}

[console]
person_data = true

[encryption]
key_file = "{folder / KEY}"

[log]
level = "info"
{accounts}"""


def _account(tenant: str) -> str:
    return f"""
[[accounts]]
tenant = "{tenant}"
account = "main"
agency = "atriga"
mode = "test"
customer_number = "{tenant}"
secret_variable = "{CODE_VARIABLE}"
per_second = 1000
"""


def _environment(folder: Path) -> dict[str, str]:
    """Ours without what would change the demo's own settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAHNLAUF_")}
    return {**ours, "MAHNLAUF_STATE": str(folder), CODE_VARIABLE: "demo"}
