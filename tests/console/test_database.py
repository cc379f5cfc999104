"""The databases: what the migrations make is what the code asks for, and two that begin at once don't harm each other."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from console.database import DatabaseUnusable, migrate, opened
from console.people import tables as people
from console.views import tables as views
from tests.console.kit import Sql


@pytest.mark.parametrize(("room", "metadata"), [("views", views.METADATA), ("people", people.METADATA)])
def test_the_migrations_make_the_tables_of_the_code(sql: Sql, room: str, metadata: MetaData) -> None:
    engine = opened(sql("new"))
    migrate(engine, room)
    migrate(engine, room)  # again: nothing to do
    told = {"version_table": f"{room}_version", "include_name": _ours}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=told), metadata) == []


def test_both_rooms_may_share_a_database_and_begin_at_once(sql: Sql) -> None:
    engine = opened(sql("one"))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda room: migrate(engine, room), ("views", "people", "views", "people")))
    with engine.connect() as connection:
        for table in (*views.METADATA.sorted_tables, *people.METADATA.sorted_tables):
            assert connection.execute(table.select()).all() == []


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://user:secret@host/db", "nothing://user:secret@host/db"])
def test_an_address_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as refused:
        opened(url)
    assert "secret" not in str(refused.value)


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    """The index of words is the databases' own: tables of SQLite, an index of PostgreSQL that its model can't tell."""
    return not str(name).endswith("_words") and not str(name).startswith("case_words")
