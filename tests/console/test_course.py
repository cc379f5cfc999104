"""*Overview*: how far contracts come, and what agencies bring back."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, select

from console.pages.course import Recovered, recovered, steps
from console.views.store import Store
from console.views.tables import FLOW
from schemas import topics
from tests.console.kit import Sql, store
from tests.console.test_money import words
from tests.console.test_pages import House
from tests.console.told import booked, handed, remitted, reported, told


@pytest.fixture
def views(sql: Sql) -> Iterator[Engine]:
    engine, _ = store(sql)
    yield engine
    engine.dispose()


def changed(views: Engine, contract: str, *path: str, month: str = "2026-02", tenant: str = "acme") -> None:
    """From Clear through these statuses."""
    for version, (before, after) in enumerate(zip(("Clear", *path), path, strict=False), start=1):
        change: dict[str, Any] = {
            "changed_at": f"{month}-0{version}T08:00:00Z",
            "from": before,
            "to": after,
            "dunning_level": 0,
            "version": version,
        }
        told(views, topics.CASE_HISTORY, contract, "case_history.recorded", tenant=tenant, attention=[], cause="tick", by=None, **change)


def reminded(views: Engine, contract: str, level: int, at: str) -> None:
    sums: dict[str, Any] = {"amount": 4_990, "currency": "EUR", "costs": 0, "interest": 0, "reference": "r", "receivables": []}
    told(views, topics.NOTICES, contract, "notice.reminder", at=at, notice_id=f"{contract}-{level}", version=1, level=level, **sums)


def test_steps_are_counted_in_the_order_in_which_a_contract_goes_them(views: Engine) -> None:
    changed(views, "C-1", "Due", "Reminded", "Clear")
    changed(views, "C-2", "Due", "Held", "Reminded", "ToBePassed", "Passed", "SuccessfullyClosed", "Clear")
    changed(views, "C-3", "Due", "ToBePassed", "Rejected", month="2024-11")
    changed(views, "C-4", "ToBePassed", "UnsuccessfullyClosed", month="2025-02")
    changed(views, "C-9", "Due", tenant="other")
    for contract, level in (("C-1", 1), ("C-2", 1), ("C-2", 2)):
        reminded(views, contract, level, "2026-02-10T08:00:00Z")

    found = {step.name: (step.lately, step.ever, step.share) for step in steps(views, "acme")}
    assert list(found.items()) == [
        ("fell_due", (2, 4, 100.0)),
        ("reminded_1", (2, 2, 50.0)),
        ("reminded_2", (1, 1, 25.0)),
        ("settled_before", (1, 1, 25.0)),
        ("handed_over", (1, 3, 75.0)),
        ("not_taken", (0, 1, 25.0)),
        ("closed_successful", (1, 1, 25.0)),
        ("closed_unsuccessful", (0, 1, 25.0)),
    ]
    assert {step.name: step.ever for step in steps(views, "")}["fell_due"] == 5
    assert steps(views, "nobody") == []


def test_what_was_paid_counts_for_the_account_that_had_the_contract_last(views: Engine) -> None:
    handed(views, "C-1", "h-1", account="main", at="2026-02-01T09:00:00Z")
    handed(views, "C-1", "h-2", account="second", at="2026-03-01T09:00:00Z")
    handed(views, "C-2", "h-3", account="main", at="2026-02-01T09:00:00Z", open_amount=10_000)
    reported(views, "C-1", "h-2", "P-1", 1_000, "2026-03-11")
    reported(views, "C-1", "h-2", "P-2", 2_000, "2026-03-31")
    reported(views, "C-2", "h-3", "P-3", 4_000, "2026-02-05")
    booked(views, "C-2", 10_260, "2026-04-01")
    remitted(views, "C-2", "O-1", 9_000, 1_260, "S-1", "2026-04-02")
    assert recovered(views, "acme") == [
        Recovered("acme", "main", "EUR", 2, 4_990 + 260 + 10_000 + 260, 10_260, 4),
        Recovered("acme", "second", "EUR", 1, 4_990 + 260, 3_000, 30),
    ]
    assert recovered(views, "other") == []


def test_the_page_shows_both_and_to_nobody_else(sql: Sql) -> None:
    house = House(sql)
    for name, tenant in (("rita", "acme"), ("otto", "other")):
        house.user(name, tenant)
    changed(house.views, "C-1", "Due", "ToBePassed")
    handed(house.views, "C-1", "h-1")
    reported(house.views, "C-1", "h-1", "P-1", 2_625, "2026-02-11")
    text = words(house.browser("rita").get("/overview").text)
    assert "Fell due 1 1 100 %" in text
    assert "Handed over 1 1 100 %" in text
    assert "acme / main 1 €52.50 €26.25 50 % 10" in text
    assert "acme" not in house.browser("otto").get("/overview").text.replace("rita", "")
    house.views.dispose()


def test_what_was_counted_is_forgotten_with_the_views(views: Engine) -> None:
    changed(views, "C-1", "Due")
    Store(views).clear()
    with views.connect() as connection:
        assert connection.execute(select(FLOW)).all() == []
