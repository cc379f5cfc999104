"""Many handovers at once, for the benchmark of the connector and the tests of its load.

They are delivered by connectors that are processes of their own (`python -m bench.handovers`), and seen from the agency, a sandbox in the
caller's process.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import uvloop
from aiokafka import AIOKafkaProducer
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from connectors.agencies.registry import AGENCIES
from connectors.delivery.agency import AccountConfig
from connectors.delivery.config import ConnectorConfig
from connectors.delivery.connector import Connector
from connectors.delivery.owner import Pace
from connectors.sandbox.traffic import Account
from schemas import codec, ids, topics
from schemas.commands import CaseRecall, CaseSubmit
from schemas.debtors import DebtorDescribed
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of

TENANT: Final = "acme"
CODE: Final = "s3cret"
BEGINNING: Final = datetime(2025, 3, 3, 12, tzinfo=UTC)
_ROOT: Final = Path(__file__).parents[1]
_LOOK_S: Final = 0.1
_READY_WITHIN_S: Final = 60.0
_CLAIM: Final = {"invoice_id": "i-1", "issued_on": date(2025, 1, 1), "due_on": date(2025, 1, 15), "amount": 4000, "open": 4000}
_SUMS: Final = {"currency": "EUR", "open_amount": 4000, "costs": 0, "interest": 0}
_ADDRESS: Final = {"street": "Hauptstr. 1", "postal_code": "60311", "city": "Frankfurt", "country": "DE"}


@dataclass(frozen=True)
class Running:
    """What a connector's process is started with."""

    bootstrap: str
    accounts: tuple[AccountConfig, ...]
    pace: Pace = field(default_factory=Pace)
    group: str = "load"
    session_timeout_ms: int = 6_000


@dataclass
class Member:
    """A connector's process: its pages, and its resident size in KiB, looked at every now and then."""

    pid: int
    url: str
    sizes_kib: list[int] = field(default_factory=list)

    def look(self) -> None:
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        self.sizes_kib.append(int(told.stdout))

    async def status(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as pages:
            told: dict[str, Any] = (await pages.get("/status")).json()
            return told


def account(name: str, url: str, customer: str, per_second: float) -> AccountConfig:
    """An account at atriga's sandbox, one request a handover."""
    return AccountConfig(TENANT, name, "atriga", "test", url, customer, CODE, per_second=per_second)


def name_beside(name: str, prefix: str, partitions: int, *, same: bool) -> str:
    """Name of an account whose outbox is, or is not, on the same partition as that of `name`."""
    at = partition_of(f"{TENANT}/{name}".encode(), partitions)
    numbered = (f"{prefix}-{number}" for number in range(1_000))
    return next(each for each in numbered if (partition_of(f"{TENANT}/{each}".encode(), partitions) == at) == same)


@contextmanager
def connector(running: Running) -> Iterator[Member]:
    """One connector; killed at the end."""
    command = [sys.executable, "-m", "bench.handovers", TypeAdapter(Running).dump_json(running).decode()]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Member(process.pid, process.stdout.readline().strip())
        finally:
            process.kill()


async def all_ready(members: Iterable[Member], partitions: int) -> None:
    """Returns when the connectors have shared all partitions out among them. Raises TimeoutError."""
    async with asyncio.timeout(_READY_WITHIN_S):
        while True:
            told = [await member.status() for member in members]
            held = [status["partitions"] for status in told]
            if all(held) and all(status["ready"] for status in told) and sum(map(len, held)) == partitions:
                return
            await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def publisher(bootstrap: str) -> AsyncIterator["Publisher"]:
    """Writes what the processor and the upstream would."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)
    await producer.start()
    try:
        yield Publisher(producer)
    finally:
        await producer.stop()


class Publisher:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def describe(self, contracts: Iterable[str]) -> None:
        """The debtors of contracts."""
        data = {"kind": "consumer", "first_name": "Erika", "last_name": "Muster", "addresses": [_ADDRESS]}
        await self._write(
            topics.DEBTORS, {contract: _event(DebtorDescribed, contract, data, type="debtor.described") for contract in contracts}
        )

    async def submit(self, contracts: Iterable[str], account_name: str) -> None:
        """Order a handover of 40.00 of each contract."""
        data = {"attempt": 1, "agency_account": account_name, "claims": [{**_CLAIM, "costs": 0, "interest": 0}], **_SUMS}
        await self._command(CaseSubmit, contracts, data)

    async def recall(self, contracts: Iterable[str]) -> None:
        await self._command(CaseRecall, contracts, {"reason": "ordered"})

    async def _command(self, kind: type[Any], contracts: Iterable[str], data: Mapping[str, Any]) -> None:
        events = {contract: _event(kind, contract, {"handover_id": handover_id(contract), **data}) for contract in contracts}
        await self._write(topics.COMMANDS, events)

    async def _write(self, topic: str, values: Mapping[str, bytes]) -> None:
        at_ms = int(BEGINNING.timestamp() * 1_000)
        written = [
            await self._producer.send(topic, value, ids.contract_key(TENANT, contract).encode(), timestamp_ms=at_ms)
            for contract, value in values.items()
        ]
        await asyncio.gather(*written)


def handover_id(contract: str) -> str:
    return ids.handover_id(ids.contract_key(TENANT, contract), 1, 1)


def _event(kind: type[Any], contract: str, data: Mapping[str, Any], **more: str) -> bytes:
    envelope = {"id": f"{kind.__name__}-{contract}", "source": "/load", "time": BEGINNING, "subject": contract, "tenant": TENANT}
    return codec.encode(kind.model_validate({**envelope, **more, "data": data}, strict=False))


async def until_submitted(seen: Mapping[str, Account], customer: str, handovers: int, members: Iterable[Member], within_s: float) -> None:
    """Returns when the agency has been sent so many by a customer; the sizes of the connectors are looked at every second meanwhile.
    Raises TimeoutError."""
    looked_at = 0.0
    async with asyncio.timeout(within_s):
        while customer not in seen or seen[customer].operations["submit"] < handovers:
            if time.monotonic() - looked_at >= 1.0:
                looked_at = time.monotonic()
                for member in members:
                    await asyncio.to_thread(member.look)
            await asyncio.sleep(_LOOK_S)


async def main(running: Running) -> None:
    """A connector until it is killed; its first line tells where its pages are."""
    config = ConnectorConfig(
        Connection(running.bootstrap),
        running.accounts,
        app=running.group,
        pace=running.pace,
        session_timeout_ms=running.session_timeout_ms,
    )
    member = Connector(config, AGENCIES)
    task = asyncio.create_task(member.run())
    while not task.done() and member.url.endswith(":0"):
        await asyncio.sleep(0.01)  # between two looks: it has no moment to wait for
    print(member.url, flush=True)
    await task


if __name__ == "__main__":
    uvloop.run(main(TypeAdapter(Running).validate_json(sys.argv[1])))
