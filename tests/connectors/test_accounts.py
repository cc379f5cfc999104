"""Accounts on Kafka: a running connector takes changes up, and a secret opens for its own account and mode alone."""

from typing import Any

import pytest

from connectors.delivery import accounts
from connectors.delivery.sealing import Key, Keys, SealBroken
from schemas.accounts import AgencyAccount
from tests.connectors.kit import Tenant, idle, running
from tests.engine.kit import eventually

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
