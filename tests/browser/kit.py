"""People before the console: each with a browser window of their own, which notes what it complains of."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, ViewportSize
from sqlalchemy import insert, select, update

from console.actions.office import AccountTold, GateTold
from console.database import writing
from console.views.tables import CASES, HISTORY, POSITIONS
from schemas import topics
from tests.console.test_letters import letter
from tests.console.test_pages import PASSWORD, House, add
from tests.console.told import handed, remitted, reported, told

WIDE: Final[ViewportSize] = {"width": 1440, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}


@dataclass
class Town:
    """`trouble`: errors of scripts and styles, and requests to anywhere but the console."""

    house: House
    url: str
    browser: Browser
    trouble: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Some cases over two agencies, accounts, a policy in force and one that waits."""
        views, house = self.house.views, self.house
        for name, tenant, role in (("anna", "", "admin"), ("bert", "", "admin"), ("rita", "acme", "read")):
            house.user(name, tenant, role)
        house.desk.can = {"atriga": frozenset({"case.recall", "case.send_message", "case.answer"})}
        add(views, "acme", "C-1001", changed_at="2026-01-20T09:00:00Z")
        add(views, "acme", "C-1002", status="Due", open_amount=990, changed_at="2026-01-22T09:00:00Z", attention=["ladder_ended"], acts=3)
        add(views, "acme", "C-1003", status="Clear", open_amount=0, acts=0, changed_at="2026-01-19T09:00:00Z")
        agency = {"agency": "atriga", "case_id": "AT-7", "handover_id": "h-1", "next_step": None, "next_step_kind": None, "acts": 2}
        add(views, "acme", "C-1004", status="Accepted", changed_at="2026-01-21T09:00:00Z", **agency)
        add(views, "acme", "C-1005", status="DebtCollection", changed_at="2026-01-18T09:00:00Z", **agency | {"agency": "debitura"})
        handed(views, "C-1004", "h-1")
        reported(views, "C-1004", "h-1", "P-1", 2_000, "2026-02-03")
        remitted(views, "C-1004", "O-1", 1_800, 200, "S-1", "2026-02-28")
        told(views, topics.REPLIES, "C-1004", "case.accepted", handover_id="h-1", occurred_at="2026-02-03T08:00:00Z", agency="atriga")
        for name in ("main", "second"):
            house.office.known["acme", name] = AccountTold("acme", name, "atriga", "test", "4711", "", "", "", "")
        house.office.doors = {"acme/main": GateTold(datetime(2026, 2, 5, 7, 30, tzinfo=UTC), "agency_unavailable", 3)}
        house.office.letters = [letter()]
        house.office.texts["acme", "standard"] = ["policy: standard\ntime_zone: Europe/Berlin\nsteps: []\n"]
        house.proposals.add("acme", "standard", "policy: standard\ntime_zone: Europe/Berlin\nsteps: []\nrefresh_at: '07:00'\n", "bert")

    async def person(self, name: str | None = "anna", *, script: bool = True, **look: Any) -> Page:
        """A window of somebody who is logged in, if a name is given."""
        window = await self.browser.new_context(java_script_enabled=script, locale=look.pop("locale", "en-GB"), viewport=WIDE, **look)
        page = await window.new_page()
        page.set_default_timeout(10_000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", self._asked)
        if name is not None:
            await page.goto(f"{self.url}/login")
            await page.locator("input[name=name]").fill(name)  # whatever the language
            await page.locator("input[name=password]").fill(PASSWORD)
            await page.locator("form.door button").click()
            await page.wait_for_url("**/cases")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "404" not in message.text:
            self.trouble.append(message.text)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in (urlsplit(self.url).netloc, ""):
            self.trouble.append(f"asked for {request.url}")

    def change(self, contract: str, status: str, offset: int) -> None:
        """What the projector would write of a change."""
        told = {"changed_at": "2026-01-25T09:00:00Z", "from": "Reminded", "to": status, "dunning_level": 1, "attention": []}
        row = {"partition": 0, "offset": offset, "tenant": "acme", "contract": contract, "version": 2}
        here = (CASES.c.tenant == "acme") & (CASES.c.contract == contract)
        with writing(self.house.views).begin() as connection:
            before = connection.execute(select(CASES.c.told).where(here)).scalar_one()
            connection.execute(update(CASES).where(here).values(status=status, version=2, told=before | {"status": status}))
            connection.execute(insert(HISTORY), {**row, "told": told | {"cause": "e-1", "by": None, "version": 2, "reason": None}})
            place = {"topic": topics.CASE_HISTORY, "partition": 0, "topic_id": "t", "next_offset": offset + 1, "caught_up_ms": 0}
            at = POSITIONS.c.topic == topics.CASE_HISTORY
            if not connection.execute(update(POSITIONS).where(at).values(next_offset=offset + 1)).rowcount:
                connection.execute(insert(POSITIONS), place)
