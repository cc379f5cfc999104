"""The table of cases as a file for a spreadsheet: all that a filter finds, row by row as the database gives them."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any, Final

from babel.numbers import get_currency_precision
from sqlalchemy import Engine, Row

from console.pages.listing import Keys, Wanted, filtered

COLUMNS: Final = (
    *("tenant", "contract", "debtor", "status", "dunning_level", "currency", "open_amount", "overdue_amount", "costs", "interest"),
    *("agency", "agency_account", "case_id", "stage", "attention", "next_step_on", "changed_at"),
)
AMOUNTS: Final = frozenset({"open_amount", "overdue_amount", "costs", "interest"})
ROWS_AT_ONCE: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With what a spreadsheet lets a formula begin; the last four are the full-width signs."""


def lines(engine: Engine, wanted: Wanted, tenant: str, *, persons: bool, marked: Keys | None = None) -> Iterator[str]:
    """CSV in pieces, the head first. Amounts are in the unit of their currency. What a spreadsheet would take for a formula begins with an
    apostrophe: texts come from elsewhere."""
    yield _written([COLUMNS])
    with engine.connect().execution_options(stream_results=True, yield_per=ROWS_AT_ONCE) as connection:
        for rows in connection.execute(filtered(connection, wanted, tenant, persons=persons, marked=marked)).partitions():
            yield _written([[_cell(row, name) for name in COLUMNS] for row in rows])


def _cell(row: Row[Any], name: str) -> str:
    value = getattr(row, name)
    if name in AMOUNTS:
        return str(Decimal(value).scaleb(-get_currency_precision(row.currency))) if row.currency else str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Any) -> str:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
