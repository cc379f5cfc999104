"""How all contracts stand: numbers and money by status and by agency."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Engine, func, select

from console.pages.listing import STATUSES
from console.views.tables import TOTALS
from console.views.totals import SUMMED

WIDEST: Final = 100.0
"""Width of the longest bar."""


class Line(NamedTuple):
    """One status or agency in one currency; amounts in minor units. `bar`: its length beside the others, by contracts."""

    name: str
    currency: str
    contracts: int
    open_amount: int
    overdue_amount: int
    bar: float


def by_status(engine: Engine, tenant: str) -> list[Line]:
    """In the order in which a contract goes through them. `tenant` empty: all."""
    places = {name: place for place, name in enumerate(STATUSES)}
    return sorted(_lines(engine, TOTALS.c.status, tenant), key=lambda line: (places.get(line.name, len(places)), line.currency))


def by_agency(engine: Engine, tenant: str) -> list[Line]:
    """Of contracts that an agency has, or had last."""
    return sorted(line for line in _lines(engine, TOTALS.c.agency, tenant) if line.name)


def _lines(engine: Engine, column: Column[Any], tenant: str) -> list[Line]:
    sums = (func.sum(TOTALS.c[name]) for name in SUMMED)
    asked = select(column, TOTALS.c.currency, *sums).group_by(column, TOTALS.c.currency)
    with engine.connect() as connection:
        rows = list(connection.execute(asked.where(TOTALS.c.tenant == tenant) if tenant else asked))
    most = max((int(row[2]) for row in rows if row[0]), default=1)
    return [Line(row[0], row[1], int(row[2]), int(row[3]), int(row[4]), round(WIDEST * int(row[2]) / most, 1)) for row in rows]


def standing(engine: Engine, tenant: str) -> tuple[int, int]:
    """How many contracts a tenant has, and how many of them have begun a cycle (are not Clear)."""
    asked = select(TOTALS.c.status, func.sum(TOTALS.c.contracts)).where(TOTALS.c.tenant == tenant).group_by(TOTALS.c.status)
    with engine.connect() as connection:
        found = {row[0]: int(row[1]) for row in connection.execute(asked)}
    return sum(found.values()), sum(count for status, count in found.items() if status != "Clear")
