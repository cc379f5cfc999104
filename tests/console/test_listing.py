"""The table of all creditors' cases is put together from each one's own order: it must be the order of all."""

from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from console.database import writing
from console.pages import narrowed
from console.pages.listing import PAGE_ROWS, Wanted, page
from console.views import totals
from console.views.tables import CASES, SORTABLE
from tests.console.kit import Sql, store

TENANTS = ("acme", "beta", "gamma", "a")
EACH = 2 * PAGE_ROWS + 3
STATUSES = ("Due", "Reminded", "Rejected", "SuccessfullyClosed")


@pytest.fixture
def views(sql: Sql) -> Engine:
    """Creditors whose cases have the same names and few different values, so that most are equal in most orders."""
    engine, _ = store(sql)
    rows = [_row(tenant, number) for tenant in TENANTS for number in range(EACH)]
    with writing(engine).begin() as connection:
        connection.execute(insert(CASES), rows)
        totals.change(connection, [], rows)
    return engine


def _row(tenant: str, number: int) -> dict[str, Any]:
    row = {column.name: column.type.python_type() for column in CASES.columns}
    values = {"status": STATUSES[number % 4], "open_amount": number % 3, "agency": f"agency {number % 2}", "acts": number % 4}
    contract = f"C-{number // 2:03}{'x' * (number % 2)}"
    attention = " ladder_ended " if number % 11 == 0 else " unmatched ladder_ended " if number == 5 else ""
    times = {"attention": attention, "changed_at": f"2026-01-{1 + number % 9:02}", "next_step_on": ""}
    return {**row, **values, **times, "tenant": tenant, "contract": contract, "sought": contract.lower()}


@pytest.mark.parametrize("query", [{}, {"status": "Due"}, {"q": "agency rejected"}], ids=["all", "filtered", "searched"])
def test_pages_of_all_creditors_are_the_order_of_all(views: Engine, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]) -> None:
    monkeypatch.setattr(narrowed, "FEW_MAX", 60)  # or every filter would be looked up
    for sort in (f"{sign}{name}" for name in SORTABLE for sign in ("", "-")):
        _walk_there_and_back(views, query, sort)


def _walk_there_and_back(views: Engine, query: dict[str, str], sort: str) -> None:
    there = _walked(views, {**query, "sort": sort}, "after")
    column = CASES.c[sort.removeprefix("-")]
    parts = dict.fromkeys((column, CASES.c.tenant, CASES.c.contract))
    asked = select(CASES.c.tenant, CASES.c.contract).order_by(*(part.desc() if sort.startswith("-") else part for part in parts))
    if query:
        asked = asked.where(CASES.c.status == ("Due" if "status" in query else "Rejected"))
    with views.connect() as connection:
        assert there[0] == [tuple(row) for row in connection.execute(asked)]
    assert _walked(views, {**query, "sort": sort, "before": there[1]}, "before")[0] == there[0][: -len(there[0]) % PAGE_ROWS - PAGE_ROWS]


def _walked(views: Engine, query: dict[str, str], way: str, tenant: str = "") -> tuple[list[tuple[str, str]], str]:
    """All that the pages show from one end to the other, and the way back from the last."""
    found: list[tuple[str, str]] = []
    while True:
        shown = page(views, Wanted.of(query), tenant, persons=False)
        names = [(row.tenant, row.contract) for row in shown.rows]
        found = found + names if way == "after" else names + found
        if not getattr(shown, way):
            return found, shown.before
        query = {**query, way: getattr(shown, way)}


@pytest.mark.parametrize("few", [0, 60, 2_000])
def test_what_is_narrowed_is_what_is_asked_for(views: Engine, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """However many are looked up before, each question has the same answer: what Python finds among all rows."""
    monkeypatch.setattr(narrowed, "FEW_MAX", few)
    for query in (
        *(
            {"q": words}
            for words in ("c-003", "rejected", "agency 1", "ADDER 1", "closed c-00", "due agency", "7x", "ladder rejected", "nobody")
        ),
        *({"flag": "ladder_ended", **more} for more in ({}, {"status": "Due"}, {"agency": "agency 1"}, {"acts": "3"}, {"q": "c-01"})),
        *({"agency": agency, "acts": "2"} for agency in ("agency 0", "agency 1", "none")),
    ):
        for tenant in ("", "beta", "nobody"):
            rows = [
                row for each in (TENANTS if tenant == "" else (tenant,)) if each in TENANTS for row in _rows(each) if _meant(row, query)
            ]
            found = _walked(views, query, "after", tenant)[0]
            assert sorted(found) == sorted((row["tenant"], row["contract"]) for row in rows), (query, tenant)


def _rows(tenant: str) -> list[dict[str, Any]]:
    return [_row(tenant, number) for number in range(EACH)]


def _meant(row: dict[str, Any], query: dict[str, str]) -> bool:
    text = "\n".join(row[name] for name in ("sought", "status", "agency", "attention")).lower()
    same = all(str(row[name]) == query[name] for name in ("status", "agency", "acts") if name in query)
    return (
        same and query.get("flag", "") in row["attention"].split(" ") and all(word in text for word in query.get("q", "").lower().split())
    )
