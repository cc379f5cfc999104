"""Debitura over HTTP: one request, one answer in our words or one typed error. Nothing is repeated here.

Its API has one address and one key for test and live: `isTest` of each case tells them apart. So a case that is found under our handover id
and is of the other kind is no case of this account, and is refused.
"""

import json
from decimal import Decimal
from typing import Any, NoReturn

import httpx

from connectors.agencies.debitura import cases, mapping
from connectors.agencies.debitura.capabilities import CAPABILITIES
from connectors.delivery import validity
from connectors.delivery.agency import AccountConfig, CaseView, ChangePage, ReportedPayment, Submission
from connectors.delivery.errors import AgencyError, ModeMismatch, Reason, Refused, ResultUnknown, SubmissionRejected, Unavailable
from connectors.delivery.wire import ANSWER_S, Wire

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)


class Debitura:
    """An account at Debitura: `authentication_code` is its API key. `answer_s`: how long an answer is waited for."""

    capabilities = CAPABILITIES

    def __init__(self, account: AccountConfig, *, answer_s: float = ANSWER_S) -> None:
        self._test = account.mode == "test"
        self._wire = Wire(account.url, {"XApiKey": account.authentication_code}, answer_s)

    async def check(self) -> None:
        answer = await self._wire.get("/me")
        if answer.status_code >= 400:
            raise _refused(answer)

    async def submit(self, submission: Submission) -> CaseView:
        validity.require(mapping.problems(submission))
        body = mapping.case_of(submission, test=self._test)
        answer = await self._wire.send("POST", "/cases", body, {"Idempotency-Key": submission.handover_id})
        if answer.status_code in (400, 422):
            raise _rejected(_rejections(answer))
        if answer.status_code >= 400:
            raise _refused(answer)
        try:
            case = _json(answer)
            view = cases.view_of(case)
        except _UNREADABLE as error:
            raise ResultUnknown(f"HTTP {answer.status_code} with an answer that can't be read ({type(error).__name__})") from None
        self._own(case)
        return view

    async def ask(self, handover_id: str) -> CaseView | None:
        answer = await self._wire.get(f"/cases/by-creditor-reference/{handover_id}")
        if answer.status_code == 404:
            return None
        return await self._whole(_object(answer))

    async def view(self, case_id: str) -> CaseView:
        return await self._whole(_object(await self._wire.get(f"/cases/{case_id}")))

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        raise Refused("Debitura has no request that takes a case back")

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        raise Refused("Debitura has no request that reports a payment")

    async def changes(self, cursor: str | None) -> ChangePage:
        raise Refused("Debitura has no feed")

    async def close(self) -> None:
        await self._wire.close()

    async def _whole(self, case: dict[str, Any]) -> CaseView:
        self._own(case)
        payments = _rows(await self._wire.get(f"/cases/{case.get('id')}/payments"))
        files = _rows(await self._wire.get(f"/cases/{case.get('id')}/files"))
        try:
            return cases.view_of(case, payments, files)
        except _UNREADABLE as error:
            _unreadable(error)

    def _own(self, case: dict[str, Any]) -> None:
        if case.get("isTestCase") is not self._test:
            raise ModeMismatch(f"the case is {'live' if self._test else 'a test'}, the account is not")


def _json(answer: httpx.Response) -> Any:
    return json.loads(answer.content, parse_float=Decimal)


def _object(answer: httpx.Response) -> dict[str, Any]:
    found = _read(answer)
    if not isinstance(found, dict):
        _unreadable(TypeError())
    return found


def _rows(answer: httpx.Response) -> list[dict[str, Any]]:
    found = _read(answer)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        _unreadable(TypeError())
    return found


def _read(answer: httpx.Response) -> Any:
    if answer.status_code >= 400:
        raise _refused(answer)
    try:
        return _json(answer)
    except ValueError as error:
        _unreadable(error)


def _unreadable(error: Exception) -> NoReturn:
    raise Unavailable(f"GET: an answer that can't be read ({type(error).__name__})") from None


def _refused(answer: httpx.Response) -> AgencyError:
    return Refused(f"HTTP {answer.status_code}")


def _rejected(reasons: tuple[Reason, ...]) -> AgencyError:
    """A key that was used for another body: the data was mended after a try that may have been taken, so the case is asked about."""
    if any(reason.agency_code == "IdempotencyConflict" for reason in reasons):
        return ResultUnknown("HTTP 422 IdempotencyConflict")
    return SubmissionRejected(reasons)


def _rejections(answer: httpx.Response) -> tuple[Reason, ...]:
    """Field names with their errors, errors of business, or an error alone."""
    try:
        told = _json(answer)
        if errors := told.get("businessErrors"):
            return tuple(dict.fromkeys(mapping.business_error(error.get("type")) for error in errors))
        if isinstance(told.get("error"), str):
            return (mapping.business_error(told["error"]),)
        return tuple(mapping.wrong_field(name) for name in told) or (Reason(mapping.OTHER),)
    except _UNREADABLE:
        return (Reason(mapping.OTHER),)
