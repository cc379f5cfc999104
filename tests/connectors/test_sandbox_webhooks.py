"""Webhooks all the way: the sandbox's agencies send them over HTTP, `mahnlauf webhooks`' receiver stores them on a real broker, the
connector takes them up. Doubled, reordered, held back, forged or lost: every case's end arrives, and once."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from paywise import AsyncPaywise
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.agencies.registry import AGENCIES, SANDBOX_PATHS, WEBHOOKS
from connectors.delivery.owner import Pace
from connectors.delivery.sealing import Key, Keys
from connectors.sandbox.app import Sandbox, SandboxConfig
from connectors.sandbox.webhooks import Happening, Subscription
from connectors.web import WebServer
from tests.connectors.kit import Tenant, day, idle, running
from tests.connectors.signing import SECRET
from tests.connectors.test_webhooks import PATIENT, receiving
from tests.engine.kit import eventually

CONTRACTS = ("C-1", "C-2", "C-3")
STORY = [{"day": 1, "status": "Accepted"}, {"day": 2, "percent": 100}]
END = {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}
TOLD = ["case.accepted", "case.closed", "case.passed", "case.payment_received"]
LOOKING = Pace(feed_interval_s=0.5, again_s=0.2, closed_s=0.1)
"""A feed that is looked at often enough to see a test's lost webhooks."""


class Hooks:
    """The sandbox's webhooks for one tenant, and how they stand."""

    def __init__(self, direct: httpx.AsyncClient) -> None:
        self._direct = direct

    async def order(self, fault: str | None) -> None:
        if fault is not None:
            answer = await self._direct.post("/faults", json={"kind": fault, "operation": "hook"})
            assert answer.status_code == 200, answer.text

    async def stand(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self._direct.get("/webhooks")).json()
        return told

    async def outcomes(self) -> dict[str, int]:
        outcomes: dict[str, int] = (await self.stand())["subscriptions"][0]["outcomes"]
        return outcomes

    async def until_sent(self) -> None:
        async def sent() -> bool:
            return bool((await self.stand())["waiting"] == 0)

        await eventually(sent, "every webhook went out")


@asynccontextmanager
async def told_by_hook(tenant: Tenant, direct: httpx.AsyncClient, agency: str, pace: Pace) -> AsyncIterator[tuple[Hooks, Any]]:
    tenant.account = replace(tenant.account, agency=agency, url=tenant.sandbox.url + SANDBOX_PATHS.get(agency, ""))
    await direct.post("/script", json={"story": [*STORY, END]})
    keys = Keys([Key.new()])
    async with receiving(tenant, keys) as sender:
        wanted = {"agency": agency, "url": f"{sender.http.base_url}".rstrip("/") + sender.path, "secret": SECRET}
        answer = await direct.post("/webhooks", json=wanted)
        assert answer.status_code == 200, answer.text
        assert SECRET not in answer.text
        async with running(tenant, keys=keys, pace=pace, agencies=AGENCIES, accounts=()) as connector:
            for contract in CONTRACTS:
                await tenant.submit(contract)
            await _until_all_told(tenant, "case.passed")
            yield Hooks(direct), connector


async def _is_told(tenant: Tenant, contract: str, event_type: str) -> bool:
    return event_type in await tenant.told(contract)


async def _until_all_told(tenant: Tenant, event_type: str) -> None:
    async def told() -> bool:
        return all([await _is_told(tenant, contract, event_type) for contract in CONTRACTS])

    await eventually(told, f"{event_type} was told of every contract")


async def _each_once(tenant: Tenant, connector: Any) -> None:
    await idle(connector)
    for contract in CONTRACTS:
        assert sorted(each for each in await tenant.told(contract) if each != "case.phase_changed") == TOLD


@pytest.mark.parametrize("fault", [None, "duplicate", "reorder"])
@pytest.mark.parametrize("agency", sorted(WEBHOOKS))
async def test_the_end_of_every_case_comes_by_webhook_alone(
    tenant: Tenant, direct: httpx.AsyncClient, agency: str, fault: str | None
) -> None:
    async with told_by_hook(tenant, direct, agency, PATIENT) as (hooks, connector):
        await hooks.order(fault)
        await direct.post("/clock", json={"now": day(5).isoformat()})
        await _until_all_told(tenant, "case.closed")
        await hooks.until_sent()
        await _each_once(tenant, connector)
        assert set(await hooks.outcomes()) == {"200"}


@pytest.mark.parametrize("agency", sorted(WEBHOOKS))
async def test_a_webhook_that_is_held_back_comes_late_and_counts(tenant: Tenant, direct: httpx.AsyncClient, agency: str) -> None:
    async with told_by_hook(tenant, direct, agency, PATIENT) as (hooks, connector):
        await hooks.until_sent()
        await hooks.order("hang")
        await direct.post("/clock", json={"now": day(5).isoformat()})
        await eventually(lambda: _all_hang(direct, hooks), "every webhook is held back")
        assert not await _is_told(tenant, "C-1", "case.closed")
        await direct.delete("/faults")
        await _until_all_told(tenant, "case.closed")
        await _each_once(tenant, connector)


async def _all_hang(direct: httpx.AsyncClient, hooks: Hooks) -> bool:
    hanging, waiting = (await direct.get("/faults")).json()["hanging"], (await hooks.stand())["waiting"]
    return bool(hanging >= len(CONTRACTS) and hanging == waiting)


@pytest.mark.parametrize(("fault", "outcome"), [("lose", "lost"), ("forge", "401")])
@pytest.mark.parametrize("agency", sorted(WEBHOOKS))
async def test_what_no_webhook_brings_the_feed_or_the_daily_question_does(
    tenant: Tenant, direct: httpx.AsyncClient, agency: str, fault: str, outcome: str
) -> None:
    async with told_by_hook(tenant, direct, agency, LOOKING) as (hooks, connector):
        await hooks.until_sent()
        await hooks.order(fault)
        before = await hooks.outcomes()
        await direct.post("/clock", json={"now": day(5).isoformat()})
        await hooks.until_sent()
        after = await hooks.outcomes()
        assert after.get("200") == before.get("200")
        assert after[outcome] >= len(CONTRACTS)
        if not AGENCIES[agency](tenant.account).capabilities.feed:
            for contract in CONTRACTS:
                await tenant.refresh(contract)
        await _until_all_told(tenant, "case.closed")
        await _each_once(tenant, connector)


class Receiving:
    """Somebody who is told, and answers what it was given to answer, then 200."""

    def __init__(self, *answers: int) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._answers = list(answers)
        self._server = WebServer(Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])]), "127.0.0.1", 0)

    async def _take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        return Response(status_code=self._answers.pop(0) if self._answers else 200)

    async def __aenter__(self) -> "Receiving":
        await self._server.start()
        return self

    async def __aexit__(self, *failed: object) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        return f"{self._server.url}/hook"


@asynccontextmanager
async def telling(url: str, **wanted: Any) -> AsyncIterator[Sandbox]:
    """A sandbox that tells `url` of atriga's cases, and tries again at once."""
    told = Subscription(agency="atriga", url=url, secret=SECRET, **wanted)
    made = Sandbox(SandboxConfig(port=0, webhooks=[told], retries_s=(0.0, 0.0, 0.0)))
    await made.start()
    yield made
    await made.stop()


async def _until_nothing_waits(sandbox: Sandbox) -> dict[str, int]:
    async def done() -> bool:
        return bool(sandbox.webhooks.told()["waiting"] == 0)

    await eventually(done, "no webhook waits")
    return dict(sandbox.webhooks.listeners[0].outcomes)


def change(name: str, customer: str = "10001", mode: str = "test") -> Happening:
    return Happening("atriga", customer, mode, name, "change", {"id": name, "case_number": "A1"})


async def test_what_is_not_taken_comes_again_with_the_same_id() -> None:
    async with Receiving(500, 503) as somebody, telling(somebody.url) as sandbox:
        sandbox.webhooks.tell(change("A1-1"))
        assert await _until_nothing_waits(sandbox) == {"500": 1, "503": 1, "200": 1}
        assert {json.loads(body)["id"] for _, body in somebody.got} == {"A1-1"}


async def test_who_never_takes_it_is_given_up_and_what_is_refused_ends_at_once() -> None:
    async with Receiving(*[500] * 4, 401) as somebody, telling(somebody.url) as sandbox:
        sandbox.webhooks.tell(change("A1-1"))
        assert await _until_nothing_waits(sandbox) == {"500": 4, "given up": 1}
        sandbox.webhooks.tell(change("A1-2"))
        assert await _until_nothing_waits(sandbox) == {"500": 4, "given up": 1, "401": 1}


async def test_nobody_there_is_tried_again_and_given_up() -> None:
    async with Receiving() as somebody:
        url = somebody.url
    async with telling(url) as sandbox:
        sandbox.webhooks.tell(change("A1-1"))
        assert await _until_nothing_waits(sandbox) == {"no answer": 4, "given up": 1}


async def test_only_who_wants_to_know_is_told() -> None:
    async with Receiving() as somebody, telling(somebody.url, customer="10001", mode="test") as sandbox:
        for happening in (change("1", "10002"), change("2", mode="live"), change("3")):
            sandbox.webhooks.tell(happening)
        await _until_nothing_waits(sandbox)
        assert [json.loads(body)["id"] for _, body in somebody.got] == ["3"]


async def test_debitura_s_own_call_subscribes_and_shows_its_secret_once(direct: httpx.AsyncClient) -> None:
    case = {"debtor": {"type": "Private", "name": "Erika Muster", "countryAlpha2": "DE"}, "amountToRecover": 40, "currencyCode": "EUR"}
    async with Receiving() as somebody:
        headers = {"XApiKey": "s3cret"}
        wanted = {"url": somebody.url, "events": ["case.created"], "isTestMode": True}
        made = await direct.post("/debitura/webhooks", json=wanted, headers=headers)
        assert made.status_code == 201
        secret = made.json()["secret"]
        [listed] = (await direct.get("/debitura/webhooks", headers=headers)).json()
        assert listed == {**made.json(), "secret": None}
        for is_test in (True, False):
            sent = await direct.post("/debitura/cases", json={**case, "isTest": is_test}, headers=headers)
            assert sent.status_code == 200, sent.text
        await Hooks(direct).until_sent()
        [(signed, body)] = somebody.got
        assert WEBHOOKS["debitura"](secret, signed, body, time.time()).case_id is not None


async def test_paywise_s_official_client_subscribes_and_is_shown_the_secret_once(sandbox: Sandbox, direct: httpx.AsyncClient) -> None:
    async with Receiving() as somebody:
        client = AsyncPaywise(base_url=f"{sandbox.url}/paywise", token="s3cret", max_retries=0).case_management.webhooks
        made = await client.create_webhook(idempotency_key="k-1", url=somebody.url, events=["order.submitted"])
        again = await client.create_webhook(idempotency_key="k-1", url=somebody.url, events=["order.submitted"])
        assert (again.id, again.secret_key) == (made.id, None)
        assert [each.id async for each in await client.list_webhooks()] == [made.id]
        company = sandbox.webhooks.listeners[0].subscription.customer
        for kind in ("order.submitted", "order.accepted"):
            told = {"id": kind, "type": kind, "data": {"order_id": "o-1"}}
            sandbox.webhooks.tell(Happening("paywise", company or "", "test", kind, kind, told))
        await Hooks(direct).until_sent()
        [(signed, body)] = somebody.got
        assert made.secret_key is not None
        assert WEBHOOKS["paywise"](made.secret_key, signed, body, time.time()).id == "order.submitted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "500", "operation": "hook"},
        {"kind": "lose", "operation": "submit"},
        {"kind": "forge", "operation": "changes"},
        {"kind": "hang", "operation": "hook", "contract": "C-1"},
    ],
)
async def test_a_fault_that_no_webhook_has_is_refused(direct: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    assert (await direct.post("/faults", json=wrong)).status_code == 422


@pytest.mark.parametrize("wrong", [{"agency": "prokur"}, {"url": "ftp://x/"}, {"agency": "debitura", "secret": "no base64"}])
async def test_a_subscription_that_could_never_work_is_refused(direct: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    told = {"agency": "atriga", "url": "http://127.0.0.1:1/x", "secret": SECRET, **wrong}
    assert (await direct.post("/webhooks", json=told)).status_code == 422
