"""Logging in through an identity provider: who may, who may not, and what a forged answer comes to."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine

from console.pages.app import Console, make_app
from console.pages.entering import BACK, KEPT
from console.people.sign_on import Provider, SignOn
from mahnlauf.failures import BadInput
from mahnlauf.settings import load
from tests.console.kit import files_in
from tests.console.provider import (
    CLIENT,
    SECRET,
    Claims,
    StandInProvider,
    by_another_key,
    by_nobody,
    by_the_clients_secret,
    provided,
)
from tests.console.test_pages import BROWSER, PASSWORD, House

ROLES = {"dunning": "work/acme", "heads": "admin", "guests": "read"}


@pytest.fixture
async def provider() -> AsyncIterator[StandInProvider]:
    async with provided() as found:
        yield found


class Door:
    """A console whose people may come from the provider."""

    def __init__(self, folder: Path, provider: StandInProvider) -> None:
        self.house = House(files_in(folder))
        sign_on = SignOn(Provider(provider.url, CLIENT, SECRET, f"http://console{BACK}", ROLES, label="Acme"))
        views: Engine = self.house.views
        self.app = make_app(Console(views, self.house.people, self.house.desk, self.house.office, persons=True, sign_on=sign_on))

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://console", headers=BROWSER) as found:
            yield found


@pytest.fixture
def door(tmp_path: Path, provider: StandInProvider) -> Door:
    return Door(tmp_path, provider)


async def sent_back(browser: httpx.AsyncClient) -> str:
    """Where the provider sends the browser that began here."""
    begun = await browser.get("/login/provider")
    assert begun.status_code == 303
    async with httpx.AsyncClient(trust_env=False) as outside:
        return (await outside.get(begun.headers["location"])).headers["location"]


async def came_in(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get(await sent_back(browser))


async def test_who_has_a_role_there_has_it_here_and_loses_it_there(door: Door, provider: StandInProvider) -> None:
    async with door.browser() as browser:
        assert "Log in with Acme" in (await browser.get("/login")).text
        answer = await came_in(browser)
        assert (answer.status_code, 'url=/cases"' in answer.text) == (200, True)
        token = browser.cookies["mahnlauf_session"]
        user = door.house.directory.user_of(token)
        assert user is not None
        assert (user.name, user.role, user.tenant) == ("otto", "work", "acme")
        assert (await browser.get("/cases")).status_code == 200
        provider.claims["groups"] = ["dunning", "guests", "others"]
        await came_in(browser)
        assert (door.house.directory.user_of(browser.cookies["mahnlauf_session"]) or user).role == "work"
        provider.claims["groups"] = "heads"
        await came_in(browser)
        assert (door.house.directory.user_of(browser.cookies["mahnlauf_session"]) or user).role == "admin"
        provider.claims["groups"] = ["others"]
        assert (await came_in(browser)).status_code == 403


def _without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize(
    "alter",
    [
        lambda claims: {**claims, "iss": "https://elsewhere.example"},
        lambda claims: {**claims, "aud": "another"},
        lambda claims: {**claims, "aud": [CLIENT, "another"]},
        lambda claims: {**claims, "nonce": "yesterday's"},
        lambda claims: {**claims, "exp": int(time.time()) - 120},
        lambda claims: {**claims, "groups": None},
        lambda claims: {**claims, "groups": [["dunning"]]},
        lambda claims: {**claims, "preferred_username": " "},
        lambda claims: {**claims, "preferred_username": "x" * 101},
        *(_without(name) for name in ("iss", "aud", "nonce", "exp", "sub", "groups", "preferred_username")),
    ],
)
async def test_a_token_for_somebody_or_something_else_lets_nobody_in(
    door: Door, provider: StandInProvider, alter: Callable[[Claims], Claims]
) -> None:
    provider.alter = alter
    async with door.browser() as browser:
        answer = await came_in(browser)
    assert answer.status_code == 403
    assert "mahnlauf_session" not in browser.cookies


@pytest.mark.parametrize("sign", [by_nobody, by_the_clients_secret, by_another_key])
async def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(door: Door, provider: StandInProvider, sign: Any) -> None:
    provider.sign = sign
    async with door.browser() as browser:
        assert (await came_in(browser)).status_code == 403
        assert "mahnlauf_session" not in browser.cookies


async def test_a_way_that_was_begun_elsewhere_ends_nowhere(door: Door) -> None:
    """Somebody else's code, a state that was made up, no cookie: a person can't be logged in as another."""
    async with door.browser() as victim, door.browser() as attacker:
        prepared = await sent_back(attacker)
        assert (await victim.get(prepared)).status_code == 403
        mine = await sent_back(victim)
        assert (await victim.get(mine.replace("state=", "state=x"))).status_code == 403
        assert (await victim.get(BACK, params={"code": "code-0"})).status_code == 403
        victim.cookies.set(KEPT, "..", path="/login/provider")
        assert (await victim.get(BACK, params={"code": "code-0", "state": ""})).status_code == 403


async def test_a_code_opens_once(door: Door) -> None:
    async with door.browser() as browser, door.browser() as second:
        back = await sent_back(browser)
        kept = browser.cookies[KEPT]
        assert (await browser.get(back)).status_code == 200
        second.cookies.set(KEPT, kept)
        assert (await second.get(back)).status_code == 403


async def test_who_has_a_password_here_is_not_taken_over_from_there(door: Door) -> None:
    door.house.user("otto", role="admin")
    async with door.browser() as browser:
        answer = await came_in(browser)
        assert (answer.status_code, "has a password here" in answer.text) == (403, True)


async def test_who_came_from_there_has_no_password_here(door: Door) -> None:
    async with door.browser() as browser:
        await came_in(browser)
        for password in ("", "-", PASSWORD):
            assert (await browser.post("/login", data={"name": "otto", "password": password})).status_code == 403


async def test_a_provider_that_is_away_is_told_and_tried_again_and_its_new_keys_are_asked_for(
    door: Door, provider: StandInProvider
) -> None:
    provider.away = True
    async with door.browser() as browser:
        assert (await browser.get("/login/provider")).status_code == 503
        provider.away = False
        assert (await came_in(browser)).status_code == 200
        provider.key = RSAKey.generate_key(2048, {"kid": "two"})
        assert (await came_in(browser)).status_code == 200


def test_without_a_provider_there_is_no_such_way(tmp_path: Path) -> None:
    browser = House(files_in(tmp_path)).browser()
    assert "Log in with" not in browser.get("/login").text
    assert browser.get("/login/provider").status_code == 404


@pytest.mark.parametrize("role", ["boss", "admin/", "work/a/b", ""])
def test_a_role_that_there_is_not_is_told_by_its_place(tmp_path: Path, role: str) -> None:
    file = tmp_path / "mahnlauf.toml"
    lines = ["[console.sign_on]", 'issuer = "https://id.example"', 'client_id = "m"', 'address = "https://c.example"']
    file.write_text("\n".join([*lines, f'roles = {{ heads = "{role}" }}']))
    with pytest.raises(BadInput, match=r"console\.sign_on\.roles"):
        load(file)
