"""Through an identity provider at another site into the console, in a real browser: its rules for cookies decide whether one arrives."""

from pathlib import Path

from playwright.async_api import Browser, expect

from connectors.web import WebServer
from console.pages.app import Console, make_app
from console.pages.entering import BACK
from console.people.sign_on import Provider, SignOn
from mahnlauf.broker.ports import choose_port
from tests.console.kit import files_in
from tests.console.provider import CLIENT, SECRET, provided
from tests.console.test_pages import House


async def test_a_person_comes_in_through_another_site_and_stays(browser: Browser, tmp_path: Path) -> None:
    house, port = House(files_in(tmp_path)), choose_port(None)
    async with provided("localhost") as provider:  # to a browser another site than 127.0.0.1
        back = f"http://127.0.0.1:{port}{BACK}"
        sign_on = SignOn(Provider(provider.url, CLIENT, SECRET, back, {"dunning": "work"}, label="Acme"))
        app = make_app(Console(house.views, house.people, sign_on=sign_on))
        server = WebServer(app, "127.0.0.1", port)
        await server.start()
        try:
            page = await (await browser.new_context(locale="en-GB")).new_page()
            await page.goto(f"{server.url}/login")
            await page.get_by_role("link", name="Log in with Acme").click()
            await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
            await expect(page.locator("form.who")).to_contain_text("otto")
            await page.goto(f"{server.url}/overview")
            await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        finally:
            app.state.closing.set()
            await server.stop()
            house.views.dispose()
