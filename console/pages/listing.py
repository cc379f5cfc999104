"""The table of all cases: filters, order and paging from the query of a URL, and the SQL for it.

Paging is by key (the sorted column's value, tenant, contract), not by number: page 10,000 costs what page 1 costs.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, get_args
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, func, literal, or_, select, tuple_

from console.pages import narrowed
from console.views.rows import Acts
from console.views.tables import CASES, DEBTORS, SORTABLE, TOTALS
from schemas.fields import Status

PAGE_ROWS: Final = 50
SOUGHT_MAX: Final = 200
STATUSES: Final = get_args(Status)
DEFAULT_SORT: Final = "-changed_at"
Keys: TypeAlias = Sequence[tuple[str, str]]
"""Contracts by tenant and name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a URL asks for. `sort` is a column, with - before it for descending; `after` and `before` are places of `Page`."""

    q: str = ""
    status: str = ""
    agency: str = ""
    acts: str = ""
    flag: str = ""
    mark: str = ""
    sort: str = DEFAULT_SORT
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """What can't be meant is as if it were not there: a URL is typed, and kept for years."""
        wanted = cls(**{name: query[name].strip()[: SOUGHT_MAX * 4] for name in cls.__dataclass_fields__ if query.get(name, "").strip()})
        return replace(
            wanted,
            q=wanted.q[:SOUGHT_MAX],
            status=wanted.status if wanted.status in STATUSES else "",
            acts=wanted.acts if wanted.acts in {str(int(each)) for each in Acts} else "",
            sort=wanted.sort if wanted.sort.removeprefix("-") in SORTABLE else DEFAULT_SORT,
        )

    def url(self, **changes: str) -> str:
        """The same with changes; another order or filter begins at the first page."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("after", "before")} | changes
        query = {name: value for name, value in told.items() if value and (name, value) != ("sort", DEFAULT_SORT)}
        return "/cases?" + urlencode(query) if query else "/cases"

    @property
    def csv_url(self) -> str:
        """Where the same is a file."""
        return self.url().replace("/cases", "/cases.csv", 1)

    def sorted_by(self, column: str) -> str:
        """The URL that sorts by this column; again, the other way round."""
        return self.url(sort=f"-{column}" if self.sort == column else column)

    def direction(self, column: str) -> str:
        """aria-sort of a column."""
        if self.sort.removeprefix("-") != column:
            return "none"
        return "descending" if self.sort.startswith("-") else "ascending"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order; `before` and `after` are the places for the neighbouring pages, empty where there is none."""

    rows: list[Row[Any]]
    before: str
    after: str


def page(engine: Engine, wanted: Wanted, tenant: str, *, persons: bool, marked: Keys | None = None) -> Page:
    """`tenant` empty: all; `marked`: only these contracts."""
    column = CASES.c[wanted.sort.removeprefix("-")]
    descending, backwards = wanted.sort.startswith("-"), bool(wanted.before)
    place = _place(wanted.before or wanted.after, column)
    order = tuple(dict.fromkeys((CASES.c.tenant, column, CASES.c.contract) if tenant else (column, CASES.c.tenant, CASES.c.contract)))
    asked = _asked(wanted, tenant, persons=persons)
    if place is not None:
        given = tuple_(*(place[part.name] for part in order))
        asked = asked.where(tuple_(*order) < given if descending != backwards else tuple_(*order) > given)
    with engine.connect() as connection:
        few = narrowed.few(connection, wanted, tenant, persons=persons) if marked is None else marked
        if few is not None:  # they are sorted, instead of all being looked through in order
            asked = asked.where(narrowed.among(few))
        by = [part if few is None else narrowed.aside(part) for part in order]
        sorted_by = (part.desc() if descending != backwards else part.asc() for part in by)
        rows = list(connection.execute(asked.order_by(*sorted_by).limit(PAGE_ROWS + 1)))
    more, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    if backwards:
        rows.reverse()
    has_before = more if backwards else place is not None
    has_after = more or backwards
    return Page(rows, _told(rows[0], column) if rows and has_before else "", _told(rows[-1], column) if rows and has_after else "")


def filtered(wanted: Wanted, tenant: str, *, persons: bool, marked: Keys | None = None) -> Select[Any]:
    """All rows that a URL asks for, in its order, without pages; `marked`: only of these."""
    column, descending = CASES.c[wanted.sort.removeprefix("-")], wanted.sort.startswith("-")
    order = (column, CASES.c.tenant, CASES.c.contract)
    asked = _asked(wanted, tenant, persons=persons)
    asked = asked if marked is None else asked.where(narrowed.among(marked))
    return asked.order_by(*(part.desc() if descending else part.asc() for part in order))


def _asked(wanted: Wanted, tenant: str, *, persons: bool) -> Select[Any]:
    asked = select(CASES, (func.coalesce(DEBTORS.c.name, "") if persons else literal("")).label("debtor"))
    if persons:
        asked = asked.join(DEBTORS, and_(DEBTORS.c.tenant == CASES.c.tenant, DEBTORS.c.contract == CASES.c.contract), isouter=True)
    return asked.where(*_filters(wanted, tenant, persons=persons))


def _filters(wanted: Wanted, tenant: str, *, persons: bool) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [CASES.c.tenant == tenant] if tenant else []
    found += [narrowed.aside(CASES.c[name]) == getattr(wanted, name) for name in ("status", "agency") if getattr(wanted, name)]
    if wanted.acts:
        found.append(narrowed.aside(CASES.c.acts) == int(wanted.acts))
    if wanted.flag:
        found += [CASES.c.acts == int(Acts.PERSON), CASES.c.attention.contains(f" {wanted.flag} ", autoescape=True)]
    for word in wanted.q.lower().split():
        in_case = CASES.c.sought.contains(word, autoescape=True)
        found.append(or_(in_case, DEBTORS.c.sought.contains(word, autoescape=True)) if persons else in_case)
    return found


def _told(row: Row[Any], column: ColumnElement[Any]) -> str:
    place = [getattr(row, str(column.key)), row.tenant, row.contract]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(told: str, column: ColumnElement[Any]) -> dict[str, Any] | None:
    """None for a place that is none: the first page."""
    try:
        value, tenant, contract = json.loads(base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)))
    except (ValueError, TypeError, binascii.Error):
        return None
    fits = isinstance(value, column.type.python_type) and isinstance(tenant, str) and isinstance(contract, str)
    return {"tenant": tenant, "contract": contract, str(column.key): value} if fits else None


@dataclass(frozen=True, slots=True)
class Sums:
    """How many cases wait for whom, by `Acts`."""

    by_acts: Mapping[int, int]


def sums(engine: Engine, tenant: str) -> Sums:
    asked = select(TOTALS.c.acts, func.sum(TOTALS.c.contracts)).group_by(TOTALS.c.acts)
    with engine.connect() as connection:
        return Sums({row[0]: int(row[1]) for row in connection.execute(asked.where(TOTALS.c.tenant == tenant) if tenant else asked)})


def agencies(engine: Engine, tenant: str) -> list[str]:
    """Those that have cases, by name."""
    asked = select(TOTALS.c.agency).distinct().where(TOTALS.c.agency != "").order_by(TOTALS.c.agency)
    with engine.connect() as connection:
        return list(connection.execute(asked.where(TOTALS.c.tenant == tenant) if tenant else asked).scalars())


def cases(engine: Engine, keys: Sequence[tuple[str, ...]], tenant: str) -> list[Row[Any]]:
    """These of (tenant, contract) that there are and that `tenant` (empty: all) may see."""
    asked = select(CASES).where(tuple_(CASES.c.tenant, CASES.c.contract).in_(keys)).order_by(CASES.c.tenant, CASES.c.contract)
    with engine.connect() as connection:
        return list(connection.execute(asked.where(CASES.c.tenant == tenant) if tenant else asked))
