"""The whole chain before a person: Kafka, worker, connector, the agency's sandbox, projector and console as processes of their own."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from mahnlauf.demo.cases import generated
from mahnlauf.demo.demo import lived
from mahnlauf.stories import agency_goes_all_the_way, cases
from tests.console.test_pages import PASSWORD

ARRIVES_WITHIN_MS = 30_000
AFTER_SECOND_REMINDER = timedelta(days=20)
"""After the due day, and ten days before the policy would hand over by itself."""


@pytest.mark.timeout(300)
async def test_a_person_hands_over_a_case_and_sees_the_agencys_answer_come_in(own_kafka: str, browser: Browser, tmp_path: Path) -> None:
    case = next(one for one in cases() if one.story == agency_goes_all_the_way.__name__)
    until = case.due + AFTER_SECOND_REMINDER
    async with lived(own_kafka, generated(tmp_path, [case], until), tmp_path) as town:
        page = await _admitted(browser, town.chain.door)
        await page.get_by_role("link", name=case.contract).click()
        await expect(page.locator(".title")).to_contain_text("Reminded")
        await page.get_by_role("button", name="Hand over").click()
        await expect(page.locator(".title")).to_contain_text("Passed")  # nobody asks for the page again: it follows
        await expect(page.locator("#orders")).to_contain_text("done")
        await expect(page.locator(".timeline")).to_contain_text("by anna")

        two_days_on = f"{until + timedelta(days=2)}T12:00:00Z"
        (await town.http.post(f"{town.chain.sandbox.url}/clock", json={"now": two_days_on})).raise_for_status()
        (await town.http.post(f"{town.chain.connector.url}/poll")).raise_for_status()
        await expect(page.locator(".title")).to_contain_text("First dunning")
        await page.goto(f"{town.chain.console.url}/cases?agency=atriga")
        await expect(page.get_by_role("row").filter(has_text=case.contract)).to_contain_text("Agency")
        assert (town.seen.commands["case.submit"], town.seen.replies["case.passed"]) == (1, 1)


async def _admitted(browser: Browser, door: str) -> Page:
    """The window of the console's first admin."""
    page = await (await browser.new_context(locale="en-GB")).new_page()
    page.set_default_timeout(ARRIVES_WITHIN_MS)
    expect.set_options(timeout=ARRIVES_WITHIN_MS)
    await page.goto(door)
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create user").click()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    return page
