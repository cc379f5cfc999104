"""A SQL database of the console: opened the way both kinds need it, and brought to the newest schema by alembic."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, create_engine, event, false, make_url, or_
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

BUSY_MS: Final = 30_000
"""How long a writer of SQLite waits for another's transaction."""
CACHE_KIB: Final = 65_536
"""What a connection of SQLite keeps of its pages in memory. By itself it keeps 2 MiB; a million cases' indexes fall out of that."""
LOG_PAGES: Final = 16_384
"""After how many of them SQLite moves what was written from its log into the file: pages that many batches change are moved once."""


class DatabaseUnusable(ValueError):
    """The address names no database that can be used; the message says what is wrong with it, without its password."""


def opened(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`. The folder of a SQLite file is made. Raises DatabaseUnusable."""
    try:
        address = make_url(url)
        if address.get_backend_name() not in ("sqlite", "postgresql"):
            raise DatabaseUnusable(f"{address.get_backend_name()} is no database the console knows: name one of SQLite or PostgreSQL")
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address, pool_pre_ping=True, json_serializer=_json)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseUnusable(f"the console's database address cannot be used: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _prepare(connection: Any, _record: Any) -> None:
    """Readers never wait for the writer (WAL). sqlite3's own BEGIN comes too late, with the first write: ours is `_begin`."""
    connection.isolation_level = None
    kept = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON")
    for pragma in (*kept, f"busy_timeout = {BUSY_MS}", f"cache_size = -{CACHE_KIB}", f"wal_autocheckpoint = {LOG_PAGES}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Who is going to write says so at once (`writing`): a reader that becomes a writer would be refused if another wrote meanwhile."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")


def writing(engine: Engine) -> Engine:
    """The same database for transactions that write."""
    return engine.execution_options(writing=True)


def among(table: Table, keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """That a row's (tenant, contract) is one of these, said tenant by tenant: asked for pairs, SQLite looks at every row."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, contract in keys:
        by_tenant.setdefault(tenant, []).append(contract)
    return or_(false(), *(and_(table.c.tenant == tenant, table.c.contract.in_(names)) for tenant, names in by_tenant.items()))


def migrate(engine: Engine, room: str) -> None:
    """Bring the tables of `console.<room>` (views, people) to the newest schema. Two that begin at once wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(files("console") / room / "migrations"))
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7401)")
        config.attributes["connection"] = connection
        config.attributes["version_table"] = f"{room}_version"
        command.upgrade(config, "head")
