"""What a click on a case's amount shows: what was claimed, paid to the agency, paid directly, remitted, and said about paying."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from schemas import topics
from tests.console.kit import Sql
from tests.console.test_pages import SCRIPT, House, add
from tests.console.told import booked, handed, remitted, reported, told


@pytest.fixture
def house(sql: Sql) -> Iterator[House]:
    made = House(sql)
    for name, tenant in (("anna", ""), ("otto", "other")):
        made.user(name, tenant)
    add(made.views, "acme", "C-1", status="Accepted")
    add(made.views, "acme", "C-2")
    yield made
    made.views.dispose()


def words(page: str) -> str:
    """What stands on a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<main") :]))


def test_an_amount_leads_to_what_was_claimed_and_paid(house: House) -> None:
    views = house.views
    reported(views, "C-1", "h-1", "P-1", 2_000, "2026-02-03")  # what was read before its handover counts as well
    handed(views, "C-1", "h-1")
    reported(views, "C-1", "h-1", "P-1", 2_000, "2026-02-03")  # the same again, which the rules count once
    reported(views, "C-1", "h-1", "P-2", 1_000, "2026-02-10")
    for amount in (500, -500, 300):
        data: dict[str, Any] = {"handover_id": "h-1", "payment_id": "D-1", "amount": amount, "value_date": "2026-02-05"}
        told(views, topics.COMMANDS, "C-1", "case.report_payment", **data)
    told(views, topics.COMMANDS, "C-1", "case.refresh", handover_id="h-1")
    remitted(views, "C-1", "O-1", 1_800, 200, f"S-1{SCRIPT}", "2026-02-28")
    booked(views, "C-1", 4_250, "2026-02-20")
    told(views, topics.PAYMENTS, "C-1", "payment.received", payment_id="X", amount=99, currency="EUR", value_date="2026-02-11")
    common: dict[str, Any] = {
        "notice_id": "n",
        "version": 1,
        "currency": "EUR",
        "costs": 0,
        "interest": 0,
        "reference": "r",
        "receivables": [],
    }
    told(views, topics.NOTICES, "C-1", "notice.payment_confirmation", **common, amount=700, payment_id="X")
    told(views, topics.NOTICES, "C-1", "notice.win_back", **common, amount=123)

    anna = house.browser("anna")
    assert re.search(r'<a href="/money/acme/C-1"[^>]*>€1,234.56</a>', anna.get("/cases").text)
    assert 'href="/money/acme/C-1"' in anna.get("/cases/acme/C-1").text
    page = anna.get("/money/acme/C-1").text
    text = words(page)
    assert SCRIPT not in page
    assert "Claimed from the debtor: €52.50" in text
    assert "Account main" in text
    assert "Paid to the agency €30.00 Settled when the agency closed it €12.50" in text
    assert "Direct payment to the creditor €3.00 Remitted by the agency €18.00" in text
    assert text.count("10 Feb 2026 Paid to the agency €10.00") == 1
    assert "28 Feb 2026 Remitted by the agency €18.00 €2.00 S-1&lt;script&gt;" in text
    assert "0.99" not in text, "what others pay is in the contract's sums"
    assert "Payment confirmed · overdue then €7.00" in text
    assert "€1.23" not in text, "no notice about paying"


def test_of_a_case_that_no_agency_had_the_creditor_s_own_claim_is_shown(house: House) -> None:
    hold = {"hold_id": "p", "kind": "payment_in_transit", "invoice_id": "I-1", "from": "2026-01-19", "until": "2026-01-26"}
    add(house.views, "acme", "C-3", holds=[hold])
    anna = house.browser("anna")
    text = words(anna.get("/money/acme/C-2").text)
    assert "never handed over" in text
    assert "I-1 5 Jan 2026 €1.00" in text
    assert "Nothing was said about payments." in text
    assert "A payment is on its way since 19 Jan 2026, until 26 Jan 2026 · I-1" in words(anna.get("/money/acme/C-3").text)


def test_nobody_sees_another_creditor_s_money(house: House) -> None:
    assert house.browser("otto").get("/money/acme/C-1").status_code == 404
    assert house.browser().get("/money/acme/C-1").headers["location"] == "/login"
    assert house.browser("anna").get("/money/acme/C-404").status_code == 404


def test_the_table_asks_the_database_as_often_for_many_rows_as_for_few(house: House) -> None:
    anna, asked = house.browser("anna"), list[str]()

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    event.listen(house.views, "before_cursor_execute", note)
    anna.get("/cases")
    few = len(asked)
    for number in range(40):
        add(house.views, "acme", f"M-{number}")
        handed(house.views, f"M-{number}", f"m-{number}")
    asked.clear()
    assert anna.get("/cases").text.count("/money/acme/") == 42
    assert len(asked) == few
