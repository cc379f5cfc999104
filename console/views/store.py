"""The views in their database: a batch of records and the positions behind it are one transaction.

Who applies a batch says where each partition stood before it. If the database says otherwise, another projector was faster: nothing is
applied, and the caller reads on from where the database stands. So two projectors, or one that was killed at any point, never double.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import JSON, Connection, Engine, Table, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from console.database import among, migrate, writing
from console.views import flow, money, totals
from console.views.rows import VIEWS, Row
from console.views.tables import CASES, CONTENTS, DEBTORS, POSITIONS, TOTALS
from schemas import topics

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""
Key: TypeAlias = tuple[str, str]
"""Tenant and contract."""
AWAY_MAX_MS: Final = topics.TOMBSTONE_MS - 24 * 3600 * 1000
"""Who was away for longer may have missed deletions, which a compacted topic keeps for seven days; a day is left for clocks."""


MONEY: Final = (topics.COMMANDS, topics.REPLIES, topics.PAYMENTS, topics.BOOKINGS)
"""Topics that tell of claims and payments."""
STEPS: Final = (topics.CASE_HISTORY, topics.NOTICES)
"""Topics that tell which steps a contract goes."""


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
                if (table := VIEWS[topic].table) is not None:
                    _begin_anew(connection, topic, table)
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
                if view.table is not None:
                    (_replace if view.compacted else _add)(connection, view.table, mine)
            money.keep(connection, (row for topic in MONEY for row in _rows(pieces, topic)))
            flow.count(connection, (row for topic in STEPS for row in _rows(pieces, topic)))

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


def _rows(pieces: Mapping[Place, Piece], topic: str) -> Iterator[Row]:
    return (row for place, piece in pieces.items() if place[0] == topic for _, _, row in piece.rows if row is not None)


def _add(connection: Connection, table: Table, pieces: Iterable[tuple[int, Piece]]) -> None:
    rows = [
        {"partition": partition, "offset": offset, **row} for partition, piece in pieces for offset, _, row in piece.rows if row is not None
    ]
    if rows:
        connection.execute(table.insert(), rows)


def _replace(connection: Connection, table: Table, pieces: Iterable[tuple[int, Piece]]) -> None:
    """Of a key that comes several times, the last counts. A key is in one partition: nobody else writes while its position is locked."""
    latest = {key: row for _, piece in pieces for _, key, row in piece.rows}
    if not latest:
        return
    before = {(row["tenant"], row["contract"]): row for row in _standing(connection, table, latest)}
    gone = [{"gone_tenant": tenant, "gone_contract": contract} for (tenant, contract), row in latest.items() if row is None]
    rows = {key: row for key, row in latest.items() if row is not None}
    if table is CASES:
        totals.change(connection, before.values(), rows.values())
    if gone:
        connection.execute(_gone(table), gone)
    if new := [row for key, row in rows.items() if key not in before]:
        connection.execute(table.insert(), new)
    for names, changed in _changes(before, rows).items():
        connection.execute(_change(table, names), changed)


def _standing(connection: Connection, table: Table, keys: Iterable[Key]) -> Iterable[Row]:
    """These rows as they are, without what is only shown: that is written anew each time."""
    columns = [column for column in table.columns if not isinstance(column.type, JSON)]
    return (dict(row._mapping) for row in connection.execute(select(*columns).where(among(table, keys))))


def _changes(before: Mapping[Key, Row], rows: Mapping[Key, Row]) -> dict[tuple[str, ...], list[Row]]:
    """By the columns that change, so that only their indexes are written: most statuses say only little that is new."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for key, row in rows.items():
        if key in before:
            names = tuple(name for name, value in row.items() if before[key].get(name, ...) != value)
            values = {f"new_{name}": row[name] for name in names}
            found.setdefault(names, []).append({**values, "key_tenant": key[0], "key_contract": key[1]})
    found.pop((), None)
    return found


def _change(table: Table, names: Sequence[str]) -> Any:
    here = and_(table.c.tenant == bindparam("key_tenant"), table.c.contract == bindparam("key_contract"))
    return update(table).where(here).values({name: bindparam(f"new_{name}") for name in names})


def _gone(table: Table) -> Any:
    return delete(table).where(and_(table.c.tenant == bindparam("gone_tenant"), table.c.contract == bindparam("gone_contract")))


def _insert(connection: Connection, table: Table) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def _kept(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row that is there as it is."""
    return _insert(connection, table).on_conflict_do_nothing()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
