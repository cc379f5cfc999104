"""Who ordered what, and when: noted before it is handed in, kept for good, touched by no rebuild of the views."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.actions.desk import Sent
from console.database import writing
from console.people.directory import wall_ms
from console.people.tables import ORDERS

SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Order:
    """`fate`: None while the processor has not come to it, empty if it was applied, else why it was not. `sent` None: it is
    not known that Kafka took it. `told`: the data of its event, words in it sealed."""

    id: str
    at_ms: int
    user: str
    type: str
    sent: Sent | None
    fate: str | None
    told: Mapping[str, Any]


class OrderLog:
    """The log in the database of the users. Every call blocks."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms

    def note(self, user: str, event: Any) -> bool:
        """Note that somebody orders this. False if it was handed in before: the form was sent twice. One that was noted and not known to be
        handed in (Kafka was away, or this process ended in between) goes again under its id, and counts once."""
        row = {"id": event.id, "at_ms": self._now_ms(), "user": user, "tenant": event.tenant, "contract": event.subject, "type": event.type}
        told = event.data.model_dump(mode="json", by_alias=True, exclude_none=True)
        try:
            with self._writing.begin() as connection:
                connection.execute(insert(ORDERS), {**row, "told": told})
        except IntegrityError:
            with self._engine.connect() as connection:
                return connection.execute(select(ORDERS.c.partition).where(ORDERS.c.id == event.id)).scalar_one() is None
        return True

    def handed_in(self, order_ids: Sequence[str]) -> set[str]:
        """Which of these Kafka is known to have taken."""
        asked = select(ORDERS.c.id).where(ORDERS.c.id.in_(order_ids), ORDERS.c.partition.is_not(None))
        with self._engine.connect() as connection:
            return set(connection.execute(asked).scalars())

    def note_sent(self, order_id: str, sent: Sent) -> None:
        self._change(order_id, partition=sent.partition, offset=sent.offset)

    def note_fate(self, order_id: str, fate: str) -> None:
        """What became of it, which does not change any more."""
        self._change(order_id, fate=fate)

    def _change(self, order_id: str, **values: Any) -> None:
        with self._writing.begin() as connection:
            connection.execute(update(ORDERS).where(ORDERS.c.id == order_id).values(**values))

    def of(self, tenant: str, contract: str) -> list[Order]:
        """The latest orders of a contract, newest first."""
        asked = select(ORDERS).where(ORDERS.c.tenant == tenant, ORDERS.c.contract == contract)
        with self._engine.connect() as connection:
            return [_order(row) for row in connection.execute(asked.order_by(ORDERS.c.at_ms.desc(), ORDERS.c.id).limit(SHOWN_MAX))]


def _order(row: Row[Any]) -> Order:
    sent = None if row.partition is None else Sent(row.partition, row.offset)
    return Order(row.id, row.at_ms, row.user, row.type, sent, row.fate, row.told)
