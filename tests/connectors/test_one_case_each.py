"""One case for each handover at every agency: faults on the way of every fifth, and kill -9 of `mahnlauf connector` while the agency holds
an answer. A sandbox without idempotency keys makes a case of every handover that is sent, and each counts how often one was sent, so that
sending blindly would show; every result that stayed unknown must have been asked about."""

import asyncio
import itertools
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from connectors.agencies.registry import AGENCIES, BY_FILES
from connectors.sandbox.app import Sandbox
from mahnlauf import topics
from streams.engine.cluster import Connection
from tests.connectors.kit import BEGINNING, GROUP, PARTITIONS, Tenant, tenant_at
from tests.connectors.processes import connector_command
from tests.engine.kit import eventually

Process: TypeAlias = "subprocess.Popen[bytes]"

EVERY = 5
"""One handover of so many meets a fault."""
TROUBLE: tuple[dict[str, Any], ...] = (
    {"kind": "503", "when": "before"},
    {"kind": "500", "when": "after"},
    {"kind": "429", "retry_after_s": 1},
    {"kind": "503", "when": "after"},
)
BETWEEN_HANDOVERS_S = 0.4
"""At most, with all that faults cost; no measure of speed."""


@pytest.mark.parametrize(
    ("handovers", "kills"),
    [
        pytest.param(60, 2, marks=pytest.mark.timeout(180)),
        pytest.param(1_000, 10, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
@pytest.mark.parametrize("agency", sorted(AGENCIES.keys() - BY_FILES))  # by files: test_prokur.py
async def test_every_handover_is_one_case(
    own_kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient, tmp_path: Path, agency: str, handovers: int, kills: int
) -> None:
    await topics.create(Connection(own_kafka), PARTITIONS)
    sandbox.world.idempotent = False
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    async with tenant_at(own_kafka, sandbox) as tenant:
        tenant.account = replace(tenant.account, agency=agency)
        trouble = itertools.cycle(TROUBLE)
        sent: dict[str, str] = {}
        unknown = 0
        for number in range(kills + 1):
            with connector_command(tenant, tmp_path, f"{GROUP}-one-case-{agency}") as (process, _):
                for first in range(0, handovers // (kills + 1), EVERY):
                    fault = next(trouble)
                    unknown += fault["kind"] != "429"
                    await _arm(direct, fault)
                    names = [f"C-{number}-{first + each}" for each in range(EVERY)]
                    sent |= {name: await tenant.submit(name) for name in names}
                if number < kills:
                    sent |= await _killed_while_held(tenant, direct, process, f"K-{number}", "after" if number % 2 else "before")
                else:
                    await _all_passed(tenant, process, set(sent), 30 + handovers * BETWEEN_HANDOVERS_S)
    cases = (await direct.get("/cases")).json()["cases"]
    assert sorted(case["reference"] for case in cases) == sorted(sent.values()), "one case for each handover"
    assert all(case["submissions"] == 1 for case in cases)
    accounts = (await direct.get("/traffic")).json()["accounts"].values()
    asked = sum(account["operations"].get("ask", 0) for account in accounts)
    print(f"{agency}: {len(sent)} handovers, {unknown + kills} results unknown, {asked} questions, {len(cases)} cases")
    assert asked >= unknown + kills, "a result that stayed unknown was not asked about"
    assert (await direct.get("/faults")).json()["armed"] == [], "a fault met nobody"


async def _arm(direct: httpx.AsyncClient, fault: dict[str, Any]) -> None:
    (await direct.post("/faults", json={**fault, "operation": "submit", "count": 1})).raise_for_status()


async def _killed_while_held(tenant: Tenant, direct: httpx.AsyncClient, process: Process, contract: str, when: str) -> dict[str, str]:
    """Hand over `contract`; kill the connector while the agency holds one of its answers."""
    await _arm(direct, {"kind": "hang", "when": when})
    handed_over = {contract: await tenant.submit(contract)}
    await eventually(lambda: _hanging(tenant, process), "the agency holds an answer", 60)
    process.kill()
    await asyncio.to_thread(process.wait)
    await direct.post("/release")
    return handed_over


async def _hanging(tenant: Tenant, process: Process) -> bool:
    assert process.poll() is None, "the connector has ended by itself"
    return tenant.sandbox.faults.hanging > 0


async def _all_passed(tenant: Tenant, process: Process, contracts: set[str], within_s: float) -> None:
    async def told() -> bool:
        assert process.poll() is None, "the connector has ended by itself"
        return {event.subject for event in await tenant.replies() if event.type == "case.passed"} == contracts

    await eventually(told, "case.passed for every contract", within_s)
