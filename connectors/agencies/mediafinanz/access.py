"""Who an account is at mediafinanz, by REST and by SOAP, and where: both ways in of one account are of the same mode.

`customer_number` is `<uuid>:<user>:<clientId>`, `authentication_code` is `<password>:<application licence>:<client licence>`; one alone (as
at the sandbox) serves as all, with no application licence.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx

from connectors.delivery.agency import AccountConfig
from connectors.delivery.errors import AccountUnusable, ModeMismatch
from connectors.delivery.wire import url_problem

HOSTS: Final[Mapping[str, str]] = {"api.mediafinanz.de": "live", "test.api.mediafinanz.de": "test"}
SOAP_LIVE: Final = "https://soap.mediafinanz.de/encashment204"
"""One host for test and live, which `sandbox` of each call tells apart. The path is assumed: public is where the WSDL stands."""
SOAP_ELSEWHERE: Final = "/soap/encashment"


@dataclass(frozen=True, slots=True)
class Access:
    """`headers` go with each REST request, `auth` with each SOAP call; `soap_url` may be a path at the account's own address."""

    headers: Mapping[str, str] = field(repr=False)
    auth: Mapping[str, object] = field(repr=False)
    soap_url: str


def of(account: AccountConfig) -> Access:
    """Raises AccountUnusable."""
    uuid, user, client = _three(account.customer_number, "customer_id")
    password, application, licence = _three(account.authentication_code, "authentication_code", alone=("", 1))
    # md5 is what mediafinanz asks for; it protects nothing here but is sent by TLS alone
    key = hashlib.md5(f"{application}{licence}".encode(), usedforsecurity=False).hexdigest()
    headers = {"uuid": uuid, "user": user, "password": password, "Accept": "application/json"}
    auth = {"clientId": client, "licenceKey": key, "sandbox": account.mode == "test"}
    return Access(headers, auth, SOAP_LIVE if _host(account) in HOSTS else account.url.rstrip("/") + SOAP_ELSEWHERE)


def require_mode(account: AccountConfig) -> None:
    """Raises ModeMismatch where the address is of the other mode: REST has no other mark of it."""
    mode = HOSTS.get(_host(account))
    if mode not in (None, account.mode):
        raise ModeMismatch(f"its url is mediafinanz's {mode} address, the account is {account.mode}")


def _host(account: AccountConfig) -> str:
    """Empty where the address can't be one; `Wire` refuses that by its name."""
    return "" if url_problem(account.url) else httpx.URL(account.url).host


def _three(text: str, name: str, alone: tuple[str, int] | None = None) -> tuple[str, str, str]:
    """`alone`: what stands instead of which part, where there is one for all."""
    parts = text.split(":") if name == "customer_id" else text.rsplit(":", 2)
    if len(parts) == 1:
        parts = [text] * 3
        if alone is not None:
            parts[alone[1]] = alone[0]
    if len(parts) != 3:
        raise AccountUnusable(f"its {name} must have three parts with colons between them, or be one for all")
    return parts[0], parts[1], parts[2]
