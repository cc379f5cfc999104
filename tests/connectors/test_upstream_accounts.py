"""`mahnlauf accounts` with an upstream: its API is asked whether it knows the credentials."""

import pytest
from starlette.responses import PlainTextResponse

from connectors.billing.registry import UPSTREAMS
from connectors.delivery.agency import AccountConfig
from mahnlauf.accounts import check
from mahnlauf.failures import BadInput, CommandFailed
from tests.connectors.test_upstreams_delivered import Api, served


def account(upstream: str, url: str, secret: str = "sk_test") -> AccountConfig:
    return AccountConfig("acme", "main", upstream, "test", url, "acct_1", secret)


@pytest.mark.parametrize("upstream", sorted(UPSTREAMS))
async def test_credentials_that_the_upstream_knows_are_taken(upstream: str) -> None:
    async with served(Api({UPSTREAMS[upstream].probe.partition("?")[0]: {}})) as api:
        await check(account(upstream, api.url))
    assert api.authorizations == {"Bearer token-1-of-sk_test" if UPSTREAMS[upstream].auth else "Bearer sk_test"}


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_what_the_upstream_refuses_is_told_without_the_secret(status: int) -> None:
    async with served(Api({}, [PlainTextResponse("", status)])) as api:
        with pytest.raises(CommandFailed, match=f"acme/main: stripe refuses it: .*{status}") as told:
            await check(account("stripe", api.url))
    assert "sk_test" not in str(told.value)


async def test_a_secret_that_no_header_can_hold_is_refused_unasked() -> None:
    with pytest.raises(BadInput, match="acme/main") as told:
        await check(account("stripe", "http://127.0.0.1:1", "sk\ntest"))
    assert "sk\ntest" not in str(told.value)
