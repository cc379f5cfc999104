"""Accounts on Kafka: a running connector takes changes up, and a secret opens for its own account and mode alone."""

import asyncio
from typing import Any

import httpx
import pytest

from connectors.agencies.atriga.client import Atriga
from connectors.delivery import accounts
from connectors.delivery.agency import AccountConfig, Agency, ChangePage
from connectors.delivery.sealing import Key, Keys, SealBroken
from schemas import topics
from schemas.accounts import AgencyAccount
from streams.engine import fetch
from streams.engine.errors import Undecided
from streams.engine.placing import partition_of
from tests.connectors.kit import PARTITIONS, Tenant, idle, running
from tests.engine.kit import Publisher, eventually, unique

ACCOUNT = AgencyAccount(tenant="acme", account="main", agency="atriga", mode="test", customer_id="4711")


def test_a_secret_opens_for_its_own_account_and_mode_alone() -> None:
    keys = Keys([Key.new()])
    sealed = accounts.with_secrets(ACCOUNT, {accounts.CODE: "s3cret"}, keys)
    assert accounts.config_of(sealed, keys, "http://a").authentication_code == "s3cret"
    other: dict[str, Any]
    for other in ({"mode": "live"}, {"account": "second"}, {"tenant": "umbrella"}, {"agency": "other"}):
        with pytest.raises(SealBroken):
            accounts.secrets_of(sealed.model_copy(update=other), keys)


async def test_a_running_connector_takes_up_an_account_a_new_secret_and_its_end(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    async with running(tenant, accounts=(), keys=keys) as connector:
        await tenant.submit("C-1")
        await idle(connector)
        assert connector.standing()["accounts"][tenant.account.key]["closed"] == "account_unknown"
        await tenant.configure(tenant.sealed(keys, code="wrong"))
        await _closed(connector, tenant, "credentials_refused")
        await tenant.configure(tenant.sealed(keys))
        await tenant.until_told("C-1", "case.passed")
        await tenant.configure(None)
        await eventually(lambda: _gone(connector, tenant), "the account is gone")
        await tenant.submit("C-2")
        await _closed(connector, tenant, "account_unknown")
        await idle(connector)
    assert tenant.sent() == {tenant.handover("C-1"): 1}


async def test_an_account_of_the_topic_wins_over_the_one_that_was_given(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    await tenant.configure(tenant.sealed(keys, paused="holidays"))
    async with running(tenant, keys=keys) as connector:
        await tenant.submit("C-1")
        await _closed(connector, tenant, "holidays")
        await tenant.configure(None)
        await tenant.until_told("C-1", "case.passed")


@pytest.mark.parametrize("held", [[], [Key.new()]])
async def test_what_cant_be_opened_lets_the_account_stand_still(tenant: Tenant, held: list[Key]) -> None:
    await tenant.configure(tenant.sealed(Keys([Key.new()])))
    async with running(tenant, accounts=(), keys=Keys(held)) as connector:
        await tenant.submit("C-1")
        await _closed(connector, tenant, accounts.SECRET_SEALED)
        await idle(connector)
    assert tenant.sent() == {}
    await tenant.configure(None)


async def test_an_account_that_makes_no_sense_stands_still_and_stops_nobody_else(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    nobody = tenant.sealed(keys).model_copy(update={"agency": "nobody", "secret": None})
    await tenant.configure(accounts.with_secrets(nobody, {accounts.CODE: "s3cret"}, keys))
    second = tenant.sealed(keys).model_copy(update={"account": "second", "secret": None})
    await tenant.configure(accounts.with_secrets(second, {accounts.CODE: "s3cret"}, keys), "second")
    async with running(tenant, accounts=(), keys=keys) as connector:
        await tenant.submit("C-1")
        await tenant.submit("C-2", account="second")
        await tenant.until_told("C-2", "case.passed")
        await _closed(connector, tenant, accounts.UNREADABLE)
    await tenant.configure(None)
    await tenant.configure(None, "second")


async def _closed(connector: Any, tenant: Tenant, reason: str) -> None:
    async def closed() -> bool:
        return bool(connector.standing()["accounts"].get(tenant.account.key, {}).get("closed") == reason)

    await eventually(closed, f"the account is closed: {reason}")


async def _gone(connector: Any, tenant: Tenant) -> bool:
    return tenant.account.key not in connector.standing()["accounts"]


async def test_a_lost_end_on_the_accounts_topic_is_told(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_DECIDED_WITHIN_S", 0.5)
    async with Publisher(tenant.bootstrap, unique("lost")) as lost:
        await lost.producer.begin_transaction()
        await lost.send(topics.ACCOUNTS, b"acme/lost", None, partition=0)
        with pytest.raises(Undecided, match=r"agency\.accounts-0: .*kafka-transactions"):
            async with asyncio.timeout(30), running(tenant):
                pass
        await lost.producer.abort_transaction()


async def _neighbour(tenant: Tenant, keys: Keys) -> str:
    """Another account of the tenant, well configured, in the partition of its first one."""
    number = partition_of(tenant.account.key.encode(), PARTITIONS)
    name = next(name for name in map(str, range(1000)) if partition_of(f"{tenant.name}/{name}".encode(), PARTITIONS) == number)
    account = tenant.sealed(keys).model_copy(update={"account": name, "secret": None})
    await tenant.configure(accounts.with_secrets(account, {accounts.CODE: "s3cret"}, keys), name)
    return name


@pytest.mark.parametrize("wrong", [{"code": "s3crét"}, {"code": "s3cret\nX-Mode: live"}, {"customer_id": "Müller"}])
async def test_an_account_that_no_request_can_carry_parks_its_own_commands_and_a_rotation_frees_it(
    tenant: Tenant, wrong: dict[str, str]
) -> None:
    keys = Keys([Key.new()])
    other = await _neighbour(tenant, keys)
    odd = tenant.sealed(keys).model_copy(update={"customer_id": wrong.get("customer_id", "10001")})
    await tenant.configure(accounts.with_secrets(odd, {accounts.CODE: wrong.get("code", "s3cret")}, keys))
    async with running(tenant, accounts=(), keys=keys) as connector, httpx.AsyncClient(base_url=connector.url) as pages:
        await tenant.submit("C-1")
        await tenant.submit("C-2", account=other)
        await tenant.until_told("C-2", "case.passed")
        await _closed(connector, tenant, accounts.UNUSABLE)
        assert connector.standing()["halted"] == {}
        unusable = f'mahnlauf_agency_account_unusable{{account="{tenant.account.key}"}}'
        assert f"{unusable} 1.0" in (await pages.get("/metrics")).text
        await tenant.configure(tenant.sealed(keys))
        await tenant.until_told("C-1", "case.passed")
        assert f"{unusable} 0.0" in (await pages.get("/metrics")).text
    await tenant.configure(None)
    await tenant.configure(None, other)


async def test_a_mistake_in_an_adapter_s_feed_or_hint_stops_no_other_account(tenant: Tenant) -> None:
    keys = Keys([Key.new()])
    other = await _neighbour(tenant, keys)

    class Mistaken(Atriga):
        async def changes(self, cursor: str | None) -> ChangePage:
            raise TypeError("not what was expected")

    def opened(account: AccountConfig) -> Agency:
        return Mistaken(account) if account.account == "main" else Atriga(account)

    async with running(tenant, keys=keys, agencies={"atriga": opened}) as connector:
        await _closed(connector, tenant, "connector_error")
        await tenant.submit("C-2", account=other)
        await tenant.until_told("C-2", "case.passed")
        assert connector.standing()["halted"] == {}
    await tenant.configure(None, other)
