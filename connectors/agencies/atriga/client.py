"""atriga over HTTP: one request, one answer in our words or one typed error. Nothing is repeated here.

A request that may change something and got no answer that can be understood is `ResultUnknown` (`connectors/delivery/wire.py`).
"""

from collections.abc import Mapping
from typing import Any

import httpx

from connectors.agencies.atriga import feed, mapping
from connectors.agencies.atriga.capabilities import CAPABILITIES
from connectors.delivery.agency import AccountConfig, Answer, CaseView, ChangePage, Message, ReportedPayment, Submission
from connectors.delivery.errors import (
    AgencyError,
    CaseEnded,
    Refused,
    ResultUnknown,
    SubmissionRejected,
    Unavailable,
)
from connectors.delivery.wire import ANSWER_S, Wire


class Atriga:
    """An account at atriga. `answer_s`: how long an answer is waited for."""

    capabilities = CAPABILITIES

    def __init__(self, account: AccountConfig, *, answer_s: float = ANSWER_S) -> None:
        headers = {
            "X-Customer-Number": account.customer_number,
            "X-Authentication-Code": account.authentication_code,
            "X-Mode": account.mode,
        }
        self._wire = Wire(account.url, headers, answer_s)

    async def check(self) -> None:
        await self._get("/v1/account")

    async def submit(self, submission: Submission) -> CaseView:
        key = submission.handover_id
        answer = await self._post("/v1/cases", mapping.body_of(submission), key)
        if answer.status_code in (400, 422):
            raise SubmissionRejected(_rejections(answer))
        return _taken(answer)

    async def ask(self, handover_id: str) -> CaseView | None:
        answer = await self._get("/v1/cases", reference=handover_id)
        try:
            cases = _json(answer)["cases"]
            return feed.view_of(cases[0]) if cases else None
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from None

    async def view(self, case_id: str) -> CaseView:
        return _read(await self._get(f"/v1/cases/{case_id}"))

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        _taken(await self._post(f"/v1/cases/{case_id}/recall", {"reason": reason}, key))

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        body = {"payment_id": payment.payment_id, "amount": payment.amount_minor, "value_date": payment.value_date.isoformat()}
        _taken(await self._post(f"/v1/cases/{case_id}/payments", body, payment.key))

    async def send_message(self, case_id: str, message: Message) -> None:
        body = {"message_id": message.message_id, "text": message.text}
        _taken(await self._post(f"/v1/cases/{case_id}/messages", body, message.key))

    async def answer(self, case_id: str, answer: Answer) -> None:
        body = {"question_id": answer.question_id, "answer": answer.text}
        _taken(await self._post(f"/v1/cases/{case_id}/answers", body, answer.key))

    async def changes(self, cursor: str | None) -> ChangePage:
        answer = await self._get("/v1/changes", since=cursor or "0")
        try:
            return feed.page_of(_json(answer))
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from None

    async def close(self) -> None:
        await self._wire.close()

    async def _get(self, path: str, **params: str) -> httpx.Response:
        answer = await self._wire.get(path, params)
        if answer.status_code >= 400:
            raise _refused(answer)
        return answer

    async def _post(self, path: str, body: Mapping[str, Any], key: str) -> httpx.Response:
        return await self._wire.send("POST", path, body, {"Idempotency-Key": key})


def _taken(answer: httpx.Response) -> CaseView:
    """What a request that changes something was answered."""
    if answer.status_code == 409 and _code(answer) == "CASE_CLOSED":
        raise CaseEnded("HTTP 409 CASE_CLOSED")
    if answer.status_code >= 400:
        raise _refused(answer)
    try:
        return feed.view_of(_json(answer))
    except (KeyError, TypeError, ValueError) as error:
        raise ResultUnknown(f"HTTP {answer.status_code} with an answer that can't be read ({type(error).__name__})") from None


def _read(answer: httpx.Response) -> CaseView:
    try:
        return feed.view_of(_json(answer))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from None


def _json(answer: httpx.Response) -> Any:
    return answer.json()


def _unreadable(error: Exception) -> AgencyError:
    return Unavailable(f"GET: an answer that can't be read ({type(error).__name__})")


def _refused(answer: httpx.Response) -> Refused:
    return Refused(f"HTTP {answer.status_code} {_code(answer)}".strip())


def _code(answer: httpx.Response) -> str:
    try:
        code = answer.json()["code"]
    except (KeyError, TypeError, ValueError):
        return ""
    return mapping.agency_code(code) or ""


def _rejections(answer: httpx.Response) -> tuple[Any, ...]:
    try:
        errors = answer.json().get("errors") or [{"code": _code(answer)}]
        return tuple(dict.fromkeys(mapping.rejection(each.get("code"), each.get("field")) for each in errors))
    except (AttributeError, TypeError, ValueError):
        return (mapping.rejection(None),)
