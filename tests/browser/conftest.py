"""A real browser (Debian's Chromium) before a real server with the console's pages."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from connectors.web import WebServer
from tests.browser.kit import Town
from tests.console.kit import files_in
from tests.console.test_pages import House


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium: install Debian's chromium")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        await found.close()


@pytest.fixture
async def town(tmp_path: Path, browser: Browser) -> AsyncIterator[Town]:
    """A console with some cases, and people who look at it."""
    house = House(files_in(tmp_path))
    server = WebServer(house.app, "127.0.0.1", 0)
    await server.start()
    made = Town(house, server.url, browser)
    made.settle()
    yield made
    house.app.state.closing.set()
    await server.stop()
    house.views.dispose()
    assert made.trouble == [], "what the browser complained of"
