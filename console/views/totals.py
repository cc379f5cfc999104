"""How many contracts there are and what is open on them, kept while they change: nobody counts a million rows for a page."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from console.views.rows import Row
from console.views.tables import TOTALS

GROUPED_BY: Final = ("tenant", "status", "agency", "currency", "acts", "attention")
SUMMED: Final = ("contracts", "open_amount", "overdue_amount")
_Group: TypeAlias = tuple[Any, ...]


def change(connection: Connection, before: Iterable[Row], after: Iterable[Row]) -> None:
    """Take what was there out, and what is there now in."""
    sums: dict[str, Counter[_Group]] = {name: Counter() for name in SUMMED}
    for sign, rows in ((-1, before), (1, after)):
        for row in rows:
            group = tuple(row[name] for name in GROUPED_BY)
            sums["contracts"][group] += sign
            for name in SUMMED[1:]:
                sums[name][group] += sign * row[name]
    changed = sorted(group for group in sums["contracts"] if any(sums[name][group] for name in SUMMED))
    if changed:
        told = [{**dict(zip(GROUPED_BY, group, strict=True)), **{name: sums[name][group] for name in SUMMED}} for group in changed]
        connection.execute(_added(connection), told)
        connection.execute(delete(TOTALS).where(TOTALS.c.contracts == 0))


def _added(connection: Connection) -> Any:
    statement = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(TOTALS)
    return statement.on_conflict_do_update(
        index_elements=GROUPED_BY, set_={name: TOTALS.c[name] + statement.excluded[name] for name in SUMMED}
    )
