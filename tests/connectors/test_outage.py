"""Kafka goes away and comes back, or holds what must not be guessed at: what the connector does, and what it says meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from connectors.delivery.connector import Connector
from connectors.delivery.sealing import Key, Keys
from connectors.sandbox.app import Sandbox
from mahnlauf.broker.node import Node
from schemas import topics
from streams.engine.placing import partition_of
from tests.connectors.child import Child
from tests.connectors.kit import BEGINNING, GROUP, PARTITIONS, Tenant, day, running, tenant_at
from tests.connectors.processes import connector_process, url_of
from tests.engine.kit import Publisher, eventually, make_topics

PAYS = [{"day": 1, "status": "Accepted"}, {"day": 2, "percent": 100}, {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]
BACK_WITHIN_S = 90.0


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A broker of the test's own."""
    broker = Node(tmp_path / "broker")
    await asyncio.to_thread(broker.start)
    yield broker
    await asyncio.to_thread(broker.stop)


@pytest.mark.timeout(400)
async def test_a_broker_that_goes_doubles_no_case_and_loses_no_status(node: Node, sandbox: Sandbox, direct: httpx.AsyncClient) -> None:
    sandbox.world.idempotent = False
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    await direct.post("/script", json={"story": PAYS})
    async with tenant_at(node.bootstrap, sandbox) as tenant:
        with connector_process(node.bootstrap, Child(tenant.name, sandbox.url, GROUP)) as process:
            async with httpx.AsyncClient(base_url=await asyncio.to_thread(url_of, process), timeout=30) as pages:
                handovers = [await _killed_while_the_agency_has_it(node, tenant, direct, pages)]
                handovers += await _gone_with_many_under_way(node, tenant)
                await _all_told(tenant, handovers, "case.passed")
                (await direct.post("/clock", json={"now": day(10).isoformat()})).raise_for_status()
                await _all_told(tenant, handovers, "case.closed")
                assert process.poll() is None
        told = [event.type for event in await tenant.replies()]
        assert {kind: told.count(kind) for kind in told} == dict.fromkeys(
            ("case.passed", "case.accepted", "case.payment_received", "case.closed"), len(handovers)
        )
        assert sorted(tenant.cases()) == sorted(handovers)


async def _killed_while_the_agency_has_it(node: Node, tenant: Tenant, direct: httpx.AsyncClient, pages: httpx.AsyncClient) -> str:
    """Returns the handover."""
    await direct.post("/faults", json={"kind": "hang", "when": "after", "operation": "submit", "count": 1})
    handover_id = await tenant.submit("C-held")
    await eventually(lambda: _hanging(tenant), "the agency holds its answer")
    await asyncio.to_thread(node.kill)
    await direct.post("/release")
    status = await pages.get("/status")
    assert (status.status_code, status.json()["lag"]) == (503, None)
    assert status.json()["error"].startswith("Kafka does not tell the lag")
    assert (await pages.get("/healthz")).status_code == 200, "Kafka being away is no reason to restart a connector"
    await asyncio.to_thread(node.start)
    return handover_id


async def _gone_with_many_under_way(node: Node, tenant: Tenant) -> list[str]:
    """Returns the handovers."""
    handovers = [await tenant.submit(f"C-{number}") for number in range(20)]
    await eventually(lambda: _some_sent(tenant), "some are sent", BACK_WITHIN_S)
    await asyncio.to_thread(node.stop)
    await asyncio.to_thread(node.start)
    return handovers


async def _hanging(tenant: Tenant) -> bool:
    return tenant.sandbox.faults.hanging > 0


async def _some_sent(tenant: Tenant) -> bool:
    return len(tenant.cases()) > 3


async def _all_told(tenant: Tenant, handovers: list[str], event_type: str) -> None:
    async def told() -> bool:
        return {event.data.handover_id for event in await tenant.replies() if event.type == event_type} == set(handovers)

    await eventually(told, f"{event_type} for every handover", BACK_WITHIN_S)


async def test_a_ledger_that_can_t_be_read_halts_its_partition_and_no_other(node: Node, sandbox: Sandbox) -> None:
    async with tenant_at(node.bootstrap, sandbox) as tenant, Publisher(node.bootstrap) as publisher:
        number = partition_of(tenant.account.key.encode(), PARTITIONS)
        newer = b'{"tenant":"a","contract":"c","account":"m","version":99}'
        await publisher.send(topics.LEDGER, b"h-newer", newer, partition=number)
        async with running(tenant, ready=False) as connector, httpx.AsyncClient(base_url=connector.url) as pages:

            async def halted() -> bool:
                return list((await pages.get("/status")).json()["halted"]) == [str(number)]

            await eventually(halted, "it stands still")
            assert "mahnlauf_connector_halted 1.0" in (await pages.get("/metrics")).text
            assert [(await pages.get(path)).status_code for path in ("/healthz", "/readyz")] == [200, 503]
            assert (await pages.get("/status")).json()["partitions"] == list(range(PARTITIONS))
            await publisher.send(topics.LEDGER, b"h-newer", None, partition=number)  # mended, and no restart
            await tenant.configure(tenant.sealed(Keys([Key.new()])))
            await eventually(_ready(connector), "an account's change takes it again")
            assert "mahnlauf_connector_halted 0.0" in (await pages.get("/metrics")).text


def _ready(connector: Connector) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return connector.ready

    return ready


async def test_a_record_that_its_topic_refuses_for_its_size_halts_the_account_with_the_reason(node: Node, sandbox: Sandbox) -> None:
    """Taking the partition again would lead to the same record for ever."""
    await make_topics(node.bootstrap, [topics.REPLIES], PARTITIONS, {"max.message.bytes": "150"})
    async with tenant_at(node.bootstrap, sandbox) as tenant, running(tenant) as connector:
        handover_id = await tenant.submit("C-1")

        async def halted() -> bool:
            return any(topics.REPLIES in reason for reason in (await connector.status())["halted"].values())

        await eventually(halted, "it stands still")
        assert tenant.cases() == [handover_id]
