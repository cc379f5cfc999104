"""Logging in through the creditor's own identity provider (OpenID Connect Core 1.0, authorization code with PKCE).

What the provider says of a person is believed only from its ID token, checked against its published keys. Which role that gives stands in
the settings; who has none there does not enter, whatever else the provider says.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ROLES: Final = ("admin", "work", "read")
"""The widest first."""
SIGNED_WITH: Final = ["RS256", "PS256", "ES256"]
"""Never by a secret that both sides know, nor by nothing."""
SCOPE: Final = "openid profile email"
ANSWER_S: Final = 10.0
KNOWN_S: Final = 3_600.0
"""How long what a provider publishes of itself is taken as it was."""
LEEWAY_S: Final = 60
"""How far its clock and ours may be apart."""


class NotAdmitted(Exception):
    """Not let in. The message is for the log: it says why, and names nobody."""


class ProviderAway(Exception):
    """The identity provider can't be asked now; the message says what failed."""


class Begun(NamedTuple):
    """`url`: where the browser goes; `kept`: what it must bring back, known to no one else."""

    url: str
    kept: str


class Entrant(NamedTuple):
    """Who the provider says is there, and what they may do here. `tenant` empty: all of them."""

    name: str
    role: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Provider:
    """`roles`: from a value of the claim `roles_claim` to `role` or `role/tenant`. `back`: the console's address to which people return,
    as the provider knows it. `label`: what the link to it says."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    back: str
    roles: Mapping[str, str]
    roles_claim: str = "groups"
    name_claim: str = "preferred_username"
    label: str = "OpenID Connect"


class SignOn:
    """One provider. `now_s`: a clock that never goes back."""

    def __init__(self, provider: Provider, now_s: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._now_s = now_s
        self._known: tuple[dict[str, Any], KeySet] | None = None
        self._known_until_s = 0.0
        self._asking = asyncio.Lock()

    @property
    def label(self) -> str:
        return self._provider.label

    async def begin(self) -> Begun:
        """Raises ProviderAway."""
        told, _ = await self._published()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        provider, proof = self._provider, {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
        words = {"redirect_uri": provider.back, "scope": SCOPE, "state": state, "nonce": nonce, **proof}
        url = prepare_grant_uri(told["authorization_endpoint"], provider.client_id, "code", **words)
        return Begun(url, f"{state}.{nonce}.{verifier}")

    async def end(self, kept: str, answer: Mapping[str, str]) -> Entrant:
        """`answer`: what the provider sent the browser back with. Raises NotAdmitted, ProviderAway."""
        state, _, rest = kept.partition(".")
        nonce, _, verifier = rest.partition(".")
        if not verifier or not hmac.compare_digest(state.encode(), answer.get("state", "").encode()):
            raise NotAdmitted("it was not begun in this browser, or too long ago")
        if not answer.get("code"):
            raise NotAdmitted("the provider gave no code")
        return self._entrant(await self._claims(await self._id_token(answer["code"], verifier), nonce))

    async def _id_token(self, code: str, verifier: str) -> str:
        told, _ = await self._published()
        provider = self._provider
        body = prepare_token_request("authorization_code", redirect_uri=provider.back, code=code, code_verifier=verifier)
        form = {"content-type": "application/x-www-form-urlencoded"}
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, auth=_credentials(provider)) as http:
                answer = await http.post(told["token_endpoint"], content=body, headers=form)
            tokens = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ProviderAway(f"the code could not be redeemed: {type(error).__name__}") from None
        if answer.status_code >= 500:
            raise ProviderAway(f"the code could not be redeemed: HTTP {answer.status_code}")
        if answer.status_code != 200 or not isinstance(tokens, dict) or not isinstance(tokens.get("id_token"), str):
            raise NotAdmitted(f"the provider gave no ID token: HTTP {answer.status_code}")
        return str(tokens["id_token"])

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """What stands in the ID token, checked (Core 1.0, 3.1.3.7). Keys that are not known are asked for once more: they change."""
        for again in (False, True):
            _, keys = await self._published(anew=again)
            try:
                claims = jwt.decode(token, keys, algorithms=SIGNED_WITH).claims
                break
            except (JoseError, ValueError) as error:
                if again:
                    raise NotAdmitted(f"the ID token is not signed as it must be: {type(error).__name__}") from None
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._provider.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise NotAdmitted(f"the ID token is not for here and now: {error}") from None
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._provider.client_id:
            raise NotAdmitted("the ID token was issued to somebody else")
        return claims

    def _entrant(self, claims: Mapping[str, Any]) -> Entrant:
        name, told = claims.get(self._provider.name_claim), claims.get(self._provider.roles_claim)
        if not isinstance(name, str) or not name.strip():
            raise NotAdmitted(f"the ID token has no {self._provider.name_claim}")
        groups = told if isinstance(told, list) else [told]
        given = [self._provider.roles[group].partition("/") for group in groups if isinstance(group, str) and group in self._provider.roles]
        if not given:
            raise NotAdmitted(f"none of their {self._provider.roles_claim} has a role here")
        role, _, tenant = min(given, key=lambda one: (ROLES.index(one[0]), bool(one[2])))
        return Entrant(name.strip(), role, tenant)

    async def _published(self, *, anew: bool = False) -> tuple[dict[str, Any], KeySet]:
        """What the provider tells of itself (Discovery 1.0), and its keys. Raises ProviderAway."""
        async with self._asking:
            if anew or self._known is None or self._now_s() >= self._known_until_s:
                self._known = await self._asked()
                self._known_until_s = self._now_s() + KNOWN_S
            return self._known

    async def _asked(self) -> tuple[dict[str, Any], KeySet]:
        issuer = self._provider.issuer
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as http:
                told = (await http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")).raise_for_status().json()
                if told["issuer"] != issuer:
                    raise ProviderAway(f"{issuer} calls itself by another name; name it in the settings as it does itself")
                keys = (await http.get(told["jwks_uri"])).raise_for_status().json()
            return {name: told[name] for name in ("authorization_endpoint", "token_endpoint")}, KeySet.import_key_set(keys)
        except (httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderAway(f"{issuer} does not tell of itself: {type(error).__name__}") from None


def _credentials(provider: Provider) -> httpx.BasicAuth:
    """As RFC 6749 2.3.1 has them: each part encoded as a form's."""
    return httpx.BasicAuth(quote_plus(provider.client_id), quote_plus(provider.client_secret))
