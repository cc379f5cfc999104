"""Prokur in the sandbox: no host, but folders into which it looks before and after its days are moved, and when its cases are listed.

    <folder>/<customer>/outgoing/*.csv   what creditors hand over, from where it is moved to `taken`, or to `refused`: no such file
    <folder>/<customer>/incoming/        where answers are put, under another name until they are whole

The files are our own assumption, written down here a second time on purpose (`connectors/agencies/prokur` is the other): a sandbox that
shared code with its adapter would agree with every mistake of it. It forgets everything when it is started, and so empties its folder.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.routing import Route

from connectors.sandbox.cases import Book, Case, World
from connectors.sandbox.days import Days
from connectors.sandbox.faults import Faults

OURS: Final = "made-by-the-sandbox"
"""Lies in a folder that the sandbox may empty."""
HEADER: Final = ("reference", "moment", "code", "reason", "amount", "payment_id")
DEMANDED: Final = ("reference", "contract", "street", "city", "country", "open_amount", "costs", "interest")
STATUSES: Final[Mapping[str, str]] = {
    "Passed": "PASSED",
    "Accepted": "ACCEPTED",
    "Rejected": "REJECTED",
    "FirstDunningPhase": "FIRST_DUNNING",
    "SecondDunningPhase": "SECOND_DUNNING",
    "SuccessfullyClosed": "CLOSED_SUCCESSFUL",
    "UnsuccessfullyClosed": "CLOSED_UNSUCCESSFUL",
}
STAGES: Final[Mapping[str | None, str]] = {
    None: "EXTRAJUDICIAL",
    "extrajudicial": "EXTRAJUDICIAL",
    "judicial_dunning": "JUDICIAL_DUNNING",
    "enforcement": "ENFORCEMENT",
}
REASONS: Final[Mapping[str, str]] = {
    "PAID_IN_FULL": "FULL_PAYMENT",
    "PAID_TO_CREDITOR": "PAYMENT_BEFORE_HANDOVER",
    "PARTLY_PAID": "PARTIAL_SUCCESS",
    "SETTLEMENT": "COMPLETED_BY_SETTLEMENT",
    "ADDRESS_UNKNOWN": "UNKNOWN_ADDRESS",
    "LIMITATION": "PERIOD_OF_LIMITATION_REACHED",
}
"""Words of stories that the files have others for."""


class NotOurs(ValueError):
    """The folder holds something that the sandbox has not made; the message says what to do."""


class ProkurFolder:
    """`folder` is made, or emptied where the sandbox made it before. `idempotent`: whether a reference that comes again is the same case.
    Raises NotOurs."""

    def __init__(self, folder: Path, days: Days, faults: Faults, idempotent: Callable[[], bool]) -> None:
        self._folder = folder
        self._faults = faults
        self._idempotent = idempotent
        self._world = World(days)
        self._told: dict[str, int] = {}
        _begin(folder)
        days.watchers.append(self.look)

    def routes(self) -> list[Route]:
        return []

    def look(self) -> None:
        """Take what was handed over, and tell what has happened since the last time."""
        self._world.idempotent = self._idempotent()
        for outgoing in sorted(self._folder.glob("*/outgoing")):
            for path in sorted(path for path in outgoing.glob("*.csv") if path.is_file()):
                self._take(outgoing.parent, path)
        for book in self._world.books.values():
            self._tell(book)

    def cases(self) -> list[dict[str, Any]]:
        self.look()
        return [{"agency": "prokur", "customer": book.customer, "mode": book.mode, **_listed(case)} for book, case in self._world.cases()]

    def cursors(self) -> dict[str, str]:
        return {}

    def _take(self, customer: Path, path: Path) -> None:
        try:
            handovers = list(_handovers(path.read_text("utf-8")))
        except (ValueError, csv.Error):
            return _move(path, customer / "refused")
        for handover in handovers:
            self._world.take(self._world.book(customer.name, "test"), **handover)
        return _move(path, customer / "taken")

    def _tell(self, book: Book) -> None:
        """One file of everything since the one before."""
        since = self._told.get(book.customer, 0)
        rows = self._faults.as_ordered([row for each in book.rows[since:] if (row := _row(each)) is not None])
        self._told[book.customer] = len(book.rows)
        if not rows:
            return
        incoming = self._folder / book.customer / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        unfinished = incoming / f"answers-{len(book.rows):08d}.part"
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([HEADER, *rows])
        unfinished.rename(unfinished.with_suffix(".csv"))


def _begin(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / OURS).exists():
        raise NotOurs(f"{folder} holds files that the sandbox has not made: give it another folder (--folder), or empty this one")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / OURS).touch()
    (folder / "layout.json").write_text(json.dumps({"mode": "test"}))


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    path.rename(folder / path.name)


def _handovers(text: str) -> Iterator[dict[str, Any]]:
    """Each row as the books take it. Raises ValueError, csv.Error for what is no handover, or of the other mode."""
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=";", strict=True):
        if row.get("mode") != "test" or not all(row.get(name) for name in DEMANDED):
            raise ValueError("a row that lacks something, or is not for test")
        yield {
            "reference": row["reference"],
            "contract": row["contract"],
            "currency": row.get("currency") or "EUR",
            "owed": sum(_minor(row[name]) for name in ("open_amount", "costs", "interest")),
            "has_postal_code": bool(row.get("postal_code")),
        }


def _row(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """An answer; None for what Prokur's files don't tell."""
    if "payment" in row:
        payment = row["payment"]
        return (row["reference"], row["at"], "PAYMENT", "", _money(payment["amount"]), payment["payment_id"])
    if "status" not in row:
        return None
    reason = row.get("reason") or ""
    return (row["reference"], row["at"], _code(row), REASONS.get(reason, reason), "", "")


def _code(row: Mapping[str, Any]) -> str:
    return STATUSES.get(row["status"]) or STAGES.get(row.get("stage"), "NOBODY_KNOWS")


def _listed(case: Case) -> dict[str, Any]:
    told = {"number": case.number, "reference": case.reference, "contract": case.contract, "status": case.status}
    return {**told, "submissions": case.submissions, "owed": case.owed}


def _minor(text: str) -> int:
    return int(text.replace(",", ""))


def _money(amount_minor: int) -> str:
    return f"{amount_minor // 100},{amount_minor % 100:02d}"
