"""kill -9 of `mahnlauf connector` between sending and noting the result: one case for each handover, every status arrives.

The sandbox holds its answer, before or after it has taken the case; there is no fault hook in the product. It makes a case of every
submission, so that sending blindly would show as a second case.
"""

import asyncio
import subprocess
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from connectors.sandbox.app import Sandbox
from mahnlauf import topics
from streams.engine.cluster import Connection
from tests.connectors.kit import BEGINNING, GROUP, PARTITIONS, Tenant, day, tenant_at
from tests.connectors.processes import connector_command
from tests.engine.kit import eventually

Process: TypeAlias = "subprocess.Popen[bytes]"

PAYS = [{"day": 1, "status": "Accepted"}, {"day": 2, "percent": 100}, {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]
BESIDE = 5
"""Handovers that go their way beside the one that is held."""


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
async def test_a_connector_killed_between_sending_and_noting(
    own_kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient, tmp_path: Path, kills: int
) -> None:
    await topics.create(Connection(own_kafka), PARTITIONS)
    sandbox.world.idempotent = False
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    await direct.post("/script", json={"story": PAYS})
    async with tenant_at(own_kafka, sandbox) as tenant:
        handovers: dict[str, str] = {}
        for number in range(kills):
            when = "after" if number % 2 == 0 else "before"
            handovers |= await _killed_while_held(tenant, direct, tmp_path, f"K-{number}", when)
        with connector_command(tenant, tmp_path, f"{GROUP}-killed") as (process, url):
            await _all_told(tenant, process, handovers, "case.passed")
            (await direct.post("/clock", json={"now": day(10).isoformat()})).raise_for_status()
            async with httpx.AsyncClient(base_url=url) as pages:
                (await pages.post("/poll")).raise_for_status()
            await _all_told(tenant, process, handovers, "case.closed")
        for contract in handovers:
            assert await tenant.told(contract) == ["case.passed", "case.accepted", "case.payment_received", "case.closed"]
    page = (await direct.get("/cases")).json()
    assert sorted(case["reference"] for case in page["cases"]) == sorted(handovers.values()), "one case for each handover"


async def _killed_while_held(tenant: Tenant, direct: httpx.AsyncClient, folder: Path, contract: str, when: str) -> dict[str, str]:
    """Hand over `contract` and some beside it; kill the connector while the agency holds one of its answers."""
    (await direct.post("/faults", json={"kind": "hang", "when": when, "operation": "submit", "count": 1})).raise_for_status()
    with connector_command(tenant, folder, f"{GROUP}-killed") as (process, _):
        handovers = {contract: await tenant.submit(contract)}
        await eventually(lambda: _hanging(tenant, process), "the agency holds an answer", 60)
        for number in range(BESIDE):
            beside = f"{contract}-{number}"
            handovers[beside] = await tenant.submit(beside)
        process.kill()
        await asyncio.to_thread(process.wait)
    await direct.post("/release")
    return handovers


async def _hanging(tenant: Tenant, process: Process) -> bool:
    assert process.poll() is None, "the connector has ended by itself"
    return tenant.sandbox.faults.hanging > 0


async def _all_told(tenant: Tenant, process: Process, handovers: dict[str, str], event_type: str) -> None:
    async def told() -> bool:
        assert process.poll() is None, "the connector has ended by itself"
        return {event.subject for event in await tenant.replies() if event.type == event_type} == set(handovers)

    await eventually(told, f"{event_type} for every contract", 60)
