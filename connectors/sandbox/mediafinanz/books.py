"""mediafinanz's claims: the sandbox's common books (`connectors/sandbox/cases.py`) in mediafinanz's words.

A batch of changes or messages is told again until its transaction is committed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from connectors.sandbox.cases import Book, Case, World
from connectors.sandbox.days import Days

BATCH_MAX: Final = 100
"""Rows of a batch, so that a handful of claims already takes more than one."""
CANCELLED_BY_CLIENT: Final = 10210
STATUSES: Final[Mapping[str, int]] = {
    "Passed": 90010,
    "Accepted": 90020,
    "Rejected": 90030,
    "FirstDunningPhase": 90101,
    "SecondDunningPhase": 90102,
    "SuccessfullyClosed": 90200,
    "UnsuccessfullyClosed": 90205,
}
STAGES: Final[Mapping[str | None, int]] = {None: 90110, "extrajudicial": 90110, "judicial_dunning": 90120, "enforcement": 90130}
NOBODY_KNOWS: Final = 90199
"""A stage that no status tells."""
REASONS: Final[Mapping[str, str]] = {
    "PAID_IN_FULL": "FULL_PAYMENT",
    "PAID_TO_CREDITOR": "PAYMENT_BEFORE_HANDOVER",
    "PARTLY_PAID": "PARTIAL_SUCCESS",
    "SETTLEMENT": "COMPLETED_BY_SETTLEMENT",
    "ADDRESS_UNKNOWN": "UNKNOWN_ADDRESS",
    "LIMITATION": "PERIOD_OF_LIMITATION_REACHED",
}
"""Words of stories that mediafinanz has others for."""


@dataclass
class Client:
    """One client's claims, and how far each kind of batch was committed."""

    book: Book
    committed: dict[str, int] = field(default_factory=lambda: {"S": 0, "M": 0})
    payments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Direct payments by file number."""
    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Messages of the client's by file number."""

    def claim(self, file_number: str | None, reference: str | None) -> Case | None:
        if file_number:
            return self.book.by_number.get(f"A{file_number[-8:]}") if file_number_of_shape(file_number) else None
        return self.book.by_reference.get(reference or "")

    def batch(self, kind: str) -> tuple[str, list[dict[str, Any]]]:
        """The next rows that are not committed, and the transaction by which they will be."""
        told = _change if kind == "S" else _message
        every = [row for row in map(told, self.book.rows) if row is not None]
        since = self.committed[kind]
        found = every[since : since + BATCH_MAX]
        return f"{kind}{since + len(found)}", found

    def commit(self, transaction: str) -> bool:
        """Whether there is such a transaction; one that was committed already stays so."""
        kind, number = transaction[:1], transaction[1:]
        if kind not in self.committed or not (number.isascii() and number.isdecimal() and len(number) < 10):
            return False
        self.committed[kind] = max(self.committed[kind], int(number))
        return True


class Claims:
    """All clients' claims on `days`. `idempotent`: whether a reference that comes again is the same claim; asked each time."""

    def __init__(self, days: Days, idempotent: Callable[[], bool]) -> None:
        self._world = World(days)
        self._idempotent = idempotent
        self._clients: dict[str, Client] = {}

    @property
    def world(self) -> World:
        self._world.idempotent = self._idempotent()
        return self._world

    def client(self, name: str) -> Client:
        return self._clients.setdefault(name, Client(self._world.book(name, "test")))

    def take(self, client: Client, reference: str, owed: int) -> Case:
        """The claim of a handover; `owed` in minor units."""
        taken = {"contract": reference, "currency": "EUR", "owed": owed, "has_postal_code": True}
        return self.world.take(client.book, reference=reference, **taken)[0]  # type: ignore[arg-type]

    def cases(self) -> Iterator[tuple[str, Case]]:
        for book, case in self._world.cases():
            yield book.customer, case


def file_number(case: Case) -> str:
    """11 digits, as an az is."""
    return f"100{case.number[1:]}"


def file_number_of_shape(text: str) -> bool:
    return len(text) == 11 and text.isascii() and text.isdecimal() and text.startswith("100")


def minor(amount: Decimal) -> int:
    return int(amount * 100)


def money(amount_minor: int) -> str:
    return f"{Decimal(amount_minor).scaleb(-2):.2f}"


def history(case: Case) -> list[dict[str, Any]]:
    return [told for row in case.changes if (told := _change(row)) is not None]


def messages(case: Case) -> list[dict[str, Any]]:
    return [told for row in case.changes if (told := _message(row)) is not None]


def payouts(case: Case) -> list[dict[str, Any]]:
    paid = [row["payment"] for row in case.changes if "payment" in row]
    return [{"date": each["value_date"], "total": money(each["amount"]), "payoutNumber": each["payment_id"]} for each in paid]


def status_of(case: Case) -> dict[str, Any]:
    return history(case)[-1]


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"fileNumber": f"100{row['case_number'][1:]}", "clientCustomerRefNo": row["reference"]}


def _change(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if "status" not in row:
        return None
    reason = row.get("reason")
    explained = {} if reason is None else {"closingReasonExplanation": REASONS.get(reason, reason)}
    return {**_named(row), "statusCode": _code(row), "statusName": row["status"], **explained, "time": row["at"]}


def _code(row: Mapping[str, Any]) -> int:
    if row.get("reason") == "RECALLED_BY_CLIENT":
        return CANCELLED_BY_CLIENT
    return STATUSES.get(row["status"]) or STAGES.get(row.get("stage"), NOBODY_KNOWS)


def _message(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if "message" not in row:
        return None
    return {**_named(row), "fromClient": False, "text": row["message"]["text"], "time": row["at"]}
