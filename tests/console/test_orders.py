"""What a person orders on the page of a contract: what is offered to whom, what becomes of it, and that it is one event."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from connectors.delivery.sealing import Key, Keys
from console.actions.orders import KINDS
from console.database import opened, writing
from console.pages.app import Console, make_app
from console.people import People
from console.views.projector import Projector
from console.views.tables import CASES
from mahnlauf.ordering import OrderDesk
from streams.engine.cluster import Connection
from streams.engine.engine import Engine
from streams.processor import EscalationProcessor
from streams.worker.config import engine_config
from tests.console.kit import LAST_DAY, PARTITIONS, files_in, store
from tests.console.test_pages import BROWSER, CHEAP, PASSWORD, SCRIPT, House, add
from tests.front_door.published import stories

PAGE = "/cases/acme/C-1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(files_in(tmp_path))
    made.user("anna", role="work")
    made.user("rita")
    made.user("otto", "other", role="admin")
    add(
        made.views,
        "acme",
        "C-1",
        attention=["ladder_ended"],
        holds=[{"hold_id": "h-1", "kind": "dispute", "invoice_id": None, "from": "2026-01-20", "until": None}],
    )
    yield made
    made.views.dispose()


def filled(browser: Any, page: str = PAGE) -> dict[str, str]:
    """What every form of the page carries."""
    text = browser.get(page).text
    return {name: re.search(rf'name="{name}" value="(\w+)"', text)[1] for name in ("csrf", "nonce")}  # type: ignore[index]


def offered(text: str) -> list[str]:
    return re.findall(r'name="order" value="([^"]+)"', text)


def test_what_is_offered_is_what_the_contract_and_its_agency_can(house: House) -> None:
    browser = house.browser("anna")
    kinds = {each.split("/")[0] for each in offered(browser.get(PAGE).text)}
    assert kinds == {"handover.ordered", "step.skipped", "hold.placed", "hold.released", "attention.cleared"}
    told: dict[str, Any] = {"status": "Accepted", "agency": "atriga", "holds": [], "attention": [], "next_step": None}
    add(house.views, "acme", "C-2", **told)
    add(house.views, "acme", "C-3", **told | {"agency": "someone"})
    assert offered(browser.get("/cases/acme/C-2").text) == ["case.refresh_ordered", "handover.recalled"]
    assert offered(browser.get("/cases/acme/C-3").text) == ["case.refresh_ordered"]
    add(house.views, "acme", "C-4", waiting_for=["approval"])
    assert "step.approved/2" in offered(browser.get("/cases/acme/C-4").text)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"status": "Rejected", "attention": ["rejected"]}, False),
        ({"status": "Clear", "attention": ["recalled"]}, False),
        ({"status": "UnsuccessfullyClosed", "attention": ["recalled"]}, False),
        ({"status": "UnsuccessfullyClosed", "attention": []}, True),
    ],
)
def test_what_the_agency_gave_back_can_be_handed_over_again(house: House, told: dict[str, Any], asked: bool) -> None:
    """Though nothing of it is overdue. A second placement needs another account."""
    add(house.views, "acme", "C-5", overdue_amount=0, holds=[], next_step=None, **told)
    text = house.browser("anna").get("/cases/acme/C-5").text
    assert "handover.ordered" in offered(text)
    assert ('name="account"' in text) is asked


def test_what_is_settled_or_given_up_is_not_offered_to_an_agency(house: House) -> None:
    for contract, status in (("C-6", "Clear"), ("C-7", "UnsuccessfullyClosed")):
        add(house.views, "acme", contract, status=status, open_amount=0, overdue_amount=0, attention=[], holds=[], next_step=None)
        assert "handover.ordered" not in offered(house.browser("anna").get(f"/cases/acme/{contract}").text)


def test_an_order_is_one_event_that_says_who_however_often_the_form_is_sent(house: House) -> None:
    browser = house.browser("anna")
    form = filled(browser) | {"kind": "manual", "until": "2026-02-01", "reason": "asked for time"}
    form["order"] = f"hold.placed/console-{form['nonce']}"
    for _ in range(2):
        answer = browser.post(PAGE, data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}#orders")
    [event] = house.desk.events
    assert (event.type, event.tenant, event.subject, event.time) == ("hold.placed", "acme", "C-1", house.desk.now)
    assert (event.data.by, event.data.kind, event.data.until, event.data.reason) == ("anna", "manual", date(2026, 2, 1), "asked for time")
    assert "on its way" in browser.get(PAGE).text
    house.desk.told[0] = ""
    assert "done" in browser.get(PAGE).text
    house.desk.told.clear()
    assert "on its way" not in browser.get(PAGE).text, "what is known of an order does not change"


def test_why_an_order_was_refused_is_told(house: House) -> None:
    browser = house.browser("anna")
    house.desk.told[0] = f"no step to skip: {SCRIPT}"
    assert browser.post(PAGE, data=filled(browser) | {"order": "step.skipped/2"}).status_code == 303
    text = browser.get(PAGE).text
    assert "refused: no step to skip: &lt;script&gt;" in text
    assert SCRIPT not in text


def test_what_kafka_did_not_take_is_told_and_may_be_ordered_again(house: House) -> None:
    browser = house.browser("anna")
    house.desk.away = True
    form = filled(browser) | {"order": "handover.ordered"}
    assert browser.post(PAGE, data=form).status_code == 503
    assert "not confirmed by Kafka" in browser.get(PAGE).text
    house.desk.away = False
    for _ in range(2):
        assert browser.post(PAGE, data=form).status_code == 303
    assert [event.type for event in house.desk.events] == ["handover.ordered"], "the same form, once"
    assert "not confirmed by Kafka" not in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"order": "handover.recalled"}, 409),
        ({"order": "hold.released/another"}, 409),
        ({"order": ""}, 409),
        ({"order": "handover.ordered", "nonce": "x"}, 409),
        ({"order": "handover.ordered", "csrf": "x"}, 403),
        ({"order": "hold.placed", "kind": "payment_plan"}, 400),
        ({"order": "hold.placed", "kind": KINDS[0], "until": SCRIPT}, 400),
    ],
)
def test_a_form_that_asks_for_something_else_is_refused(house: House, fields: dict[str, str], status: int) -> None:
    browser = house.browser("anna")
    form = filled(browser) | fields
    if form["order"] == "hold.placed":
        form["order"] += f"/console-{form['nonce']}"
    answer = browser.post(PAGE, data=form)
    assert answer.status_code == status
    assert SCRIPT not in answer.text
    assert not house.desk.events


def test_who_may_only_read_orders_nothing_and_another_tenants_contract_is_none(house: House) -> None:
    reader, stranger = house.browser("rita"), house.browser("otto")
    assert not offered(reader.get(PAGE).text)
    csrf = re.search(r'name="csrf" value="(\w+)"', reader.get(PAGE).text)
    assert csrf is not None
    form = {"csrf": csrf[1], "nonce": "0" * 32, "order": "handover.ordered"}
    assert reader.post(PAGE, data=form).status_code == 403
    own = re.search(r'name="csrf" value="(\w+)"', stranger.get("/cases").text)
    assert own is not None
    assert stranger.post(PAGE, data=form | {"csrf": own[1]}).status_code == 404
    assert house.browser().post(PAGE, data=form).headers["location"] == "/login"
    cross = TestClient(house.app, headers=BROWSER | {"sec-fetch-site": "cross-site"}, cookies=reader.cookies, follow_redirects=False)
    assert cross.post(PAGE, data=form).status_code == 403
    assert not house.desk.events


def test_a_contract_that_moved_on_meanwhile_is_told(house: House) -> None:
    browser = house.browser("anna")
    form = filled(browser) | {"order": "step.skipped/2"}
    with writing(house.views).begin() as connection:
        connection.execute(update(CASES).values(told={**_told(house), "next_step": 3}))
    assert browser.post(PAGE, data=form).status_code == 409


def _told(house: House) -> dict[str, Any]:
    with house.views.connect() as connection:
        told: dict[str, Any] = connection.execute(CASES.select()).one().told
    return told


def test_the_same_is_ordered_for_many_and_what_cant_be_is_counted(house: House) -> None:
    """One that is in a case, one of another tenant and one that is none are not among them."""
    browser = house.browser("anna")
    add(house.views, "acme", "C-2", status="Accepted", agency="atriga")
    add(house.views, "acme", "a/b", waiting_for=["approval"])
    form = filled(browser, "/cases") | {"order": "handover.ordered"}
    cases = ["acme/C-1", "acme/C-2", "acme/a/b", "acme/none", "junk"]
    for _ in range(2):
        answer = browser.post("/cases", data={**form, "case": cases})
        assert (answer.status_code, answer.headers["location"]) == (303, "/cases?ordered=2&passed_over=1")
    assert [(event.subject, event.type) for event in house.desk.events] == [("C-1", "handover.ordered"), ("a/b", "handover.ordered")]
    assert len({event.id for event in house.desk.events}) == 2
    assert "Ordered for 2" in browser.get("/cases?ordered=2&passed_over=1").text
    assert "Ordered for" not in browser.get("/cases?ordered=x&passed_over=1").text
    otto = house.browser("otto")
    add(house.views, "other", "C-7")
    strangers = otto.post("/cases", data={**filled(otto, "/cases"), "order": "handover.ordered", "case": cases})
    assert strangers.headers["location"] == "/cases?ordered=0&passed_over=0"
    for wrong in ({"order": "hold.placed"}, {"nonce": "1"}):
        assert browser.post("/cases", data={**form, **wrong, "case": cases}).status_code == 409
    assert browser.post("/cases", data={**form, "csrf": "x", "case": cases}).status_code == 403
    assert 'name="case"' not in house.browser("rita").get("/cases").text
    assert len(house.desk.events) == 2


def test_the_table_as_a_file_holds_what_the_filter_finds_and_no_formula(house: House) -> None:
    add(house.views, "acme", "=cmd|' /C calc'!A0")
    add(house.views, "other", "C-9")
    add(house.views, "acme", "C-2", status="Accepted")
    anna = house.browser("anna").get("/cases.csv?status=Reminded&sort=contract")
    assert anna.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(anna.text)))
    assert [row["contract"] for row in rows] == ["'=cmd|' /C calc'!A0", "C-1", "C-9"]
    assert (rows[1]["open_amount"], rows[1]["currency"]) == ("1234.56", "EUR")
    assert [row["contract"] for row in csv.DictReader(io.StringIO(house.browser("otto").get("/cases.csv").text))] == ["C-9"]
    assert house.browser().get("/cases.csv").headers["location"] == "/login"


async def test_an_order_goes_through_kafka_and_the_rules_and_is_seen_on_the_page(own_kafka: str, tmp_path: Path) -> None:
    """A hold, which is applied, and the release of one that is there no more, which the processor refuses and says why."""
    connection = (await stories(own_kafka, tmp_path, 12, LAST_DAY)).connection
    views, made = store(files_in(tmp_path))
    people = People.of(opened(files_in(tmp_path)("people")), hasher=CHEAP)
    people.directory.join(people.directory.invite("work"), "anna", PASSWORD)
    await _worked(connection, made)
    with views.connect() as looking:
        page = next(f"/cases/acme/{row.contract}" for row in looking.execute(CASES.select()) if row.status == "Reminded")
    async with OrderDesk(connection, "escalation", Keys([Key.new()])) as desk:
        app = make_app(Console(views, people, desk))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console", headers=BROWSER) as browser:
            await browser.post("/login", data={"name": "anna", "password": PASSWORD})
            form = await _filled(browser, page)
            await browser.post(page, data=form | {"order": f"hold.placed/console-{form['nonce']}", "kind": "manual"})
            assert "on its way" in (await browser.get(page)).text
            await _worked(connection, made)
            text = (await browser.get(page)).text
            assert "Held" in text
            assert "on its way" not in text
            [release] = [each for each in offered(text) if each.startswith("hold.released/")]
            for _ in range(2):
                await browser.post(page, data=await _filled(browser, page) | {"order": release})
            await _worked(connection, made)
            text = (await browser.get(page)).text
            assert not [each for each in offered(text) if each.startswith("hold.released/")]
            assert "on its way" not in text


async def _filled(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    text = (await browser.get(page)).text
    return {name: re.search(rf'name="{name}" value="(\w+)"', text)[1] for name in ("csrf", "nonce")}  # type: ignore[index]


async def _worked(connection: Connection, made: Any) -> None:
    """A worker applies everything there is, and the projector writes it to the views."""
    await Engine(engine_config(connection, PARTITIONS, "127.0.0.1:1"), EscalationProcessor()).drain()
    await Projector(connection, made, persons=False).drain()
