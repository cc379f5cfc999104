"""The pages, asked as a browser asks: who is let in, who sees what, and that nothing typed or published becomes markup."""

import base64
import copy
import csv
import html
import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, insert
from starlette.testclient import TestClient

from console.actions.desk import NotSealed, Sent, Unsent
from console.actions.office import (
    AccountTold,
    DeadLetter,
    Explained,
    GateTold,
    LetterPlace,
    PolicyTold,
    Previewed,
    StepPreviewed,
    Tried,
    Unfit,
)
from console.database import opened, writing
from console.pages.app import COOKIE, Console, make_app
from console.pages.guard import FORM_MAX_BYTES
from console.pages.listing import PAGE_ROWS
from console.pages.texts import TEXTS
from console.people import People
from console.people.directory import FAILED_MAX, FAILED_WITHIN_MS, SESSION_MS
from console.views import rows, totals
from console.views.tables import CASES, DEBTORS, HISTORY, SORTABLE
from schemas.status import CaseStatusData
from tests.console.kit import Sql, store

PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SCRIPT = "<script>alert(1)</script>\"'>"
BROWSER = {"sec-fetch-site": "same-origin", "accept-language": "en"}
TOLD: dict[str, Any] = {
    "status": "Reminded", "dunning_level": 1, "rung": 1, "cycle": 1, "open_amount": 123456, "overdue_amount": 100, "currency": "EUR",
    "costs": 500, "interest": 0, "credit": 0, "agency_balance": 0, "written_off": 0, "agency": None, "agency_account": None,
    "handover_id": None, "case_id": None, "stage": None, "holds": [], "signals": [], "attention": [], "waiting_for": [], "next_step": 2,
    "next_step_kind": "remind", "next_step_on": "2026-02-03", "changed_at": "2026-01-20T09:00:00Z", "version": 1,
    "last_changes": [{"changed_at": "2026-01-20T09:00:00Z", "to": "Reminded", "dunning_level": 1}],
    "receivables": [{"invoice_id": "I-1", "due_on": "2026-01-05", "open": 100, "costs": 0, "interest": 0, "rung": 1}],
    "limitation_on": None,
}  # fmt: skip


class Clock:
    """A wall clock that stands until it is moved."""

    now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


class StandInDesk:
    """Keeps what is handed in. `away`: Kafka does not answer; `told`: what became of orders, by offset."""

    def __init__(self) -> None:
        self.can = {"atriga": frozenset({"case.recall"})}
        self.now = datetime(2026, 1, 21, 9, tzinfo=UTC)
        self.events: list[Any] = []
        self.told: dict[int, str] = {}
        self.away = False
        self.seals = True

    async def seal(self, tenant: str, contract: str, text: str) -> str:
        if len(text) > 100:
            raise NotSealed("it is too long")
        return f"v1.{'0' * 16}.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"

    async def opened(self, tenant: str, contract: str, sealed: str) -> str | None:
        body = sealed.split(".")[2]
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()

    async def send(self, events: Sequence[Any]) -> list[Sent]:
        if self.away:
            raise Unsent("nobody there")
        self.events += events
        return [Sent(0, len(self.events) - len(events) + number) for number in range(len(events))]

    async def fate(self, sent: Sent) -> str | None:
        return self.told.get(sent.offset)


class StandInOffice:
    """Policies and accounts in memory. `away`: Kafka does not answer."""

    agencies = ("atriga", "stripe")

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], list[str]] = {}
        self.known: dict[tuple[str, str], AccountTold] = {}
        self.secrets: list[str] = []
        self.letters: list[DeadLetter] = []
        self.sent_back: list[tuple[LetterPlace, str | None]] = []
        self.doors: dict[str, GateTold] = {}
        self.away = False

    def _there(self) -> None:
        if self.away:
            raise Unsent("nobody there")

    async def explained(self, tenant: str, contract: str) -> Explained:
        self._there()
        if contract == "C-404":
            raise Unfit(f"{tenant}/{contract}: not known")
        due = datetime(2026, 2, 1, 8, tzinfo=UTC)
        return Explained(date(2026, 1, 21), "Reminded", [(4, SCRIPT)], [(due, "the step 2")], [("a payment", "Clear")], ["unknown"])

    async def dead_letters(self) -> list[DeadLetter]:
        self._there()
        return self.letters

    async def put_back(self, place: LetterPlace, text: str | None) -> None:
        self._there()
        self.sent_back.append((place, text))

    async def policies(self) -> list[PolicyTold]:
        self._there()
        return [PolicyTold(tenant, name, len(texts), "remind 5", texts[-1]) for (tenant, name), texts in sorted(self.texts.items())]

    async def tried(self, tenant: str, text: str) -> Tried:
        self._there()
        if not text.startswith("policy: "):
            raise Unfit(f"policy:1: policy: is missing\npolicy:2: {text}")
        name = text.removeprefix("policy: ").split()[0]
        before = self.texts.get((tenant, name), [])
        return Tried(name, [f"3: {SCRIPT}"], len(before), ["steps: 5 before, 7 now"] if before else [])

    async def previewed(self, tenant: str, text: str, days: int) -> Previewed:
        self._there()
        if "too many" in text:
            raise Unfit("90,000 contracts are more than a page looks ahead for")
        now, then = ([7 if day == at else 0 for day in range(days)] for at in (4, 11))
        few = [day % 3 for day in range(days)]
        return Previewed(
            date(2026, 1, 22), 21, 7, 9, 9, [StepPreviewed("reminder 1", now, then), StepPreviewed("handover", [0] * days, few)]
        )

    async def apply(self, tenant: str, text: str) -> int:
        name = (await self.tried(tenant, text)).name
        self.texts.setdefault((tenant, name), []).append(text)
        return len(self.texts[tenant, name])

    async def withdraw(self, tenant: str, name: str) -> None:
        self.texts.pop((tenant, name))

    async def accounts(self) -> list[AccountTold]:
        self._there()
        return [one for _, one in sorted(self.known.items())]

    async def gates(self) -> dict[str, GateTold]:
        return self.doors

    async def add_account(self, told: dict[str, Any], secret: str) -> None:
        self._there()
        if told["agency"] not in self.agencies:
            raise Unfit(f"there is no agency {told['agency']}")
        self.secrets.append(secret)
        key, url = (told["tenant"], told["account"]), told["settings"].get("url", "")
        self.known[key] = AccountTold(*key, told["agency"], told["mode"], told["customer_id"], url, "", "", "")

    async def rotate_account(self, tenant: str, name: str, secret: str) -> None:
        self.secrets.append(secret)

    async def pause_account(self, tenant: str, name: str, why: str) -> None:
        self.known[tenant, name] = self.known[tenant, name]._replace(paused=why)

    async def validate_account(self, tenant: str, name: str) -> str:
        if (tenant, name) not in self.known:
            raise Unfit("no such account")
        return f"{self.known[tenant, name].agency} knows it"


class House:
    """A console with some cases, and browsers that look at it."""

    def __init__(self, sql: Sql) -> None:
        self.views, _ = store(sql)
        self.clock = Clock()
        self.people = People.of(opened(sql("people")), self.clock, CHEAP)
        self.directory, self.orders, self.tokens, self.marks, self.proposals, self.letters = self.people
        self.desk, self.office = StandInDesk(), StandInOffice()
        self.app = make_app(Console(self.views, self.people, self.desk, self.office, persons=True))

    def user(self, name: str, tenant: str = "", role: str = "read") -> None:
        self.directory.join(self.directory.invite(role, tenant), name, PASSWORD)

    def browser(self, name: str | None = None) -> TestClient:
        """One that is logged in, if a name is given."""
        found = TestClient(self.app, headers=BROWSER, follow_redirects=False)
        if name is not None:
            assert found.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        return found


def add(views: Engine, tenant: str, contract: str, **changes: Any) -> None:
    told = copy.deepcopy(TOLD) | {name: value for name, value in changes.items() if name in TOLD}
    row = {column.name: told.get(column.name) or column.type.python_type() for column in CASES.columns}
    row |= {
        "tenant": tenant,
        "contract": contract,
        "acts": changes.get("acts", 1),
        "attention": rows.flags(CaseStatusData.model_validate(told, strict=False)),
        "told": told,
    }
    row["sought"] = "\n".join(str(word) for word in (contract, told["case_id"]) if word).lower()
    with writing(views).begin() as connection:
        connection.execute(insert(CASES), row)
        totals.change(connection, [], [row])


@pytest.fixture
def house(sql: Sql) -> Iterator[House]:
    made = House(sql)
    for name, tenant in (("anna", ""), ("bert", "acme")):
        made.user(name, tenant)
    add(made.views, "acme", "C-1")
    add(made.views, "other", "C-2", status="Rejected", attention=["rejected"], acts=3)
    yield made
    made.views.dispose()


@pytest.mark.parametrize("path", ["/cases", "/cases/acme/C-1", "/"])
def test_nobody_sees_a_page_without_logging_in(house: House, path: str) -> None:
    answer = house.browser().get(path)
    while answer.headers["location"] != "/login":
        answer = house.browser().get(answer.headers["location"])
    assert "C-1" not in answer.text


def test_a_link_makes_one_user_once(house: House) -> None:
    path = f"/welcome/{house.directory.invite('admin')}"
    assert house.browser().post(path, data={"name": "eva", "password": "short"}).status_code == 400
    assert house.browser().post(path, data={"name": "anna", "password": PASSWORD}).status_code == 400  # taken, and the link still opens
    browser = house.browser()
    assert browser.post(path, data={"name": "eva", "password": PASSWORD}).headers["location"] == "/cases"
    assert "eva" in browser.get("/cases").text
    assert house.browser().get(path).status_code == 404
    assert house.browser().post(path, data={"name": "mallory", "password": PASSWORD}).status_code == 400


def test_a_link_is_good_for_a_day_and_only_the_latest_first_one_opens(house: House) -> None:
    first, second = house.directory.invite_first(), house.directory.invite_first()
    assert [house.directory.is_invited(token) for token in (first, second)] == [False, True]
    house.clock.now_ms += 24 * 3600 * 1000
    assert not house.directory.is_invited(second)


def test_wrong_passwords_are_refused_and_after_some_everything_is(house: House) -> None:
    browser = house.browser()
    for _ in range(FAILED_MAX):
        assert browser.post("/login", data={"name": "anna", "password": "wrong"}).status_code == 403
    assert browser.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 429
    house.clock.now_ms += FAILED_WITHIN_MS
    assert browser.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 303


def test_a_session_ends_by_itself_by_logging_out_and_is_not_to_be_guessed(house: House) -> None:
    browser = house.browser("anna")
    token = browser.cookies[COOKIE]
    csrf = re.search(r'name="csrf" value="(\w+)"', browser.get("/cases").text)
    assert csrf is not None
    assert browser.post("/logout", data={"csrf": "x" + csrf[1]}).status_code == 403
    assert browser.get("/cases").status_code == 200
    assert browser.post("/logout", data={"csrf": csrf[1]}).status_code == 303
    for cookie in (token, token[:-1], "", "x" * 5_000):
        assert house.browser().get("/cases", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 303
    late = house.browser("anna")
    house.clock.now_ms += SESSION_MS
    assert late.get("/cases").status_code == 303


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}])
def test_a_form_of_another_site_is_refused(house: House, headers: dict[str, str]) -> None:
    answer = TestClient(house.app, follow_redirects=False).post("/login", data={"name": "anna", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_form_that_is_too_large_is_refused(house: House) -> None:
    assert house.browser().post("/login", data={"name": "x" * (FORM_MAX_BYTES + 1)}).status_code == 413


def test_nobody_sees_another_tenant(house: House) -> None:
    bert, anna = house.browser("bert"), house.browser("anna")
    for query in ("", "?q=C-2", "?tenant=other", "?status=Rejected", "?acts=3", "?sort=tenant"):
        assert "C-2<" not in bert.get(f"/cases{query}").text
    assert bert.get("/cases/other/C-2").status_code == 404
    assert bert.get("/cases/acme/C-1").status_code == 200
    assert "C-2<" in anna.get("/cases").text
    assert anna.get("/cases/other/C-2").status_code == 200


def test_every_answer_forbids_what_is_not_needed(house: House) -> None:
    for path in ("/login", "/cases", "/nowhere", "/static/style.css", "/cases/acme/none"):
        headers = house.browser("anna").get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"


def test_a_defect_is_told_without_a_trace_and_with_the_headers(house: House) -> None:
    with writing(house.views).begin() as connection:
        connection.exec_driver_sql("DROP TABLE debtors")
    answer = house.browser("anna").get("/cases")
    assert answer.status_code == 500
    assert "content-security-policy" in answer.headers
    assert "Traceback" not in answer.text
    assert "debtors" not in answer.text


def test_script_in_any_text_stays_text(house: House) -> None:
    words = dict.fromkeys(("agency", "agency_account", "case_id", "stage"), SCRIPT)
    holds = [{"hold_id": SCRIPT, "kind": SCRIPT, "invoice_id": SCRIPT, "from": "2026-01-01", "until": None}]
    receivables = [TOLD["receivables"][0] | {"invoice_id": SCRIPT}]
    add(house.views, "acme", SCRIPT, **words, attention=[SCRIPT], waiting_for=[SCRIPT], holds=holds, receivables=receivables)
    change = {"changed_at": "2026-01-20T09:00:00Z", "from": "Due", "to": "Reminded", "attention": [SCRIPT], "cause": SCRIPT, "by": SCRIPT}
    with writing(house.views).begin() as connection:
        connection.execute(insert(DEBTORS), {"tenant": "acme", "contract": SCRIPT, "name": SCRIPT, "sought": SCRIPT})
        row = {"partition": 0, "offset": 0, "tenant": "acme", "contract": SCRIPT, "version": 1, "told": change | {"reason": SCRIPT}}
        connection.execute(insert(HISTORY), row)
    browser = house.browser("anna")
    listed = browser.get("/cases", params={"q": SCRIPT}).text
    link = re.search(r'href="(/cases/acme/%3C[^"]+)"', listed)
    assert link is not None
    shown = browser.get(html.unescape(link[1])).text
    refused = browser.post("/login", data={"name": SCRIPT, "password": "wrong"}).text
    for page in (listed, shown, refused):
        assert "&lt;script&gt;" in page
        assert SCRIPT not in page
        assert page.count("<script") == page.count('<script src="/static/live.js" defer></script>')


def test_pages_in_any_order_hold_every_case_once_and_lead_back(house: House) -> None:
    for number in range(2 * PAGE_ROWS + 7):
        add(house.views, "acme", f"N-{number:03}", open_amount=number % 5, agency=f"agency {number % 3}")
    browser = house.browser("bert")
    for sort in (f"{sign}{name}" for name in SORTABLE for sign in ("", "-")):
        pages = _all_pages(browser, f"/cases?sort={sort}")
        seen = [name for page in pages for name in re.findall(r'<a href="/cases/acme/[^"]+">([^<]+)</a>', page)]
        assert sorted(seen) == ["C-1", *(f"N-{number:03}" for number in range(2 * PAGE_ROWS + 7))], sort
        back = _link("prev", pages[-1])
        assert back is not None
        assert re.findall(r'scope="row".*', browser.get(back).text) == re.findall(r'scope="row".*', pages[-2])


def _all_pages(browser: TestClient, first: str) -> list[str]:
    pages = [browser.get(first).text]
    while (url := _link("next", pages[-1])) is not None:
        pages.append(browser.get(url).text)
    return pages


def _link(rel: str, page: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("query", ["sort=none", "after=%00", "after=WzFd", "before=e30", "acts=9", "status=x", "after=" + "A" * 900])
def test_a_url_that_makes_no_sense_is_the_first_page(house: House, query: str) -> None:
    assert house.browser("anna").get(f"/cases?{query}").status_code == 200


def test_a_debtor_is_named_and_found_only_where_the_operator_wants_it(house: House) -> None:
    with writing(house.views).begin() as connection:
        connection.execute(insert(DEBTORS), {"tenant": "acme", "contract": "C-1", "name": "Eva Moll", "sought": "eva moll"})
    named = house.browser("anna")
    assert "Eva Moll" in named.get("/cases?q=moll").text
    assert "Eva Moll" in named.get("/cases/acme/C-1").text
    house.app = make_app(Console(house.views, house.people, persons=False))
    silent = house.browser("anna")
    for path in ("/cases", "/cases/acme/C-1"):
        assert "Eva Moll" not in silent.get(path).text
    assert "C-1<" not in silent.get("/cases?q=moll").text


def test_search_finds_by_words_and_takes_signs_as_they_are(house: House) -> None:
    add(house.views, "acme", "100%_sure")
    browser = house.browser("anna")
    assert "100%_sure<" in browser.get("/cases", params={"q": "%_SURE 100"}).text
    assert "C-1<" not in browser.get("/cases", params={"q": "%_sure"}).text


def test_a_contract_is_told_in_german_and_english(house: House) -> None:
    browser = house.browser("anna")
    english = browser.get("/cases/acme/C-1").text
    german = browser.get("/cases/acme/C-1", headers={"accept-language": "de-DE,de;q=0.9,en;q=0.8"}).text
    assert "€1,234.56" in english
    assert "3 Feb 2026" in english
    assert "1.234,56\N{NO-BREAK SPACE}€" in german
    assert "03.02.2026" in german
    assert '<html lang="de">' in german
    assert all(first and second for first, second in TEXTS.values())


@pytest.mark.parametrize("name", ["a/b", "a b?c#d", "ü", "100%", "a//b"])
def test_any_contract_id_has_a_page(house: House, name: str) -> None:
    add(house.views, "acme", name)
    browser = house.browser("anna")
    link = re.search(rf'<a href="(/cases/[^"]+)">{re.escape(html.escape(name))}</a>', browser.get("/cases").text)
    assert link is not None
    assert browser.get(html.unescape(link[1])).status_code == 200


def test_what_waits_for_a_person_is_counted_by_what_it_is_with_what_to_do(house: House) -> None:
    add(house.views, "acme", "C-3", attention=["ladder_ended", "question"], acts=3)
    add(house.views, "acme", "C-4", attention=["question"], acts=3)
    add(house.views, "acme", "C-5", waiting_for=["approval"], acts=3)
    text = house.browser("bert").get("/attention").text
    found = re.findall(r'<th scope="row"><a href="([^"]+)">([^<]+)</a></th><td class="number">(\d+)</td>', text)
    assert [(name, count) for _, name, count in found] == [("Question of the agency", "2"), ("Approval", "1"), ("Ladder has ended", "1")]
    assert "Rejected by the agency" not in text, "another tenant's"
    assert "Rejected by the agency" in house.browser("anna").get("/attention").text
    for path, _, count in found:
        assert len(re.findall('scope="row" data-label', house.browser("bert").get(path.replace("&amp;", "&")).text)) == int(count)
    assert all(key.removeprefix("do_") in TEXTS for key in TEXTS if key.startswith("do_"))


def test_the_overview_sums_what_the_user_may_see(house: House) -> None:
    add(house.views, "acme", "C-3", status="Accepted", agency="atriga", open_amount=1_000_00)
    add(house.views, "other", "C-4", status="Accepted", agency="paywise", open_amount=7)
    text = house.browser("bert").get("/overview").text
    assert re.findall(r'status=(\w+)">[^<]+</a></th>\s*<td class="number">(\d+)</td>', text) == [("Reminded", "1"), ("Accepted", "1")]
    assert "€1,000.00" in text
    assert "€1,234.56" in text
    assert "paywise" not in text
    assert "paywise" in house.browser("anna").get("/overview").text
    for path in ("/overview", "/attention"):
        assert house.browser().get(path).headers["location"] == "/login"


def test_flags_are_put_on_many_found_by_and_taken_off_and_no_rule_hears_of_it(house: House) -> None:
    house.user("wilma", "acme", "work")
    add(house.views, "acme", "C-3")
    browser = house.browser("wilma")
    text = browser.get("/cases").text
    form = {"csrf": re.search(r'name="csrf" value="(\w+)"', text)[1], "flag": f"call back {SCRIPT}"[:40], "colour": "red"}  # type: ignore[index]
    answer = browser.post("/flags", data=form | {"case": ["acme/C-1", "other/C-2"], "back": "/cases?sort=contract"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases?sort=contract")
    shown = browser.get("/cases", params={"mark": form["flag"]}).text
    assert "C-1" in shown
    assert "C-3</a>" not in shown
    assert SCRIPT not in shown
    assert [row["contract"] for row in csv.DictReader(io.StringIO(browser.get("/cases.csv", params={"mark": form["flag"]}).text))] == [
        "C-1"
    ]
    assert house.marks.of([("other", "C-2")]) == {}, "another tenant's"
    assert 'class="mark red"' in browser.get("/cases/acme/C-1").text
    assert (
        browser.post("/flags", data=form | {"case": "acme/C-1", "take": "1", "back": "//elsewhere.example"}).headers["location"] == "/cases"
    )
    assert 'class="mark red"' not in browser.get("/cases/acme/C-1").text
    assert not house.desk.events


@pytest.mark.parametrize("wrong", [{"flag": ""}, {"flag": "x" * 41}, {"colour": "pink"}, {"csrf": "x"}])
def test_what_is_no_flag_is_refused(house: House, wrong: dict[str, str]) -> None:
    house.user("wilma", "acme", "work")
    browser = house.browser("wilma")
    token = re.search(r'name="csrf" value="(\w+)"', browser.get("/cases").text)[1]  # type: ignore[index]
    form = {"csrf": token, "flag": "later", "colour": "blue", "case": "acme/C-1"} | wrong
    assert browser.post("/flags", data=form).status_code in (400, 403)
    assert house.marks.known("") == []
    reader = house.browser("bert")
    token = re.search(r'name="csrf" value="(\w+)"', reader.get("/cases").text)[1]  # type: ignore[index]
    assert reader.post("/flags", data={"csrf": token, "flag": "later", "colour": "blue", "case": "acme/C-1"}).status_code == 403


def test_what_changed_is_bold_until_its_history_was_opened_by_that_user(house: House) -> None:
    anna, bert = house.browser("anna"), house.browser("bert")
    assert anna.get("/cases").text.count(" unread") == 2
    anna.get("/cases/acme/C-1")
    assert anna.get("/cases").text.count(" unread") == 1
    assert bert.get("/cases").text.count(" unread") == 1, "he has not opened it"
    with writing(house.views).begin() as connection:
        connection.execute(CASES.update().where(CASES.c.contract == "C-1").values(version=2))
    assert anna.get("/cases").text.count(" unread") == 2
