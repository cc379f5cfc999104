"""A feed that only names cases: each is looked at, one that can't be asked for is kept and blocks nothing, and every request counts."""

import asyncio
import json
from dataclasses import replace

import httpx

from connectors.agencies.paywise.client import Paywise
from connectors.agencies.registry import SANDBOX_PATHS
from connectors.delivery.agency import ChangePage
from connectors.delivery.gate import Gate
from schemas import topics
from tests.connectors.kit import Tenant, day, idle, running
from tests.engine.kit import read_all


class _NamesOneTooMany(Paywise):
    async def changes(self, cursor: str | None) -> ChangePage:
        page = await super().changes(cursor)
        return replace(page, touched=("nobody", *page.touched))


async def test_a_named_case_that_is_not_there_is_kept_and_the_others_go_on(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    tenant.account = replace(tenant.account, agency="paywise", url=tenant.sandbox.url + SANDBOX_PATHS["paywise"])
    await direct.post("/script", json={"story": [{"day": 1, "status": "Accepted"}]})
    async with running(tenant, agencies={"paywise": _NamesOneTooMany}) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await direct.post("/clock", json={"now": day(2).isoformat()})
        await tenant.until_told("C-1", "case.passed", "case.accepted")
        await idle(connector)
    kept = [
        json.loads(record.value or b"{}")
        for record in await read_all(tenant.bootstrap, topics.INBOX)
        if record.key == tenant.account.key.encode()
    ]
    assert {"touched": "nobody", "error": "agency_refused"} in [each["raw"] for each in kept]


async def test_a_turn_of_several_requests_counts_as_many() -> None:
    loop = asyncio.get_running_loop()
    gate = Gate(16.0, clock=loop.time, requests_a_turn=8)
    began = loop.time()
    for _ in range(4):
        async with gate.turn("view") as leave:
            await leave.now()
    assert loop.time() - began > 0.9, "32 requests at 16 a second, of which a second's may go at once"
