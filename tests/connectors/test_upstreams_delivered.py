"""A webhook of an upstream over real HTTP onto a real broker, and out of a connector as events, once; with an API that fails on the way."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.billing.registry import UPSTREAMS
from connectors.delivery import accounts, partition
from connectors.delivery.connector import Connector
from connectors.delivery.receiver import Receiver, ReceiverConfig
from connectors.delivery.sealing import Key, Keys
from connectors.web import WebServer
from schemas import codec, topics
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of
from streams.engine.protocol import Record
from tests.connectors import upstreams
from tests.connectors.kit import PARTITIONS, Tenant, idle, need_billing, running
from tests.connectors.upstreams import (
    BOUNCED,
    CONTRACT,
    GOCARDLESS_API,
    LEDGER_PATH,
    TRANSACTION,
    TRANSACTION_PATH,
    billwerk_entry,
    billwerk_transaction,
    gocardless_body,
    gocardless_event,
    gocardless_signed,
    hint,
    stripe_event,
    stripe_signed,
)
from tests.engine.kit import eventually, read_all

STRIPE_API = {
    "/v1/charges/ch_1": {"id": "ch_1", "invoice": "in_1", "metadata": {}},
    "/v1/invoices/in_1": {"id": "in_1", "subscription": "C-1", "metadata": {}},
}
DISPUTE = {"id": "dp_1", "charge": "ch_1", "amount": 1000, "currency": "eur", "reason": "insufficient_funds", "created": 1_700_000_000}


@dataclass
class Api:
    """An upstream's API. `faults` are answered first, one a request."""

    objects: Mapping[str, Any]
    faults: list[Response] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    url: str = ""
    tokens: int = 0
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    secrets_hung: set[str] = field(default_factory=set)
    """Whoever asks with one of these is answered with 503, and not before `hangs` is set."""

    async def token(self, request: Request) -> Response:
        """A token for client credentials (RFC 6749 4.4), as billwerk gives one."""
        asked = dict(parse_qsl((await request.body()).decode()))
        assert asked["grant_type"] == "client_credentials"
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}-of-{asked['client_secret']}", "token_type": "bearer"})

    async def get(self, request: Request) -> Response:
        self.authorizations.add(request.headers["authorization"])
        if request.headers["authorization"].removeprefix("Bearer ") in self.secrets_hung:
            await self.hangs.wait()
            return PlainTextResponse("", 503)
        if self.faults:
            return self.faults.pop(0)
        found = self.objects.get(request.url.path)
        return PlainTextResponse("not found", 404) if found is None else JSONResponse(found)


@asynccontextmanager
async def served(api: Api) -> AsyncIterator[Api]:
    server = WebServer(
        Starlette(routes=[Route("/oauth/token/", api.token, methods=["POST"]), Route("/{path:path}", api.get)]), "127.0.0.1", 0
    )
    await server.start()
    api.url = server.url
    try:
        yield api
    finally:
        await server.stop()


@asynccontextmanager
async def receiving(tenant: Tenant, keys: Keys, upstream: str) -> AsyncIterator[httpx.AsyncClient]:
    await need_billing(tenant.bootstrap)
    account = tenant.sealed(keys).model_copy(update={"secret": None, "agency": upstream})
    await tenant.configure(accounts.with_secrets(account, {accounts.CODE: "sk_test", accounts.WEBHOOK: upstreams.SECRET}, keys))
    stopped, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    verifying = {name: each.verify for name, each in UPSTREAMS.items()}
    receiver = Receiver(ReceiverConfig(Connection(tenant.bootstrap), keys), verifying, upstreams=UPSTREAMS)
    task = asyncio.create_task(receiver.run(stopped, listening.set_result))
    try:
        await asyncio.wait([task, listening], return_when=asyncio.FIRST_COMPLETED, timeout=30)
        async with httpx.AsyncClient(base_url=f"{listening.result()}/{upstream}/{tenant.name}") as http:
            yield http
    finally:
        stopped.set()
        async with asyncio.timeout(20):
            await task
        await tenant.configure(None)


async def _events(tenant: Tenant) -> list[Record]:
    found = [record for topic in topics.BILLING_INPUTS for record in await read_all(tenant.bootstrap, topic)]
    return [record for record in found if (record.key or b"").startswith(f"{tenant.name}/".encode())]


def _types(records: list[Record]) -> list[str]:
    return sorted(codec.decode(record.topic, record.value, record.headers).type for record in records)


async def test_an_upstream_that_hangs_or_is_away_holds_up_nobody_else_and_loses_nothing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of its deliveries wait than a partition has in hand; another account of the same partition is heard meanwhile. They are taken up
    when it is back, by another connector, too."""
    monkeypatch.setattr(partition, "IN_HAND_MAX", 10)
    keys, gone, count = Keys([Key.new()]), asyncio.Event(), 30
    other = next(name for name in map(str, range(100)) if _place(tenant, name) == _place(tenant, "main"))
    async with served(Api(STRIPE_API)) as api:
        tenant.account = replace(tenant.account, agency="stripe", url=api.url)
        async with receiving(tenant, keys, "stripe") as http:
            await _configure(tenant, keys, other)
            api.hangs, api.secrets_hung = gone, {"sk_test"}
            async with running(tenant, accounts=(), keys=keys) as connector:
                for number in range(count):
                    await _post(http, "main", f"dp_{number}")
                await eventually(lambda: _asked(api), "the upstream is asked")
                await _post(http, other, "dp_other")
                await eventually(lambda: _heard(tenant, {"dp_other"}), "the other account is heard")
                gone.set()  # the hanging requests end in 503, and so does what comes after
                await eventually(lambda: _waits(connector, f"{tenant.name}/main", count), "all of them wait")
                await idle_but_waiting(connector)
            assert await _disputes(tenant) == ["dp_other"]
            api.secrets_hung.clear()
            async with running(tenant, accounts=(), keys=keys) as connector:
                await idle(connector)
                assert connector.waiting == {}
            async with running(tenant, accounts=(), keys=keys) as connector:
                await idle(connector)
    assert await _disputes(tenant) == sorted(["dp_other", *(f"dp_{number}" for number in range(count))])


def _place(tenant: Tenant, account: str) -> int:
    return partition_of(f"{tenant.name}/{account}".encode(), PARTITIONS)


async def _configure(tenant: Tenant, keys: Keys, name: str) -> None:
    """Another account of the tenant at the same upstream."""
    account = tenant.sealed(keys).model_copy(update={"secret": None, "agency": "stripe", "account": name})
    secrets = {accounts.CODE: f"sk_{name}", accounts.WEBHOOK: upstreams.SECRET}
    await tenant.configure(accounts.with_secrets(account, secrets, keys), name)


async def _post(http: httpx.AsyncClient, account: str, dispute_id: str) -> None:
    body = stripe_event("charge.dispute.funds_withdrawn", {**DISPUTE, "id": dispute_id}, f"evt_{dispute_id}")

    async def stored() -> bool:  # an account that was configured a moment ago may not be known yet
        return (await http.post(f"/{account}", content=body, headers=stripe_signed(body, int(time.time())))).status_code == 200

    await eventually(stored, f"the delivery of {dispute_id} is stored")


async def _asked(api: Api) -> bool:
    return bool(api.authorizations)


async def _disputes(tenant: Tenant) -> list[str]:
    return sorted(json.loads(record.value or b"")["data"]["chargeback_id"] for record in await _events(tenant))


async def _heard(tenant: Tenant, dispute_ids: set[str]) -> bool:
    return set(await _disputes(tenant)) >= dispute_ids


async def _waits(connector: Connector, account: str, count: int) -> bool:
    return connector.waiting.get(account) == count


async def idle_but_waiting(connector: Connector) -> None:
    """What waits holds nothing up: the inbox is read to its end."""

    async def at_rest() -> bool:
        return not any((await connector.status())["lag"].values())

    await eventually(at_rest, "the inbox is read to its end")


async def test_a_body_of_gocardless_becomes_events_once_though_it_comes_twice_and_its_api_fails(tenant: Tenant) -> None:
    faults: list[Response] = [PlainTextResponse("busy", 503), PlainTextResponse("", 429, {"retry-after": "1"}), PlainTextResponse("<html>")]
    keys = Keys([Key.new()])
    body = gocardless_body(
        gocardless_event("payments", "charged_back", {"payment": "PM1"}, "EV2", reason_code="AC04"),
        gocardless_event("payments", "confirmed", {"payment": "PM1"}, "EV1"),
        gocardless_event("payments", "confirmed", {"payment": "PM9"}, "EV9"),
        gocardless_event("unicorns", "seen", {}, "EV3"),
    )
    async with served(Api(GOCARDLESS_API, faults)) as api:
        tenant.account = replace(tenant.account, agency="gocardless", url=api.url)
        async with receiving(tenant, keys, "gocardless") as http, running(tenant, accounts=(), keys=keys) as connector:
            for _ in range(2):
                assert (await http.post("/main", content=body, headers=gocardless_signed(body))).status_code == 200
            wrong = await http.post("/main", content=body, headers=gocardless_signed(body, "another"))
            nobody = await http.post("/nobody", content=body, headers=gocardless_signed(body))
            assert [(each.status_code, each.text) for each in (wrong, nobody)] == [(401, "not genuine\n")] * 2
            await idle(connector)
            [metric] = connector.metrics.upstream.collect()
            told = {(sample.labels["outcome"], sample.value) for sample in metric.samples}
    assert {("published", 2.0), ("not_there", 1.0), ("unknown_type", 1.0)} <= told
    records = await _events(tenant)
    assert _types(records) == ["chargeback.received", "payment.received"]
    assert api.authorizations == {"Bearer sk_test"}
    assert not faults
    assert {record.key for record in records} == {f"{tenant.name}/C-1".encode()}


async def test_a_delivery_of_stripe_that_came_while_no_connector_ran_becomes_an_event_once(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    body, now = stripe_event("charge.dispute.funds_withdrawn", DISPUTE), int(time.time())
    async with served(Api(STRIPE_API)) as api:
        tenant.account = replace(tenant.account, agency="stripe", url=api.url)
        async with receiving(tenant, keys, "stripe") as http:
            assert (await http.post("/main", content=body, headers=stripe_signed(body, now - 400))).status_code == 401
            assert (await http.post("/main", content=body, headers=stripe_signed(body, now))).status_code == 200
            for _ in range(2):
                async with running(tenant, accounts=(), keys=keys) as connector:
                    await idle(connector)
    [record] = await _events(tenant)
    assert record.topic == topics.CHARGEBACKS
    told = json.loads(record.value or b"")["data"]
    assert (told["amount"], told["reason_code"], told["upstream_code"]) == (1000, "AM04", "insufficient_funds")


@pytest.mark.parametrize("status", [401, 503])
async def test_a_delivery_waits_while_the_upstream_cant_be_asked_and_is_not_lost(tenant: Tenant, status: int) -> None:
    keys = Keys([Key.new()])
    body = stripe_event("charge.dispute.funds_withdrawn", DISPUTE)
    async with served(Api(STRIPE_API, [PlainTextResponse("", status) for _ in range(1000)])) as api:
        tenant.account = replace(tenant.account, agency="stripe", url=api.url)
        async with receiving(tenant, keys, "stripe") as http:
            async with running(tenant, accounts=(), keys=keys):
                assert (await http.post("/main", content=body, headers=stripe_signed(body, int(time.time())))).status_code == 200
                async with asyncio.timeout(20):
                    while not api.authorizations:
                        await asyncio.sleep(0.02)
            assert await _events(tenant) == []
            api.faults.clear()
            async with running(tenant, accounts=(), keys=keys) as connector:
                await idle(connector)
    assert _types(await _events(tenant)) == ["chargeback.received"]


async def test_hints_of_billwerk_are_told_by_a_secret_in_the_address_and_read_with_a_token(tenant: Tenant) -> None:
    """The same body twice is two pieces of news, and each is read. A token that was withdrawn is fetched anew."""
    keys, body = Keys([Key.new()]), hint("PaymentRegistered", ContractId=CONTRACT)
    ledger = [billwerk_entry("Payment", -50.0, "2018-10-01T00:00:00Z")]
    objects = {LEDGER_PATH: ledger, TRANSACTION_PATH: billwerk_transaction(*BOUNCED)}
    async with served(Api(objects)) as api:
        tenant.account = replace(tenant.account, agency="billwerk", url=api.url)
        async with receiving(tenant, keys, "billwerk") as http, running(tenant, accounts=(), keys=keys) as connector:
            assert (await http.post("/main", content=body)).status_code == 401
            assert (await http.post("/main/another", content=body)).status_code == 401
            assert (await http.post(f"/main/{upstreams.SECRET}", content=body)).status_code == 200
            await idle(connector)
            api.faults = [PlainTextResponse("", 401)]
            ledger.insert(0, billwerk_entry("Payment", -89.25, BOUNCED[1][1], PaymentTransactionId=TRANSACTION))
            assert (await http.post(f"/main/{upstreams.SECRET}", content=body)).status_code == 200
            await idle(connector)
    assert api.authorizations == {"Bearer token-1-of-sk_test", "Bearer token-2-of-sk_test"}
    told = {json.loads(record.value or b"")["id"]: record for record in await _events(tenant)}
    assert _types(list(told.values())) == ["chargeback.received", "payment.initiated", "payment.received", "payment.received"]
