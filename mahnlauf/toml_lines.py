"""In which line of a TOML text a field stands (tomllib reads values, not where they were)."""

import re

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*(=|\.)""")


def line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The line (from 1) of the field at `loc`, else of the nearest table around it; None if the text has neither."""
    places = _places(text)
    for length in range(len(loc), 0, -1):
        if loc[:length] in places:
            return places[loc[:length]]
    return None


def _places(text: str) -> dict[tuple[int | str, ...], int]:
    places: dict[tuple[int | str, ...], int] = {}
    table: tuple[int | str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = _table(header.group(1), header.group(2), counts)
            places.setdefault(table, number)
        elif key := _KEY.match(line):
            places.setdefault((*table, key.group(1)), number)
    return places


def _table(brackets: str, name: str, counts: dict[str, int]) -> tuple[int | str, ...]:
    parts: list[int | str] = []
    for part in name.split("."):
        parts.append(part.strip().strip("\"'"))
        if part in counts:
            parts.append(counts[part] - 1)
    if brackets == "[[":
        number = counts.get(name, 0)
        counts[name] = number + 1
        parts = [name, number]
    return tuple(parts)
