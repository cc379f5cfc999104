"""When few contracts pass a filter, which: so that the table of them is sorted, instead of a million rows being looked through in order.

Where more pass than `FEW_MAX`, a page of them is soon found in any order, and nothing is narrowed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, get_args

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select

from console.views.tables import CASE_WORDS, CASES, DEBTORS, FLAGGED, TOTALS
from schemas.fields import Status

if TYPE_CHECKING:
    from console.pages.listing import Wanted

FEW_MAX: Final = 2_000
LETTERS_MIN: Final = 3
"""The index of words is one of every three letters."""


def few(connection: Connection, wanted: "Wanted", tenant: str, *, persons: bool) -> list[tuple[str, str]] | None:
    """Contracts (tenant, name) among which are all that are wanted; None: there are too many to name."""
    for asked in _questions(connection, wanted, tenant, persons=persons):
        found: list[tuple[str, str]] = []
        for one in asked:
            found += [(row[0], row[1]) for row in connection.execute(one.limit(FEW_MAX + 1))]
        if len(found) <= FEW_MAX:
            return found
    return None


def statuses(word: str) -> list[str]:
    """The statuses in whose name a word is, in lower case. They are known: no index of words has to follow what changes most."""
    return [status for status in get_args(Status) if word in status.lower()]


def aside(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, for a condition that is not to choose the index: what many rows meet is found fastest on the way through the order."""
    return func.coalesce(column, "" if column.type.python_type is str else 0)


def _questions(connection: Connection, wanted: "Wanted", tenant: str, *, persons: bool) -> Iterator[list[Select[Any]]]:
    """For each filter the queries whose answers together hold all that pass it."""
    for word in wanted.q.lower().split():
        named = select(DEBTORS.c.tenant, DEBTORS.c.contract).where(DEBTORS.c.sought.contains(word, autoescape=True))
        standing = TOTALS.c.status.in_(statuses(word))
        if len(word) >= LETTERS_MIN and _count(connection, standing) <= FEW_MAX:
            asked = [_with_word(connection, word), *([named] if persons else [])]
            mine = [one.where(aside(one.selected_columns[0]) == tenant) if tenant else one for one in asked]
            yield [*mine, _those(connection, CASES.c.status.in_(statuses(word)), tenant)]
    for name in ("status", "agency"):
        value = getattr(wanted, name)
        if value and _count(connection, TOTALS.c[name] == value) <= FEW_MAX:
            yield [_those(connection, CASES.c[name] == value, tenant)]
    if wanted.acts and _count(connection, TOTALS.c.acts == int(wanted.acts)) <= FEW_MAX:
        yield [_those(connection, CASES.c.acts == int(wanted.acts), tenant)]
    if wanted.flag and _count(connection, flagged := TOTALS.c.attention.contains(f" {wanted.flag} ", autoescape=True)) <= FEW_MAX:
        told = connection.execute(select(TOTALS.c.attention).where(flagged).distinct()).scalars().all()
        yield [_those(connection, and_(FLAGGED, CASES.c.attention.in_(told)), tenant)]


def _those(connection: Connection, condition: ColumnElement[bool], tenant: str) -> Select[Any]:
    """By the indexes, which are each creditor's: of all their names are said."""
    tenants = [tenant] if tenant else connection.execute(select(TOTALS.c.tenant).distinct()).scalars().all()
    return select(CASES.c.tenant, CASES.c.contract).where(CASES.c.tenant.in_(tenants), condition)


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
