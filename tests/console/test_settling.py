"""Policies and agency accounts on the pages: who may what, that two people let a policy count, and what is told of what is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.kit import files_in
from tests.console.test_pages import SCRIPT, House, add

POLICY = "policy: standard\ntime_zone: Europe/Berlin\nsteps: []\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(files_in(tmp_path))
    for name, tenant, role in (("anna", "", "admin"), ("bert", "", "admin"), ("wilma", "acme", "work"), ("rita", "acme", "read")):
        made.user(name, tenant, role)
    made.user("otto", "other", "admin")
    add(made.views, "acme", "C-1")
    add(made.views, "acme", "C-2", status="Clear", attention=[])
    yield made
    made.views.dispose()


def sent(browser: Any, path: str, **fields: str) -> Any:
    """A form of the page, with what the page itself puts in."""
    found = re.search(r'name="csrf" value="(\w+)"', browser.get("/cases").text)
    assert found is not None
    return browser.post(path, data={"csrf": found[1], **fields})


def test_a_policy_is_proposed_by_one_and_let_count_by_another(house: House) -> None:
    anna, bert = house.browser("anna"), house.browser("bert")
    checked = sent(anna, "/policies", tenant="acme", text=POLICY)
    assert checked.status_code == 200
    assert "would be version 1" in checked.text
    assert "2 Contracts, 1 of them with a cycle begun" in checked.text
    assert SCRIPT not in checked.text
    assert house.office.texts == {}
    assert sent(anna, "/policies", tenant="acme", text=POLICY, propose="1").status_code == 303
    refused = sent(anna, "/policies/decide", proposal="1", apply="1")
    assert refused.status_code == 409
    assert "who proposes does not apply" in refused.text
    assert house.office.texts == {}
    assert sent(bert, "/policies/decide", proposal="1", apply="1").status_code == 303
    assert list(house.office.texts) == [("acme", "standard")]
    assert "applied, bert" in anna.get("/policies").text
    assert sent(bert, "/policies/decide", proposal="1", apply="1").status_code == 409, "once"
    assert len(house.office.texts["acme", "standard"]) == 1


def test_who_may_work_proposes_and_drops_and_nobody_else_touches_a_policy(house: House) -> None:
    wilma, rita, otto = house.browser("wilma"), house.browser("rita"), house.browser("otto")
    assert sent(rita, "/policies", tenant="acme", text=POLICY).status_code == 403
    assert sent(wilma, "/policies", tenant="other", text=POLICY, propose="1").status_code == 403
    assert sent(wilma, "/policies", tenant="acme", text=POLICY, propose="1").status_code == 303
    assert sent(wilma, "/policies/decide", proposal="1", apply="1").status_code == 403
    assert sent(otto, "/policies/decide", proposal="1", apply="1").status_code == 403, "another tenant's admin"
    assert "standard" not in otto.get("/policies").text
    assert sent(wilma, "/policies/decide", proposal="1", drop="1").status_code == 303
    assert sent(house.browser("anna"), "/policies/decide", proposal="1", apply="1").status_code == 409
    assert house.office.texts == {}
    assert house.browser().get("/policies").headers["location"] == "/login"


def test_what_is_wrong_with_a_policy_is_told_line_by_line_and_kept_in_the_form(house: House) -> None:
    answer = sent(house.browser("anna"), "/policies", tenant="acme", text=f"no policy {SCRIPT}", propose="1")
    assert answer.status_code == 400
    assert "policy:1: policy: is missing" in answer.text
    assert SCRIPT not in answer.text
    assert "no policy &lt;script&gt;" in answer.text
    assert house.proposals.latest("") == []


def test_a_preview_is_a_chart_and_a_table_of_what_comes_as_it_is_and_with_the_policy(house: House) -> None:
    anna, wilma = house.browser("anna"), house.browser("wilma")
    page = sent(wilma, "/policies", tenant="acme", text=POLICY, preview="1", days="30").text
    assert "22 Jan 2026, 30 days" in page
    assert 'aria-label="What would be sent from: Reminder 1 7 → 7, Handover to the agency 0 → 30"' in page
    assert page.count('<rect class="before"') == 1
    assert page.count('<rect class="after"') == 21
    assert "2 Feb 2026, with this policy: 7" in page
    weeks = re.findall(r'<tr><th scope="row">([^<]*)</th>(.*?)</tr>', page)
    assert [week for week, _ in weeks] == ["22 Jan 2026", "29 Jan 2026", "5 Feb 2026", "12 Feb 2026", "19 Feb 2026"]
    assert re.findall(r">([0-9]+ → [0-9]+)<", weeks[0][1]) == ["7 → 0", "0 → 6"]
    assert 'data-live=""' in page, "what was asked for stays, whatever changes meanwhile"
    assert "style=" not in page, "which the Content-Security-Policy forbids"
    assert sent(anna, "/policies", tenant="acme", text=POLICY, preview="1", days="9999").text.count("90 days") == 1
    refused = sent(anna, "/policies", tenant="acme", text=f"{POLICY}# too many", preview="1")
    assert (refused.status_code, "90,000 contracts" in refused.text) == (400, True)
    assert sent(house.browser("rita"), "/policies", tenant="acme", text=POLICY, preview="1").status_code == 403
    assert '<svg viewBox="0 0 760' not in sent(anna, "/policies", tenant="acme", text=POLICY).text


def test_accounts_are_added_asked_paused_and_given_another_secret_by_admins(house: House) -> None:
    otto, wilma = house.browser("otto"), house.browser("wilma")
    told = {"tenant": "other", "account": "main", "agency": "atriga", "mode": "test", "customer_id": "4711", "secret": "s3cret-one"}
    assert sent(wilma, "/agencies", **told | {"tenant": "acme"}, do="add").status_code == 403
    assert sent(otto, "/agencies", **told | {"tenant": "acme"}, do="add").status_code == 403
    assert sent(otto, "/agencies", **told | {"secret": ""}, do="add").status_code == 400
    assert sent(otto, "/agencies", **told | {"agency": "nobody"}, do="add").status_code == 400
    page = sent(otto, "/agencies", **told, do="add")
    assert "4711" in page.text
    assert "s3cret-one" not in page.text
    where = {"tenant": "other", "account": "main"}
    assert "atriga knows it" in sent(otto, "/agencies", **where, do="validate").text
    assert f"paused: {SCRIPT}"[:7] in sent(otto, "/agencies", **where, do="pause", why=SCRIPT).text
    assert SCRIPT not in otto.get("/agencies").text
    assert house.office.known["other", "main"].paused == SCRIPT
    assert "The account goes on." in sent(otto, "/agencies", **where, do="resume").text
    assert house.office.known["other", "main"].paused == ""
    rotated = sent(otto, "/agencies", **where, do="rotate", secret="s3cret-two").text
    assert 'role="status"><b>other / main</b>: The secret was changed.' in rotated
    assert "s3cret-two" not in rotated
    assert sent(otto, "/agencies", **where, do="rotate", secret=" ").text.count('role="status"') == 0, "nothing was changed"
    assert house.office.secrets == ["s3cret-one", "s3cret-two"]
    assert "4711" not in wilma.get("/agencies").text, "another tenant's"
    assert sent(otto, "/agencies", **where, do="explode").status_code == 400


def test_kafka_away_is_told(house: House) -> None:
    house.office.away = True
    anna = house.browser("anna")
    assert anna.get("/policies").status_code == anna.get("/agencies").status_code == 503
    assert sent(anna, "/policies", tenant="acme", text=POLICY, propose="1").status_code == 503
    assert house.proposals.latest("") == []


def test_a_form_from_elsewhere_settles_nothing(house: House) -> None:
    anna = house.browser("anna")
    for path, form in (("/policies", {"tenant": "acme", "text": POLICY, "propose": "1"}), ("/agencies", {"do": "add"})):
        assert anna.post(path, data=form | {"csrf": "x"}).status_code == 403
        assert anna.post(path, data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_why_a_contract_stands_where_it_stands_is_told_to_who_may_see_it(house: House) -> None:
    rita = house.browser("rita")
    assert 'href="/why/acme/C-1"' in rita.get("/cases/acme/C-1").text
    text = rita.get("/why/acme/C-1").text
    for words in ("[4]", "the step 2", "a payment", "unknown"):
        assert words in text
    assert SCRIPT not in text
    assert house.browser("otto").get("/why/acme/C-1").status_code == 404
    assert house.browser().get("/why/acme/C-1").headers["location"] == "/login"
    missing = rita.get("/why/acme/C-404")
    assert (missing.status_code, "not known" in missing.text) == (404, True)
    house.office.away = True
    assert rita.get("/why/acme/C-1").status_code == 503
