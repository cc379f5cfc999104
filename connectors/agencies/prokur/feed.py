"""Answers as pages: files are taken, told, and retired once somebody comes with the cursor that was committed with their replies.

A cursor is the files a page told, one a line; the last, if only a part of it was told, ends with `:` and that part's last line.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.agencies.prokur import sheet
from connectors.agencies.prokur.folder import FILE_BYTES_MAX, Folder, TooLong, told_name
from connectors.agencies.prokur.layout import Layout
from connectors.agencies.prokur.mapping import FieldWrong, change_of
from connectors.agencies.prokur.sheet import Wrong
from connectors.delivery.agency import CaseView, Change, ChangePage, Closed, Rejected

FILES_MAX: Final = 40
"""Of a page, so that its cursor fits into the ledger."""
LINES_MAX: Final = 1_000
"""Of a page: what is persisted at a time."""
_TOLD: Final = re.compile(r"([A-Za-z0-9._-]+)(?::(\d{1,9}))?", re.ASCII)


def page(folder: Folder, layout: Layout, cursor: str | None) -> ChangePage:
    """What comes after `cursor`. Raises OSError."""
    told = [found for each in (cursor or "").splitlines() if (found := _TOLD.fullmatch(each))]
    folder.retire(name for name, line in (found.groups() for found in told) if line is None)
    folder.take(layout.suffix)
    since = {found[1]: int(found[2]) for found in told if found[2] is not None}
    return _of(folder, layout, since)


def _of(folder: Folder, layout: Layout, since: Mapping[str, int]) -> ChangePage:
    changes: list[Change] = []
    unreadable: list[Mapping[str, Any]] = []
    names: list[str] = []
    left = LINES_MAX
    for name in folder.taken():
        if left == 0 or len(names) == FILES_MAX:
            return ChangePage(tuple(changes), "\n".join(names), True, tuple(unreadable))
        names.append(name)
        for line, found in _lines(folder, name, layout):
            if line <= since.get(name, 0):
                continue
            if isinstance(found, Wrong):
                unreadable.append({"file": told_name(name), "line": found.line, "field": found.field, "why": found.why})
            else:
                changes.append(found)
            left -= 1
            if left == 0:
                names[-1] = f"{name}:{line}"
                return ChangePage(tuple(changes), "\n".join(names), True, tuple(unreadable))
    return ChangePage(tuple(changes), "\n".join(names), False, tuple(unreadable))


def view(folder: Folder, layout: Layout, reference: str) -> CaseView | None:
    """The case of a handover as all answers tell it; None: it was not placed. Raises OSError."""
    placed_at = folder.placed_at(reference)
    if placed_at is None:
        return None
    name = reference.encode()
    found = [each for content in folder.everything(layout.suffix) if name in content for _, each in told(content, layout)]
    ours = {each.change_id: each for each in found if isinstance(each, Change) and each.reference == reference}
    changes = sorted(ours.values(), key=lambda change: change.occurred_at)
    ended = [change.what for change in changes if isinstance(change.what, Closed | Rejected)]
    return CaseView(
        reference=reference,
        case_id=reference,
        received_at=placed_at,
        closed=bool(ended),
        recalled=any(isinstance(what, Closed) and what.reason == "recalled" for what in ended),
        reported=frozenset(),
        changes=tuple(changes),
    )


def told(content: bytes, layout: Layout) -> Iterator[tuple[int, Change | Wrong]]:
    """What each line of an answer says."""
    for line, found in sheet.read(content, layout):
        if isinstance(found, Wrong):
            yield line, found
            continue
        try:
            yield line, change_of(found)
        except FieldWrong as error:
            yield line, Wrong(line, error.field, str(error))


def _lines(folder: Folder, name: str, layout: Layout) -> Iterator[tuple[int, Change | Wrong]]:
    try:
        yield from told(folder.content(name), layout)
    except TooLong:
        yield 1, Wrong(1, None, f"more than {FILE_BYTES_MAX} bytes")
