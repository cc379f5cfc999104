"""A connector that was replaced without knowing it sends nothing any more: the send follows a commit that only the owner can make."""

import asyncio
import signal
from dataclasses import replace

import httpx

from connectors.sandbox.app import Sandbox
from tests.connectors.child import Child
from tests.connectors.kit import BEGINNING, PACE, Tenant, running, tenant_at
from tests.connectors.processes import connector_process, url_of
from tests.engine.kit import eventually, unique

SLOW_S = 8.0
"""How long the second command waits for its turn: longer than the session."""


async def test_a_process_stopped_while_it_waits_for_its_turn_does_not_send_after_its_successor(
    kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient
) -> None:
    sandbox.world.idempotent = False
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    async with tenant_at(kafka, sandbox) as tenant:
        group = unique("paused")
        child = Child(tenant.name, sandbox.url, group, per_second=1 / SLOW_S, feed_interval_s=3600, session_timeout_ms=6_000)
        with connector_process(kafka, child) as stopped:
            async with httpx.AsyncClient(base_url=await asyncio.to_thread(url_of, stopped)) as pages:
                await eventually(lambda: _feed_read(pages, tenant), "the feed has had the only turn there is for now")
                handover_id = await tenant.submit("C-1")
                await eventually(lambda: _waits_for_its_turn(pages, tenant), "the handover waits")
                stopped.send_signal(signal.SIGSTOP)
                async with running(tenant, pace=replace(PACE, feed_interval_s=3600), group=group):
                    await tenant.until_told("C-1", "case.passed")
                    stopped.send_signal(signal.SIGCONT)
                    await eventually(lambda: _knows(pages), "the stopped one knows that it was replaced")
        assert tenant.cases() == [handover_id]


async def _feed_read(pages: httpx.AsyncClient, tenant: Tenant) -> bool:
    account = (await pages.get("/status")).json()["accounts"].get(tenant.account.key)
    return account is not None and account["caught_up"]


async def _waits_for_its_turn(pages: httpx.AsyncClient, tenant: Tenant) -> bool:
    return bool((await pages.get("/status")).json()["accounts"][tenant.account.key]["busy"])


async def _knows(pages: httpx.AsyncClient) -> bool:
    """Fenced at a commit; that it has lost the number to another member it may hear only later, or before."""
    status = (await pages.get("/status")).json()
    return 'transactions_total{outcome="fenced"}' in (await pages.get("/metrics")).text or not status["accounts"]
