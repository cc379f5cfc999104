"""Every agency behind the connector on a real Kafka: a handover's life, and one case a handover whatever goes wrong on the way."""

from dataclasses import replace
from functools import partial

import httpx
import pytest

from connectors.agencies.registry import AGENCIES, BY_FILES
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


@pytest.mark.parametrize("tenant_of", sorted(AGENCIES.keys() - BY_FILES), indirect=True)  # a file meets none of this trouble
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
