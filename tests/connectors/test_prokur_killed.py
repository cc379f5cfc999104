"""One file for each handover at Prokur: `mahnlauf connector` on a real Kafka, killed -9 at work, its mount gone at times and every fifth
file refused its place. The sandbox makes a case of every file that it finds, so that a second one would show."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from connectors.sandbox.app import Sandbox
from mahnlauf import topics
from streams.engine.cluster import Connection
from tests.connectors.kit import BEGINNING, GROUP, PARTITIONS, Tenant, tenant_at
from tests.connectors.processes import connector_command
from tests.engine.kit import eventually

EVERY = 5
"""One handover of so many finds something in its place."""
BETWEEN_HANDOVERS_S = 0.4
"""At most, with all that trouble costs; no measure of speed."""


@pytest.mark.parametrize(
    ("handovers", "kills"),
    [
        pytest.param(60, 2, marks=pytest.mark.timeout(180)),
        pytest.param(1_000, 10, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
async def test_every_handover_is_one_file(
    own_kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient, tmp_path: Path, handovers: int, kills: int
) -> None:
    await topics.create(Connection(own_kafka), PARTITIONS)
    sandbox.world.idempotent = False
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    assert sandbox.folder is not None
    root = sandbox.folder / "prokur"
    async with tenant_at(own_kafka, sandbox) as tenant:
        tenant.account = replace(tenant.account, agency="prokur")
        sent: dict[str, str] = {}
        for number in range(kills + 1):
            with connector_command(tenant, tmp_path, f"{GROUP}-one-file") as (process, _):
                names = [f"C-{number}-{each}" for each in range(handovers // (kills + 1))]
                in_the_way = _put_in_the_way(root, [tenant.handover(name) for name in names[::EVERY]])
                async with _mount_gone(root, number % 2 == 1):
                    sent |= {name: await tenant.submit(name) for name in names}
                if number < kills:
                    await eventually(partial(_placed, direct, len(sent) // 2), "half of them are with the agency", 60)
                    process.kill()
                    await asyncio.to_thread(process.wait)
                for path in in_the_way:
                    path.rmdir()
                if number == kills:
                    await eventually(partial(_all_passed, tenant, set(sent)), "case.passed for each", 30 + handovers * BETWEEN_HANDOVERS_S)
    cases = (await direct.get("/cases")).json()["cases"]
    assert sorted(case["reference"] for case in cases) == sorted(sent.values()), "one file for each handover"
    assert all(case["submissions"] == 1 for case in cases)
    assert list(root.glob("*/mahnlauf/staging/*")) == []


def _put_in_the_way(root: Path, handover_ids: list[str]) -> list[Path]:
    """What a file can't be renamed onto: a handover's own rename fails, and whether it was placed must be asked."""
    found = [root / "10001" / "outgoing" / f"{handover_id}.csv" for handover_id in handover_ids]
    for path in found:
        path.mkdir(parents=True)
    return found


@asynccontextmanager
async def _mount_gone(root: Path, gone: bool) -> AsyncIterator[None]:
    """layout.json is what proves that the folder is there."""
    layout = root / "layout.json"
    if gone:
        layout.rename(root / "gone.json")
    try:
        yield
    finally:
        if gone:
            (root / "gone.json").rename(layout)


async def _placed(direct: httpx.AsyncClient, count: int) -> bool:
    return bool((await direct.get("/cases")).json()["count"] >= count)


async def _all_passed(tenant: Tenant, contracts: set[str]) -> bool:
    return {event.subject for event in await tenant.replies() if event.type == "case.passed"} == contracts
