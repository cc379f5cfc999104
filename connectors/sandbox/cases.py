"""atriga's books: cases, what is owed on them, and every change in the order in which it happened.

Each customer number has a book in test mode and one in live mode; they never mix. Of person data only what the
creditor writes is kept, and whether the debtor had a postal code.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.sandbox.days import Days, written
from connectors.sandbox.story import CLOSED, Scene
from connectors.sandbox.webhooks import Happening, Tell, unheard


class CaseIsClosed(Exception):
    """Nothing can be done any more on a closed case."""


@dataclass
class Case:
    """One case. Amounts in minor units of `currency`; `submissions` counts how often this reference was sent to us."""

    number: str
    reference: str
    contract: str
    received_at: datetime
    currency: str
    owed: int
    status: str = "Passed"
    dunning_level: int = 0
    stage: str | None = None
    reason: str | None = None
    submissions: int = 1
    reported: dict[str, int] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    payments: int = 0
    received: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    def summary(self) -> dict[str, Any]:
        """What the agency tells about a case, its changes apart."""
        return {
            "case_number": self.number,
            "reference": self.reference,
            "received_at": written(self.received_at),
            "status": self.status,
            "dunning_level": self.dunning_level,
            "stage": self.stage,
            "reason": self.reason,
            "owed": self.owed,
            "currency": self.currency,
            "reported_payments": sorted(self.reported),
            "received_messages": sorted(self.received),
        }


@dataclass
class Book:
    """The cases of one customer in one mode. `rows` is the feed: the row at index i has cursor i + 1."""

    customer: str
    mode: str
    by_number: dict[str, Case] = field(default_factory=dict)
    by_reference: dict[str, Case] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    tell: Tell = unheard

    def add(self, case: Case, at: datetime, what: dict[str, Any]) -> None:
        """Note a change of a case."""
        row = {
            "number": len(self.rows) + 1,
            "case_number": case.number,
            "reference": case.reference,
            "change": len(case.changes) + 1,
            "at": written(at),
            **what,
        }
        self.rows.append(row)
        case.changes.append(row)
        name = f"{case.number}-{row['change']}"
        self.tell(Happening("atriga", self.customer, self.mode, name, "change", {"id": name, "case_number": case.number}))

    def set_status(self, case: Case, at: datetime, scene: Scene) -> None:
        case.status = scene.status or case.status
        case.stage = scene.stage
        case.reason = scene.reason
        if scene.dunning_level is not None:
            case.dunning_level = scene.dunning_level
        told = {"status": case.status, "dunning_level": case.dunning_level, "stage": case.stage, "reason": case.reason}
        self.add(case, at, {name: value for name, value in told.items() if value is not None})

    def pay(self, case: Case, at: datetime, percent: int) -> None:
        """The debtor pays the agency."""
        amount = max(case.owed * percent // 100, min(case.owed, 1))
        if amount == 0:
            return
        case.owed -= amount
        case.payments += 1
        payment = {"payment_id": f"{case.number}-{case.payments}", "amount": amount, "value_date": at.date().isoformat()}
        self.add(case, at, {"payment": payment})

    def add_document(self, case: Case, at: datetime, kind: str) -> None:
        name = f"{case.number}-{len(case.changes) + 1}"
        document = {"document_id": name, "kind": kind, "link": f"https://portal.example/documents/{name}"}
        self.add(case, at, {"document": document})


class World:
    """Everything the agency knows. It lives on `days`.

    `idempotent`: what is sent again under the same key changes nothing; False: every submission is a case and every report a payment of
    its own, as at an agency that does not look. `tell` hears of every change.
    """

    def __init__(self, days: Days | None = None, *, idempotent: bool = True) -> None:
        self.days = days or Days()
        self.idempotent = idempotent
        self.tell: Tell = unheard
        self.books: dict[tuple[str, str], Book] = {}

    def book(self, customer: str, mode: str) -> Book:
        return self.books.setdefault((customer, mode), Book(customer, mode, tell=self.tell))

    def cases(self) -> Iterator[tuple[Book, Case]]:
        for book in self.books.values():
            for case in book.by_number.values():
                yield book, case

    def take(self, book: Book, *, reference: str, contract: str, currency: str, owed: int, has_postal_code: bool) -> tuple[Case, bool]:
        """The case of a submission, and whether it is new."""
        known = book.by_reference.get(reference)
        if known is not None and self.idempotent:
            known.submissions += 1
            return known, False
        case = Case(f"A{len(book.by_number) + 1:08d}", reference, contract, self.days.now, currency, owed)
        book.by_number[case.number] = book.by_reference[reference] = case
        book.add(case, self.days.now, {"status": "Passed"})
        story = self.days.story(contract, reference, has_postal_code=has_postal_code)
        self.days.tell(story, case.received_at, lambda scene, at: self._perform(book, case, scene, at))
        return case, True

    def recall(self, book: Book, case: Case) -> None:
        """The creditor takes the case back. Raises CaseIsClosed."""
        if case.closed:
            raise CaseIsClosed
        book.set_status(case, self.days.now, Scene(day=0, status="UnsuccessfullyClosed", reason="RECALLED_BY_CLIENT"))

    def report(self, book: Book, case: Case, key: str, amount: int) -> None:
        """The creditor got `amount` itself (negative: it was taken back). Raises CaseIsClosed."""
        if key in case.reported and self.idempotent:
            return
        if case.closed:
            raise CaseIsClosed
        case.reported[key] = amount
        case.owed = max(case.owed - amount, 0)
        if case.owed == 0:
            book.set_status(case, self.days.now, Scene(day=0, status="SuccessfullyClosed", reason="PAID_TO_CREDITOR"))

    def hear(self, case: Case, key: str, words: dict[str, str]) -> None:
        """The creditor writes, or answers. Raises CaseIsClosed."""
        if case.closed and key not in case.received:
            raise CaseIsClosed
        case.received.setdefault(key, words)

    def _perform(self, book: Book, case: Case, scene: Scene, moment: datetime) -> None:
        if case.closed:
            return
        if scene.percent is not None:
            book.pay(case, moment, scene.percent)
        elif scene.document is not None:
            book.add_document(case, moment, scene.document)
        elif scene.message is not None:
            book.add(case, moment, {"message": {"message_id": f"{case.number}-{len(case.changes) + 1}", "text": scene.message}})
        elif scene.question is not None:
            asked = {"question_id": f"{case.number}-{len(case.changes) + 1}", "text": scene.question, "answer_type": "freetext"}
            book.add(case, moment, {"question": asked})
        else:
            book.set_status(case, moment, scene)
