"""One command to the agency: look up, note the intent, send or ask, and tell what came of it.

The order is what makes it safe. The intent is committed before a request leaves; a command whose intent is already there may have left
before a crash, so the agency is asked first, by our handover id, and it is sent (again) only if the agency does not have it.

Everything that can wait long is waited for before the intent, and the intent is committed before every send, also the second: the commit is
what only the partition's owner can do, so a process that was paused and replaced while it waited is fenced there and sends nothing. A
commit that took as long as a pause could have proves nothing any more and is made again. Between it and the request's first byte nothing
protects but the agency's Idempotency-Key.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, ParamSpec, TypeVar

from connectors.delivery import fixed_texts, ledger, replies
from connectors.delivery.agency import Agency, Answer, Answering, CaseView, Message, ReportedPayment, Submission, Writing
from connectors.delivery.book import Book, Edit, Entry, Step
from connectors.delivery.debtors import DebtorMissing, Debtors
from connectors.delivery.errors import AgencyError, CaseEnded, ResultUnknown, SubmissionRejected, Unavailable
from connectors.delivery.gate import Gate
from connectors.delivery.ledger import Handover, Standing
from connectors.delivery.metrics import Metrics
from connectors.delivery.mistakes import told_as_failed
from connectors.delivery.plan import of_a_person
from connectors.delivery.replies import Told
from schemas.commands import CaseAnswer, CaseRecall, CaseRefresh, CaseReportPayment, CaseSendMessage, CaseSubmit, CommandEvent
from schemas.ids import contract_key

log = logging.getLogger(__name__)

TRIES_AT_ONCE: Final = 3
"""Tries before a command is parked: most hiccups are over by then, and a lane is not held for longer."""
BACKOFF_S: Final = 0.2
PATIENCE_S: Final = 1.0
"""How long a lane waits at a closed gate; for longer the command is parked."""

UNDER_WAY_S: Final = 60.0
"""How long a request may still reach the agency after its sender has given up: proxies and queues on the way keep one for seconds."""
PROVEN_FOR_S: Final = 3.0
"""How long after its beginning a commit proves that the partition is ours: well below the shortest session (6 s at the broker's defaults),
the last heartbeat of which may be a fifth of it old."""

Asked = ParamSpec("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a command: a step for its handover, and what is told."""

    step: Step
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class NotNow:
    """It can't go now. `maybe_sent`: an earlier try may have reached the agency."""

    reason: str
    maybe_sent: bool


class Sender:
    """Sends for one account."""

    def __init__(
        self, agency: Agency, book: Book, debtors: Debtors, gate: Gate, metrics: Metrics, under_way_s: float = UNDER_WAY_S
    ) -> None:
        self._agency = agency
        self._name = agency.capabilities.agency
        self._book = book
        self._debtors = debtors
        self._gate = gate
        self._metrics = metrics
        self._under_way_s = under_way_s
        self._missing_since: dict[str, float] = {}

    async def perform(self, handover: Handover, command: CommandEvent) -> Result | NotNow:
        """Bring the command to the agency, with a few tries."""
        asks = handover.intent == command.id
        if asks and not self._agency.capabilities.asks_by_reference:
            return self.unknown(command, ResultUnknown.reason)
        reason = self._gate.reason
        for tries in range(TRIES_AT_ONCE):
            if not await self._at_gate():
                break
            try:
                return await self._once(handover, command, asks=asks)
            except SubmissionRejected as error:
                return self._rejected(command, error)
            except CaseEnded as error:
                return self.failed(command, error.reason, str(error)) if of_a_person(command) else Result(_unchanged)
            except DebtorMissing as error:
                return self.failed(command, error.reason)
            except AgencyError as error:
                if not error.again and asks and isinstance(command, CaseSubmit):
                    return self.unknown(command, error.reason)  # it may have been taken: "failed" would let a recall be answered unasked
                if not error.again:
                    return self.failed(command, error.reason, str(error))
                if error.maybe_taken and not self._agency.capabilities.asks_by_reference:
                    return self.unknown(command, error.reason)
                asks = asks or error.maybe_taken
                reason = error.reason
                await asyncio.sleep(BACKOFF_S * 2**tries * random.uniform(0.5, 1.0))
        return NotNow(self._gate.reason or reason, asks)

    def failed(self, command: CommandEvent, reason: str, text: str | None = None) -> Result:
        """A person must see to it."""
        told = replies.failed(command.data.handover_id, command.id, reason, self._at(command), text)
        return Result(_stands("failed") if isinstance(command, CaseSubmit) else _unchanged, (told,))

    def unknown(self, command: CommandEvent, reason: str) -> Result:
        """A person must find out whether the agency has the case."""
        told = replies.unknown(command.data.handover_id, command.id, reason, self._at(command))
        return Result(_stands("unknown"), (told,))

    def cancelled(self, command: CommandEvent) -> Result:
        """Recalled before it was sent."""
        return Result(lambda handover: ledger.cancelled(handover, None), (replies.recalled(command.data.handover_id, self._at(command)),))

    def _rejected(self, command: CommandEvent, error: SubmissionRejected) -> Result:
        told = replies.rejected(command.data.handover_id, command.id, error.reasons, self._at(command))
        return Result(_stands("rejected"), (told,))

    def _at(self, command: CommandEvent) -> datetime:
        return max(replies.moment(self._book.now_ms), command.time)

    async def _once(self, handover: Handover, command: CommandEvent, *, asks: bool) -> Result:
        if isinstance(command, CaseSubmit):
            return await self._submit(handover, command, asks=asks)
        case_id = handover.case_id
        if asks or case_id is None:
            view = await self._request("ask", self._agency.ask, command.data.handover_id)
            if view is None:
                return self.failed(command, "case_missing")
            if _is_done(command, view):
                return self._of(view)
            case_id = view.case_id
        if isinstance(command, CaseRefresh):
            return self._of(await self._request("view", self._agency.view, case_id))
        await self._act(case_id, handover, command)
        return Result(_unchanged)

    async def _submit(self, handover: Handover, command: CaseSubmit, *, asks: bool) -> Result:
        if asks:
            view = await self._request("ask", self._agency.ask, command.data.handover_id)
            if view is not None:
                return self._of(view)
            if self._recall_waits(command):
                self._refuse_while_under_way(command.data.handover_id)
                return self.cancelled(command)
        self._missing_since.pop(command.data.handover_id, None)
        debtor = await self._debtors.find(contract_key(handover.tenant, handover.contract))
        submission = Submission(command.data.handover_id, handover.contract, command.time, command.data, debtor)
        return self._of(await self._change(handover, command, "submit", self._agency.submit, submission))

    async def looked_at(self, case_id: str) -> tuple[Edit, ...]:
        """What a case tells of which something was said to have happened; nothing where it can't be asked for, or is not ours."""
        try:
            view = await told_as_failed(self._metrics, self._request("view", self._agency.view, case_id))
        except AgencyError as error:
            log.warning("account of %s: a case it told of can't be asked for: %s (%s)", self._name, error.reason, error)
            return ()
        if self._book.handover(view.reference) is None:
            return ()
        result = self._of(view)
        return (Edit(view.reference, result.step, result.told),)

    def _of(self, view: CaseView) -> Result:
        """The agency has the case; all it tells of it is told on."""
        said = [replies.of_change(change, self._name) for change in view.changes]
        told = [reply for reply in said if isinstance(reply, Told)]  # what has no meaning yet is kept where the feed brings it
        return Result(_taken(view), (replies.passed(view.reference, view.case_id, self._name, view.received_at), *told))

    async def _act(self, case_id: str, handover: Handover, command: CommandEvent) -> None:
        if isinstance(command, CaseRecall):
            await self._change(handover, command, "recall", self._agency.recall, case_id, command.id, command.data.reason)
        elif isinstance(command, CaseReportPayment):
            data = command.data
            payment = ReportedPayment(command.id, data.payment_id, data.amount, data.value_date)
            await self._change(handover, command, "report_payment", self._agency.report_payment, case_id, payment)
        elif isinstance(command, CaseSendMessage) and isinstance(self._agency, Writing):
            await self._write(self._agency, case_id, handover, command)
        elif isinstance(command, CaseAnswer) and isinstance(self._agency, Answering):
            await self._reply(self._agency, case_id, handover, command)
        else:
            raise TypeError(f"{command.type} is declared by an agency's capabilities, but there is no way to send it")

    async def _write(self, agency: Writing, case_id: str, handover: Handover, command: CaseSendMessage) -> None:
        contract = contract_key(handover.tenant, handover.contract)
        message = Message(command.id, contract, command.data.message_id or command.id, fixed_texts.text_of(command.data))
        await self._change(handover, command, "message", agency.send_message, case_id, message)

    async def _reply(self, agency: Answering, case_id: str, handover: Handover, command: CaseAnswer) -> None:
        contract = contract_key(handover.tenant, handover.contract)
        answer = Answer(command.id, contract, command.data.question_id, command.data.answer)
        await self._change(handover, command, "answer", agency.answer, case_id, answer)

    async def _request(
        self, operation: str, call: Callable[Asked, Awaitable[Answered]], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Answered:
        """A request that only asks."""
        async with self._gate.turn(operation) as leave:
            await leave.now()
            return await self._answer(operation, call, *args, **kwargs)

    async def _change(
        self,
        handover: Handover,
        command: CommandEvent,
        operation: str,
        call: Callable[Asked, Awaitable[Answered]],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Answered:
        """A request that changes something at the agency: it follows its intent directly."""
        async with self._gate.turn(operation) as leave:
            await self._note_intent(handover, command)
            await leave.now()
            return await self._answer(operation, call, *args, **kwargs)

    async def _answer(
        self, operation: str, call: Callable[Asked, Awaitable[Answered]], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Answered:
        try:
            answer = await call(*args, **kwargs)
        except AgencyError as error:
            self._metrics.requests.labels(self._name, operation, error.reason).inc()
            if error.again:
                self._gate.failed(error)
            else:
                self._gate.passed()
            raise
        self._gate.passed()
        self._metrics.requests.labels(self._name, operation, "ok").inc()
        return answer

    async def _at_gate(self) -> bool:
        """Whether something can go, after a short wait at most."""
        while (wait_s := self._gate.closed_for_s) > 0:
            if wait_s > PATIENCE_S:
                return False
            await asyncio.sleep(wait_s)
        return True

    async def _note_intent(self, handover: Handover, command: CommandEvent) -> None:
        """Returns just after the intent was committed, whether it stood there before or not."""
        step = partial(ledger.intended, command_id=command.id)
        entry = Entry((Edit(command.data.handover_id, step, first=handover, proves=True),))
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await self._book.write(entry)
            took_s = clock() - began
            if took_s < PROVEN_FOR_S:
                return
            log.warning("handover %s: noting the intent took %.1f s; it is noted again before it is sent", command.data.handover_id, took_s)

    def _refuse_while_under_way(self, handover_id: str) -> None:
        """That the agency has no case proves nothing while the request may still come: it would make one that nobody recalls. Raises
        Unavailable."""
        clock = asyncio.get_running_loop().time
        if clock() - self._missing_since.setdefault(handover_id, clock()) < self._under_way_s:
            raise Unavailable("the handover may still be on its way to the agency; it is asked again before it counts as never sent")
        del self._missing_since[handover_id]

    def _recall_waits(self, command: CommandEvent) -> bool:
        known = self._book.handover(command.data.handover_id)
        return known is not None and known.waits("case.recall")


def _is_done(command: CommandEvent, view: CaseView) -> bool:
    """Whether the case shows that an earlier try of this command reached the agency."""
    if isinstance(command, CaseRecall):
        return view.closed or view.recalled
    return isinstance(command, CaseReportPayment | CaseSendMessage | CaseAnswer) and command.id in view.reported


def _unchanged(handover: Handover) -> Handover:
    return handover


def _stands(now: Standing) -> Step:
    return partial(ledger.standing, now=now)


def _taken(view: CaseView) -> Step:
    return partial(ledger.taken, case_id=view.case_id)
