"""One contract: how it stands, and everything that happened to it, newest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, and_, select

from console.views.tables import CASES, DEBTORS, HISTORY, NOTICES, REPLIES
from schemas.fields import is_sealed

SHOWN_MAX: Final = 500
"""Entries of each kind: a contract of many years stays a page that can be read."""

QUESTION: Final = "question"
"""The attention that stands until one is answered."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind`: change, reply or notice; `told` the data of the event, `type` its type."""

    at: datetime
    kind: str
    type: str
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contract:
    case: Row[Any]
    debtor: str
    entries: list[Entry]

    @property
    def questions(self) -> list[str]:
        """Ids of what the agency asked of the case it has now, while that waits for an answer; the oldest first."""
        if QUESTION not in self.case.told["attention"]:
            return []
        return list(dict.fromkeys(told["question_id"] for told in reversed(self._asked())))

    def question(self, question_id: str) -> Mapping[str, Any]:
        """What was asked, as the agency put it last. Raises StopIteration where it is none of `questions`."""
        return next(told for told in self._asked() if told["question_id"] == question_id)

    def _asked(self) -> list[dict[str, Any]]:
        told = [entry.told for entry in self.entries if entry.type == "case.question_asked"]
        return [each for each in told if each["handover_id"] == self.case.told["handover_id"]]


def contract(engine: Engine, tenant: str, name: str) -> Contract | None:
    """None if there is no such case."""
    with engine.connect() as connection:
        case = connection.execute(select(CASES).where(_of(CASES, tenant, name))).first()
        if case is None:
            return None
        debtor = connection.execute(select(DEBTORS.c.name).where(_of(DEBTORS, tenant, name))).scalar()
        changes = [
            Entry(datetime.fromisoformat(row.told["changed_at"]), "change", "case_history.recorded", row.told)
            for row in _latest(connection, HISTORY, HISTORY.c.version, tenant, name)
        ]
        others = [
            Entry(datetime.fromisoformat(row.time), kind, row.type, row.told)
            for kind, table in (("reply", REPLIES), ("notice", NOTICES))
            for row in _latest(connection, table, table.c.time, tenant, name)
        ]
    return Contract(case, debtor or "", sorted(changes + others, key=lambda entry: entry.at, reverse=True))


def _latest(connection: Connection, table: Table, order: Any, tenant: str, name: str) -> list[Row[Any]]:
    asked = select(table).where(_of(table, tenant, name)).order_by(order.desc(), table.c.partition, table.c.offset.desc()).limit(SHOWN_MAX)
    return list(connection.execute(asked))


def _of(table: Table, tenant: str, name: str) -> Any:
    return and_(table.c.tenant == tenant, table.c.contract == name)


def sealed_in(value: Any) -> Iterator[str]:
    """All sealed texts in the data of events."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from sealed_in(part)
    elif isinstance(value, str) and is_sealed(value):
        yield value
