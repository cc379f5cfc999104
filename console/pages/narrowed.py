"""When few contracts pass a filter, which: so that the table of them is sorted, instead of a million rows being looked through in order.

Where more pass than `FEW_MAX`, a page of them is soon found in any order, and nothing is narrowed. What a creditor's totals say is counted
there: how many cases have a status, an agency, or wait for what. Only names are looked for among the cases themselves.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, literal_column, or_, select, true

from console.views.tables import CASE_WORDS, CASES, DEBTORS, FLAGGED, TOTALS

if TYPE_CHECKING:
    from console.pages.listing import Wanted

FEW_MAX: Final = 2_000
LETTERS_MIN: Final = 3
"""The index of words is one of every three letters."""
COUNTED: Final = ("status", "agency", "attention")
"""What search finds by its totals: no index of words has to follow what changes most."""


def few(connection: Connection, wanted: "Wanted", tenant: str, *, persons: bool) -> list[str] | None:
    """Contracts of a creditor among which are all that are wanted; None: there are too many to name."""
    if not (_equal(wanted) or wanted.flag or wanted.q):
        return None
    groups = connection.execute(select(TOTALS).where(TOTALS.c.tenant == tenant)).all()
    passing = [group for group in groups if _passes(group, wanted)]
    if not passing:
        return []
    if (_equal(wanted) or wanted.flag) and _contracts(passing) <= FEW_MAX:
        same = (CASES.c[name] == value for name, value in _equal(wanted).items())
        flagged = and_(FLAGGED, CASES.c.attention.in_({group.attention for group in passing})) if wanted.flag else true()
        return _named(connection, tenant, and_(flagged, *same))
    return _with_words(connection, wanted.q.lower().split(), tenant, groups, passing, persons=persons)


def aside(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, for a condition that is not to choose the index: what many rows meet is found fastest on the way through the order."""
    return func.coalesce(column, "" if column.type.python_type is str else 0)


def counted(connection: Connection, tenant: str, word: str) -> list[ColumnElement[bool]]:
    """The conditions for a word, in lower case, that is in the name of a status, an agency or what waits. `tenant` empty: of all."""
    asked = select(*(TOTALS.c[name] for name in COUNTED)).distinct()
    return _told_by(connection.execute(asked.where(TOTALS.c.tenant == tenant) if tenant else asked).all(), word, aside)


def _passes(group: Any, wanted: "Wanted") -> bool:
    same = all(getattr(group, name) == value for name, value in _equal(wanted).items())
    return same and (not wanted.flag or f" {wanted.flag} " in group.attention)


def _equal(wanted: "Wanted") -> dict[str, str | int]:
    """What filters ask for, by column."""
    told = {"status": wanted.status, "agency": wanted.agency, "acts": int(wanted.acts) if wanted.acts else ""}
    return {name: value for name, value in told.items() if value != ""}


def _with_words(
    connection: Connection, words: Sequence[str], tenant: str, groups: Sequence[Any], passing: Sequence[Any], *, persons: bool
) -> list[str] | None:
    """A case has a word by one of its names, or by what its group is counted by."""
    by_name = {word: _by_name(connection, word, tenant, persons=persons) for word in words}
    for word, names in by_name.items():
        told = _told_by(groups, word)
        if names is not None and _contracts(group for group in groups if _has(group, word)) <= FEW_MAX:
            more = _named(connection, tenant, or_(*told)) if told else []
            return None if more is None else [*names, *more]
    if not words or any(names is None for names in by_name.values()):
        return None
    if _contracts(group for group in passing if all(_has(group, word) for word in words)) > FEW_MAX:
        return None
    more = _named(connection, tenant, and_(*(or_(false(), *_told_by(groups, word)) for word in words)))
    return None if more is None else [*more, *(name for names in by_name.values() for name in names or ())]


def _has(group: Any, word: str) -> bool:
    return any(word in getattr(group, name).lower() for name in COUNTED)


def _told_by(groups: Iterable[Any], word: str, said: Callable[[Any], Any] = lambda column: column) -> list[ColumnElement[bool]]:
    """The conditions under which a case has a word by what its group is counted by."""
    values = {name: sorted({getattr(group, name) for group in groups if word in getattr(group, name).lower()}) for name in COUNTED}
    flagged = [and_(FLAGGED, said(CASES.c.attention).in_(values["attention"]))] if values["attention"] else []
    return [*flagged, *(said(CASES.c[name]).in_(found) for name, found in values.items() if found and name != "attention")]


def _contracts(groups: Iterable[Any]) -> int:
    return sum(int(group.contracts) for group in groups)


def _by_name(connection: Connection, word: str, tenant: str, *, persons: bool) -> list[str] | None:
    if len(word) < LETTERS_MIN:
        return None
    asked = [_with_word(connection, word), *([_debtors_with(word)] if persons else [])]
    found: list[str] = []
    for one in asked:
        rows = connection.execute(one.limit(FEW_MAX + 1)).all()  # of all creditors: so it ends soon
        if len(rows) > FEW_MAX:
            return None
        found += (row[1] for row in rows if row[0] == tenant)
    return found


def _named(connection: Connection, tenant: str, condition: ColumnElement[bool]) -> list[str] | None:
    asked = select(CASES.c.contract).where(CASES.c.tenant == tenant, condition).limit(FEW_MAX + 1)
    found = list(connection.execute(asked).scalars())
    return found if len(found) <= FEW_MAX else None


def _debtors_with(word: str) -> Select[Any]:
    return select(DEBTORS.c.tenant, DEBTORS.c.contract).where(DEBTORS.c.sought.contains(word, autoescape=True))


def _with_word(connection: Connection, word: str) -> Select[Any]:
    found = select(CASES.c.tenant, CASES.c.contract)
    if connection.dialect.name != "sqlite":
        return found.where(CASES.c.sought.contains(word, autoescape=True))
    letters = (word[place : place + LETTERS_MIN] for place in range(len(word) - LETTERS_MIN + 1))
    phrase = " AND ".join('"' + each.replace('"', '""') + '"' for each in letters)
    return found.where(
        literal_column("cases.rowid").in_(select(CASE_WORDS.c.rowid).where(literal_column("case_words").op("MATCH")(phrase)))
    )
