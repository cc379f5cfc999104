"""When few contracts pass a filter, which: so that the table of them is sorted, instead of a million rows being looked through in order.

Where more pass than `FEW_MAX`, a page of them is soon found in any order, and nothing is narrowed.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, literal_column, or_, select

from console.views.tables import CASE_WORDS, CASES, DEBTORS, TOTALS

if TYPE_CHECKING:
    from console.pages.listing import Wanted

FEW_MAX: Final = 2_000
LETTERS_MIN: Final = 3
"""The index of words is one of every three letters."""


def few(connection: Connection, wanted: "Wanted", tenant: str, *, persons: bool) -> list[tuple[str, str]] | None:
    """Contracts (tenant, name) among which are all that are wanted; None: there are too many to name."""
    for asked in _questions(connection, wanted, persons=persons):
        found: list[tuple[str, str]] = []
        for one in asked:
            limited = (one.where(aside(one.selected_columns[0]) == tenant) if tenant else one).limit(FEW_MAX + 1)
            found += [(row[0], row[1]) for row in connection.execute(limited)]
        if len(found) <= FEW_MAX:
            return found
    return None


def aside(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, for a condition that is not to choose the index: what many rows meet is found fastest on the way through the order."""
    return func.coalesce(column, "" if column.type.python_type is str else 0)


def among(keys: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """That a case is one of these, said tenant by tenant: of pairs SQLite looks at every row."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, contract in keys:
        by_tenant.setdefault(tenant, []).append(contract)
    return or_(false(), *(and_(CASES.c.tenant == tenant, CASES.c.contract.in_(names)) for tenant, names in by_tenant.items()))


def _questions(connection: Connection, wanted: "Wanted", *, persons: bool) -> Iterator[list[Select[Any]]]:
    """For each filter the queries whose answers together hold all that pass it."""
    for word in wanted.q.lower().split():
        if len(word) >= LETTERS_MIN:
            named = select(DEBTORS.c.tenant, DEBTORS.c.contract).where(DEBTORS.c.sought.contains(word, autoescape=True))
            yield [_with_word(connection, word), *([named] if persons else [])]
    for name in ("status", "agency"):
        value = getattr(wanted, name)
        if value and _count(connection, TOTALS.c[name] == value) <= FEW_MAX:
            yield [select(CASES.c.tenant, CASES.c.contract).where(CASES.c[name] == value)]
    if wanted.acts and _count(connection, TOTALS.c.acts == int(wanted.acts)) <= FEW_MAX:
        yield [select(CASES.c.tenant, CASES.c.contract).where(CASES.c.acts == int(wanted.acts))]


def _with_word(connection: Connection, word: str) -> Select[Any]:
    found = select(CASES.c.tenant, CASES.c.contract)
    if connection.dialect.name != "sqlite":
        return found.where(CASES.c.sought.contains(word, autoescape=True))
    letters = (word[place : place + LETTERS_MIN] for place in range(len(word) - LETTERS_MIN + 1))
    phrase = " AND ".join('"' + each.replace('"', '""') + '"' for each in letters)
    return found.where(
        literal_column("cases.rowid").in_(select(CASE_WORDS.c.rowid).where(literal_column("case_words").op("MATCH")(phrase)))
    )


def _count(connection: Connection, condition: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(TOTALS.c.contracts), 0)).where(condition)).scalar_one())
