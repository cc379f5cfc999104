"""What the systems can do that this one follows (billwerk, DreamRobot, atriga): each as a person at the console sees it, over the real
chain: Kafka, worker, connector, the agencies' sandbox, projector and console, and a real browser.

All of them work on one town, each with contracts of its own; the agency's days only go on.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from mahnlauf import stories
from mahnlauf.demo.cases import generated
from mahnlauf.stories import TENANT, Case
from schemas import topics
from tests.browser.town import ARRIVES_WITHIN_MS, Street, inhabited, person, window

pytestmark = pytest.mark.timeout(300)
UNTIL: Final = stories.FIRST_DUE + timedelta(days=36)
"""What fell due on the first day was handed over by the ladder; what fell due sixteen days later has had its second reminder."""
ACCEPTED: Final = {"day": 1, "status": "Accepted"}
FIRST: Final = {"day": 2, "status": "FirstDunningPhase", "dunning_level": 1}
ASKS: Final = "When did the debtor move?"
WRITES: Final = "The debtor offers instalments."
PEOPLE: Final = {
    "LADDER": "Albrecht",
    "REJECTED": "Bergmann",
    "TRANSIT": "Conrad",
    "ONE": "Demir",
    "TWO": "Ehlers",
    "DESK": "Fuchs",
    "BACK": "Graf",
}


def town_s_cases() -> list[Case]:
    ladder, rejected = _case("LADDER", 0), _case("REJECTED", 0, postal_code=False)
    ladder.agency = [ACCEPTED, FIRST, {"day": 9, "percent": 100}, {"day": 10, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]
    under_way, one, two, desk, back = (_case(name, 16) for name in ("TRANSIT", "ONE", "TWO", "DESK", "BACK"))
    under_way.event(
        *(topics.PAYMENTS, 19, "payment.initiated"),
        payment_id="under-way", amount=under_way.amount, currency="EUR", method="wallet",
    )  # fmt: skip
    desk.agency = [ACCEPTED, {"day": 1, "document": "demand_letter"}, {"day": 1, "message": WRITES}, {"day": 1, "question": ASKS}]
    one.agency = two.agency = back.agency = [ACCEPTED]
    return [ladder, rejected, under_way, one, two, desk, back]


def _case(name: str, later: int, *, postal_code: bool = True) -> Case:
    return person(name, PEOPLE[name], later, postal_code=postal_code)


@pytest.fixture(scope="module")
def street(own_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with inhabited(own_kafka, folder, generated(folder, town_s_cases(), UNTIL)) as street:
        yield street


@pytest.fixture
async def page(street: Street, browser: Browser) -> AsyncIterator[Page]:
    async with window(street, browser) as page:
        yield page


async def _contract(page: Page, street: Street, name: str) -> Callable[[str], Any]:
    """Its page; what is returned waits until its title says something."""
    await page.goto(f"{street.town.chain.console.url}/cases/{TENANT}/{name}")
    return lambda words: expect(page.locator(".title")).to_contain_text(words)


def _row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


# --- billwerk and atriga


async def test_the_ladder_hands_over_and_a_success_with_nothing_open_starts_anew(street: Street, page: Page) -> None:
    says = await _contract(page, street, "LADDER")
    await says("First dunning")
    for status in ("Due → Reminded", "→ To be passed", "→ Passed", "→ Accepted"):
        await expect(page.locator(".timeline")).to_contain_text(status)
    await expect(page.locator(".facts").first).to_contain_text("Level")
    await street.days_pass(12)
    await says("Clear")
    await expect(page.locator(".timeline")).to_contain_text("Closed")
    await page.get_by_role("link", name="What was claimed and paid").click()
    await expect(page.get_by_role("heading", name="Claimed from the debtor")).to_be_visible()
    await expect(page.get_by_role("row", name="Paid to the agency")).to_have_count(1)
    await page.goto(f"{street.town.chain.console.url}/statements/{TENANT}/main")
    await expect(page.locator("main")).to_contain_text("1 Contracts")  # it was paid, and nothing is remitted yet


async def test_what_the_agency_rejects_goes_to_a_person_who_hands_it_over_again(street: Street, page: Page) -> None:
    await page.goto(f"{street.town.chain.console.url}/cases?acts=3")
    await expect(_row(page, "REJECTED").locator(".acts").first).to_contain_text("You")
    says = await _contract(page, street, "REJECTED")
    await says("Rejected")
    mended = _case("REJECTED", 0)
    mended.event(topics.DEBTORS, 35, "debtor.described", **mended.lines[0]["value"]["data"])
    await street.published(mended, len(mended.lines) - 1)
    await page.get_by_role("button", name="Hand over now").click()
    await says("Passed")


async def test_somebody_at_the_telephone_is_told_why_a_contract_stands_where_it_stands(street: Street, page: Page) -> None:
    await _contract(page, street, "TRANSIT")
    await page.get_by_role("link", name="Why does it stand here?").click()
    await expect(page.get_by_role("heading", name="What comes next")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("payment")


async def test_a_policy_is_looked_ahead_with_before_it_counts(street: Street, page: Page) -> None:
    await page.goto(f"{street.town.chain.console.url}/policies")
    await page.get_by_label("Creditor").fill(TENANT)
    await page.get_by_label("Policy (YAML)").fill(stories.POLICY)
    await page.get_by_label("Days ahead").select_option("60")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", name="What would be sent from")).to_be_visible()
    await expect(page.locator("section.chart")).to_contain_text(f"{len(PEOPLE)} Contracts")


# --- DreamRobot and atriga


async def test_an_agency_is_activated_its_credentials_looked_at_and_changed_and_a_second_account_is_added(
    street: Street, page: Page
) -> None:
    await page.goto(f"{street.town.chain.console.url}/agencies")
    for name in ("circle-a", "circle-b"):
        form = page.locator("form").filter(has=page.get_by_role("button", name="Add account"))
        await form.get_by_label("Creditor").fill(TENANT)
        await form.get_by_label("Account").fill(name)
        await form.locator("select[name=agency]").select_option("atriga")
        await form.get_by_label("Customer id").fill(f"4711-{name}")
        await form.get_by_label("Secret").fill("code")
        await form.get_by_role("button", name="Add account").click()
        await expect(page.get_by_role("heading", name=f"{TENANT} / {name}")).to_be_visible()
    mine = page.locator("section").filter(has=page.get_by_role("heading", name=f"{TENANT} / circle-a"))
    await expect(mine).to_contain_text("4711-circle-a")
    await mine.locator("button[value=validate]").click()
    await expect(page.get_by_role("status")).to_be_visible()
    await mine.locator("input[name=secret]").fill("another code")
    async with page.expect_navigation():
        await mine.locator("button[value=rotate]").click()
    await expect(page.get_by_role("status")).to_contain_text("The secret was changed.")
    await mine.locator("input[name=why]").fill("holidays")
    await mine.locator("button[value=pause]").click()
    await expect(mine).to_contain_text("holidays")


async def test_a_live_account_is_not_taken_where_tests_are_made(street: Street, page: Page) -> None:
    await page.goto(f"{street.town.chain.console.url}/agencies")
    form = page.locator("form").filter(has=page.get_by_role("button", name="Add account"))
    await form.get_by_label("Creditor").fill(TENANT)
    await form.get_by_label("Account").fill("real")
    await form.locator("select[name=agency]").select_option("atriga")
    await form.get_by_label("Mode").select_option("live")
    await form.get_by_label("Customer id").fill("4711")
    await form.get_by_label("Secret").fill("code")
    await form.get_by_role("button", name="Add account").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("heading", name=f"{TENANT} / real")).to_have_count(0)


async def test_a_selected_list_is_handed_over_by_hand_and_keeps_its_own_markers(street: Street, page: Page) -> None:
    await page.goto(f"{street.town.chain.console.url}/cases")
    for name in ("ONE", "TWO"):
        await _row(page, name).get_by_role("checkbox").check()
    await page.get_by_label("Order for the selected").select_option("handover.ordered")
    await page.get_by_role("button", name="Order for the selected").click()
    for name in ("ONE", "TWO"):
        await expect(_row(page, name)).to_contain_text("Passed")
        assert (await street.at_the_agency(name))["submissions"] == 1
    await _row(page, "TWO").get_by_role("checkbox").check()
    await page.locator("input[name=flag]").fill("moved")
    await page.get_by_label("Colour").select_option("violet")
    await page.get_by_role("button", name="Flag selected").click()
    await expect(_row(page, "TWO").locator(".mark.violet")).to_have_text("moved")


async def test_one_table_last_changed_first_searched_by_debtor_and_bold_until_its_history_was_opened(street: Street, page: Page) -> None:
    await page.goto(f"{street.town.chain.console.url}/cases")
    changed = [await one.inner_text() for one in await page.locator("tbody td:nth-last-child(2)").all()]
    assert changed == sorted(changed, key=_as_time, reverse=True)
    assert len(await page.locator("td.changes").first.locator("li").all()) <= 3
    await page.get_by_role("columnheader", name="Contract").get_by_role("link").click()
    names = [await one.inner_text() for one in await page.locator("tbody th a").all()]
    assert names == sorted(names)
    await page.get_by_role("searchbox").fill("Ehlers")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator("tbody th a")).to_have_text(["TWO"])
    await expect(_row(page, "TWO").locator(".unseen")).to_be_visible()
    await page.get_by_role("link", name="TWO", exact=True).click()
    await expect(page.get_by_role("heading", name="History")).to_be_visible()
    await page.go_back()
    await page.reload()
    await expect(_row(page, "TWO").locator(".unseen")).to_have_count(0)


def _as_time(told: str) -> tuple[str, ...]:
    """`12/03/2025, 09:00` as something that sorts."""
    day, _, clock = told.replace("\n", " ").partition(",")
    return (*reversed(day.split("/")), clock)


async def test_the_desk_writes_answers_reads_documents_asks_how_it_stands_and_tells_of_a_direct_payment(street: Street, page: Page) -> None:
    says = await _contract(page, street, "DESK")
    await page.get_by_role("button", name="Hand over now").click()
    await says("Passed")
    await street.days_pass(2)
    await says("Accepted")
    timeline, orders = page.locator(".timeline"), page.locator("#orders")
    await expect(timeline).to_contain_text(WRITES)
    number = (await street.at_the_agency("DESK"))["number"]
    await expect(timeline.get_by_role("link")).to_have_attribute("href", re.compile(rf"^https://portal\.example/documents/{number}-\d+$"))
    await page.get_by_label("Answer").fill("In March.")
    await page.get_by_role("button", name="Answer").click()
    await expect(orders).to_contain_text("In March.")
    await page.get_by_label("Message").fill("Instalments are fine.")
    await page.get_by_role("button", name="Write to the agency").click()
    await expect(orders).to_contain_text("Instalments are fine.")
    await page.get_by_role("button", name="Ask the agency how it stands").click()
    await expect(orders.locator("[data-pending]")).to_have_count(0)
    paid = _case("DESK", 16)
    paid.pays(20, 1_000)
    await street.published(paid, len(paid.lines) - 1)

    async def known() -> bool:
        case = await street.at_the_agency("DESK")
        return (len(case["reported"]), len(case["received"])) == (1, 2)

    await _eventually(known, "the agency knows the payment, the answer and the message")


async def test_a_case_is_called_back_from_the_agency(street: Street, page: Page) -> None:
    says = await _contract(page, street, "BACK")
    await page.get_by_role("button", name="Hand over now").click()
    await says("Passed")
    await page.get_by_role("button", name="Recall from the agency").click()
    await street.days_pass(1)
    await expect(page.locator(".timeline")).to_contain_text("Closed")
    assert (await street.at_the_agency("BACK"))["status"] == "UnsuccessfullyClosed"


# --- atriga's payment page


async def test_a_payment_known_to_be_under_way_stops_further_steps(street: Street, page: Page) -> None:
    says = await _contract(page, street, "TRANSIT")
    await says("Held")
    await expect(page.locator(".panel").first).to_contain_text("Payment on its way")


async def _eventually(holds: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(ARRIVES_WITHIN_MS / 1000):
        while not await holds():
            await asyncio.sleep(0.1)
