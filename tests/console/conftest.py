"""The databases that the console's tests run over: SQLite, and a PostgreSQL of their own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.console import postgres
from tests.console.kit import Sql, files_in

_NUMBERS = count()


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    """Where the tests' PostgreSQL listens."""
    where = postgres.programs()
    if where is None:
        pytest.skip("PostgreSQL is not here: install Debian's postgresql")
    with postgres.running(where) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Sql:
    """By name the address of a database, that is made if there is none."""
    if request.param == "sqlite":
        return files_in(tmp_path)
    socket, number, known = request.getfixturevalue("socket"), next(_NUMBERS), dict[str, str]()

    def address(name: str) -> str:
        if name not in known:
            known[name] = postgres.made(socket, f"{name}_{number}")
        return known[name]

    return address
