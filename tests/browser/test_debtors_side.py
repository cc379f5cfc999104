"""What a debtor is offered, sent and spared (atriga's payment page, FinView): each as somebody at the console sees it on the contract's
page, over the real chain and a real browser.

All contracts follow one policy; the texts name days counted from when the first invoice fell due.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, expect

from mahnlauf import stories, topics
from mahnlauf.configuration import apply_policy
from mahnlauf.demo.cases import generated
from mahnlauf.demo.demo import PARTITIONS
from mahnlauf.policy_file import read_policy
from mahnlauf.stories import TENANT, Case
from schemas.topics import CHARGEBACKS, CONTRACTS, INSTRUCTIONS
from streams.engine.cluster import Connection
from tests.browser.town import Street, inhabited, person, window

pytestmark = pytest.mark.timeout(300)
UNTIL: Final = stories.FIRST_DUE + timedelta(days=45)
POLICY: Final = """\
policy: standard
time_zone: Europe/Berlin
calendar: {country: DE, subdivision: HE}
at: "08:00"
interest: {kind: statutory}
breathing_space: {days: 14, from: first_step}
instalment_reminder: {days_before: 3}
confirm_payments: true
win_back: {days_after: 10}
payment_link: "https://pay.example/{tenant}/{contract}/{cycle}"
steps:
  - {kind: remind, day: 3, level: 1, fee: {EUR: 250}}
  - {kind: offer_payment, day: 6, methods: [link, qr], methods_if_account_unusable: [barcode]}
  - {kind: call, day: 24, max_attempts: 3, every_days: 2}
"""


def town_s_cases() -> list[Case]:
    in_time, late, unusable, plan = (person(name, name.title(), 0) for name in ("INTIME", "LATE", "UNUSABLE", "PLAN"))
    in_time.pays(12, in_time.amount)
    for attempt, day in enumerate((24, 27), start=1):
        late.event(INSTRUCTIONS, day, "call.attempted", 15, by="call centre", attempt=attempt, outcome="not_reached")
    debited = unusable.pays(0, unusable.amount, method="direct_debit")
    unusable.event(
        *(CHARGEBACKS, 2, "chargeback.received"),
        chargeback_id="B1", payment_id=debited, amount=unusable.amount, fee=0, reason_code="AC04", booked_on=unusable.day(2),
    )  # fmt: skip
    rates = [{"due_on": plan.day(day), "amount": plan.amount // 2} for day in (20, 34)]
    plan.event(CONTRACTS, 8, "payment_plan.agreed", plan_id="PL1", instalments=rates)
    plan.pays(20, plan.amount // 2)
    return [in_time, late, unusable, plan]


@pytest.fixture(scope="module")
def street(own_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    cases = replace(generated(folder, town_s_cases(), UNTIL), without_policy=[])
    file = folder / "debtors-side.yaml"
    file.write_text(POLICY)
    asyncio.run(_apply(Connection(own_kafka), file, cases.beginning))
    with inhabited(own_kafka, folder, cases) as street:
        yield street


async def _apply(connection: Connection, file: Path, beginning: datetime) -> None:
    await topics.create(connection, PARTITIONS)
    await apply_policy(connection, TENANT, read_policy(file), beginning)


@pytest.fixture
async def page(street: Street, browser: Browser) -> AsyncIterator[Page]:
    async with window(street, browser) as page:
        yield page


async def _timeline(page: Page, street: Street, name: str) -> Any:
    """What was sent to the debtor, newest first, on the contract's page."""
    await page.goto(f"{street.town.chain.console.url}/cases/{TENANT}/{name}")
    return page.locator(".timeline li.notice")


# --- FinView


async def test_who_pays_within_the_breathing_space_owes_neither_fee_nor_interest(street: Street, page: Page) -> None:
    sent = await _timeline(page, street, "INTIME")
    await expect(page.locator(".title")).to_contain_text("Clear")
    await expect(sent.filter(has_text="Reminder")).to_have_count(1)
    await expect(page.locator(".facts").nth(1)).to_contain_text("€0.00")


async def test_after_the_breathing_space_fee_and_interest_are_owed(street: Street, page: Page) -> None:
    await _timeline(page, street, "LATE")
    await expect(page.locator("dt:text-is('Costs') + dd")).to_have_text("€2.50")
    await expect(page.locator("dt:text-is('Interest') + dd")).not_to_have_text("€0.00")


async def test_an_instalment_is_announced_days_before_it_falls_due(street: Street, page: Page) -> None:
    sent = await _timeline(page, street, "PLAN")
    announced = sent.filter(has_text="Reminder of an instalment")
    await expect(announced).to_have_count(2)
    await expect(announced.last).to_contain_text("instalment €24.95, Due 24 Feb 2025")


async def test_the_call_centre_is_told_which_attempt_it_is_and_how_many_there_are_at_most(street: Street, page: Page) -> None:
    calls = (await _timeline(page, street, "LATE")).filter(has_text="Call asked for")
    await expect(calls).to_have_count(3)
    await expect(calls.first).to_contain_text("attempt 3 of 3")
    await expect(calls.last).to_contain_text("attempt 1 of 3")


# --- atriga's payment page


async def test_payment_is_offered_by_link_and_qr_code(street: Street, page: Page) -> None:
    offered = (await _timeline(page, street, "LATE")).filter(has_text="Payment offer")
    await expect(offered).to_contain_text("payment link, QR code")


async def test_who_has_no_account_that_could_be_used_is_offered_to_pay_in_a_shop(street: Street, page: Page) -> None:
    offered = (await _timeline(page, street, "UNUSABLE")).filter(has_text="Payment offer")
    await expect(offered).to_contain_text("bar code for cash in a shop")


async def test_a_payment_is_confirmed_and_the_customer_won_back(street: Street, page: Page) -> None:
    sent = await _timeline(page, street, "INTIME")
    await expect(sent.filter(has_text="Payment confirmed")).to_contain_text("16 Feb 2025")
    await expect(sent.filter(has_text="Win back")).to_have_count(1)
