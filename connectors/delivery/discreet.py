"""An agency as the rest of delivery sees it: what it says in free text is sealed before anything is kept of it, and what is said to it is
opened on the last step to it. So no clear text passes through ledger, replies, logs or memory of anything else.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from connectors.delivery.agency import (
    Agency,
    Answer,
    Answering,
    CaseView,
    Change,
    ChangePage,
    Message,
    MessageReceived,
    QuestionAsked,
    ReportedPayment,
    Submission,
    Unmapped,
    Writing,
)
from connectors.delivery.errors import Refused, TextSealed, Unavailable
from connectors.delivery.sealing import SealBroken
from connectors.delivery.texts import DebtorErased, Texts, TextTooLong
from schemas.fields import TEXT_MAX_LENGTH, is_sealed
from streams.engine.errors import EngineError

log = logging.getLogger(__name__)

OPTIONS_MAX: Final = 100
"""Answers to choose from; sealed, each is some hundred bytes longer, and an event has at most 256 KiB."""

Done = TypeVar("Done")


class Discreet:
    """`contract_of`: the contract (`<tenant>/<contract>`) of a handover, None where it is not ours. Raises what the agency raises, and
    TextSealed."""

    def __init__(self, agency: Agency, texts: Texts, contract_of: Callable[[str], str | None]) -> None:
        self._agency = agency
        self._texts = texts
        self._contract_of = contract_of
        self.capabilities = agency.capabilities

    async def check(self) -> None:
        await self._agency.check()

    async def submit(self, submission: Submission) -> CaseView:
        return await self._sealed(await self._agency.submit(submission))

    async def ask(self, handover_id: str) -> CaseView | None:
        view = await self._agency.ask(handover_id)
        return None if view is None else await self._sealed(view)

    async def view(self, case_id: str) -> CaseView:
        return await self._sealed(await self._agency.view(case_id))

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        await self._agency.recall(case_id, key, reason)

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        await self._agency.report_payment(case_id, payment)

    async def send_message(self, case_id: str, message: Message) -> None:
        text = await self._opened(message.contract, message.text)
        if not isinstance(self._agency, Writing):
            raise Refused("this agency can't be written to")
        await self._agency.send_message(case_id, replace(message, text=text))

    async def answer(self, case_id: str, answer: Answer) -> None:
        text = await self._opened(answer.contract, answer.text)
        if not isinstance(self._agency, Answering):
            raise Refused("this agency asks nothing that could be answered")
        await self._agency.answer(case_id, replace(answer, text=text))

    async def changes(self, cursor: str | None) -> ChangePage:
        page = await self._agency.changes(cursor)
        return replace(page, changes=tuple([await self._of(change) for change in page.changes]))

    async def close(self) -> None:
        await self._agency.close()

    async def _sealed(self, view: CaseView) -> CaseView:
        return replace(view, changes=tuple([await self._of(change) for change in view.changes]))

    async def _of(self, change: Change) -> Change:
        what = change.what
        if not isinstance(what, MessageReceived | QuestionAsked):
            return change
        contract = self._contract_of(change.reference)
        if contract is None:
            return replace(change, what=_kept("handover", change))
        try:
            text = await _answered(self._texts.seal(contract, what.text))
            if isinstance(what, MessageReceived):
                return replace(change, what=replace(what, text=text))
            return replace(change, what=replace(what, text=text, options=await self._options(contract, what)))
        except DebtorErased:
            log.info("a text about %s is not kept: its debtor was erased", contract)
            return replace(change, what=_kept("debtor_erased", change))
        except TextTooLong as error:
            log.error("a text about %s can't be kept: %s; the agency still has it", contract, error)
            return replace(change, what=_kept("text", change))
        except SealBroken as error:
            log.error("a text about %s can't be kept: %s; the agency still has it", contract, error)
            return replace(change, what=_kept("encryption_key", change))

    async def _options(self, contract: str, question: QuestionAsked) -> tuple[str, ...] | None:
        """Sealed, as many and as long as one event can hold. Raises TextTooLong."""
        options = question.options
        if options is None:
            return None
        if len(options) > OPTIONS_MAX or sum(map(len, options)) > TEXT_MAX_LENGTH:
            raise TextTooLong(f"a question has at most {OPTIONS_MAX} options of {TEXT_MAX_LENGTH} characters together")
        return tuple([await _answered(self._texts.seal(contract, option)) for option in options])

    async def _opened(self, contract: str, text: str) -> str:
        if not is_sealed(text):
            return text  # a fixed text of ours, or one that its publisher has put on Kafka in the clear
        try:
            return await _answered(self._texts.open(contract, text))
        except SealBroken as error:
            raise TextSealed(str(error)) from None


async def _answered(work: Awaitable[Done]) -> Done:
    """Kafka may be away; then it is tried again later, as where the agency is."""
    try:
        return await work
    except EngineError as error:
        raise Unavailable(f"the contract's key can't be had for now ({type(error).__name__})") from None


def _kept(why: str, change: Change) -> Unmapped:
    return Unmapped(why, {"reference": change.reference, "case_number": change.case_id, "change": change.change_id})
