"""Takes the pictures of docs/console.md (`make screenshots`): the real chain lives for weeks, Debian's Chromium looks at its console."""

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.async_api import Page, async_playwright

from mahnlauf.broker.temporary import choose, temporary
from mahnlauf.demo.cases import generated
from mahnlauf.demo.demo import lived
from mahnlauf.stories import POLICY, cases

PICTURES: Final = Path(__file__).parent / "screenshots"
CONTRACTS: Final = 70
UNTIL: Final = date(2025, 3, 28)
"""Handed over are some, closed a few, and some wait for a person."""
PASSWORD: Final = "a password for the pictures"
COLOURS: Final = 128
READ: Final = 6
"""Contracts of the first page that somebody has looked at already."""
Scheme = Literal["light", "dark"]


async def take(bootstrap: str, folder: Path) -> None:
    """All pictures, from a chain over this empty Kafka."""
    told = generated(folder, list(cases())[:CONTRACTS], UNTIL)
    async with lived(bootstrap, told, folder) as town, _browser(town.chain.console.url) as page:
        await page.goto(town.chain.door)
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create user").click()
        await page.get_by_role("heading", name="Cases").wait_for()
        contract = await _prepared(page)
        for name, path, height in (
            ("cases", "/cases", 900),
            ("contract", contract, 1500),
            ("to-do", "/attention", 300),
            ("overview", "/overview", 800),
            ("policies", "/policies", 800),
        ):
            await _picture(page, path, f"{name}.png", "light", (1440, height))
        for name, path in (("cases", "/cases"), ("contract", contract), ("overview", "/overview")):
            await _picture(page, path, f"{name}-phone.png", "dark", (390, 1100))


@asynccontextmanager
async def _browser(url: str) -> AsyncIterator[Page]:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no Chromium: install Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        window = await browser.new_context(base_url=url, locale="en-GB")
        yield await window.new_page()
        await browser.close()


async def _prepared(page: Page) -> str:
    """Some flags and read rows, a policy that waits for a second person; where the contract is that is shown: one with an agency."""
    await page.goto("/cases?acts=2")
    links = page.locator("table.cases tbody th a")
    contract = await links.first.get_attribute("href")
    assert contract is not None
    await page.goto("/cases")
    read = [await link.get_attribute("href") for link in (await links.all())[2 : 2 + READ]]
    for each in (2, 5):
        await page.get_by_role("checkbox").nth(each).check()
    await page.locator("input[name=flag]").fill("call back")
    await page.get_by_label("Colour").select_option("blue")
    await page.get_by_role("button", name="Flag selected").click()
    for path in read:
        await page.goto(path or "/cases")
    await page.goto("/policies")
    await page.get_by_label("Creditor").fill("acme")
    await page.get_by_label("Policy (YAML)").fill(POLICY.replace("day: 14", "day: 12"))
    await page.get_by_role("button", name="Check").click()
    await page.get_by_role("button", name="Propose").click()
    await page.locator("#proposals").wait_for()
    return contract


async def _picture(page: Page, path: str, name: str, scheme: Scheme, size: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.emulate_media(color_scheme=scheme)
    await page.goto(path)
    image = Image.open(io.BytesIO(await page.screenshot(animations="disabled"))).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / name, optimize=True)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="mahnlauf-screenshots-"))
    try:
        with temporary(folder / "kafka", choose("auto")) as bootstrap:
            asyncio.run(take(bootstrap, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
