"""*Agencies*: when an account's agency answered last whether it can be reached, and what it reported against what it remitted."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from console.actions.office import AccountTold, GateTold
from console.pages import remitted as pages
from console.pages.remitted import outstanding, statements
from schemas import topics
from tests.console.kit import Sql, store
from tests.console.test_money import words
from tests.console.test_pages import House, add
from tests.console.told import booked, handed, remitted, reported, told


@pytest.fixture
def house(sql: Sql) -> Iterator[House]:
    made = House(sql)
    for name, tenant in (("anna", ""), ("rita", "acme"), ("otto", "other")):
        made.user(name, tenant)
    for name in ("main", "second", "third"):
        made.office.known["acme", name] = AccountTold("acme", name, "atriga", "test", "4711", "", "", "", "")
    add(made.views, "acme", "C-1", status="Accepted")
    yield made
    made.views.dispose()


@pytest.fixture
def views(sql: Sql) -> Iterator[Engine]:
    engine, _ = store(sql)
    yield engine
    engine.dispose()


def test_the_page_tells_when_an_agency_answered_last_and_whether_it_can_be_reached(house: House) -> None:
    views, since = house.views, datetime(2026, 2, 5, 7, 30, tzinfo=UTC)
    house.office.doors = {"acme/main": GateTold(since, "agency_unavailable", 3), "acme/second": GateTold(since, "", 0)}
    common = {"occurred_at": "2026-02-01T08:00:00Z", "agency": "atriga"}
    told(views, topics.REPLIES, "C-1", "case.accepted", at="2026-02-03T08:00:00Z", handover_id="h-1", **common)
    told(views, topics.REPLIES, "C-1", "case.passed", at="2026-02-02T08:00:00Z", handover_id="h-1", **common)  # late
    trouble = {"handover_id": "h-1", "occurred_at": "2026-02-04T08:00:00Z", "reason": "no_answer"}
    told(views, topics.REPLIES, "C-1", "case.submission_unknown", at="2026-02-04T08:00:00Z", **trouble)  # which no agency said
    handed(views, "C-1", "h-1")
    handed(views, "C-2", "h-2", account="second")

    text = words(house.browser("rita").get("/agencies").text)
    main, second, third = text.split("acme / ")[1:]
    assert "Connection closed since 5 Feb 2026, 08:30:00: agency does not answer · 3 handovers wait" in main
    assert "Last answer 3 Feb 2026, 09:00:00: Agency accepted, C-1" in main
    assert "Connection open since 5 Feb 2026, 08:30:00 Last answer None yet" in second
    assert "Connection no connector tells of it" in third
    assert "acme" not in house.browser("otto").get("/agencies").text


def test_reported_is_taken_off_by_payouts_in_their_order(views: Engine) -> None:
    for contract, account in (("C-1", "main"), ("C-2", "main"), ("C-3", "main"), ("C-4", "second")):
        handed(views, contract, f"h-{contract}", account=account)
    reported(views, "C-1", "h-C-1", "P-1", 3_000, "2026-02-03")
    reported(views, "C-1", "h-C-1", "P-2", 2_000, "2026-03-03")
    reported(views, "C-1", "h-C-1", "P-3", -500, "2026-03-04")
    remitted(views, "C-1", "O-1", 2_700, 300, "S-1", "2026-02-28")
    remitted(views, "C-1", "O-2", 1_000, 0, "S-2", "2026-03-31")
    reported(views, "C-2", "h-C-2", "P-4", 1_000, "2026-02-10")
    remitted(views, "C-2", "O-3", 1_200, 100, "S-1", "2026-02-27")
    reported(views, "C-3", "h-C-3", "P-5", 700, "2026-03-10")
    remitted(views, "C-3", "O-4", 100, 0, None, "2026-01-10")
    reported(views, "C-4", "h-C-4", "P-6", 90, "2026-03-10")
    remitted(views, "C-4", "O-5", 90, 0, "S-1", "2026-03-11")

    found = [
        (each.id, each.day, len(each.contracts), each.remitted, each.withheld, each.reported, each.unreported)
        for each in statements(views, "acme", "main")
    ]
    assert found == [
        ("S-2", "2026-03-31", 1, 1_000, 0, 1_000, 0),
        ("S-1", "2026-02-28", 2, 3_900, 400, 4_000, 300),
        ("", "2026-01-10", 1, 100, 0, 100, 0),
    ]
    assert outstanding(views, "acme", "main") == [("EUR", 2, 500 + 600)]
    assert [(each.id, each.reported) for each in statements(views, "acme", "second")] == [("S-1", 90)], "its own, though named alike"
    assert outstanding(views, "acme", "second") == outstanding(views, "other", "main") == []
    assert statements(views, "other", "main") == []


def test_a_successful_close_counts_as_a_report_of_what_it_settled(views: Engine) -> None:
    """An agency that tells no payments but that the case ended paid."""
    handed(views, "C-1", "h-1")
    reported(views, "C-1", "h-1", "P-1", 1_000, "2026-02-10")
    for amount, day in ((1_000, "2026-02-10"), (3_990, "2026-03-01"), (250, "2026-03-01")):
        booked(views, "C-1", amount, day)
    booked(views, "C-1", 99, "2026-03-01", "cost_charged")
    handed(views, "C-2", "h-2")
    reported(views, "C-2", "h-2", "P-2", 6_000, "2026-02-10")
    booked(views, "C-2", 5_240, "2026-02-10")  # the rest of it is the debtor's credit
    assert outstanding(views, "acme", "main") == [("EUR", 2, 5_240 + 6_000)]
    remitted(views, "C-1", "O-1", 5_000, 240, "S-1", "2026-03-31")
    remitted(views, "C-2", "O-2", 6_000, 10, "S-1", "2026-03-31")
    assert [(each.reported, each.unreported) for each in statements(views, "acme", "main")] == [(11_240, 10)]
    assert outstanding(views, "acme", "main") == []


def test_a_payout_is_the_account_s_that_had_the_case_then(views: Engine) -> None:
    handed(views, "C-1", "h-1", account="main", at="2026-01-01T09:00:00Z")
    handed(views, "C-1", "h-2", account="second", at="2026-03-01T09:00:00Z")
    reported(views, "C-1", "h-1", "P-1", 1_000, "2026-02-01")
    remitted(views, "C-1", "O-1", 900, 0, "S-1", "2026-02-15")
    reported(views, "C-1", "h-2", "P-1b", 400, "2026-04-01")
    remitted(views, "C-1", "O-2", 400, 0, "T-1", "2026-04-15")
    assert [(each.id, each.reported) for each in statements(views, "acme", "main")] == [("S-1", 900)]
    assert [(each.id, each.reported) for each in statements(views, "acme", "second")] == [("T-1", 400)]
    assert (outstanding(views, "acme", "main"), outstanding(views, "acme", "second")) == ([("EUR", 1, 100)], [])


def test_only_so_many_payouts_are_looked_at_and_the_newest_statement_always(views: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        handed(views, f"C-{number}", f"h-{number}")
        remitted(views, f"C-{number}", f"O-{number}", 10, 0, f"S-{number // 2}", f"2026-02-0{1 + number}")
    for most, shown in ((4, ["S-2", "S-1"]), (1, ["S-2"])):
        monkeypatch.setattr(pages, "PAYOUTS_MAX", most)
        assert [each.id for each in statements(views, "acme", "main")] == shown


def test_the_statements_are_on_a_page_for_who_may_see_the_account(house: House) -> None:
    handed(house.views, "C-1", "h-1")
    reported(house.views, "C-1", "h-1", "P-1", 1_000, "2026-02-03")
    rita = house.browser("rita")
    assert 'href="/statements/acme/main"' in rita.get("/agencies").text
    text = words(rita.get("/statements/acme/main").text)
    assert "Reported and not remitted 1 Contracts €10.00" in text
    assert "No payout is known." in text
    remitted(house.views, "C-1", "O-1", 900, 200, "S-1", "2026-02-28")
    assert "S-1 28 Feb 2026 1 €9.00 €2.00 €10.00 €1.00" in words(rita.get("/statements/acme/main").text)
    assert "Everything that was reported was remitted." in words(rita.get("/statements/acme/main").text)
    assert house.browser("otto").get("/statements/acme/main").status_code == 404
    assert house.browser().get("/statements/acme/main").headers["location"] == "/login"
