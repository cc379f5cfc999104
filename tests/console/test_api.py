"""The JSON API: what a shop asks and orders, and that a token opens no more than it should."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from fastapi import Request
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from sqlalchemy import Engine, insert, update
from starlette.testclient import TestClient

from console.api.app import following
from console.database import writing
from console.pages import live
from console.views.tables import CASES, HISTORY, POSITIONS
from schemas import topics
from tests.console.kit import files_in
from tests.console.test_pages import House, add

DAY_MS = 24 * 3600 * 1000
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(files_in(tmp_path))
    add(made.views, "acme", "C-1", attention=["ladder_ended"])
    add(made.views, "acme", "C-2", status="Accepted", agency="atriga", next_step=None, handover_id="h-1")
    add(made.views, "other", "C-9", status="Rejected", acts=3)
    yield made
    made.views.dispose()


def client(house: House, role: str = "work", tenant: str = "", days: int | None = None) -> TestClient:
    """One that shows a token of its own."""
    token = house.tokens.add(f"shop {len(house.tokens.known())}", role, tenant, days)
    return TestClient(house.app, headers={"authorization": f"Bearer {token}"}, follow_redirects=False)


def changed(views: Engine, partition: int, offset: int, contract: str, tenant: str = "acme") -> None:
    told = {
        "changed_at": "2026-01-20T09:00:00Z",
        "from": "Due",
        "to": "Reminded",
        "dunning_level": 1,
        "attention": [],
        "cause": "tick",
        "by": None,
    }
    row = {"partition": partition, "offset": offset, "tenant": tenant, "contract": contract, "version": 1, "told": {**told, "version": 1}}
    place = {"topic": topics.CASE_HISTORY, "partition": partition, "topic_id": "t", "next_offset": offset + 1, "caught_up_ms": 0}
    with writing(views).begin() as connection:
        connection.execute(insert(HISTORY), row)
        here = (POSITIONS.c.topic == topics.CASE_HISTORY) & (POSITIONS.c.partition == partition)
        if not connection.execute(update(POSITIONS).where(here).values(next_offset=offset + 1)).rowcount:
            connection.execute(insert(POSITIONS), place)


def test_without_a_token_that_is_good_nothing_is_told(house: House) -> None:
    shop, old = client(house), client(house, days=1)
    assert shop.get("/api/cases").status_code == old.get("/api/cases").status_code == 200
    house.clock.now_ms += DAY_MS
    house.tokens.remove("shop 0")
    nobody = TestClient(house.app)
    for asking in (shop, old, nobody, TestClient(house.app, headers={"authorization": "Bearer mahnlauf_x"})):
        for path in ("/api/cases", "/api/cases/acme/C-1", "/api/changes", "/api/changes/stream", "/api/orders/acme/C-1"):
            answer = asking.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
            assert "C-1" not in answer.text.replace(path, "")
        assert asking.post("/api/orders/acme/C-1", json={"type": "handover.ordered"}).status_code == 401
    assert not house.desk.events


def test_a_session_of_a_browser_is_no_token_and_a_token_no_session(house: House) -> None:
    house.user("anna", role="admin")
    assert house.browser("anna").get("/api/cases").status_code == 401
    assert client(house).get("/cases").headers["location"] == "/login"


def test_cases_are_told_as_the_pages_find_them(house: House) -> None:
    shop = client(house)
    found = shop.get("/api/cases", params={"sort": "contract"}).json()
    assert [(one["contract"], one["acts"]) for one in found["cases"]] == [("C-1", "debtor"), ("C-2", "debtor"), ("C-9", "person")]
    assert found["cases"][0]["status"]["open_amount"] == 123456
    assert [one["contract"] for one in shop.get("/api/cases", params={"acts": "person"}).json()["cases"]] == ["C-9"]
    assert [one["contract"] for one in shop.get("/api/cases", params={"status": "Accepted"}).json()["cases"]] == ["C-2"]
    assert shop.get("/api/cases/acme/C-2").json()["status"]["agency"] == "atriga"
    assert shop.get("/api/cases/acme/C-77").status_code == 404
    for number in range(60):
        add(house.views, "acme", f"D-{number:02}")
    pages, after = [], ""
    while after is not None:
        told = shop.get("/api/cases", params={"sort": "-contract", "after": after}).json()
        pages.append([one["contract"] for one in told["cases"]])
        after = told["after"]
    assert [len(page) for page in pages] == [50, 13]
    assert len({contract for page in pages for contract in page}) == 63


def test_a_tenants_token_sees_and_orders_nothing_of_another(house: House) -> None:
    acme = client(house, tenant="acme")
    changed(house.views, 0, 4, "C-9", "other")
    assert {one["tenant"] for one in acme.get("/api/cases").json()["cases"]} == {"acme"}
    for path in ("/api/cases/other/C-9", "/api/history/other/C-9", "/api/orders/other/C-9"):
        assert acme.get(path).status_code == 404
    assert acme.post("/api/orders/other/C-9", json={"type": "handover.ordered"}).status_code == 404
    many = {"type": "handover.ordered", "contracts": [{"tenant": "other", "contract": "C-9"}]}
    assert acme.post("/api/orders", json=many).json() == {"ordered": [], "not_offered": ["other/C-9"]}
    assert acme.get("/api/changes").json()["changes"] == []
    assert not house.desk.events


def test_who_may_only_read_orders_nothing(house: House) -> None:
    reader = client(house, role="read")
    assert reader.post("/api/orders/acme/C-1", json={"type": "handover.ordered"}).status_code == 403
    assert (
        reader.post("/api/orders", json={"type": "handover.ordered", "contracts": [{"tenant": "acme", "contract": "C-1"}]}).status_code
        == 403
    )
    assert not house.desk.events


def test_an_order_under_one_key_is_one_event_also_after_the_contract_moved_on(house: House) -> None:
    shop, key = client(house), {"idempotency-key": "4711"}
    order = {"type": "handover.ordered", "invoice_ids": ["I-1"], "account": "main"}
    first = shop.post("/api/orders/acme/C-1", json=order, headers=key)
    assert first.status_code == 202
    add_status(house, "C-1", status="ToBePassed")
    again = shop.post("/api/orders/acme/C-1", json=order, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    [event] = house.desk.events
    assert (event.type, event.subject, event.data.by) == ("handover.ordered", "C-1", "shop 0")
    assert (event.data.invoice_ids, event.data.account) == (("I-1",), "main")
    assert event.id == first.json()["order_id"]
    assert shop.post("/api/orders/acme/C-1", json=order).status_code == 409, "without the key it is another order"


def add_status(house: House, contract: str, **changes: Any) -> None:
    with writing(house.views).begin() as connection:
        connection.execute(CASES.delete().where(CASES.c.contract == contract))
    add(house.views, "acme", contract, **changes)


def test_what_became_of_an_order_is_told(house: House) -> None:
    shop = client(house)
    for kind, fate in (("step.skipped", "no step to skip"), ("handover.ordered", None), ("hold.placed", "")):
        body = {"type": kind} | ({"step": 2} if kind == "step.skipped" else {"kind": "manual"} if kind == "hold.placed" else {})
        assert shop.post("/api/orders/acme/C-1", json=body).status_code == 202
        house.clock.now_ms += 1
        if fate is not None:
            house.desk.told[len(house.desk.events) - 1] = fate
    told = shop.get("/api/orders/acme/C-1").json()["orders"]
    assert [(one["type"], one["state"], one["why"]) for one in told] == [
        ("hold.placed", "applied", None),
        ("handover.ordered", "pending", None),
        ("step.skipped", "refused", "no step to skip"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"type": "step.skipped", "step": 3}, 409),
        ({"type": "step.skipped"}, 422),
        ({"type": "handover.recalled"}, 409),
        ({"type": "handover.ordered", "invoices": ["I-1"]}, 422),
        ({"type": "hold.placed", "kind": "payment_plan"}, 400),
        ({"type": "attention.cleared", "name": "rejected"}, 409),
        ({"type": "payment.received"}, 422),
        ([], 422),
    ],
)
def test_what_can_not_be_ordered_is_refused_and_says_why(house: House, body: Any, status: int) -> None:
    answer = client(house).post("/api/orders/acme/C-1", json=body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    assert not house.desk.events


def test_a_message_goes_out_sealed_and_in_no_log_in_the_clear(house: House, tmp_path: Path) -> None:
    shop = client(house)
    house.desk.can["atriga"] |= {"case.send_message"}
    words = "Frau Beispielmann rief an"
    answer = shop.post("/api/orders/acme/C-2", json={"type": "case.message_written", "text": words})
    assert answer.status_code == 202
    [event] = house.desk.events
    assert asyncio.run(house.desk.opened("acme", "C-2", event.data.text)) == words
    assert event.data.text.startswith("v1.")
    assert all(words.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert shop.post("/api/orders/acme/C-2", json={"type": "case.message_written", "text": " "}).status_code == 400
    assert shop.post("/api/orders/acme/C-2", json={"type": "case.message_written", "text": "x" * 101}).status_code == 400
    house.desk.seals = False
    assert shop.post("/api/orders/acme/C-2", json={"type": "case.message_written", "text": words}).status_code == 409


def test_a_list_is_ordered_at_once_and_says_what_it_left_out(house: House) -> None:
    shop, key = client(house), {"idempotency-key": "k"}
    many = {"type": "handover.ordered", "contracts": [{"tenant": "acme", "contract": name} for name in ("C-1", "C-2", "C-77", "C-1")]}
    for _ in range(2):
        told = shop.post("/api/orders", json=many, headers=key)
        assert told.status_code == 202
        assert [one["contract"] for one in told.json()["ordered"]] == ["C-1"]
        assert told.json()["not_offered"] == ["acme/C-2", "acme/C-77"]
    assert [event.subject for event in house.desk.events] == ["C-1"]


def test_kafka_away_is_told_and_the_same_key_orders_once_when_it_is_back(house: House) -> None:
    shop, key = client(house), {"idempotency-key": "k"}
    house.desk.away = True
    assert shop.post("/api/orders/acme/C-1", json={"type": "handover.ordered"}, headers=key).status_code == 503
    assert shop.get("/api/orders/acme/C-1").json()["orders"][0]["state"] == "unconfirmed"
    house.desk.away = False
    for _ in range(2):
        assert shop.post("/api/orders/acme/C-1", json={"type": "handover.ordered"}, headers=key).status_code == 202
    assert len(house.desk.events) == 1


def test_changes_are_told_once_each_and_in_order_from_any_place(house: House) -> None:
    shop = client(house)
    for number in range(230):
        changed(house.views, 0, 2 * number, f"P-{number}")
    changed(house.views, 3, 0, "Q-0")
    seen: list[str] = []
    after = ""
    while (told := shop.get("/api/changes", params={"after": after}).json())["changes"]:
        seen += [one["contract"] for one in told["changes"]]
        after = told["after"]
    assert seen == [f"P-{number}" for number in range(230)] + ["Q-0"]
    assert shop.get("/api/changes/end").json()["after"] == after
    changed(house.views, 1, 7, "R-0")
    assert [one["contract"] for one in shop.get("/api/changes", params={"after": after}).json()["changes"]] == ["R-0"]
    for wrong in ("x", "AAAA", "MDp4", "LTE6MA"):
        assert shop.get("/api/changes", params={"after": wrong}).status_code == 400


async def test_the_stream_tells_what_comes_and_goes_on_from_its_last_place(house: House) -> None:
    async def gone() -> Any:
        await asyncio.sleep(3600)

    def request() -> Request:
        return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}, gone)

    changed(house.views, 0, 0, "P-0")
    stream = following(house.views, "acme", "", request(), asyncio.Event())
    first = await anext(stream)
    assert (first.event, json.loads(first.data.model_dump_json())["contract"]) == ("change", "P-0")
    coming = asyncio.ensure_future(anext(stream))
    changed(house.views, 0, 1, "X-0", "other")
    changed(house.views, 0, 2, "P-1")
    async with asyncio.timeout(10):
        assert (await coming).data.contract == "P-1"
    again = following(house.views, "acme", str(first.id), request(), closing := asyncio.Event())
    assert (await anext(again)).data.contract == "P-1"
    closing.set()
    async with asyncio.timeout(10):
        assert [one async for one in again] == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_the_api_or_is_answered_undocumented(house: House, mode: GenerationMode) -> None:
    house.desk.can["atriga"] |= {"case.send_message"}
    shop = client(house)
    told = house.app.openapi() if house.app.openapi_url else shop.get("/api/openapi.json").json()
    told["paths"].pop("/changes/stream")  # it does not end
    told["servers"] = [{"url": "/api"}]
    schema = cast(Any, schemathesis).openapi.from_dict(told)
    schema.app = house.app
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == 8
    for operation in operations:
        _try(operation, mode, dict(shop.headers))


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @seed(20260301)
    @settings(max_examples=25, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and case.path_parameters:
            case.path_parameters = {"tenant": "acme", "name": "C-1"}
        case.call_and_validate(headers={"authorization": headers["authorization"]}, checks=CHECKS)

    try:
        tried()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about this operation can be wrong


async def test_an_open_page_is_told_what_its_user_may_see_until_the_session_ends(house: House) -> None:
    async def gone() -> Any:
        await asyncio.sleep(3600)

    open_for = [True]
    request = Request({"type": "http", "method": "GET", "path": "/live", "headers": [], "query_string": b""}, gone)
    changed(house.views, 0, 0, "before")
    told = live.events(house.views, "acme", None, request, lambda: open_for[0], asyncio.Event())
    assert await anext(told) == live.BREATH
    changed(house.views, 0, 1, "X-0", "other")
    changed(house.views, 0, 2, "P-1")
    async with asyncio.timeout(10):
        said = (await anext(told)).decode()
    assert 'data: ["acme/P-1"]' in said
    add(house.views, "acme", "P-2", version=0)
    changed(house.views, 0, 3, "P-2")
    changed(house.views, 0, 4, "P-3")
    async with asyncio.timeout(10):
        assert 'data: ["acme/P-3"]' in (await anext(told)).decode(), "the other's status is still to come"
        with writing(house.views).begin() as connection:
            connection.execute(update(CASES).where(CASES.c.contract == "P-2").values(version=9))
        assert 'data: ["acme/P-2"]' in (await anext(told)).decode()
    open_for[0] = False
    async with asyncio.timeout(10):
        assert [one async for one in told] == []


def test_nobody_is_told_of_changes_without_a_session(house: House) -> None:
    assert house.browser().get("/live").status_code == 401
    page = house.browser().get("/login")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
