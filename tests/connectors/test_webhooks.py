"""Webhooks over real HTTP onto a real broker: only what is genuine is stored, and what it hints at is asked for."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx
import pytest

from connectors.agencies.atriga.client import Atriga
from connectors.agencies.atriga.webhook import verify
from connectors.agencies.registry import AGENCIES, SANDBOX_PATHS, WEBHOOKS
from connectors.delivery import accounts, receiver
from connectors.delivery.owner import Pace
from connectors.delivery.receiver import Receiver, ReceiverConfig
from connectors.delivery.sealing import Key, Keys
from connectors.delivery.webhook import CASE_ID_MAX, Delivery, NotGenuine
from schemas import topics
from streams.engine.cluster import Connection
from tests.connectors import signing
from tests.connectors.kit import Tenant, day, idle, running
from tests.engine.kit import eventually, read_all

SIGNS = signing.SECRET
PAYS = [{"day": 2, "percent": 100}, {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]
NOW = 1_800_000_000
BODY = json.dumps({"id": "d-1", "case_number": "A00000001"}).encode()
PATIENT = Pace(feed_interval_s=3600.0, again_s=0.2, closed_s=0.1)
"""A feed that nobody looks at while a test runs."""


def signature(body: bytes, at: int, secret: str = SIGNS) -> str:
    return f"t={at},v1={hmac.new(secret.encode(), str(at).encode() + b'.' + body, sha256).hexdigest()}"


def test_a_signed_delivery_is_genuine() -> None:
    assert verify(SIGNS, {"x-atriga-signature": signature(BODY, NOW)}, BODY, NOW + 299) == Delivery("d-1", "A00000001")
    old = signature(BODY, NOW, "the old one").partition(",")[2]
    both = f"{signature(BODY, NOW)},{old}"
    assert verify(SIGNS, {"x-atriga-signature": both}, BODY, NOW).id == "d-1"


@pytest.mark.parametrize(
    ("header", "body", "now", "why"),
    [
        (None, BODY, NOW, "signature_missing"),
        ("", BODY, NOW, "signature_missing"),
        ("v1=00", BODY, NOW, "signature_missing"),
        ("t=now,v1=00", BODY, NOW, "signature_missing"),
        (f"t={NOW}", BODY, NOW, "signature_wrong"),
        (f"t={NOW},v1=ü", BODY, NOW, "signature_wrong"),
        (signature(BODY, NOW, "another"), BODY, NOW, "signature_wrong"),
        (signature(BODY, NOW), BODY + b" ", NOW, "signature_wrong"),
        (signature(BODY, NOW).replace(str(NOW), str(NOW + 1)), BODY, NOW, "signature_wrong"),
        (signature(BODY, NOW), BODY, NOW + 301, "outside_window"),
        (signature(BODY, NOW), BODY, NOW - 301, "outside_window"),
        (signature(b"not json", NOW), b"not json", NOW, "body_unreadable"),
        (signature(b"[]", NOW), b"[]", NOW, "body_unreadable"),
        (signature(b'{"id": 1, "case_number": "A"}', NOW), b'{"id": 1, "case_number": "A"}', NOW, "body_unreadable"),
    ],
)
def test_what_is_not_genuine_is_refused_with_a_reason(header: str | None, body: bytes, now: int, why: str) -> None:
    with pytest.raises(NotGenuine) as told:
        verify(SIGNS, {} if header is None else {"x-atriga-signature": header}, body, now)
    assert told.value.why == why


def test_a_case_number_that_is_too_long_is_none() -> None:
    body = json.dumps({"id": "d", "case_number": "A" * (CASE_ID_MAX + 1)}).encode()
    with pytest.raises(NotGenuine, match="body_unreadable"):
        verify(SIGNS, {"x-atriga-signature": signature(body, NOW)}, body, NOW)


class Sender:
    """The agency, as it sends webhooks for one account."""

    def __init__(self, http: httpx.AsyncClient, tenant: Tenant) -> None:
        self.http = http
        self.agency = tenant.account.agency
        self.path = f"/{self.agency}/{tenant.name}/main"

    async def send(self, delivery: str, case: str, late_s: int = 0, headers: Mapping[str, str] | None = None, **more: Any) -> int:
        """`late_s`: how long ago it was signed."""
        one = signing.signed(self.agency, delivery, case, int(time.time()) - late_s, **more)
        return (await self.http.post(self.path, content=one.body, headers={**one.headers, **(headers or {})})).status_code

    async def post(self, body: bytes, header: str, path: str | None = None) -> int:
        answer = await self.http.post(path or self.path, content=body, headers={"X-Atriga-Signature": header})
        return answer.status_code


@asynccontextmanager
async def receiving(tenant: Tenant, keys: Keys) -> AsyncIterator[Sender]:
    account = tenant.sealed(keys).model_copy(update={"secret": None, "agency": tenant.account.agency})
    await tenant.configure(accounts.with_secrets(account, {accounts.CODE: "s3cret", accounts.WEBHOOK: SIGNS}, keys))
    stopped, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    receiver = Receiver(ReceiverConfig(Connection(tenant.bootstrap), keys), WEBHOOKS)
    running = asyncio.create_task(receiver.run(stopped, listening.set_result))
    try:
        await asyncio.wait([running, listening], return_when=asyncio.FIRST_COMPLETED, timeout=30)
        async with httpx.AsyncClient(base_url=listening.result()) as http:
            yield Sender(http, tenant)
    finally:
        stopped.set()
        async with asyncio.timeout(20):
            await running
        await tenant.configure(None)


async def _stored(tenant: Tenant) -> list[bytes]:
    records = await read_all(tenant.bootstrap, topics.INBOX)
    return [record.value or b"" for record in records if record.key == tenant.account.key.encode()]


async def test_only_what_is_genuine_is_stored_and_once(tenant: Tenant) -> None:
    async with receiving(tenant, Keys([Key.new()])) as sender:
        now = int(time.time())
        assert await sender.send("d-1", "A1", debtor="Erika Musterfrau") == 200
        assert await sender.send("d-1", "A1", debtor="Erika Musterfrau") == 200
        assert await sender.post(BODY, signature(BODY, now, "another")) == 401
        assert await sender.post(BODY, signature(BODY, now - 3600)) == 401
        assert await sender.post(BODY, signature(BODY, now), "/atriga/nobody/main") == 401
        assert await sender.post(BODY, signature(BODY, now), f"/nobody{sender.path.removeprefix('/atriga')}") == 401
        large = b"x" * (receiver.BODY_BYTES_MAX + 1)
        assert await sender.post(large, signature(large, now)) == 413
        told = (await sender.http.get("/metrics")).text
        for outcome, count in (("stored", 1), ("known", 1), ("signature_wrong", 2), ("outside_window", 1), ("too_large", 1)):
            assert f'mahnlauf_webhooks_total{{agency="atriga",outcome="{outcome}"}} {count}.0' in told
    [stored] = await _stored(tenant)
    assert json.loads(stored)["case_id"] == "A1"
    assert b"Musterfrau" not in stored


async def test_a_body_without_a_length_is_bounded_too(tenant: Tenant) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    async with receiving(tenant, Keys([Key.new()])) as sender:
        answer = await sender.http.post(sender.path, content=endless())
        assert answer.status_code == 413
    assert await _stored(tenant) == []


@pytest.mark.parametrize("agency", sorted(WEBHOOKS))
async def test_every_agency_s_hint_is_taken_up_and_twice_late_or_out_of_order_does_no_harm(
    tenant: Tenant, direct: httpx.AsyncClient, agency: str
) -> None:
    tenant.account = replace(tenant.account, agency=agency, url=tenant.sandbox.url + SANDBOX_PATHS.get(agency, ""))
    await direct.post("/script", json={"story": [{"day": 1, "status": "Accepted"}, *PAYS]})
    keys, name = Keys([Key.new()]), "Frau Pl4nted-Muster"
    async with receiving(tenant, keys) as sender, running(tenant, keys=keys, pace=PATIENT, agencies=AGENCIES, accounts=()) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        [handed_over] = await tenant.replies()
        case = handed_over.data.case_id
        await direct.post("/clock", json={"now": day(1).isoformat()})
        assert await sender.send("d-9", case, debtorName=name) == 200
        await eventually(lambda: _told(tenant, "case.accepted"), "the acceptance was told")
        await direct.post("/clock", json={"now": day(5).isoformat()})
        assert await sender.send("d-8", case, signing.WINDOW_S[agency] + 10, debtorName=name) == 401
        for delivery, late_s in (("d-2", 0), ("d-1", 200), ("d-2", 0), ("d-3", 0)):
            assert await sender.send(delivery, case, late_s, debtorName=name) == 200
        assert await sender.send("d-3", case, headers={"X-Debitura-Replay": "true"}) == 200
        await eventually(lambda: _told(tenant, "case.closed"), "the end was told")
        await idle(connector)
        told_of = (await sender.http.get("/metrics")).text.splitlines()
        known = [line for line in told_of if line.startswith("mahnlauf_webhooks_total") and 'outcome="known"' in line]
    told = [event for event in await tenant.replies() if event.type != "case.phase_changed"]
    assert sorted(event.type for event in told) == ["case.accepted", "case.closed", "case.passed", "case.payment_received"]
    assert [line.rpartition(" ")[2] for line in known] == ["1.0" if agency == "debitura" else "2.0"]  # who orders one again gets it again
    assert not [stored for stored in await _stored(tenant) if b"Pl4nted" in stored]


async def _told(tenant: Tenant, event_type: str) -> bool:
    return event_type in await tenant.told("C-1")


@pytest.mark.parametrize("feed", [True, False])
async def test_a_hint_brings_what_the_agency_says_whatever_its_order(tenant: Tenant, direct: httpx.AsyncClient, feed: bool) -> None:
    class Agency(Atriga):
        capabilities = replace(Atriga.capabilities, feed=feed)

    story = [
        {"day": 1, "status": "Accepted"},
        {"day": 2, "percent": 100},
        {"day": 3, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"},
    ]
    await direct.post("/script", json={"story": story})
    keys = Keys([Key.new()])
    async with receiving(tenant, keys) as sender, running(tenant, accounts=(), keys=keys, pace=PATIENT, agency=Agency) as connector:
        await tenant.submit("C-1")
        await tenant.until_told("C-1", "case.passed")
        [case] = (await direct.get("/cases")).json()["cases"]
        await direct.post("/clock", json={"now": day(1).isoformat()})
        assert await sender.send("d-2", case["number"]) == 200
        await tenant.until_told("C-1", "case.passed", "case.accepted")
        await direct.post("/clock", json={"now": day(5).isoformat()})
        for delivery in ("d-9", "d-1", "d-9", "d-4"):
            assert await sender.send(delivery, case["number"]) == 200
        assert await sender.send("d-10", "A99999999") == 200  # a case that is not ours
        await tenant.until_told("C-1", "case.passed", "case.accepted", "case.payment_received", "case.closed")
        await idle(connector)
    assert await tenant.told("C-1") == ["case.passed", "case.accepted", "case.payment_received", "case.closed"]


async def test_a_hint_that_came_while_no_connector_ran_is_taken_up(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    class Agency(Atriga):
        capabilities = replace(Atriga.capabilities, feed=False)

    await direct.post("/script", json={"story": [{"day": 1, "status": "Accepted"}]})
    keys = Keys([Key.new()])
    async with receiving(tenant, keys) as sender:
        async with running(tenant, accounts=(), keys=keys, pace=PATIENT, agency=Agency):
            await tenant.submit("C-1")
            await tenant.until_told("C-1", "case.passed")
        await direct.post("/clock", json={"now": day(1).isoformat()})
        [case] = (await direct.get("/cases")).json()["cases"]
        assert await sender.send("d-1", case["number"]) == 200
        async with running(tenant, accounts=(), keys=keys, pace=PATIENT, agency=Agency):
            await tenant.until_told("C-1", "case.passed", "case.accepted")


async def test_who_is_not_genuine_learns_nothing_of_which_accounts_there_are(tenant: Tenant) -> None:
    """Whatever is wrong, and whether there is such an account, the answer is the same; the metric alone tells why."""
    keys = Keys([Key.new()])
    async with receiving(tenant, keys) as sender:
        await tenant.configure(tenant.sealed(keys).model_copy(update={"account": "silent"}), "silent")
        await tenant.configure(tenant.sealed(Keys([Key.new()])).model_copy(update={"account": "sealed"}), "sealed")
        await eventually(lambda: _is_counted(sender, "secret_sealed"), "the sealed account was read")
        now, answers = int(time.time()), set()
        for path in (sender.path, *(f"/atriga/{tenant.name}/{name}" for name in ("silent", "sealed", "nobody")), "/atriga/nobody/main"):
            for header in ("", "t=now,v1=00", signature(BODY, now, "another"), signature(BODY, now - 3600), f"t={now},v1=ü"):
                answer = await sender.http.post(path, content=BODY, headers=[(b"X-Atriga-Signature", header.encode())])
                answers.add((answer.status_code, answer.text, tuple(sorted(set(answer.headers) - {"date"}))))
        assert [each[:2] for each in answers] == [(401, "not genuine\n")]
    await tenant.configure(None, "silent")
    await tenant.configure(None, "sealed")


async def _is_counted(sender: Sender, outcome: str) -> bool:
    await sender.http.post(sender.path.replace("/main", "/sealed"), content=BODY)
    return f'outcome="{outcome}"' in (await sender.http.get("/metrics")).text


async def test_a_receiver_takes_up_a_new_secret_and_takes_nothing_where_it_cant_open_one(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    async with receiving(tenant, keys) as sender:
        assert await sender.send("d-1", "A1") == 200
        await tenant.configure(tenant.sealed(Keys([Key.new()])))

        async def refused() -> bool:
            return await sender.send("d-2", "A1") == 401

        await eventually(refused, "the new account was read")
        assert 'outcome="secret_sealed"' in (await sender.http.get("/metrics")).text
