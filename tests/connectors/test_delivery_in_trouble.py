"""Delivery to an agency that fails, is away or forgets: what cannot go waits, what may have gone is asked about, nothing goes twice."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from connectors.agencies.atriga.capabilities import CAPABILITIES
from connectors.agencies.atriga.client import Atriga
from connectors.delivery import ledger
from connectors.delivery.connector import Connector
from connectors.sandbox.app import Sandbox, SandboxConfig
from tests.connectors.kit import PACE, Tenant, idle, paused, running
from tests.engine.kit import eventually


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429", "retry_after_s": 1, "count": 2},
        {"kind": "500", "when": "before", "count": 2},
        {"kind": "503", "when": "after", "count": 2},
        {"kind": "hang", "when": "before", "count": 1},
        {"kind": "hang", "when": "after", "count": 1},
    ],
    ids=["429", "500 before", "503 after", "timeout before", "timeout after"],
)
async def test_a_fault_of_the_agency_leads_to_one_case(tenant: Tenant, direct: httpx.AsyncClient, fault: dict[str, object]) -> None:
    (await direct.post("/faults", json={"operation": "submit", **fault})).raise_for_status()
    async with running(tenant, answer_s=0.3) as connector:
        handovers = {await tenant.submit(contract) for contract in ("C-1", "C-2", "C-3")}
        for contract in ("C-1", "C-2", "C-3"):
            await tenant.until_told(contract, "case.passed")
        await direct.post("/release")
        await idle(connector)
    assert set(tenant.sent()) == handovers
    if fault.get("when") == "after":
        assert tenant.sent() == dict.fromkeys(handovers, 1), "what was taken is asked about, not sent again"
    assert all([await tenant.told(contract) == ["case.passed"] for contract in ("C-1", "C-2", "C-3")])


async def test_what_cannot_go_is_parked_and_goes_when_the_agency_is_back(tenant: Tenant, sandbox: Sandbox) -> None:
    port = int(sandbox.url.rsplit(":", 1)[1])
    await sandbox.stop()
    async with running(tenant) as connector:
        handovers = {await tenant.submit(f"C-{number}") for number in range(20)}
        await tenant.report("C-0", 1500)
        await idle(connector)
        assert await _parked(connector, tenant, 20)
    back = Sandbox(SandboxConfig(port=port, codes={"10001": "s3cret"}))
    await back.start()
    tenant.sandbox = back
    async with running(tenant) as connector:
        for number in range(20):
            await tenant.until_told(f"C-{number}", "case.passed")
        await eventually(lambda: _parked(connector, tenant, 0), "nothing waits any more")
    assert tenant.sent() == dict.fromkeys(handovers, 1)
    assert [case.owed for _, case in back.world.cases() if case.contract == "C-0"] == [2500]
    await back.stop()


async def _parked(connector: Connector, tenant: Tenant, count: int) -> bool:
    return sum(owner.parked for owner in connector.owners if owner.key.startswith(tenant.name)) == count


async def _closed(connector: Connector, account: str, reason: str) -> bool:
    return bool((await connector.status())["accounts"][account]["closed"] == reason)


async def test_the_agency_comes_back_while_the_connector_runs(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/faults", json={"kind": "503"})
    async with running(tenant) as connector:
        handover_id = await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, tenant, 1), "it waits")
        await direct.delete("/faults")
        await tenant.until_told("C-1", "case.passed")
        await eventually(lambda: _parked(connector, tenant, 0), "nothing waits any more")
    assert tenant.sent() == {handover_id: 1}


async def test_a_recall_cancels_what_is_parked_and_it_is_never_sent(tenant: Tenant) -> None:
    account = tenant.account
    async with running(tenant, accounts=(paused(account),)) as connector:
        await tenant.submit("C-1")
        await tenant.submit("C-2")
        await idle(connector)
        await tenant.recall("C-1")
        await tenant.until_told("C-1", "case.closed")
        assert await _parked(connector, tenant, 1)
    async with running(tenant):
        await tenant.until_told("C-2", "case.passed")
    assert list(tenant.sent()) == [tenant.handover("C-2")]
    closed = next(event for event in await tenant.replies() if event.type == "case.closed")
    assert (closed.subject, closed.data.outcome, closed.data.reason) == ("C-1", "unsuccessful", "recalled")


async def test_what_waits_of_one_handover_is_bounded(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tenant, accounts=(paused(tenant.account),)) as connector:
        await tenant.submit("C-1")
        await idle(connector)
        monkeypatch.setattr(ledger, "PARKED_BYTES_MAX", 0)
        await tenant.report("C-1", 1)
        await tenant.until_told("C-1", "case.failed")
        await idle(connector)
        assert await _parked(connector, tenant, 1)
    async with running(tenant):
        await tenant.until_told("C-1", "case.failed", "case.passed")
    assert (await tenant.replies())[0].data.reason == "too_much_waiting"


async def test_a_recall_of_what_may_have_left_asks_first(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    """The submit was taken, its answer lost, and then the agency is away: the recall must reach the agency."""
    await direct.post("/faults", json={"kind": "500", "when": "after", "operation": "submit", "count": 1})
    await direct.post("/faults", json={"kind": "503", "operation": "ask"})
    async with running(tenant, pace=replace(PACE, feed_interval_s=60)) as connector:
        await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, tenant, 1), "it waits")
        await tenant.recall("C-1")
        await idle(connector)
        assert await tenant.told("C-1") == []
        await direct.delete("/faults")
        await eventually(lambda: _parked(connector, tenant, 0), "nothing waits any more")
        await connector.read_feeds()
        await tenant.until_told("C-1", "case.passed", "case.closed")
    assert tenant.sent() == {tenant.handover("C-1"): 1}
    assert (await tenant.replies())[-1].data.reason == "recalled"


@pytest.mark.parametrize("operation", ["payment", "recall"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_was_asked_about_is_not_done_twice(tenant: Tenant, direct: httpx.AsyncClient, operation: str, when: str) -> None:
    """At an agency that would count a report twice."""
    tenant.sandbox.world.idempotent = False
    await direct.post("/faults", json={"kind": "500", "when": when, "operation": operation, "count": 1})
    async with running(tenant) as connector:
        await tenant.submit("C-1")
        await tenant.report("C-1", 1500)
        await tenant.recall("C-1")
        await tenant.until_told("C-1", "case.passed", "case.closed")
        await idle(connector)
    assert [(case.owed, case.reason) for _, case in tenant.sandbox.world.cases()] == [(2500, "RECALLED_BY_CLIENT")]
    assert (await direct.get("/faults")).json()["armed"] == []


async def test_one_case_that_always_fails_waits_and_holds_up_no_other(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/faults", json={"kind": "500", "operation": "submit", "contract": "C-bad"})
    async with running(tenant) as connector:
        await tenant.submit("C-bad")
        for number in range(10):
            await tenant.submit(f"C-{number}")
        for number in range(10):
            await tenant.until_told(f"C-{number}", "case.passed")
        await eventually(lambda: _parked(connector, tenant, 1), "the bad one waits")
        assert await tenant.told("C-bad") == []
        await direct.delete("/faults")
        await tenant.until_told("C-bad", "case.passed")


async def test_what_an_agency_can_t_be_asked_about_is_left_to_a_person(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    class Mute(Atriga):
        capabilities = replace(CAPABILITIES, asks_by_reference=False, feed=False)

    await direct.post("/faults", json={"kind": "500", "when": "after", "operation": "submit", "count": 1})
    async with running(tenant, agency=Mute) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.submission_unknown")
        await idle(connector)
    async with running(tenant, agency=Mute) as connector:
        await idle(connector)
    assert tenant.sent() == {tenant.handover("C-1"): 1}
    assert await tenant.told("C-1") == ["case.submission_unknown"]


async def test_an_account_nobody_configured_waits_until_somebody_does(tenant: Tenant) -> None:
    async with running(tenant, accounts=()) as connector:
        await tenant.submit("C-1")
        await idle(connector)
        account = (await connector.status())["accounts"][tenant.account.key]
        assert datetime.fromisoformat(account.pop("since")) <= datetime.now(UTC)
        assert account == {"parked": 1, "busy": 0, "closed": "account_unknown", "trouble": "account_unknown"}
    async with running(tenant):
        await tenant.until_told("C-1", "case.passed")


async def test_wrong_credentials_hold_the_account_and_fail_no_case(tenant: Tenant) -> None:
    async with running(tenant, accounts=(replace(tenant.account, authentication_code="wrong"),)) as connector:
        await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, tenant, 1), "it waits")
        await eventually(lambda: _closed(connector, tenant.account.key, "credentials_refused"), "the account is held")
    async with running(tenant):
        await tenant.until_told("C-1", "case.passed")
    assert await tenant.told("C-1") == ["case.passed"]
