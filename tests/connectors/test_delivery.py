"""Delivery on a real broker and over real HTTP: each handover is one case, each status arrives, what cannot go waits."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from connectors.agencies.atriga.capabilities import CAPABILITIES
from connectors.agencies.atriga.client import Atriga
from connectors.agencies.registry import AGENCIES
from connectors.delivery.agency import AccountConfig
from connectors.delivery.connector import ConfigError, Connector, ConnectorConfig
from connectors.sandbox.app import Sandbox, SandboxConfig
from schemas import topics
from streams.engine.cluster import Connection
from tests.connectors.kit import BEGINNING, PACE, Tenant, day, idle, paused, running, tenant_at
from tests.engine.kit import eventually, read_all

PAYS = [{"day": 1, "status": "Accepted"}, {"day": 2, "percent": 100}, {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]


@pytest.fixture
async def tenant(kafka: str, sandbox: Sandbox, direct: httpx.AsyncClient) -> AsyncIterator[Tenant]:
    await direct.post("/clock", json={"now": BEGINNING.isoformat()})
    async with tenant_at(kafka, sandbox) as made:
        yield made


async def _pass_days(direct: httpx.AsyncClient, number: int) -> None:
    (await direct.post("/clock", json={"now": day(number).isoformat()})).raise_for_status()


async def test_a_handover_becomes_a_case_and_its_statuses_arrive(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/script", json={"story": PAYS})
    async with running(tenant) as connector:
        handover_id = await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await _pass_days(direct, 5)
        await tenant.until_told("C-1", "case.passed", "case.accepted", "case.payment_received", "case.closed")
        await idle(connector)
        assert (await connector.status())["accounts"][tenant.account.key]["cursor"] == "4"
    passed, accepted, payment, closed = await tenant.replies()
    assert {event.data.handover_id for event in (passed, accepted, payment, closed)} == {handover_id}
    assert (passed.data.agency, accepted.data.agency) == ("atriga", "atriga")
    assert (accepted.data.occurred_at, closed.data.occurred_at) == (day(1), day(3))
    assert (payment.data.amount, closed.data.outcome, closed.data.reason) == (4000, "successful", "paid")
    assert tenant.sent() == {handover_id: 1}


async def test_a_restarted_connector_tells_nothing_twice(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/script", json={"story": PAYS})
    async with running(tenant):
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
    await _pass_days(direct, 5)
    async with running(tenant) as connector:
        await tenant.until_told("C-1", "case.closed")
        await connector.read_feeds()
    async with running(tenant) as connector:
        await connector.read_feeds()
        await idle(connector)
    assert await tenant.told("C-1") == ["case.passed", "case.accepted", "case.payment_received", "case.closed"]
    assert len({event.id for event in await tenant.replies()}) == 4


async def test_a_reply_carries_calendar_time(tenant: Tenant) -> None:
    async with running(tenant) as connector:
        await tenant.tick(day(200))
        await eventually(lambda: _calendar_at(connector, day(200).isoformat()), "the tick was read")
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
    [passed] = await tenant.replies()
    assert passed.time == day(200)
    records = [record for record in await read_all(tenant.bootstrap, topics.REPLIES) if record.key == f"{tenant.name}/C-1".encode()]
    assert [record.timestamp_ms for record in records] == [int(day(200).timestamp() * 1000)]


async def _calendar_at(connector: Connector, moment: str) -> bool:
    return bool((await connector.status())["calendar"] == moment)


async def test_what_no_debtor_is_described_for_fails_and_is_not_sent(tenant: Tenant) -> None:
    async with running(tenant):
        await tenant.submit("C-1", described=False)
        await tenant.submit("C-2")
        await tenant.erase("C-2")
        await tenant.submit("C-3")
        await tenant.until_told("C-1", "case.failed")
        await tenant.until_told("C-3", "case.passed")
    failed = [event for event in await tenant.replies() if event.type == "case.failed"]
    assert {event.data.reason for event in failed} == {"debtor_missing"}
    assert tenant.handover("C-1") not in tenant.sent()


async def test_an_erased_debtor_is_not_sent(tenant: Tenant) -> None:
    async with running(tenant):
        await tenant.describe("C-1")
        await tenant.erase("C-1")
        await tenant.submit("C-1", described=False)
        await tenant.until_told("C-1", "case.failed")
    assert tenant.sent() == {}


async def test_what_failed_can_be_recalled(tenant: Tenant) -> None:
    async with running(tenant):
        await tenant.submit("C-1", described=False)
        await tenant.recall("C-1")
        await tenant.until_told("C-1", "case.failed", "case.closed")
    closed = (await tenant.replies())[-1]
    assert (closed.data.outcome, closed.data.reason) == ("unsuccessful", "recalled")


async def test_a_rejection_arrives_with_its_reason(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    async with running(tenant):
        await tenant.describe("C-1", postal_code=None)
        await tenant.submit("C-1", described=False)
        await tenant.until_told("C-1", "case.passed")
        await _pass_days(direct, 2)
        await tenant.until_told("C-1", "case.passed", "case.rejected")
    assert [reason.code for reason in (await tenant.replies())[-1].data.reasons] == ["address_incomplete"]


async def test_a_recall_and_a_payment_reach_the_agency_in_order(tenant: Tenant, sandbox: Sandbox) -> None:
    async with running(tenant):
        await tenant.submit("C-1")
        await tenant.report("C-1", 1500)
        await tenant.recall("C-1")
        await tenant.submit("C-2")
        await tenant.report("C-2", 4000)
        await tenant.until_told("C-1", "case.passed", "case.closed")
        await tenant.until_told("C-2", "case.passed", "case.closed")
    closed = {event.subject: event.data for event in await tenant.replies() if event.type == "case.closed"}
    assert (closed["C-1"].outcome, closed["C-1"].reason) == ("unsuccessful", "recalled")
    assert (closed["C-2"].outcome, closed["C-2"].reason) == ("successful", "paid_to_creditor")
    assert {case.contract: case.owed for _, case in sandbox.world.cases()} == {"C-1": 2500, "C-2": 0}


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
        assert (await connector.status())["parked"] == 20
    back = Sandbox(SandboxConfig(port=port, codes={"10001": "s3cret"}))
    await back.start()
    tenant.sandbox = back
    async with running(tenant) as connector:
        for number in range(20):
            await tenant.until_told(f"C-{number}", "case.passed")
        await eventually(lambda: _parked(connector, 0), "nothing waits any more")
    assert tenant.sent() == dict.fromkeys(handovers, 1)
    assert [case.owed for _, case in back.world.cases() if case.contract == "C-0"] == [2500]
    await back.stop()


async def _parked(connector: Connector, count: int) -> bool:
    return bool((await connector.status())["parked"] == count)


async def _closed(connector: Connector, account: str, reason: str) -> bool:
    return bool((await connector.status())["accounts"][account]["closed"] == reason)


async def test_the_agency_comes_back_while_the_connector_runs(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/faults", json={"kind": "503"})
    async with running(tenant) as connector:
        handover_id = await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, 1), "it waits")
        await direct.delete("/faults")
        await tenant.until_told("C-1", "case.passed")
        await eventually(lambda: _parked(connector, 0), "nothing waits any more")
    assert tenant.sent() == {handover_id: 1}


async def test_a_recall_cancels_what_is_parked_and_it_is_never_sent(tenant: Tenant) -> None:
    account = tenant.account
    async with running(tenant, accounts=(paused(account),)) as connector:
        await tenant.submit("C-1")
        await tenant.submit("C-2")
        await idle(connector)
        await tenant.recall("C-1")
        await tenant.until_told("C-1", "case.closed")
        assert (await connector.status())["parked"] == 1
    async with running(tenant):
        await tenant.until_told("C-2", "case.passed")
    assert list(tenant.sent()) == [tenant.handover("C-2")]
    closed = next(event for event in await tenant.replies() if event.type == "case.closed")
    assert (closed.subject, closed.data.outcome, closed.data.reason) == ("C-1", "unsuccessful", "recalled")


async def test_a_recall_of_what_may_have_left_asks_first(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    """The submit was taken, its answer lost, and then the agency is away: the recall must reach the agency."""
    await direct.post("/faults", json={"kind": "500", "when": "after", "operation": "submit", "count": 1})
    await direct.post("/faults", json={"kind": "503", "operation": "ask"})
    async with running(tenant, pace=replace(PACE, feed_interval_s=60)) as connector:
        await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, 1), "it waits")
        await tenant.recall("C-1")
        await idle(connector)
        assert await tenant.told("C-1") == []
        await direct.delete("/faults")
        await eventually(lambda: _parked(connector, 0), "nothing waits any more")
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
        await eventually(lambda: _parked(connector, 1), "the bad one waits")
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


async def test_a_day_that_moves_is_looked_at_at_once(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/script", json={"story": PAYS})
    async with running(tenant, pace=replace(PACE, feed_interval_s=3600)):
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await _pass_days(direct, 1)
        await tenant.tick(day(201))
        await tenant.until_told("C-1", "case.passed", "case.accepted")


async def test_two_connectors_divide_the_accounts_and_take_over_from_each_other(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    accounts = tuple(replace(tenant.account, account=f"a{number}") for number in range(6))
    async with running(tenant, accounts=accounts) as first:
        async with running(tenant, accounts=accounts) as second:
            await eventually(lambda: _divided(first, second), "each has two partitions")
            owners = [owner.key for connector in (first, second) for owner in connector.owners]
            assert sorted(owners) == sorted(account.key for account in accounts)
            for number in range(6):
                await tenant.submit(f"C-{number}", account=f"a{number}")
            for number in range(6):
                await tenant.until_told(f"C-{number}", "case.passed")
        await eventually(lambda: _holds(first, 4), "the first has all")
        for number in range(6):
            await tenant.report(f"C-{number}", 4000)
        for number in range(6):
            await tenant.until_told(f"C-{number}", "case.passed", "case.closed")
    assert set(tenant.sent().values()) == {1}


async def _divided(first: Connector, second: Connector) -> bool:
    return await _holds(first, 2) and await _holds(second, 2)


async def _holds(connector: Connector, partitions: int) -> bool:
    return connector.ready and len((await connector.status())["partitions"]) == partitions


async def test_its_pages_tell_how_it_stands(tenant: Tenant) -> None:
    async with running(tenant) as connector, httpx.AsyncClient(base_url=connector.url) as pages:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        assert (await pages.post("/poll")).json() == {tenant.account.key: "1"}
        status = (await pages.get("/status")).json()
        assert (status["ready"], status["unfinished"], status["parked"]) == (True, 0, 0)
        metrics = (await pages.get("/metrics")).text
        assert 'mahnlauf_agency_requests_total{agency="atriga",operation="submit",outcome="ok"} 1.0' in metrics
        assert "C-1" not in metrics
        assert [(await pages.get(path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agency": "nobody"}, "account acme/main: there is no agency 'nobody'; there are atriga"),
        ({"per_second": 0}, "account acme/main: per_second must be more than 0"),
    ],
)
def test_accounts_that_can_t_be_used_are_named(change: dict[str, Any], message: str) -> None:
    account = replace(AccountConfig("acme", "main", "atriga", "test", "http://127.0.0.1:1", "10001", "s3cret"), **change)
    with pytest.raises(ConfigError) as refused:
        Connector(ConnectorConfig(Connection("127.0.0.1:1"), (account,)), AGENCIES)
    assert str(refused.value) == message
    assert "s3cret" not in repr(account)


async def test_an_account_nobody_configured_waits_until_somebody_does(tenant: Tenant) -> None:
    async with running(tenant, accounts=()) as connector:
        await tenant.submit("C-1")
        await idle(connector)
        status = await connector.status()
        assert status["accounts"][tenant.account.key] == {"parked": 1, "busy": 0, "closed": "account_unknown"}
    async with running(tenant):
        await tenant.until_told("C-1", "case.passed")


async def test_wrong_credentials_hold_the_account_and_fail_no_case(tenant: Tenant) -> None:
    async with running(tenant, accounts=(replace(tenant.account, authentication_code="wrong"),)) as connector:
        await tenant.submit("C-1")
        await eventually(lambda: _parked(connector, 1), "it waits")
        await eventually(lambda: _closed(connector, tenant.account.key, "credentials_refused"), "the account is held")
    async with running(tenant):
        await tenant.until_told("C-1", "case.passed")
    assert await tenant.told("C-1") == ["case.passed"]


async def test_a_refresh_is_answered_by_the_feed_without_a_request(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    async with running(tenant) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await connector.read_feeds()
        await direct.post("/faults", json={"kind": "500", "operation": "case"})
        await tenant.refresh("C-1")
        await idle(connector)
        armed = (await direct.get("/faults")).json()["armed"]
        assert connector.metrics.registry.get_sample_value(
            "mahnlauf_agency_requests_total", {"agency": "atriga", "operation": "view", "outcome": "ok"}
        ) in (None, 0)
    assert armed == [{"kind": "500", "when": "before", "operation": "case"}]
    assert await tenant.told("C-1") == ["case.passed"]


async def test_poison_blocks_nothing(tenant: Tenant) -> None:
    async with running(tenant):
        await tenant.poison(b"\xff")
        await tenant.recall("C-9")
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
    letters = [
        dict(record.headers)
        for record in await read_all(tenant.bootstrap, topics.dead_letters(topics.COMMANDS))
        if (record.key or b"").startswith(tenant.name.encode())
    ]
    reasons = {headers["__mahnlauf.errors.exception.class.name"] for headers in letters}
    assert reasons == {b"not JSON", b"unknown handover"}


async def test_what_belongs_to_no_handover_is_kept(tenant: Tenant, sandbox: Sandbox) -> None:
    book = sandbox.world.book("10001", "test")
    sandbox.world.take(book, reference="somebody-else", contract="C-7", currency="EUR", owed=100, has_postal_code=True)
    async with running(tenant) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await connector.read_feeds()
    kept = [json.loads(record.value or b"") for record in await read_all(tenant.bootstrap, topics.INBOX)]
    mine = [each for each in kept if each["account"] == tenant.account.key]
    assert [(each["why"], each["raw"]["reference"]) for each in mine] == [("handover", "somebody-else")]


async def test_person_data_stands_nowhere_but_on_its_topic(
    tenant: Tenant, caplog: pytest.LogCaptureFixture, direct: httpx.AsyncClient
) -> None:
    await direct.post("/faults", json={"kind": "500", "when": "after", "operation": "submit", "count": 1})
    with caplog.at_level("INFO"):
        async with running(tenant):
            await tenant.submit("C-1")
            await tenant.until_told("C-1", "case.passed")
    assert "Muster" not in caplog.text
    for topic in (topics.REPLIES, topics.OUTBOX, topics.LEDGER, topics.INBOX, topics.dead_letters(topics.COMMANDS)):
        assert not any(b"Muster" in (record.value or b"") for record in await read_all(tenant.bootstrap, topic))
