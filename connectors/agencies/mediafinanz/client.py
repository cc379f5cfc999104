"""mediafinanz over HTTP: requests, and an answer in our words or one typed error. Nothing is repeated here.

Neither a direct payment nor a message has a key at mediafinanz: each is looked for before it is sent, by a reference that comes back.
"""

import asyncio
import json
from decimal import Decimal
from functools import partial
from typing import Any, Final

import httpx

from connectors.agencies.mediafinanz import access, cases, feed, mapping
from connectors.agencies.mediafinanz.capabilities import CAPABILITIES
from connectors.agencies.mediafinanz.soap import ClaimUnknown, Soap
from connectors.delivery import validity
from connectors.delivery.agency import AccountConfig, CaseView, ChangePage, Message, ReportedPayment, Submission
from connectors.delivery.errors import AgencyError, CaseEnded, Reason, Refused, ResultUnknown, SubmissionRejected, Unavailable
from connectors.delivery.wire import ANSWER_S, Wire

CLAIM_CLOSED: Final = "claim.closed"
"""sKey of a claim that has ended. Assumed."""
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)


class Mediafinanz:
    """An account at mediafinanz (`access.py`: who it is there). `answer_s`: how long an answer is waited for."""

    capabilities = CAPABILITIES

    def __init__(self, account: AccountConfig, *, answer_s: float = ANSWER_S) -> None:
        found = access.of(account)
        self._wire = Wire(account.url, found.headers, answer_s)
        self._require_mode = partial(access.require_mode, account)
        self._soap = Soap(self._wire, found.soap_url, found.auth, self._require_mode)

    async def check(self) -> None:
        await self._soap.ask("getPayoutList")

    async def submit(self, submission: Submission) -> CaseView:
        self._require_mode()
        validity.require(mapping.problems(submission))
        answer = await self._wire.send("PUT", "/v2.1/collect/claim/new/", mapping.body_of(submission))
        file_number = _taken(answer)
        return CaseView(submission.handover_id, file_number, submission.submitted_at, False, False, frozenset(), ())

    async def ask(self, handover_id: str) -> CaseView | None:
        try:
            status = await self._soap.ask("getClaimStatus", claimIdentifier={"clientCustomerRefNo": handover_id})
        except ClaimUnknown:
            return None
        return await self._whole(status)

    async def view(self, case_id: str) -> CaseView:
        return await self._whole(await self._soap.ask("getClaimStatus", claimIdentifier={"fileNumber": case_id}))

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        self._require_mode()
        answer = await self._wire.send("POST", f"/v2.1/collect/claim/{case_id}/close/", None)
        if answer.status_code >= 400 and CLAIM_CLOSED in _keys(answer):
            raise CaseEnded(f"HTTP {answer.status_code} {CLAIM_CLOSED}")
        _done(answer)

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        if payment.amount_minor <= 0:
            raise Refused("mediafinanz has no request that takes a reported payment back")
        identifier = {"fileNumber": case_id}
        if payment.key in cases.booked(await self._soap.ask("getClaimAccountingSummary", claimIdentifier=identifier)):
            return
        paid = Decimal(payment.amount_minor).scaleb(-2)
        booking = {"dateOfPayment": payment.value_date, "paidAmount": paid, "reference": payment.key}
        _agreed(await self._soap.change("bookDirectPayment", claimIdentifier=identifier, directPayment=booking))

    async def send_message(self, case_id: str, message: Message) -> None:
        identifier = {"fileNumber": case_id}
        if message.key in cases.sent(await self._soap.ask("getMessageHistory", claimIdentifier=identifier)):
            return
        text = message.text + cases.MARK.format(message.key)
        _agreed(await self._soap.change("sendMessage", claimIdentifier=identifier, message=text))

    async def changes(self, cursor: str | None) -> ChangePage:
        return await feed.page(self._soap, cursor)

    async def close(self) -> None:
        await self._wire.close()

    async def _whole(self, status: dict[str, Any]) -> CaseView:
        try:
            identifier = {"fileNumber": status["fileNumber"]}
            calls = ("getClaimHistory", "getClaimAccountingSummary", "getMessageHistory")
            told = await asyncio.gather(*(self._soap.ask(call, claimIdentifier=identifier) for call in calls))
            return cases.view_of(cases.Answers(status, *told))
        except _UNREADABLE as error:
            raise Unavailable(f"a case that can't be read ({type(error).__name__})") from None


def _agreed(answer: object) -> None:
    if answer is not True:
        raise Refused("mediafinanz answered false")


def _taken(answer: httpx.Response) -> str:
    """The file number. That it stands in sData is assumed; where it does not, the claim is asked for by our reference."""
    if answer.status_code >= 400:
        raise _rejected(answer)
    told = _json(answer)
    number = str(told.get("sData"))
    if told.get("bSuccess") is False:
        raise _rejected(answer)
    if not (len(number) == 11 and number.isascii() and number.isdecimal()):
        raise ResultUnknown(f"HTTP {answer.status_code} without a file number")
    return number


def _done(answer: httpx.Response) -> None:
    if answer.status_code >= 400 or _json(answer).get("bSuccess") is False:
        raise Refused(" ".join([f"HTTP {answer.status_code}", *_keys(answer)]))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = json.loads(answer.content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ResultUnknown(f"HTTP {answer.status_code} with an answer that can't be read")
    return told


def _keys(answer: httpx.Response) -> list[str]:
    """sKey of each message, as far as they are codes."""
    try:
        return [key for each in _json(answer)["aMessage"] if (key := mapping.agency_code(each["sKey"]))]
    except (*_UNREADABLE, AgencyError):
        return []


def _rejected(answer: httpx.Response) -> AgencyError:
    """Fields that did not pass, or messages. A 400 is read by mediafinanz and not taken; what else it may be, a person looks at."""
    if answer.status_code not in (200, 400, 422):
        return Refused(f"HTTP {answer.status_code}")
    try:
        found = [mapping.wrong_field(each["name"]) for each in _json(answer).get("aValidationResult") or ()]
    except (*_UNREADABLE, AgencyError):
        found = []
    found = found or [Reason(mapping.OTHER, key) for key in _keys(answer)] or [Reason(mapping.OTHER)]
    return SubmissionRejected(tuple(dict.fromkeys(found)))
