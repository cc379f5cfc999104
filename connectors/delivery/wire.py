"""HTTP as every adapter speaks it: one request, and an answer or a typed error that says what may have happened. Nothing is repeated here.

A request that may change something and got no answer that can be understood (timeout after sending, connection lost, any 5xx) is
`ResultUnknown`: a 5xx can come after the case was taken. What concerns the account and not the request (401, 403, 429) is raised here too;
any other status is the adapter's to read.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from connectors.delivery.agency import REQUESTS_AT_ONCE
from connectors.delivery.errors import AccountUnusable, AgencyError, CredentialsRefused, RateLimited, ResultUnknown, Unavailable

CONNECT_S: Final = 5.0
ANSWER_S: Final = 20.0
"""Longer than an agency's own deadline should be; whoever waits longer only holds a lane."""
ANSWER_BYTES_MAX: Final = 8_000_000
"""No agency's page is as long; one that goes on for ever must not fill our memory."""

IDLE_MAX: Final = 8
"""Connections kept for requests to come. httpx looks at each at every request, twice: 32 took an eighth of a busy connector's time."""

_HOST: Final = re.compile(rb"[A-Za-z0-9._:-]+")
"""A host's name as it goes over the wire (RFC 3986 3.2.2, RFC 5890), or an address."""
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


class Wire:
    """Connections to one agency for one account. `answer_s`: how long a whole answer is waited for, however slowly its body comes;
    `auth`: what a request needs besides `headers`.

    Raises AccountUnusable.
    """

    def __init__(self, url: str, headers: Mapping[str, str], answer_s: float, auth: httpx.Auth | None = None) -> None:
        _refuse_unsendable(url, headers)
        self._answer_s = answer_s
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=dict(headers),
            auth=auth,
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s), pool=None),
            limits=httpx.Limits(max_connections=REQUESTS_AT_ONCE, max_keepalive_connections=IDLE_MAX),
            trust_env=False,
        )

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        """An answer below 500. Raises Unavailable, RateLimited, CredentialsRefused."""
        try:
            answer = await self._whole(self._http.build_request("GET", path, params=dict(params or {})))
        except (httpx.TransportError, httpx.InvalidURL, TimeoutError) as error:
            raise Unavailable(f"GET: {type(error).__name__}") from None
        if answer.status_code >= 500:
            raise Unavailable(f"GET: HTTP {answer.status_code}")
        _refuse_account(answer)
        return answer

    async def send(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """An answer below 500 to what may change something; `body` None: none. Raises Unavailable, ResultUnknown, RateLimited,
        CredentialsRefused."""
        request = self._http.build_request(method, path, json=body, headers=dict(headers or {}))
        try:
            answer = await self._whole(request)
        except _NOT_SENT as error:
            raise Unavailable(f"{method}: {type(error).__name__}") from None
        except (httpx.TransportError, TimeoutError) as error:
            raise ResultUnknown(f"{method}: {type(error).__name__}") from None
        if answer.status_code >= 500:
            raise ResultUnknown(f"{method}: HTTP {answer.status_code}")
        _refuse_account(answer)
        return answer

    async def call(self, url: str, content: bytes, headers: Mapping[str, str], uncertain: type[AgencyError]) -> httpx.Response:
        """An answer of any status to a call whose body alone says how it went (SOAP tells a refusal by 500); `uncertain` is raised where
        none came. Raises Unavailable, RateLimited, CredentialsRefused besides."""
        request = self._http.build_request("POST", url, content=content, headers=dict(headers))
        try:
            answer = await self._whole(request)
        except _NOT_SENT as error:
            raise Unavailable(f"POST: {type(error).__name__}") from None
        except (httpx.TransportError, TimeoutError) as error:
            raise uncertain(f"POST: {type(error).__name__}") from None
        _refuse_account(answer)
        return answer

    async def close(self) -> None:
        await self._http.aclose()

    async def _whole(self, request: httpx.Request) -> httpx.Response:
        """The answer with its body. httpx's own timeout counts from byte to byte; this one counts to the last."""
        async with asyncio.timeout(self._answer_s):
            answer = await self._http.send(request, stream=True)
            try:
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        raise httpx.ReadError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
            except httpx.DecodingError as error:
                raise httpx.ReadError(type(error).__name__) from None
            finally:
                await answer.aclose()
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=bytes(body), request=request)


def url_problem(url: str) -> str | None:
    """Why this can't be an agency's address; None: it can. Repeats nothing of it."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return "can't be read as one"
    if address.scheme not in ("http", "https") or not _HOST.fullmatch(address.raw_host):
        return "must begin with https:// (or http://) and name a host"
    return None


def _refuse_unsendable(url: str, headers: Mapping[str, str]) -> None:
    """Otherwise each request would fail, and look as if the agency were away."""
    if (wrong := url_problem(url)) is not None:
        raise AccountUnusable(f"its url {wrong}")
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise AccountUnusable(
                f"what is sent as {name} has signs that no header can carry: only ASCII, no line breaks, no blanks around"
            )


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """The headers of a body that is decoded already."""
    return {name: value for name, value in headers.items() if name not in ("content-encoding", "content-length", "transfer-encoding")}


def _refuse_account(answer: httpx.Response) -> None:
    if answer.status_code == 429:
        raise RateLimited("HTTP 429", _after_s(answer.headers.get("retry-after", "")))
    if answer.status_code in (401, 403):
        raise CredentialsRefused(f"HTTP {answer.status_code}")


def _after_s(text: str) -> float | None:
    """Retry-After in seconds, in either of its forms (RFC 9110 10.2.3); None for what is neither."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
