"""CSV as spreadsheets write and read it: rows of ours as bytes, and the bytes of an answer as rows, each wrong one named by its place.

A cell that a spreadsheet would take for a formula gets an apostrophe in front, which is taken away again where one comes back.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from connectors.agencies.prokur.layout import Layout

REQUIRED: Final = ("reference", "moment", "code")
OPTIONAL: Final = ("reason", "amount", "payment_id")
"""Columns of an answer."""
LINE_CHARS_MAX: Final = 20_000
"""No answer is as long; a longer line is a file that is something else."""

_FORMULA: Final = re.compile(r"[=+\-@＝＋－＠]")
_DEFUSED: Final = re.compile(r"'[=+\-@＝＋－＠]")
_UNDECODABLE: Final = "\ufffd"


class NotInEncoding(ValueError):
    """A value has a sign that the layout's encoding has not. `column` is ours."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line (from 1) that is no answer, and the field because of which. Nothing of what stands there: it may hold anything."""

    line: int
    field: str | None
    why: str


Line: TypeAlias = Mapping[str, str]


def written(row: Mapping[str, str], layout: Layout) -> bytes:
    """A header and one row. Raises NotInEncoding."""
    cells = {column: cell(text) for column, text in row.items()}
    for column, text in cells.items():
        try:
            text.encode(layout.encoding)
        except UnicodeEncodeError:
            raise NotInEncoding(column) from None
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=layout.separator, lineterminator="\r\n")
    writer.writerow([layout.column(column) for column in cells])
    writer.writerow(list(cells.values()))
    return out.getvalue().encode(layout.encoding)


def cell(text: str) -> str:
    """On one line, and nothing that is calculated when a person opens the file."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"'{plain}" if _FORMULA.match(plain) else plain


def read(content: bytes, layout: Layout) -> Iterator[tuple[int, Line | Wrong]]:
    """Each line below the header by its number, in our columns; optional ones are empty where there are none."""
    text = content.decode(layout.encoding, errors="replace").removeprefix("\ufeff")
    rows = csv.reader(_lines(text), delimiter=layout.separator, strict=True)
    try:
        header = [_undefused(name) for name in next(rows, [])]
        places = _places(header, layout)
    except (csv.Error, ValueError) as error:
        yield 1, Wrong(1, str(error) if isinstance(error, _NoColumn) else None, "a header that lacks a column, or can't be read")
        return
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            yield rows.line_num, Wrong(rows.line_num, None, "a line that is no CSV (a quotation mark, or longer than a line may be)")
            continue
        if row is None:
            return
        if any(row):
            yield rows.line_num, _line(row, rows.line_num, places, len(header))


class _NoColumn(ValueError):
    pass


def _lines(text: str) -> Iterator[str]:
    """Lines as they stand; one that is too long is cut, and so is no CSV or lacks columns, but fills no memory twice."""
    for line in io.StringIO(text, newline=""):
        yield line.replace("\0", _UNDECODABLE)[:LINE_CHARS_MAX]


def _places(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Where our columns stand. Raises _NoColumn, ValueError where one stands twice."""
    for column in REQUIRED:
        if layout.column(column) not in header:
            raise _NoColumn(column)
    if len(set(header)) != len(header):
        raise ValueError("a column that stands twice")
    return {column: header.index(layout.column(column)) for column in (*REQUIRED, *OPTIONAL) if layout.column(column) in header}


def _line(row: Sequence[str], number: int, places: Mapping[str, int], columns: int) -> Line | Wrong:
    if len(row) != columns:
        return Wrong(number, None, f"{len(row)} cells where the header has {columns}")
    found = dict.fromkeys((*REQUIRED, *OPTIONAL), "") | {column: _undefused(row[place]) for column, place in places.items()}
    for column, text in found.items():
        if _UNDECODABLE in text:
            return Wrong(number, column, "a sign that is not in the layout's encoding")
    return found


def _undefused(text: str) -> str:
    text = text.strip()
    return text[1:] if _DEFUSED.match(text) else text
