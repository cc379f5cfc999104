"""A town whose people owe: the demo's whole chain over contracts of a test's own, and a window of the console's admin."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Browser, Page, expect

from mahnlauf import stories
from mahnlauf.demo.cases import Cases
from mahnlauf.demo.demo import NOON, Lived, lived
from mahnlauf.publishing import Days, publish
from mahnlauf.stories import Case
from schemas import topics
from tests.console.test_pages import PASSWORD

ARRIVES_WITHIN_MS: Final = 30_000


def person(name: str, last_name: str, later: int, *, postal_code: bool = True) -> Case:
    """A contract whose only invoice so far, of 49.90 EUR, falls due `later` days after the first of the town."""
    case = Case(name, name, stories.FIRST_DUE + timedelta(days=later), 4_990, len(name))
    street = {"street": "Gartenweg 1", "city": "Hanau", "country": "DE", "source": "contract"}
    address = {**street, **({"postal_code": "63450"} if postal_code else {})}
    case.event(topics.DEBTORS, -20, "debtor.described", kind="consumer", first_name="Ida", last_name=last_name, addresses=[address])
    case.invoice(1, 0, case.amount)
    return case


@dataclass
class Street:
    """The chain, which lives on a thread of its own; and how far the agency's days have gone."""

    town: Lived
    folder: Path
    until: date
    today: date
    admitted: bool = False

    async def days_pass(self, count: int) -> None:
        """At the agency; the connector asks what is new."""
        self.today += timedelta(days=count)
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self.town.chain.sandbox.url}/clock", json={"now": f"{self.today}T12:00:00Z"})).raise_for_status()
            (await http.post(f"{self.town.chain.connector.url}/poll")).raise_for_status()

    async def at_the_agency(self, contract: str) -> dict[str, Any]:
        """The case of a contract, as the agency has it."""
        async with httpx.AsyncClient(trust_env=False) as http:
            told = (await http.get(f"{self.town.chain.sandbox.url}/cases")).json()
        [case] = [each for each in told["cases"] if each.get("contract") == contract]
        return dict(case)

    async def published(self, case: Case, since: int) -> None:
        """What upstream systems tell of a case from its line `since` on."""
        file = self.folder / f"{case.contract}-{since}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in case.lines[since:]))
        await publish(self.town.connection, [file], Days(NOON, self.until))


@contextmanager
def inhabited(bootstrap: str, folder: Path, cases: Cases) -> Iterator[Street]:
    """The street after all days of the cases, until the end."""
    begun, over = threading.Event(), threading.Event()
    found: list[Street] = []

    async def live() -> None:
        async with lived(bootstrap, cases, folder) as town:
            found.append(Street(town, folder, cases.until, cases.until))
            begun.set()
            await asyncio.to_thread(over.wait)

    def run() -> None:
        try:
            asyncio.run(live())
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="street")
    thread.start()
    begun.wait(120)
    assert found, "the chain did not come up"
    yield found[0]
    over.set()
    thread.join(60)


@asynccontextmanager
async def window(street: Street, browser: Browser) -> AsyncIterator[Page]:
    """Of the console's admin, at the table of cases."""
    page = await (await browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})).new_page()
    page.set_default_timeout(ARRIVES_WITHIN_MS)
    expect.set_options(timeout=ARRIVES_WITHIN_MS)
    await page.goto(f"{street.town.chain.console.url}/login" if street.admitted else street.town.chain.door)
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in" if street.admitted else "Create user").click()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    street.admitted = True
    yield page
    await page.context.close()
