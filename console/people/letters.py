"""What people did with dead letters: put back where they came from, or set aside. The letters themselves stay on Kafka."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from console.actions.office import LetterPlace
from console.database import writing
from console.people.directory import wall_ms
from console.people.tables import LETTERS


class Settled(NamedTuple):
    """`outcome`: put_back, mended or set_aside."""

    outcome: str
    by: str
    at_ms: int
    note: str


class Letters:
    """Those in the database of the users. Every call blocks."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms

    def settle(self, place: LetterPlace, outcome: str, by: str, note: str) -> None:
        """Note what became of one; the first note stays."""
        row = {**place._asdict(), "outcome": outcome, "by": by, "at_ms": self._now_ms(), "note": note}
        try:
            with self._writing.begin() as connection:
                connection.execute(insert(LETTERS), row)
        except IntegrityError:
            return

    def settled(self, topics: Collection[str]) -> dict[LetterPlace, Settled]:
        """What became of those of some topics."""
        asked = select(LETTERS).where(LETTERS.c.topic.in_(topics))
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return {LetterPlace(row.topic, row.partition, row.offset): Settled(row.outcome, row.by, row.at_ms, row.note) for row in rows}
