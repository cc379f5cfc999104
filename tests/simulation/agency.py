"""An agency of a world: what reaches it stays there, whoever is killed. Behind it the adapter by which the delivery code asks it.

It may be away for a while. A request may be lost on its way, refused for now, fail inside the agency (before or after it took effect),
or arrive; its answer may come, come late or be lost. A `strict` agency makes a case of each submission that reaches it, and takes each
message as a new one, so that sending blindly would show; nothing reaches it late. The other kind knows an Idempotency-Key, and what was
sent to it may reach it long after the sender has given up.
"""

import asyncio
import contextvars
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zlib import crc32

from connectors.delivery.agency import (
    Accepted,
    AccountConfig,
    Answer,
    Capabilities,
    CaseView,
    Change,
    ChangePage,
    Closed,
    Message,
    MessageReceived,
    Passed,
    PaymentReceived,
    QuestionAsked,
    ReportedPayment,
    Submission,
    What,
)
from connectors.delivery.errors import AgencyError, CaseEnded, RateLimited, Reason, Refused, ResultUnknown, SubmissionRejected, Unavailable

_ANSWER_S = 2.0
_FASTEST_S, _SLOWEST_S = 0.001, 0.02
_LATE_S = 6.0
UNDER_WAY_S = _LATE_S + 1
"""No request arrives later than that after it was sent."""
_REJECTED = 0.1
_WITH_WORDS = 0.5
"""How often the agency writes and is written to."""
_WITH_WEBHOOKS = 0.5
_STORY_S = 1.5
SECRET_WORDS = "words of the agency about"
"""In each text of the agency: they may stand nowhere on Kafka in the clear."""
_CAN = frozenset({"case.submit", "case.recall", "case.report_payment", "case.refresh"})
_CAN_WRITE = frozenset({"case.send_message", "case.answer"})
_WRITES = frozenset({"case.message_received", "case.question_asked"})


@dataclass
class Case:
    """A case as the agency has it. `owed` in minor units; `words`: keys of the messages and answers it took, as often as it took each."""

    case_id: str
    account: str
    submission: Submission
    owed: int
    closed: bool = False
    recalled: bool = False
    reported: dict[str, ReportedPayment] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


class Bureau:
    """The agency. `cases` by handover id; `trail`: what was asked for and what came of it, by handover id, in order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"{seed} agency")
        self.strict = self._chance.random() < 0.5
        self._words = random.Random(f"{seed} words")
        writes = self._words.random() < _WITH_WORDS
        self.capabilities = Capabilities(
            agency="atriga",
            commands=_CAN | _CAN_WRITE if writes else _CAN,
            asks_by_reference=self._chance.random() < 0.85,
            feed=self._chance.random() < 0.75,
            tells=_WRITES if writes else frozenset(),
            webhook=self._words.random() < _WITH_WEBHOOKS,
        )
        self._lost, self._unanswered, self._limited = (self._chance.choice((0.0, 0.05, 0.2)) for _ in range(3))
        self._failing = self._words.choice((0.0, 0.0, 0.05, 0.2))
        self._page = self._chance.choice((1, 2, 50))
        self.calm = self.away = False
        self.sent = 0
        """Requests that have left and change something."""
        self.stories = 0
        """What agencies are still about to do of themselves."""
        self.cases: dict[str, list[Case]] = defaultdict(list)
        self.trail: dict[str, list[str]] = defaultdict(list)
        self.told: Counter[str] = Counter()
        self.heard: Callable[[Case], None] = lambda case: None
        """Is told each case to which something happens, as it happens."""
        self._feeds: dict[str, list[Change]] = defaultdict(list)

    def open(self, account: AccountConfig) -> "Desk":
        """The adapter of an account, as the delivery code takes it."""
        return Desk(self, account.key)

    def fate(self) -> str:
        """What becomes of a request."""
        if self.away and not self.calm:
            return "away"
        drawn = 1.0 if self.calm else self._chance.random()
        shares = {"lost": self._lost, "unanswered": self._unanswered, "limited": self._limited, "failed": self._failing}
        for name, share in shares.items():
            if drawn < share:
                self.told[f"request_{name}"] += 1
                return name
            drawn -= share
        return "answered"

    def fails_early(self) -> bool:
        """Whether what fails at the agency fails before it took effect."""
        return self._words.random() < 0.5

    def way_s(self, *, there: bool) -> float:
        """How long a message takes; one to a strict agency is never late."""
        late = not self.calm and not (there and self.strict) and self._chance.random() < 0.05
        return self._chance.uniform(_FASTEST_S, _LATE_S if late else _SLOWEST_S)

    def submit(self, account: str, submission: Submission) -> CaseView:
        known = self.cases[submission.handover_id]
        if known and not self.strict:
            return _view(known[0])
        if crc32(submission.handover_id.encode()) % 100 < _REJECTED * 100:
            raise SubmissionRejected((Reason("address_incomplete"),))
        number = sum(map(len, self.cases.values()))
        case = Case(f"A-{number}", account, submission, submission.data.open_amount)
        known.append(case)
        self._happens(case, Passed())
        if self._chance.random() < 0.8:
            self._later(case, lambda: self._go_on(case))
        return _view(case)

    def ask(self, handover_id: str) -> CaseView | None:
        known = self.cases[handover_id]
        return _view(known[0]) if known else None

    def view(self, case_id: str) -> CaseView:
        return _view(self._case(case_id))

    def recall(self, case_id: str) -> None:
        case = self._case(case_id)
        if case.closed:
            raise CaseEnded("closed")
        case.recalled = True
        self._happens(case, Closed("unsuccessful", "recalled"))

    def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        case = self._case(case_id)
        if case.closed:
            raise CaseEnded("closed")
        if payment.key not in case.reported:
            case.reported[payment.key] = payment
            case.owed -= payment.amount_minor

    def hear(self, case_id: str, key: str) -> None:
        """A message, or an answer to a question."""
        case = self._case(case_id)
        if case.closed:
            raise CaseEnded("closed")
        if self.strict or key not in case.words:
            case.words.append(key)

    def page(self, account: str, cursor: str | None) -> ChangePage:
        feed, first = self._feeds[account], int(cursor or 0)
        after = max(first, min(first + self._page, len(feed)))
        return ChangePage(tuple(feed[first:after]), str(after), after < len(feed))

    def happened(self, account: str) -> int:
        """How many changes the account's feed has."""
        return len(self._feeds[account])

    def _case(self, case_id: str) -> Case:
        found = [case for cases in self.cases.values() for case in cases if case.case_id == case_id]
        if not found:
            raise Refused("there is no such case")
        return found[0]

    def _go_on(self, case: Case) -> None:
        """Accepted, perhaps paid, perhaps closed; what was closed meanwhile stays as it is."""
        if case.closed:
            return
        if self.capabilities.tells and self._words.random() < 0.4:
            self._write(case)
        elif len(case.changes) == 1:
            self._happens(case, Accepted())
        elif self._chance.random() < 0.4 and case.owed > 1:
            paid = self._chance.choice((case.owed, case.owed // 2))
            case.owed -= paid
            day = case.submission.submitted_at.date()
            self._happens(case, PaymentReceived(f"P-{case.case_id}-{len(case.changes)}", paid, day))
        elif self._chance.random() < 0.6:
            self._happens(case, Closed("successful", "paid") if case.owed <= 0 else Closed("unsuccessful", "irrecoverable"))
        if not case.closed and len(case.changes) < 6:
            self._later(case, lambda: self._go_on(case))

    def _write(self, case: Case) -> None:
        """Something in words, or a question with answers to choose from."""
        number, text = len(case.changes), f"{SECRET_WORDS} {case.case_id}-{len(case.changes)}"
        question = QuestionAsked(f"Q-{number}", text, "choice", (f"{text}: yes", f"{text}: no"))
        self._happens(case, self._words.choice((MessageReceived(f"M-{number}", text), question)))

    def _later(self, case: Case, happen: Callable[[], None]) -> None:
        self.stories += 1

        def now() -> None:
            self.stories -= 1
            happen()

        asyncio.get_running_loop().call_later(self._chance.expovariate(1 / _STORY_S), now, context=contextvars.Context())

    def _happens(self, case: Case, what: What) -> None:
        case.closed |= isinstance(what, Closed)
        at = case.submission.submitted_at + timedelta(seconds=len(case.changes))
        change = Change(case.submission.handover_id, case.case_id, f"{case.case_id}-{len(case.changes)}", at, what)
        case.changes.append(change)
        self._feeds[case.account].append(change)
        self.heard(case)


class Desk:
    """An adapter of the agency for one account, in the process that made it."""

    def __init__(self, bureau: Bureau, account: str) -> None:
        self.capabilities = bureau.capabilities
        self._bureau = bureau
        self._account = account

    async def check(self) -> None:
        """Its credentials are always good."""

    async def submit(self, submission: Submission) -> CaseView:
        bureau, trail = self._bureau, self._bureau.trail[submission.handover_id]
        trail.append("sent")
        try:
            view: CaseView = await self._changed(lambda: bureau.submit(self._account, submission))
        except (SubmissionRejected, RateLimited):
            trail.append("not taken")
            raise
        trail.append("taken")
        return view

    async def ask(self, handover_id: str) -> CaseView | None:
        self._bureau.trail[handover_id].append("asked")
        view: CaseView | None = await self._asked(lambda: self._bureau.ask(handover_id))
        return view

    async def view(self, case_id: str) -> CaseView:
        view: CaseView = await self._asked(lambda: self._bureau.view(case_id))
        return view

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        await self._changed(lambda: self._bureau.recall(case_id))

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        await self._changed(lambda: self._bureau.report_payment(case_id, payment))

    async def send_message(self, case_id: str, message: Message) -> None:
        await self._changed(lambda: self._bureau.hear(case_id, message.key))

    async def answer(self, case_id: str, answer: Answer) -> None:
        await self._changed(lambda: self._bureau.hear(case_id, answer.key))

    async def changes(self, cursor: str | None) -> ChangePage:
        page: ChangePage = await self._asked(lambda: self._bureau.page(self._account, cursor))
        return page

    async def close(self) -> None:
        """There is nothing to close."""

    async def _changed(self, act: Callable[[], Any]) -> Any:
        self._bureau.sent += 1
        try:
            return await self._answered(act)
        except (TimeoutError, _Failed) as error:
            raise ResultUnknown(str(error) or "no answer") from None

    async def _asked(self, act: Callable[[], Any]) -> Any:
        try:
            return await self._answered(act)
        except (TimeoutError, _Failed) as error:
            raise Unavailable(str(error) or "no answer") from None

    async def _answered(self, act: Callable[[], Any]) -> Any:
        """What the agency says to `act`. Its side is nobody's process: what has left arrives although the sender is killed."""
        bureau, loop = self._bureau, asyncio.get_running_loop()
        fate, answer = bureau.fate(), loop.create_future()
        way_s, back_s = bureau.way_s(there=True), bureau.way_s(there=False)

        def arrive() -> None:
            try:
                said, raised = act(), None
            except AgencyError as error:
                said, raised = None, error
            if fate == "answered":
                loop.call_later(back_s, give, said, raised, context=contextvars.Context())
            elif fate == "failed":
                loop.call_later(back_s, give, None, _Failed("500"), context=contextvars.Context())

        def give(said: Any, raised: Exception | None) -> None:
            if answer.done():
                return
            if raised is None:
                answer.set_result(said)
            else:
                answer.set_exception(raised)

        if fate == "limited":
            loop.call_later(way_s, give, None, RateLimited("slow down", 0.2), context=contextvars.Context())
        elif fate == "away" or (fate == "failed" and bureau.fails_early()):
            loop.call_later(way_s, give, None, _Failed("500"), context=contextvars.Context())
        elif fate != "lost":
            loop.call_later(way_s, arrive, context=contextvars.Context())
        async with asyncio.timeout(_ANSWER_S):
            return await answer


class _Failed(Exception):
    """The agency's own failure, as a 5xx."""


def _view(case: Case) -> CaseView:
    when = case.submission.submitted_at
    reported = frozenset((*case.reported, *case.words))
    reference = case.submission.handover_id
    return CaseView(reference, case.case_id, when, case.closed, case.recalled, reported, tuple(case.changes))
