"""Every agency behind the connector on a real Kafka: a handover's life, and one case a handover whatever goes wrong on the way."""

from dataclasses import replace
from functools import partial

import httpx
import pytest

from connectors.agencies.registry import AGENCIES, BY_FILES
from connectors.delivery.agency import AccountConfig
from connectors.delivery.connector import Connector
from connectors.delivery.sender import TRIES_AT_ONCE
from tests.connectors.kit import BEGINNING, Tenant, address_at, day, idle, running
from tests.engine.kit import eventually

STORY = [
    {"day": 1, "status": "Accepted"},
    {"day": 2, "percent": 100},
    {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"},
]
TROUBLE = (
    {"kind": "429", "retry_after_s": 1},
    {"kind": "503", "when": "before"},
    {"kind": "500", "when": "after"},
    {"kind": "hang", "when": "after"},
)
BY_HTTP = pytest.mark.parametrize("tenant_of", sorted(AGENCIES.keys() - BY_FILES), indirect=True)
"""A file meets none of the trouble that can be ordered."""
NOWHERE = AccountConfig("acme", "main", "", "test", "http://127.0.0.1:1", "10001", "s3cret")
WITH_FEED = [name for name in sorted(AGENCIES.keys() - BY_FILES) if AGENCIES[name](replace(NOWHERE, agency=name)).capabilities.feed]


@pytest.fixture(params=sorted(AGENCIES))
def tenant_of(request: pytest.FixtureRequest, tenant: Tenant) -> Tenant:
    url = address_at(tenant.sandbox, request.param)
    tenant.account = replace(tenant.account, agency=request.param, url=url)
    return tenant


async def _submissions(direct: httpx.AsyncClient) -> dict[str, int]:
    listed = (await direct.get("/cases")).json()["cases"]
    assert len({case["reference"] for case in listed}) == len(listed), "a handover is two cases"
    return {case["reference"]: case["submissions"] for case in listed}


async def test_a_handover_s_life_is_told_once(tenant_of: Tenant, direct: httpx.AsyncClient) -> None:
    tenant = tenant_of
    await direct.post("/script", json={"story": STORY})
    async with running(tenant, agencies=AGENCIES) as connector:
        handover_id = await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await direct.post("/clock", json={"now": day(9).isoformat()})
        if not AGENCIES[tenant.account.agency](tenant.account).capabilities.feed:
            await tenant.refresh("C-1")
        await tenant.until_told("C-1", "case.closed")
        await connector.read_feeds()
        await idle(connector)
    told = await tenant.replies()
    types = [event.type for event in told if event.type != "case.phase_changed"]  # some tell the first phase by itself
    assert sorted(types) == ["case.accepted", "case.closed", "case.passed", "case.payment_received"]
    assert len({event.id for event in told}) == len(told)
    assert {event.data.handover_id for event in told} == {handover_id}
    (payment,) = (event.data for event in told if event.type == "case.payment_received")
    (closed,) = (event.data for event in told if event.type == "case.closed")
    assert (payment.amount, closed.outcome, closed.reason) == (4000, "successful", "paid")
    assert await _submissions(direct) == {handover_id: 1}


@BY_HTTP
async def test_whatever_goes_wrong_a_handover_is_one_case(tenant_of: Tenant, direct: httpx.AsyncClient) -> None:
    tenant = tenant_of
    for fault in TROUBLE:
        (await direct.post("/faults", json={**fault, "operation": "submit", "count": 1})).raise_for_status()
    hasty = {name: partial(open_agency, answer_s=1.0) for name, open_agency in AGENCIES.items()}  # type: ignore[call-arg]
    async with running(tenant, agencies=hasty) as connector:
        handovers = {await tenant.submit(f"C-{number}") for number in range(6)}
        for number in range(6):
            await tenant.until_told(f"C-{number}", "case.passed")
        await idle(connector)
    assert set(await _submissions(direct)) == handovers
    assert min(event.data.occurred_at for event in await tenant.replies()) >= BEGINNING


@BY_HTTP
async def test_what_always_fails_waits_after_a_few_tries_and_goes_once_it_can(tenant_of: Tenant, direct: httpx.AsyncClient) -> None:
    """A permanent error told as one that may pass (row 19 of the faults)."""
    tenant = tenant_of
    await direct.post("/faults", json={"kind": "503", "operation": "submit"})
    async with running(tenant, agencies=AGENCIES) as connector:
        handover_id = await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, tenant), "it is parked")
        assert await _operations(direct, "submit") <= 2 * TRIES_AT_ONCE
        assert await tenant.replies() == []
        (await direct.delete("/faults")).raise_for_status()
        await tenant.until_told("C-1", "case.passed")
    assert await _submissions(direct) == {handover_id: 1}


@pytest.mark.parametrize("tenant_of", WITH_FEED, indirect=True)
@pytest.mark.parametrize("kind", ["duplicate", "reorder"])
async def test_a_feed_that_tells_twice_or_in_another_order_is_told_on_once(tenant_of: Tenant, direct: httpx.AsyncClient, kind: str) -> None:
    tenant = tenant_of
    await direct.post("/faults", json={"kind": kind, "operation": "changes"})
    await direct.post("/script", json={"story": STORY})
    async with running(tenant, agencies=AGENCIES) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await direct.post("/clock", json={"now": day(9).isoformat()})
        await eventually(lambda: _told(tenant, "case.closed"), "the case is closed")
        await connector.read_feeds()
        await idle(connector)
    told = [event for event in await tenant.replies() if event.type != "case.phase_changed"]
    assert sorted(event.type for event in told) == ["case.accepted", "case.closed", "case.passed", "case.payment_received"]
    assert [event.data.reason for event in told if event.type == "case.closed"] == ["paid"]


@BY_HTTP
async def test_a_payment_while_the_handover_is_in_flight_is_reported_after_it(tenant_of: Tenant, direct: httpx.AsyncClient) -> None:
    tenant = tenant_of
    can = AGENCIES[tenant.account.agency](tenant.account).capabilities.can("report_payment")
    await direct.post("/faults", json={"kind": "hang", "when": "after", "operation": "submit", "count": 1})
    async with running(tenant, agencies=AGENCIES) as connector:
        await tenant.submit("C-1")
        await eventually(lambda: _hanging(tenant), "the agency holds its answer")
        await tenant.report("C-1", 1000)
        await direct.post("/release")
        await eventually(lambda: _told(tenant, "case.passed"), "the handover is told")
        await idle(connector)
    (case,) = (await direct.get("/cases")).json()["cases"]
    assert case["owed"] == (3000 if can else 4000)
    assert [event.data.reason for event in await tenant.replies() if event.type == "case.failed"] == ([] if can else ["not_supported"])


async def _operations(direct: httpx.AsyncClient, name: str) -> int:
    accounts = (await direct.get("/traffic")).json()["accounts"].values()
    return sum(account["operations"].get(name, 0) for account in accounts)


async def _parked(connector: Connector, tenant: Tenant) -> bool:
    """Of this tenant: others of the broker's session may have left something that waits."""
    parked: int = (await connector.status())["accounts"][tenant.account.key]["parked"]
    return parked == 1


async def _hanging(tenant: Tenant) -> bool:
    return tenant.sandbox.faults.hanging > 0


async def _told(tenant: Tenant, kind: str) -> bool:
    return kind in {event.type for event in await tenant.replies()}


async def test_a_case_can_be_recalled_or_it_is_said_that_it_can_t(tenant_of: Tenant, direct: httpx.AsyncClient) -> None:
    tenant = tenant_of
    can = AGENCIES[tenant.account.agency](tenant.account).capabilities.can("recall")
    await direct.post("/script", json={"story": [{"day": 20, "status": "Accepted"}]})
    async with running(tenant, agencies=AGENCIES):
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await tenant.recall("C-1")
        await eventually(lambda: _told_last(tenant, "case.closed" if can else "case.failed"), "the recall is answered")


async def _told_last(tenant: Tenant, kind: str) -> bool:
    types: list[str] = [event.type for event in await tenant.replies()]
    return types[-1] == kind
