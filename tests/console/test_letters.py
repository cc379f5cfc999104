"""Dead letters on the pages: seen by who may, put back once, mended, set aside; and at a real cluster a mended one is applied."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from console.actions.office import DeadLetter, LetterPlace
from tests.console.kit import Sql
from tests.console.test_pages import SCRIPT, House

PLACE = LetterPlace("billing.payments.dead-letters", 1, 7)
TEXT = '{"type": "payment.received",\n "data": {}}'


def letter(offset: int = 7, tenant: str = "acme", **changes: Any) -> DeadLetter:
    at = datetime(2026, 1, 20, 9, tzinfo=UTC)
    found = DeadLetter(PLACE._replace(offset=offset), "billing.payments", "41", at, tenant, "C-1", "invalid", "data.amount: missing", TEXT)
    return found._replace(**changes)


@pytest.fixture
def house(sql: Sql) -> Iterator[House]:
    made = House(sql)
    for name, tenant, role in (("anna", "", "admin"), ("wilma", "acme", "work"), ("rita", "acme", "read"), ("otto", "other", "admin")):
        made.user(name, tenant, role)
    made.office.letters = [letter(), letter(8, "", reason="not JSON", detail=SCRIPT, text="{" + SCRIPT)]
    yield made
    made.views.dispose()


def sent(browser: Any, offset: int = 7, **fields: str) -> Any:
    csrf = re.search(r'name="csrf" value="(\w+)"', browser.get("/cases").text)
    assert csrf is not None
    place = {"topic": PLACE.topic, "partition": "1", "offset": str(offset)}
    return browser.post("/letters", data={"csrf": csrf[1], **place, **fields})


def test_who_may_see_a_letter_sees_why_and_what_it_says(house: House) -> None:
    text = house.browser("anna").get("/letters").text
    assert text.count("<textarea") == 2
    assert "data.amount: missing" in text
    assert "&#34;payment.received&#34;" in text
    assert SCRIPT not in text
    wilmas = house.browser("wilma").get("/letters").text
    assert ("data.amount: missing" in wilmas, "not JSON" in wilmas) == (True, False)
    assert "<textarea" not in house.browser("rita").get("/letters").text
    assert "data.amount: missing" not in house.browser("otto").get("/letters").text
    assert house.browser().get("/letters").headers["location"] == "/login"
    assert 'href="/letters"' in house.browser("rita").get("/attention").text


def test_as_it_is_it_goes_back_byte_for_byte_and_once(house: House) -> None:
    browser = house.browser("wilma")
    assert sent(browser, text=TEXT.replace("\n", "\r\n"), note="billing was down").status_code == 303
    assert house.office.sent_back == [(PLACE, None)]
    again = sent(browser, text=TEXT)
    assert again.status_code == 400
    assert house.office.sent_back == [(PLACE, None)]
    page = browser.get("/letters").text
    assert "<textarea" not in page
    assert "by wilma · billing was down" in page


def test_mended_by_an_admin_it_goes_back_as_it_was_mended(house: House) -> None:
    assert sent(house.browser("wilma"), text=TEXT.replace("{}", '{"amount": 5}')).status_code == 403
    assert "readonly" in house.browser("wilma").get("/letters").text
    assert house.office.sent_back == []
    assert sent(house.browser("anna"), text=TEXT.replace("{}", '{"amount": 5}')).status_code == 303
    assert house.office.sent_back == [(PLACE, TEXT.replace("{}", '{"amount": 5}'))]
    assert "Mended and put back" in house.browser("rita").get("/letters").text


def test_what_needs_nothing_is_set_aside(house: House) -> None:
    assert sent(house.browser("anna"), 8, aside="1", note="a test").status_code == 303
    assert house.office.sent_back == []
    assert house.browser("anna").get("/letters").text.count("<textarea") == 1


def test_who_may_not_puts_nothing_back(house: House) -> None:
    assert sent(house.browser("rita"), text=TEXT).status_code == 403
    assert sent(house.browser("otto"), text=TEXT).status_code == 404
    assert sent(house.browser("wilma"), 8, text=TEXT).status_code == 404
    assert house.browser("anna").post("/letters", data={"csrf": "x"}).status_code == 403
    assert house.office.sent_back == []


def test_where_kafka_is_away_it_waits_on(house: House) -> None:
    browser = house.browser("wilma")
    house.office.away = True
    assert browser.get("/letters").status_code == 503
    assert sent(browser, text=TEXT).status_code == 503
    house.office.away = False
    assert "<textarea" in browser.get("/letters").text


def test_what_is_too_long_or_names_people_is_not_shown_and_goes_back_as_it_is(house: House) -> None:
    house.office.letters = [letter(text="x" * 30_000)]
    browser = house.browser("wilma")
    assert "<textarea" not in browser.get("/letters").text
    assert sent(browser).status_code == 303
    assert house.office.sent_back == [(PLACE, None)]
