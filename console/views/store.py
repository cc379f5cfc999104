"""The views in their database: a batch of records and the positions behind it are one transaction.

Who applies a batch says where each partition stood before it. If the database says otherwise, another projector was faster: nothing is
applied, and the caller reads on from where the database stands. So two projectors, or one that was killed at any point, never double.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine, Table, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from console.database import migrate, writing
from console.views import totals
from console.views.rows import VIEWS, Row, View
from console.views.tables import CASES, CONTENTS, DEBTORS, POSITIONS, TOTALS
from schemas import topics

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""
AWAY_MAX_MS: Final = topics.TOMBSTONE_MS - 24 * 3600 * 1000
"""Who was away for longer may have missed deletions, which a compacted topic keeps for seven days; a day is left for clocks."""


class Overtaken(Exception):
    """Another projector has moved a partition meanwhile; nothing was applied."""


class OtherTopic(ValueError):
    """A topic was made anew, or it is another cluster's: the views show what no longer is. `--rebuild` mends it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read of a partition: from `begin` up to `end`, with the rows (None: a tombstone) by offset and (tenant, contract)."""

    begin: int
    end: int
    rows: Sequence[tuple[int, tuple[str, str], Row | None]]


class Store:
    """The views of one database. Every call is one transaction; all of them block, so call them from a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = writing(engine)

    def migrate(self) -> None:
        migrate(self._engine, "views")

    def clear(self) -> None:
        """Forget everything, so that the next batch begins at the beginning."""
        with self._engine.begin() as connection:
            for table in (POSITIONS, *CONTENTS):
                connection.execute(delete(table))

    def forget_debtors(self) -> None:
        """Person data was turned off: none stays."""
        with self._engine.begin() as connection:
            _begin_anew(connection, topics.DEBTORS, DEBTORS)

    def begin(self, beginnings: Mapping[Place, int], topic_ids: Mapping[str, str]) -> dict[Place, int]:
        """The next offset of each partition; one that is new begins where the log begins. Raises OtherTopic.

        A compacted view that has not been caught up for long is emptied and begins anew: it may have missed deletions.
        """
        with self._engine.begin() as connection:
            known = {(row.topic, row.partition): row for row in connection.execute(select(POSITIONS))}
            _refuse_other_topics(known, topic_ids)
            away = {place[0] for place, row in known.items() if place in beginnings and _was_away(place[0], row.caught_up_ms)}
            for topic in away:
                _begin_anew(connection, topic, VIEWS[topic].table)
            new = {place: begin for place, begin in beginnings.items() if place not in known or place[0] in away}
            if new:
                connection.execute(_kept(connection, POSITIONS), [_position(place, begin, topic_ids) for place, begin in new.items()])
            return {place: new.get(place, known[place].next_offset if place in known else 0) for place in beginnings}

    def positions(self) -> dict[Place, int]:
        with self._engine.connect() as connection:
            return {(row.topic, row.partition): row.next_offset for row in connection.execute(select(POSITIONS))}

    def apply(self, pieces: Mapping[Place, Piece]) -> None:
        """All of it, or nothing. Raises Overtaken."""
        with self._engine.begin() as connection:
            for place in sorted(pieces):  # in one order, or two projectors would wait for each other
                _move(connection, place, pieces[place])
            for topic, view in VIEWS.items():
                mine = [(place[1], piece) for place, piece in pieces.items() if place[0] == topic]
                (_replace if view.compacted else _add)(connection, view, mine)

    def caught_up(self, places: Iterable[Place]) -> None:
        """Note that these partitions were read up to their end now."""
        with self._engine.begin() as connection:
            for topic, partition in sorted(places):
                connection.execute(update(POSITIONS).where(_at(topic, partition)).values(caught_up_ms=_now_ms()))


def _refuse_other_topics(known: Mapping[Place, Any], topic_ids: Mapping[str, str]) -> None:
    for (topic, _), row in known.items():
        if topic in topic_ids and row.topic_id != topic_ids[topic]:
            raise OtherTopic(
                f"the views were made from another {topic} than this cluster's (id {row.topic_id}, here {topic_ids[topic]}): "
                "name the right cluster or database, or begin anew with mahnlauf project --rebuild"
            )


def _was_away(topic: str, caught_up_ms: int) -> bool:
    return VIEWS[topic].compacted and _now_ms() - caught_up_ms > AWAY_MAX_MS


def _begin_anew(connection: Connection, topic: str, table: Table) -> None:
    connection.execute(delete(table))
    if table is CASES:
        connection.execute(delete(TOTALS))
    connection.execute(delete(POSITIONS).where(POSITIONS.c.topic == topic))


def _position(place: Place, begin: int, topic_ids: Mapping[str, str]) -> Row:
    topic, partition = place
    return {"topic": topic, "partition": partition, "topic_id": topic_ids[topic], "next_offset": begin, "caught_up_ms": _now_ms()}


def _move(connection: Connection, place: Place, piece: Piece) -> None:
    """One statement that compares and moves: it locks the row until the transaction ends."""
    moved = connection.execute(
        update(POSITIONS).where(and_(_at(*place), POSITIONS.c.next_offset == piece.begin)).values(next_offset=piece.end)
    )
    if moved.rowcount != 1:
        raise Overtaken


def _at(topic: str, partition: int) -> Any:
    return and_(POSITIONS.c.topic == topic, POSITIONS.c.partition == partition)


def _add(connection: Connection, view: View, pieces: Iterable[tuple[int, Piece]]) -> None:
    rows = [
        {"partition": partition, "offset": offset, **row} for partition, piece in pieces for offset, _, row in piece.rows if row is not None
    ]
    if rows:
        connection.execute(view.table.insert(), rows)


def _replace(connection: Connection, view: View, pieces: Iterable[tuple[int, Piece]]) -> None:
    """Of a key that comes several times, the last counts; a key is in one partition."""
    latest = {key: row for _, piece in pieces for _, key, row in piece.rows}
    gone = [{"gone_tenant": tenant, "gone_contract": contract} for (tenant, contract), row in latest.items() if row is None]
    rows = [row for row in latest.values() if row is not None]
    if view.table is CASES and latest:
        totals.change(connection, connection.execute(totals.standing(list(latest))), rows)
    if gone:
        connection.execute(_gone(view.table), gone)
    if rows:
        connection.execute(_upsert(connection, view.table), rows)


def _gone(table: Table) -> Any:
    return delete(table).where(and_(table.c.tenant == bindparam("gone_tenant"), table.c.contract == bindparam("gone_contract")))


def _insert(connection: Connection, table: Table) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def _kept(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row that is there as it is."""
    return _insert(connection, table).on_conflict_do_nothing()


def _upsert(connection: Connection, table: Table) -> Any:
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
