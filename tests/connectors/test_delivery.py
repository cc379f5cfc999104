"""Delivery on a real broker and over real HTTP: each handover is one case, each status arrives."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from connectors.agencies.atriga.client import Atriga
from connectors.agencies.registry import AGENCIES
from connectors.delivery import connector as connector_module
from connectors.delivery.agency import AccountConfig, CaseView, ChangePage, Submission
from connectors.delivery.config import ConfigError, ConnectorConfig
from connectors.delivery.connector import Connector
from connectors.sandbox.app import Sandbox
from schemas import topics
from streams.engine.cluster import Connection
from tests.connectors.kit import PACE, Tenant, day, idle, running
from tests.engine.kit import eventually, read_all

PAYS = [{"day": 1, "status": "Accepted"}, {"day": 2, "percent": 100}, {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]


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
            owners = [owner.key for connector in (first, second) for owner in connector.owners if owner.key.startswith(tenant.name)]
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
        assert (status["ready"], status["unfinished"], status["accounts"][tenant.account.key]["parked"]) == (True, 0, 0)
        metrics = (await pages.get("/metrics")).text
        assert 'mahnlauf_agency_requests_total{agency="atriga",operation="submit",outcome="ok"} 1.0' in metrics
        assert "C-1" not in metrics
        assert [(await pages.get(path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]


async def test_health_fails_when_nothing_moves_although_kafka_answers(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Atriga):
        async def submit(self, submission: Submission) -> CaseView:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(connector_module, "STUCK_AFTER_S", 0.3)
    async with running(tenant, agency=Hanging) as connector, httpx.AsyncClient(base_url=connector.url) as pages:
        assert (await pages.get("/healthz")).json() == {"ok": True, "reasons": []}
        await tenant.submit("C-1")

        async def told() -> bool:
            answer = await pages.get("/healthz")
            return answer.status_code == 503 and "nothing has moved for" in answer.json()["reasons"][0]

        await eventually(told, "it tells that nothing moves")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agency": "nobody"}, f"account acme/main: there is no agency 'nobody'; there are {', '.join(sorted(AGENCIES))}"),
        ({"per_second": 0}, "account acme/main: per_second must be a number more than 0"),
    ],
)
def test_accounts_that_can_t_be_used_are_named(change: dict[str, Any], message: str) -> None:
    account = replace(AccountConfig("acme", "main", "atriga", "test", "http://127.0.0.1:1", "10001", "s3cret"), **change)
    with pytest.raises(ConfigError) as refused:
        Connector(ConnectorConfig(Connection("127.0.0.1:1"), (account,)), AGENCIES)
    assert str(refused.value) == message
    assert "s3cret" not in repr(account)


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


async def test_a_command_too_large_with_its_headers_is_a_dead_letter_and_blocks_nothing(tenant: Tenant) -> None:
    async with running(tenant) as connector:
        await tenant.submit("C-large", headers=[("trace", b"x" * 1_000_000)])
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await idle(connector)
        assert connector.metrics.registry.get_sample_value("mahnlauf_connector_dead_letters_total", {"reason": "too large"}) == 1
    letters = await read_all(tenant.bootstrap, topics.dead_letters(topics.COMMANDS))
    [letter] = [dict(letter.headers) for letter in letters if letter.key == f"{tenant.name}/C-large".encode()]
    assert letter["__mahnlauf.errors.exception.class.name"] == b"too large"
    assert list(tenant.sent()) == [tenant.handover("C-1")]


async def test_what_an_agency_tells_at_endless_length_is_kept_cut(tenant: Tenant, sandbox: Sandbox) -> None:
    class Long(Atriga):
        async def changes(self, cursor: str | None) -> ChangePage:
            page = await super().changes(cursor)
            return replace(page, unreadable=({"text": "x" * 3_000_000},)) if cursor is None else page

    async with running(tenant, agency=Long) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await connector.read_feeds()
    kept = [json.loads(record.value or b"") for record in await read_all(tenant.bootstrap, topics.INBOX)]
    [mine] = [each for each in kept if each.get("account") == tenant.account.key]
    assert mine["why"] == "unreadable"
    assert mine["raw_cut"].startswith('{"text": "xxx')


async def test_a_feed_with_an_endless_cursor_is_not_read_on_and_commands_go(tenant: Tenant) -> None:
    class Endless(Atriga):
        async def changes(self, cursor: str | None) -> ChangePage:
            return ChangePage((), "9" * 2_000_000, more=False)

    async with running(tenant, agency=Endless) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        assert await connector.read_feeds() in ({tenant.account.key: "agency_unavailable"},)


async def test_what_belongs_to_no_handover_is_kept(tenant: Tenant, sandbox: Sandbox) -> None:
    book = sandbox.world.book("10001", "test")
    sandbox.world.take(book, reference="somebody-else", contract="C-7", currency="EUR", owed=100, has_postal_code=True)
    async with running(tenant) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        await connector.read_feeds()
    kept = [json.loads(record.value or b"") for record in await read_all(tenant.bootstrap, topics.INBOX)]
    mine = [each for each in kept if each.get("account") == tenant.account.key]
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
