"""What people mark: named, coloured flags on contracts, and what each of them has read. No rule knows of it, and no rebuild touches it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Connection, Engine, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from console.database import among, writing
from console.people.directory import wall_ms
from console.people.tables import FLAGS, READS

COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "violet")
NAME_MAX: Final = 40
FLAGGED_MAX: Final = 2_000
"""Contracts with one flag that are shown."""

Key: TypeAlias = tuple[str, str]
"""Tenant and contract."""


class NoFlag(ValueError):
    """It can't be a flag; the message says why."""


class Flag(NamedTuple):
    name: str
    colour: str


class Marks:
    """Those in the database of the users. Every call blocks."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine, self._writing = engine, writing(engine)
        self._now_ms = now_ms

    def put(self, keys: Sequence[Key], name: str, colour: str, by: str) -> None:
        """Stick a flag on each of these, or give it another colour. Raises NoFlag."""
        name = " ".join(name.split())
        if not 0 < len(name) <= NAME_MAX:
            raise NoFlag(f"a flag has a name of 1 to {NAME_MAX} characters")
        if colour not in COLOURS:
            raise NoFlag(f"a flag is one of {', '.join(COLOURS)}")
        rows = [
            {"tenant": tenant, "contract": contract, "name": name, "colour": colour, "by": by, "at_ms": self._now_ms()}
            for tenant, contract in keys
        ]
        with self._writing.begin() as connection:
            if rows:
                connection.execute(_put(connection, FLAGS), rows)

    def take(self, key: Key, name: str) -> None:
        with self._writing.begin() as connection:
            connection.execute(delete(FLAGS).where(*_at(FLAGS, key), FLAGS.c.name == name))

    def of(self, keys: Sequence[Key]) -> dict[Key, list[Flag]]:
        """The flags of these contracts, by name."""
        asked = select(FLAGS).where(among(FLAGS, keys)).order_by(FLAGS.c.name)
        found: dict[Key, list[Flag]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(asked):
                found.setdefault((row.tenant, row.contract), []).append(Flag(row.name, row.colour))
        return found

    def known(self, tenant: str) -> list[str]:
        """Names in use. `tenant` empty: of all."""
        asked = select(FLAGS.c.name).distinct().order_by(FLAGS.c.name)
        with self._engine.connect() as connection:
            return list(connection.execute(asked.where(FLAGS.c.tenant == tenant) if tenant else asked).scalars())

    def flagged(self, name: str, tenant: str) -> list[Key]:
        """Contracts with this flag, up to FLAGGED_MAX."""
        asked = select(FLAGS.c.tenant, FLAGS.c.contract).where(FLAGS.c.name == name).limit(FLAGGED_MAX)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.where(FLAGS.c.tenant == tenant) if tenant else asked)
            return [(row.tenant, row.contract) for row in rows]

    def note_read(self, user: str, key: Key, version: int) -> None:
        """This user has opened the contract's history as it is with that version."""
        with self._writing.begin() as connection:
            connection.execute(_put(connection, READS), {"user": user, "tenant": key[0], "contract": key[1], "version": version})

    def read(self, user: str, keys: Sequence[Key]) -> dict[Key, int]:
        """Up to which version this user has opened these."""
        asked = select(READS).where(READS.c.user == user, among(READS, keys))
        with self._engine.connect() as connection:
            return {(row.tenant, row.contract): row.version for row in connection.execute(asked)}


def _at(table: Table, key: Key) -> list[Any]:
    return [table.c.tenant == key[0], table.c.contract == key[1]]


def _put(connection: Connection, table: Table) -> Any:
    statement = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)
