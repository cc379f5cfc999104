"""Each row of the table of faults names tests that exist."""

import ast
from pathlib import Path

import pytest

from docs.faults import FAULTS, Fault

TESTS = Path(__file__).parents[1]


def test_the_table_has_every_row() -> None:
    assert len(FAULTS) == 30


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.fault)
def test_what_must_hold_is_shown_by_a_test(fault: Fault) -> None:
    assert fault.tests
    assert [name for name in fault.tests if not _exists(name)] == []


def _exists(name: str) -> bool:
    file, _, test = name.rpartition(".")
    path = TESTS / f"{file}.py"
    written = ast.walk(ast.parse(path.read_text())) if path.exists() else ()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(one, kinds) and one.name in (f"test_{test}", test) for one in written)
