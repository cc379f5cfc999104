"""How many contracts went which step in which month, counted as the steps are taken in: changes of status, and reminders sent."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from console.views.rows import Row, storable
from console.views.tables import FLOW

BEFORE_AN_AGENCY: Final = frozenset({"Due", "Reminded", "Held"})
BY_STATUS: Final = {
    "ToBePassed": "handed_over",
    "Rejected": "not_taken",
    "SuccessfullyClosed": "closed_successful",
    "UnsuccessfullyClosed": "closed_unsuccessful",
}
_Group: TypeAlias = tuple[str, str, str]


def count(connection: Connection, rows: Iterable[Row]) -> None:
    """Take in rows of case-history and of notices, each once."""
    steps: Counter[_Group] = Counter((row["tenant"], month, step) for row in rows for month, step in _steps(row))
    if not steps:
        return
    keys = ("tenant", "month", "step")
    told = [storable({**dict(zip(keys, group, strict=True)), "contracts": steps[group]}) for group in sorted(steps)]
    statement: Any = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(FLOW)
    more = {"contracts": FLOW.c.contracts + statement.excluded.contracts}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=more), told)


def _steps(row: Row) -> Iterator[tuple[str, str]]:
    """Month and step."""
    told = row["told"]
    if "to" in told and "from" in told:
        month, before, after = told["changed_at"][:7], told["from"], told["to"]
        if before == "Clear" and after != "Clear":
            yield month, "fell_due"
        if before in BEFORE_AN_AGENCY and after == "Clear":
            yield month, "settled_before"
        if after in BY_STATUS and after != before:
            yield month, BY_STATUS[after]
    elif row.get("type") == "notice.reminder":
        yield row["time"][:7], f"reminded_{told['level']}"
