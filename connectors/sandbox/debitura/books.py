"""Debitura's books: one creditor's cases, test and live ones side by side, as `isTest` of each says. Amounts in hundredths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from connectors.sandbox.days import Days, written
from connectors.sandbox.debitura.forms import AdvanceIn, CaseIn, ChatIn
from connectors.sandbox.story import Scene
from connectors.sandbox.webhooks import Happening, Tell, unheard

CLOSE_CODES: Final[Mapping[str, str]] = {"PAID_IN_FULL": "Paid", "IRRECOVERABLE": "PreLegalExhaustedNoPayment"}
"""The codes that Debitura's document names; any other word of a story is told as it stands."""
EVENTS: Final[Mapping[str, str]] = {
    "CaseCreated": "case.created",
    "CaseActivated": "case.updated",
    "PaymentReceived": "payment.created",
    "CaseClosed": "case.closed",
}
"""What of a timeline is told by webhook. A change of phase is not, as the document says."""
PHASES: Final[Mapping[str | None, str]] = {"judicial_dunning": "Legal", "enforcement": "Enforcement"}


def named(*parts: object) -> str:
    return str(uuid5(NAMESPACE_URL, "debitura/" + "/".join(map(str, parts))))


@dataclass
class Case:
    """`paid` and `gross` in hundredths of the case's currency."""

    id: str
    reference: str
    form: CaseIn
    created_at: datetime
    lifecycle: str = "PendingVerification"
    phase: str | None = None
    close_code: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    submissions: int = 1
    payments: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    chats: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    heard: int = 0
    """Entries of the timeline that were told by webhook."""

    @property
    def gross(self) -> int:
        return int(self.form.amountToRecover * 100)

    @property
    def remainder(self) -> int:
        return max(self.gross - sum(int(payment["hundredths"]) for payment in self.payments), 0)

    @property
    def closed(self) -> bool:
        return self.lifecycle == "Closed"


class Creditor:
    """What one API key's creditor has."""

    def __init__(self, key: str, days: Days, tell: Tell = unheard) -> None:
        self._tell = tell
        self.id = named("creditor", key)
        self.days = days
        self.cases: dict[str, Case] = {}
        self.by_key: dict[str, tuple[bytes, Case]] = {}
        """The case of an Idempotency-Key, and the body it came with."""

    def take(self, form: CaseIn) -> Case:
        number = len(self.cases)
        case = Case(named(self.id, number), f"DC-{number + 1:06d}", form, self.days.now)
        self.cases[case.id] = case
        _note(case, self.days.now, "CaseCreated")
        self._tell_what_is_new(case)
        reference = form.creditorReference or ""
        story = self.days.story(reference, reference, has_postal_code=True)
        self.days.tell(story, case.created_at, lambda scene, at: self._perform(case, scene, at))
        return case

    def advance(self, case: Case, to: AdvanceIn) -> bool:
        """Drive a test case on, as its creditor asks; whether anything changed."""
        if case.closed or (to.to == "Active" and case.lifecycle == "Active"):
            return False
        now = self.days.now
        _start(case, now)
        if to.to == "Closed:Paid" and to.amount is not None:
            _pay(case, now, int(to.amount * 100))
            _close(case, now, "Paid")
        elif to.to == "Closed:NoPayment":
            _close(case, now, "PreLegalExhaustedNoPayment")
        self._tell_what_is_new(case)
        return True

    def write(self, case: Case, form: ChatIn) -> dict[str, Any]:
        told = {"id": named(case.id, "chat", len(case.chats)), "dateCreated": written(self.days.now), "message": form.message}
        case.chats.append({**told, "role": 0, "roleLabel": "Creditor", "isSeen": False})
        self._hear(case, "chat.created", case.chats[-1]["id"])
        return case.chats[-1]

    def _tell_what_is_new(self, case: Case) -> None:
        for number in range(case.heard, len(case.timeline)):
            self._hear(case, EVENTS[case.timeline[number]["type"]], named(case.id, "event", number))
        case.heard = len(case.timeline)

    def _hear(self, case: Case, kind: str, name: str) -> None:
        form = case.form
        told = {"caseId": case.id, "reference": case.reference, "creditorReference": form.creditorReference, "status": case.lifecycle}
        data = {**told, "amount": case.gross / 100, "currency": form.currencyCode, "debtorName": form.debtor.name}
        mode = "test" if form.isTest else "live"
        self._tell(Happening("debitura", self.id, mode, name, kind, {"id": name, "event": kind, "data": data}))

    def _perform(self, case: Case, scene: Scene, at: datetime) -> None:
        self._happen(case, scene, at)
        self._tell_what_is_new(case)

    def _happen(self, case: Case, scene: Scene, at: datetime) -> None:
        if case.closed:
            return
        code = CLOSE_CODES.get(scene.reason or "", scene.reason or "")
        if scene.status == "Rejected":
            _close(case, at, code)  # there is no lifecycle for a case that is not taken: it is closed before it began
            return
        _start(case, at)
        if scene.percent is not None:
            _pay(case, at, max(case.remainder * scene.percent // 100, min(case.remainder, 1)))
        elif scene.document is not None:
            _add_file(case, at, scene.document)
        elif scene.status in ("SuccessfullyClosed", "UnsuccessfullyClosed"):
            _close(case, at, code)
        elif scene.status not in ("Passed", "Accepted"):
            case.phase, case.updated_at = PHASES.get(scene.stage, "Pre-legal"), at


def _start(case: Case, at: datetime) -> None:
    if case.started_at is None:
        case.lifecycle, case.phase, case.started_at, case.updated_at = "Active", "Pre-legal", at, at
        _note(case, at, "CaseActivated")


def _pay(case: Case, at: datetime, hundredths: int) -> None:
    if hundredths <= 0:
        return
    told = {"id": named(case.id, "payment", len(case.payments)), "dateCreated": written(at), "date": written(at)}
    more = {"recipient": "CollectionPartner", "method": "BankTransfer", "currency": case.form.currencyCode}
    case.payments.append({**told, **more, "hundredths": hundredths})
    case.updated_at = at
    _note(case, at, "PaymentReceived")


def _close(case: Case, at: datetime, code: str) -> None:
    case.lifecycle, case.close_code, case.finished_at, case.updated_at = "Closed", code, at, at
    _note(case, at, "CaseClosed")


def _add_file(case: Case, at: datetime, kind: str) -> None:
    name = named(case.id, "file", len(case.files))
    told = {"id": name, "caseId": case.id, "entityId": case.id, "entityType": "Case", "documentType": kind, "fileName": f"{kind}.pdf"}
    link = f"https://files.debitura.example/{name}"
    case.files.append({**told, "url": link, "dateCreated": written(at), "dateUpdated": written(at)})
    case.updated_at = at


def _note(case: Case, at: datetime, kind: str) -> None:
    case.timeline.append({"date": written(at), "type": kind, "title": kind, "description": ""})
