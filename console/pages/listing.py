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

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, case, false, func, literal, or_, select, tuple_

from console.database import among
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
    backwards = bool(wanted.before)
    place = _place(wanted.before or wanted.after, column)
    way = _Way(column, place, falling=wanted.sort.startswith("-") != backwards)
    with engine.connect() as connection:
        few = marked
        if few is None and tenant:
            few = _of(tenant, narrowed.few(connection, wanted, tenant, persons=persons))
        elif few is None:
            few = _first_of_each(connection, wanted, way, persons=persons)
        asked = way.behind(_asked(connection, wanted, tenant, persons=persons), tenant)
        if few is not None:  # they are sorted, instead of all being looked through in order
            asked = asked.where(among(CASES, few))
        by = [part if few is None else narrowed.aside(part) for part in way.order(tenant)]
        rows = list(connection.execute(asked.order_by(*way.sorted(by)).limit(PAGE_ROWS + 1)))
    more, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    if backwards:
        rows.reverse()
    has_before = more if backwards else place is not None
    has_after = more or backwards
    return Page(rows, _told(rows[0], column) if rows and has_before else "", _told(rows[-1], column) if rows and has_after else "")


@dataclass(frozen=True, slots=True)
class _Way:
    """Through all cases by a column, from a place on. What is equal goes by creditor and contract."""

    column: ColumnElement[Any]
    place: Mapping[str, Any] | None
    falling: bool

    def order(self, tenant: str) -> tuple[ColumnElement[Any], ...]:
        """What sorts, each once. A creditor's own is told by its index, whose first column is the creditor."""
        parts = (CASES.c.tenant, self.column, CASES.c.contract) if tenant else (self.column, CASES.c.tenant, CASES.c.contract)
        return tuple(dict.fromkeys(parts))

    def sorted(self, parts: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        return [part.desc() if self.falling else part.asc() for part in parts]

    def behind(self, asked: Select[Any], tenant: str) -> Select[Any]:
        """Only what comes after the place."""
        if self.place is None:
            return asked
        order = self.order(tenant)
        here, given = tuple_(*order), tuple_(*(self.place[part.name] for part in order))
        return asked.where(here < given if self.falling else here > given)

    def behind_of(self, asked: Select[Any], tenant: str, side: int) -> Select[Any]:
        """The same of one creditor among all; `side`: whether its name is before (-1), at (0) or after (1) the place's."""
        if self.place is None:
            return asked
        if side == 0:
            return self.behind(asked, tenant)
        ahead, value = (side < 0) == self.falling, self.place[str(self.column.key)]
        if self.column is CASES.c.tenant:
            return asked if ahead else asked.where(false())
        if self.falling:
            return asked.where(self.column <= value if ahead else self.column < value)
        return asked.where(self.column >= value if ahead else self.column > value)


def _first_of_each(connection: Connection, wanted: Wanted, way: _Way, *, persons: bool) -> list[tuple[str, str]]:
    """Of each creditor as many as a page shows, found in its own order: the first of all are among them."""
    at = literal("") if way.place is None else literal(way.place["tenant"])
    side = case((TOTALS.c.tenant == at, 0), (TOTALS.c.tenant > at, 1), else_=-1)  # the database compares names as it sorts them
    found: list[tuple[str, str]] = []
    for tenant, beside in connection.execute(select(TOTALS.c.tenant, side).distinct()).all():
        few = _of(tenant, narrowed.few(connection, wanted, tenant, persons=persons))
        asked = way.behind_of(_asked(connection, wanted, tenant, persons=persons).with_only_columns(CASES.c.contract), tenant, beside)
        by = way.order(tenant)
        if few is not None:
            asked, by = asked.where(among(CASES, few)), tuple(narrowed.aside(part) for part in by)
        found += ((tenant, name) for name in connection.execute(asked.order_by(*way.sorted(by)).limit(PAGE_ROWS + 1)).scalars())
    return found


def _of(tenant: str, names: Sequence[str] | None) -> list[tuple[str, str]] | None:
    return None if names is None else [(tenant, name) for name in names]


def filtered(connection: Connection, wanted: Wanted, tenant: str, *, persons: bool, marked: Keys | None = None) -> Select[Any]:
    """All rows that a URL asks for, creditor by creditor in its order, without pages; `marked`: only of these."""
    asked = _asked(connection, wanted, tenant, persons=persons)
    asked = asked if marked is None else asked.where(among(CASES, marked))
    descending = wanted.sort.startswith("-")
    order = dict.fromkeys((CASES.c.tenant, CASES.c[wanted.sort.removeprefix("-")], CASES.c.contract))
    return asked.order_by(*(part.desc() if descending else part.asc() for part in order))


def _asked(connection: Connection, wanted: Wanted, tenant: str, *, persons: bool) -> Select[Any]:
    asked = select(CASES, (func.coalesce(DEBTORS.c.name, "") if persons else literal("")).label("debtor"))
    if persons:
        asked = asked.join(DEBTORS, and_(DEBTORS.c.tenant == CASES.c.tenant, DEBTORS.c.contract == CASES.c.contract), isouter=True)
    return asked.where(*_filters(connection, wanted, tenant, persons=persons))


def _filters(connection: Connection, wanted: Wanted, tenant: str, *, persons: bool) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [CASES.c.tenant == tenant] if tenant else []
    found += [narrowed.aside(CASES.c[name]) == getattr(wanted, name) for name in ("status", "agency") if getattr(wanted, name)]
    if wanted.acts:
        found.append(narrowed.aside(CASES.c.acts) == int(wanted.acts))
    if wanted.flag:
        found.append(narrowed.aside(CASES.c.attention).contains(f" {wanted.flag} ", autoescape=True))
    for word in wanted.q.lower().split():
        places = [CASES.c.sought.contains(word, autoescape=True), *narrowed.counted(connection, tenant, word)]
        found.append(or_(*places, *([DEBTORS.c.sought.contains(word, autoescape=True)] if persons else [])))
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


def cases(engine: Engine, keys: Keys, tenant: str) -> list[Row[Any]]:
    """These of (tenant, contract) that there are and that `tenant` (empty: all) may see."""
    asked = select(CASES).where(among(CASES, keys)).order_by(CASES.c.tenant, CASES.c.contract)
    with engine.connect() as connection:
        return list(connection.execute(asked.where(CASES.c.tenant == tenant) if tenant else asked))
