"""A cluster on which contracts live, and the views beside it."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine, select

from console.database import opened
from console.views.store import Store
from console.views.tables import CONTENTS
from mahnlauf.stories import TENANT
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of
from streams.engine.protocol import Output
from streams.engine.transaction import TransactionalWriter
from tests.front_door.plain_worker import work
from tests.front_door.published import stories

PARTITIONS: Final = 2
CONTRACTS: Final = 12
LAST_DAY: Final = date(2025, 3, 20)
NAME: Final = "Müller"

Sql: TypeAlias = Callable[[str], str]
"""By name the address of a database."""


async def lived(bootstrap: str, folder: Path) -> Connection:
    """Some contracts that lived for some months, the first of them handed over; an agency's answers, and two debtors more."""
    connection = (await stories(bootstrap, folder, CONTRACTS, LAST_DAY)).connection
    await work(connection, PARTITIONS)
    await write(connection, topics.REPLIES, "C-1001", _answer("case.message_received", message_id="m-1", text="Herr Müller rief an"))
    for contract in ("D-1", "D-2"):
        await write(connection, topics.DEBTORS, contract, debtor(contract))
    return connection


async def write(connection: Connection, topic: str, contract: str, value: Mapping[str, Any] | bytes | None) -> None:
    key = f"{TENANT}/{contract}".encode()
    body = {"specversion": "1.0", "source": "/t", "subject": contract, "tenant": TENANT, "time": "2025-03-20T10:00:00Z"}
    found = value if value is None or isinstance(value, bytes) else json.dumps({**body, **value}).encode()
    writer = TransactionalWriter(connection, "console-kit", client_id="test")
    await writer.start()
    await writer.commit([Output(topic, key, found, 1_742_464_800_000, (), partition_of(key, PARTITIONS))])
    await writer.stop()


def _answer(kind: str, **data: Any) -> dict[str, Any]:
    return {"id": f"{kind}-1", "type": kind, "data": {"handover_id": "h-1", "occurred_at": "2025-03-20T10:00:00Z", **data}}


def debtor(contract: str) -> dict[str, Any]:
    """A person."""
    return {"id": contract, "type": "debtor.described", "data": {"kind": "consumer", "first_name": "Eva", "last_name": NAME}}


def files_in(folder: Path) -> Sql:
    """Databases as files of SQLite."""
    return lambda name: f"sqlite:///{folder / name}.sqlite"


def store(sql: Sql, name: str = "views") -> tuple[Engine, Store]:
    """Views of their own, migrated, and the engine to look into them."""
    engine = opened(sql(name))
    made = Store(engine)
    made.migrate()
    return engine, made


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all views, in order."""
    with engine.connect() as connection:
        return {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in CONTENTS}
