"""What a creditor's people do all day, in a browser: find, read, order, flag, propose; with and without script, by keyboard, on a phone."""

import csv
import io
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, Route, expect

from console.pages.listing import PAGE_ROWS
from tests.browser.kit import PHONE, WIDE, Town
from tests.console.test_pages import PASSWORD, add

PAGES = (
    "/cases",
    "/cases/acme/C-1004",
    "/cases/acme/C-1002",
    "/money/acme/C-1001",
    "/money/acme/C-1004",
    "/why/acme/C-1002",
    "/attention",
    "/letters",
    "/overview",
    "/policies",
    "/agencies",
    "/statements/acme/main",
)


async def contracts(page: Page) -> list[str]:
    return await page.locator("table.cases tbody th a").all_inner_texts()


@pytest.mark.parametrize("script", [True, False])
async def test_a_link_makes_a_user_who_comes_in_and_leaves(town: Town, script: bool) -> None:
    page = await town.person(None, script=script)
    await page.goto(f"{town.url}/welcome/{town.house.directory.invite('work')}")
    await page.get_by_label("Name").fill("wilma")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create user").click()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await page.goto(f"{town.url}/cases")
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
async def test_one_table_over_all_agencies_is_sorted_searched_and_filtered_and_its_url_kept(town: Town, script: bool) -> None:
    page = await town.person(script=script)
    assert await contracts(page) == ["C-1002", "C-1004", "C-1001", "C-1003", "C-1005"], "the last changed first"
    await page.get_by_role("columnheader", name="Open").get_by_role("link").click()
    assert (await contracts(page))[0] == "C-1003"
    await page.get_by_role("searchbox").fill("debitura")
    await page.get_by_role("button", name="Apply").click()
    assert await contracts(page) == ["C-1005"]
    await page.goto(f"{town.url}/cases")
    await page.get_by_label("Status").select_option("Accepted")
    await page.get_by_role("button", name="Apply").click()
    assert await contracts(page) == ["C-1004"]
    other = await town.person("bert", script=script)
    await other.goto(page.url)
    assert await contracts(other) == ["C-1004"]


async def test_who_must_act_is_told_by_colour_icon_and_word(town: Town) -> None:
    page = await town.person()
    row = page.get_by_role("row").filter(has_text="C-1002")
    await expect(row.locator(".acts")).to_have_text("You")
    assert await row.locator("svg.icon").count() == 1
    grounds = {await one.evaluate("each => getComputedStyle(each).backgroundColor") for one in await page.locator("tbody tr").all()}
    assert len(grounds) == 4, "person, agency, debtor, nobody"
    await page.get_by_role("navigation", name="Who acts").get_by_role("link", name="Agency").click()
    assert await contracts(page) == ["C-1004", "C-1005"]


async def test_a_row_is_bold_until_its_history_was_opened(town: Town) -> None:
    page = await town.person()
    link = page.get_by_role("link", name="C-1001")
    weight = "each => getComputedStyle(each.closest('tr').querySelector('td.number')).fontWeight"
    assert await link.evaluate(weight) == "700"
    await link.click()
    await expect(page.get_by_role("heading", name="History")).to_be_visible()
    await page.goto(f"{town.url}/cases")
    assert await page.get_by_role("link", name="C-1001").evaluate(weight) == "400"


@pytest.mark.parametrize("script", [True, False])
async def test_a_hold_is_ordered_and_told_as_it_goes(town: Town, script: bool) -> None:
    page = await town.person(script=script)
    await page.goto(f"{town.url}/cases/acme/C-1001")
    form = page.locator("form").filter(has=page.get_by_role("button", name="Hold"))
    await form.get_by_label("Reason").fill("asked for time")
    await form.get_by_role("button", name="Hold").click()
    await expect(page.get_by_text("on its way")).to_be_visible()
    [event] = town.house.desk.events
    assert (event.type, event.data.by, event.data.reason) == ("hold.placed", "anna", "asked for time")
    town.house.desk.told[0] = ""
    if not script:
        await page.reload()
    await expect(page.get_by_text("on its way")).to_have_count(0)  # with script the page asks for itself
    await expect(page.locator("#orders")).to_contain_text("done")


async def test_somebody_writes_to_the_agency_and_reads_what_was_written(town: Town) -> None:
    page = await town.person()
    await page.goto(f"{town.url}/cases/acme/C-1004")
    await page.get_by_label("Message").fill("Please call the debtor <b>today</b>")
    await page.get_by_role("button", name="Write to the agency").click()
    await expect(page.locator("#orders q")).to_have_text("Please call the debtor <b>today</b>")
    assert "call the debtor" not in town.house.desk.events[0].data.text


@pytest.mark.parametrize("script", [True, False])
async def test_many_are_selected_ordered_and_flagged_and_the_flag_finds_them(town: Town, script: bool) -> None:
    page = await town.person(script=script)
    for name in ("C-1001", "C-1002", "C-1003"):
        await page.get_by_role("checkbox", name=name).check()
    await page.get_by_label("Order for the selected").select_option("handover.ordered")
    await page.get_by_role("button", name="Order for the selected").click()
    await expect(page.get_by_role("status")).to_be_visible()
    assert sorted(event.subject for event in town.house.desk.events) == ["C-1001", "C-1002", "C-1003"]
    await page.get_by_role("checkbox", name="C-1005").check()
    await page.locator("input[name=flag]").fill("lawyer")
    await page.get_by_label("Colour").select_option("violet")
    await page.get_by_role("button", name="Flag selected").click()
    await page.locator("select[name=mark]").select_option("lawyer")
    await page.get_by_role("button", name="Apply").click()
    assert await contracts(page) == ["C-1005"]
    await expect(page.locator(".mark.violet")).to_have_text("lawyer")


async def test_the_table_is_there_as_a_file(town: Town) -> None:
    page = await town.person()
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="As a file (CSV)").click()
    path = await (await coming.value).path()
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["contract"] for row in rows] == await contracts(page)


async def test_an_open_page_follows_what_changes_and_leaves_a_half_filled_form_alone(town: Town) -> None:
    table, other = await town.person(), await town.person("bert")
    await other.goto(f"{town.url}/cases/acme/C-1001")
    await other.get_by_label("Reason").first.fill("half a sen")
    await table.get_by_role("checkbox", name="C-1002").scroll_into_view_if_needed()
    for page in (table, other):
        await page.wait_for_function("() => performance.getEntriesByName(location.origin + '/live').length >= 0")
    town.change("C-1001", "Held", 0)
    row = table.get_by_role("row").filter(has_text="C-1001")
    await expect(row).to_contain_text("Held")
    await expect(other.get_by_label("Reason").first).to_have_value("half a sen")
    await other.get_by_label("Reason").first.fill("")
    await other.get_by_role("heading", name="Money").click()
    await other.evaluate("() => document.activeElement.blur()")
    await expect(other.locator(".title")).to_contain_text("Held")


async def test_what_changes_before_an_open_page_listens_reaches_it_too(town: Town) -> None:
    page = await town.person()

    async def late(route: Route) -> None:
        town.change("C-1001", "Held", 0)
        await route.continue_()

    await page.route("**/live*", late, times=1)
    await page.goto(f"{town.url}/cases/acme/C-1001")
    await expect(page.locator(".title")).to_contain_text("Held")


async def test_the_pages_of_a_long_table_go_on_and_back(town: Town) -> None:
    for number in range(PAGE_ROWS):
        add(town.house.views, "acme", f"L-{number:03}", changed_at="2025-12-01T09:00:00Z")
    page = await town.person()
    await page.goto(f"{town.url}/cases?sort=contract")
    first = await contracts(page)
    await page.get_by_role("link", name="Next →").click()
    await expect(page.get_by_role("link", name="← Previous")).to_be_visible()
    rest = await contracts(page)
    assert (len(first), len(rest)) == (PAGE_ROWS, 5)
    assert first + rest == sorted(first + rest)
    await page.get_by_role("link", name="← Previous").click()
    await expect(page.get_by_role("link", name="Next →")).to_be_visible()
    assert await contracts(page) == first


async def test_a_policy_is_checked_proposed_and_let_count_by_another(town: Town) -> None:
    anna, bert = await town.person(), await town.person("bert")
    await anna.goto(f"{town.url}/policies")
    await anna.get_by_label("Creditor").fill("acme")
    await anna.get_by_label("Policy (YAML)").fill("policy: gentle\n")
    await anna.get_by_role("button", name="Check").click()
    await expect(anna.get_by_role("status")).to_contain_text("would be version 1")
    await anna.get_by_label("Days ahead").select_option("30")
    await anna.get_by_role("button", name="Preview").click()
    await expect(anna.get_by_role("img", name="Handover to the agency 0 → 30")).to_be_visible()
    await expect(anna.get_by_role("row", name="Sum")).to_contain_text("7 → 7")
    assert not (await Axe().run(anna)).response["violations"]
    await anna.get_by_role("button", name="Propose").click()
    await bert.goto(f"{town.url}/policies")
    await bert.locator("summary").filter(has_text="gentle").click()
    await bert.get_by_role("button", name="Let it count").click()
    await expect(bert.locator("#proposals")).to_contain_text("applied, bert")
    assert ("acme", "gentle") in town.house.office.texts


async def test_by_keyboard_one_skips_to_the_content_and_opens_a_case(town: Town) -> None:
    page = await town.person()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("() => document.activeElement.textContent") == "C-1002":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="C-1002")).to_be_visible()


async def test_a_record_that_could_not_be_applied_is_mended_and_put_back(town: Town) -> None:
    page = await town.person()
    await page.goto(f"{town.url}/attention")
    await page.get_by_role("link", name="Records that could not be applied").click()
    await expect(page.get_by_text("data.amount: missing")).to_be_visible()
    await page.get_by_label("Record").fill('{"type": "payment.received", "data": {"amount": 5}}')
    await page.get_by_label("Note").fill("amount asked for")
    await page.get_by_role("button", name="Put back").click()
    await expect(page.get_by_text("Mended and put back")).to_be_visible()
    [(_, text)] = town.house.office.sent_back
    assert text == '{"type": "payment.received", "data": {"amount": 5}}'


async def test_who_may_only_read_sees_nothing_to_press(town: Town) -> None:
    page = await town.person("rita")
    assert await page.get_by_role("checkbox").count() == 0
    for path in PAGES:
        await page.goto(town.url + path)
        names = {await one.inner_text() for one in await page.get_by_role("button").all()}
        assert names <= {"Log out", "Apply"}, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "locale"), [(WIDE, "en-GB"), (PHONE, "de-DE")])
async def test_every_page_is_accessible_and_fits(town: Town, scheme: Any, size: Any, locale: str) -> None:
    page = await town.person(color_scheme=scheme, locale=locale)
    await page.set_viewport_size(size)
    found = []
    for path in PAGES:
        await page.goto(town.url + path)
        for details in await page.locator("summary").all():
            await details.click()
        over = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{path} is {over} px too wide"
        violations = (await Axe().run(page)).response["violations"]
        found += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:150]}" for one in violations if one["impact"] in ("serious", "critical")]
    assert found == []


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
async def test_the_doors_are_accessible(town: Town, locale: str) -> None:
    page = await town.person(None, locale=locale)
    await page.set_viewport_size(PHONE)
    for path in ("/login", f"/welcome/{town.house.directory.invite('work')}", "/welcome/none"):
        await page.goto(town.url + path)
        violations = (await Axe().run(page)).response["violations"]
        assert [one["id"] for one in violations if one["impact"] in ("serious", "critical")] == [], path


async def test_german_is_spoken_to_who_asks_for_it(town: Town) -> None:
    page = await town.person()
    window = await town.browser.new_context(locale="de-DE", storage_state=await page.context.storage_state())
    german = await window.new_page()
    await german.goto(f"{town.url}/cases")
    await expect(german.get_by_role("heading", name="Fälle")).to_be_visible()
    assert await german.locator("html").get_attribute("lang") == "de"
    await expect(german.get_by_text("1.234,56 €").first).to_be_visible()
