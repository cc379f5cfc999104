"""A small identity provider on this machine (OpenID Connect): real HTTP, real signatures, and what a bad one might say."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.web import WebServer

CLIENT: Final = "mahnlauf"
SECRET: Final = "s3cret of the client"
Claims = dict[str, Any]


@dataclass
class StandInProvider:
    """Whoever comes is `claims`. `sign` makes the ID token; `alter` changes what it says before."""

    claims: Claims = field(default_factory=lambda: {"sub": "1", "preferred_username": "otto", "groups": ["dunning"]})
    alter: Callable[[Claims], Claims] = dict
    url: str = ""
    away: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    published: list[RSAKey] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    sign: Callable[["StandInProvider", Claims], str] = lambda self, claims: jwt.encode(
        {"alg": "RS256", "kid": self.key.kid}, claims, self.key
    )

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._told),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _told(self, request: Request) -> Response:
        if self.away:
            return PlainTextResponse("", 503)
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return JSONResponse({"issuer": self.url, **{name: self.url + path for name, path in paths.items()}})

    async def _keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.published or [self.key]]})

    async def _authorize(self, request: Request) -> Response:
        """Nobody is asked anything: the browser is sent back at once."""
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    async def _token(self, request: Request) -> Response:
        told = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(told.get("code", ""), None)
        who = unquote_plus(base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode())
        challenge = base64.urlsafe_b64encode(hashlib.sha256(told.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if (
            asked is None
            or who != f"{CLIENT}:{SECRET}"
            or asked["code_challenge"] != challenge
            or told["redirect_uri"] != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.claims}
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self.sign(self, self.alter(claims))})


def by_nobody(provider: StandInProvider, claims: Claims) -> str:
    """Not signed at all."""
    parts = [json.dumps(each).encode() for each in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def by_the_clients_secret(provider: StandInProvider, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def by_another_key(provider: StandInProvider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, RSAKey.generate_key(2048))


@asynccontextmanager
async def provided(host: str = "127.0.0.1") -> AsyncIterator[StandInProvider]:
    """`host`: under which name browsers know it."""
    provider = StandInProvider()
    server = WebServer(provider.app(), "127.0.0.1", 0)
    await server.start()
    provider.url = f"http://{host}:{server.port}"
    try:
        yield provider
    finally:
        await server.stop()
