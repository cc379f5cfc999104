"""OAuth 2.0 by client credentials (RFC 6749 4.4): a token is fetched with the account's own and shown with each request until it ends.

authlib's client does the same, but as a client of its own; here it is a way to authenticate of the one that `wire.py` bounds.
"""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import httpx

from connectors.delivery.agency import AccountConfig
from connectors.delivery.errors import CredentialsRefused, Unavailable

REFUSED: Final = (400, 401, 403)
"""A token endpoint tells wrong credentials by 400 or 401 (RFC 6749 5.2)."""
UNTOLD_S: Final = 300.0
"""How long a token is used of which the end is not told."""
EARLY_S: Final = 60.0
"""A token is changed before its end, so that none ends on its way."""


class ClientCredentials:
    """The tokens of all accounts at one kind of API, kept while the process runs. `path`: where its addresses give tokens;
    the client is the account's customer number, its secret the account's. `now_s`: a clock that never goes back."""

    def __init__(self, path: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now_s = now_s
        self._tokens: dict[tuple[str, str, str], tuple[str, float]] = {}

    def __call__(self, account: AccountConfig) -> httpx.Auth:
        return _Bearer(self, account)

    def kept(self, account: AccountConfig) -> str | None:
        token, ends_s = self._tokens.get(_whose(account), ("", 0.0))
        return token if token and self._now_s() < ends_s else None

    def asked_for(self, account: AccountConfig) -> httpx.Request:
        client = {"client_id": account.customer_number, "client_secret": account.authentication_code}
        return httpx.Request("POST", httpx.URL(account.url).join(self._path), data={"grant_type": "client_credentials", **client})

    def keep(self, account: AccountConfig, answer: httpx.Response) -> str:
        """Raises CredentialsRefused, Unavailable."""
        if answer.status_code in REFUSED:
            raise CredentialsRefused(f"POST {self._path}: HTTP {answer.status_code}")
        try:
            told: Any = answer.json() if answer.status_code == 200 else {}
            token, seconds = str(told["access_token"]), float(told.get("expires_in") or 0)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable(f"POST {self._path}: HTTP {answer.status_code} without a token") from None
        self._tokens[_whose(account)] = token, self._now_s() + (max(seconds - EARLY_S, 0.0) if seconds else UNTOLD_S)
        return token

    def forget(self, account: AccountConfig) -> None:
        self._tokens.pop(_whose(account), None)


class _Bearer(httpx.Auth):
    """Shows an account's token; one that was withdrawn is asked for anew, once."""

    def __init__(self, credentials: ClientCredentials, account: AccountConfig) -> None:
        self._credentials = credentials
        self._account = account

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        kept = self._credentials.kept(self._account)
        if kept:
            answer = yield _shown(request, kept)
            if answer.status_code != 401:
                return
            self._credentials.forget(self._account)
        answer = yield self._credentials.asked_for(self._account)
        await answer.aread()
        yield _shown(request, self._credentials.keep(self._account, answer))


def _shown(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _whose(account: AccountConfig) -> tuple[str, str, str]:
    return account.url, account.customer_number, account.authentication_code
