"""paywise over HTTP: what a call of ours is in requests of theirs, one typed error where it fails. Nothing is repeated here.

Every request that changes something has an Idempotency-Key made of ours, so that whoever goes on after a crash repeats the same request.
A key of a draft names the debtor it is for: one whose data was mended in between is another debtor and another draft, and the older draft,
never finalized, is no case.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from connectors.agencies.paywise import feed, mapping
from connectors.agencies.paywise.capabilities import CAPABILITIES
from connectors.delivery import validity
from connectors.delivery.agency import AccountConfig, CaseView, ChangePage, ReportedPayment, Submission
from connectors.delivery.errors import AgencyError, CaseEnded, ModeMismatch, Refused, ResultUnknown, SubmissionRejected, Unavailable
from connectors.delivery.wire import ANSWER_S, Wire

PAGE: Final = {"limit": "100"}
ENVIRONMENTS: Final = {"test": "sandbox", "live": "production"}
_NO_CASE: Final = frozenset({"draft", "expired"})

RECALL_TITLE: Final = "Rücknahme des Auftrags"
RECALL_BODY: Final = "Wir nehmen den Auftrag zurück. Bitte stellen Sie die Bearbeitung ein und schließen Sie die Akte."


class Paywise:
    """An account at paywise: `authentication_code` is its API key. `answer_s`: how long an answer is waited for."""

    capabilities = CAPABILITIES

    def __init__(self, account: AccountConfig, *, answer_s: float = ANSWER_S) -> None:
        self._mode = account.mode
        self._mode_known = False
        self._wire = Wire(account.url, {"Authorization": f"Bearer {account.authentication_code}"}, answer_s)

    async def check(self) -> None:
        told = await self._get("/v2/info/")
        if told.get("environment") != ENVIRONMENTS[self._mode]:
            raise ModeMismatch(f"the account is of mode {self._mode}, its key is not of {ENVIRONMENTS[self._mode]}")
        self._mode_known = True

    async def submit(self, submission: Submission) -> CaseView:
        validity.require(mapping.problems(submission))
        await self._own_mode()
        debtor = mapping.debtor_of(submission)
        key = submission.handover_id
        made = _accepted(await self._post("/v2/debtors/", debtor, f"{key}-debtor-{_mark(debtor)}"))
        draft = _accepted(await self._post("/v2/orders/", mapping.order_of(submission, _id(made)), f"{key}-order-{_id(made)}"))
        order = _accepted(await self._post(f"/v2/orders/{_id(draft)}/finalize/", None, f"{key}-finalize"))
        return _taken(order)

    async def ask(self, handover_id: str) -> CaseView | None:
        found = await self._rows("/v2/claims/", your_reference=handover_id)
        orders = {str(claim.get("order_id")) for claim in found if claim.get("status") not in _NO_CASE}
        return await self.view(min(orders)) if orders else None

    async def view(self, case_id: str) -> CaseView:
        try:
            return feed.view_of(await self._told(case_id))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from None

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        answer = await self._post(f"/v2/orders/{case_id}/withdraw/", {}, key)
        if answer.status_code != 409:
            _done(answer)
            return
        order = await self._get(f"/v2/orders/{case_id}/")
        if order.get("status") in ("rejected", "withdrawn"):
            raise CaseEnded(f"HTTP 409 {_code(answer)}")
        mandate = await self._open_mandate(order, answer)
        _done(await self._post(f"/v2/mandates/{mandate}/messages/", {"title": RECALL_TITLE, "body": RECALL_BODY}, key))

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        if payment.amount_minor <= 0:
            raise Refused("paywise takes back no payment that was reported; tell it yourself")
        body = {
            "amount": mapping.money(payment.amount_minor),
            "value_date": payment.value_date.isoformat(),
            "your_reference": payment.key,
        }
        order = await self._get(f"/v2/orders/{case_id}/")
        path = f"/v2/mandates/{order['mandate']}/payments/" if order.get("mandate") else _first_claim(order)
        answer = await self._post(path, body, payment.key)
        if answer.status_code == 409:
            raise CaseEnded(f"HTTP 409 {_code(answer)}")
        _done(answer)

    async def changes(self, cursor: str | None) -> ChangePage:
        answer = await self._get("/v2/events/", **PAGE, **({"since": cursor} if cursor else {}))
        try:
            page = feed.page_of(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from None
        return page

    async def close(self) -> None:
        await self._wire.close()

    async def _own_mode(self) -> None:
        """Before the first handover: a live key in test mode would make a real case."""
        if not self._mode_known:
            await self.check()

    async def _told(self, case: str) -> feed.Told:
        mandate_id = case.removeprefix(feed.MANDATE) if case.startswith(feed.MANDATE) else None
        if mandate_id is None:
            order = await self._get(f"/v2/orders/{case}/")
            mandate_id = order.get("mandate")
            if mandate_id is None:
                return feed.Told(order, payments=_of_claims(order))
            mandate = await self._get(f"/v2/mandates/{mandate_id}/", history="true")
        else:
            mandate = await self._get(f"/v2/mandates/{mandate_id}/", history="true")
            order = await self._get(f"/v2/orders/{mandate['claims'][0]['order_id']}/")
        documents = await self._rows(f"/v2/mandates/{mandate_id}/documents/")
        payments = await self._rows(f"/v2/mandates/{mandate_id}/payments/")
        return feed.Told(order, mandate, documents, (*payments, *_of_claims(order)), await self._statements(mandate))

    async def _statements(self, mandate: Mapping[str, Any]) -> tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]:
        number = str(mandate["reference_number"])
        found = []
        for statement in await self._rows("/v2/statements/", mandate_reference_number=number):
            rows = await self._rows(f"/v2/statements/{statement['id']}/mandates/", reference_number=number)
            found += [(statement, row) for row in rows if row.get("id") == mandate["id"]]
        return tuple(found)

    async def _open_mandate(self, order: Mapping[str, Any], refused: httpx.Response) -> str:
        mandate = order.get("mandate")
        if not mandate:
            raise _refused(refused)
        state = (await self._get(f"/v2/mandates/{mandate}/")).get("state") or {}
        if (state.get("processing") or {}).get("code") in ("ended", "canceled_by_client", "canceled_by_service_provider"):
            raise CaseEnded("the mandate has ended")
        return str(mandate)

    async def _get(self, path: str, **params: str) -> dict[str, Any]:
        """An object. Raises AgencyError."""
        answer = await self._wire.get(path, params)
        if answer.status_code >= 400:
            raise _refused(answer)
        try:
            found = answer.json()
        except ValueError as error:
            raise _unreadable(error) from None
        if not isinstance(found, dict):
            raise _unreadable(TypeError())
        return found

    async def _rows(self, path: str, **params: str) -> tuple[Mapping[str, Any], ...]:
        """The rows of a list: its first page, which has a hundred."""
        page = await self._get(path, **PAGE, **params)
        rows = page.get("results")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _unreadable(TypeError())
        return tuple(rows)

    async def _post(self, path: str, body: Mapping[str, Any] | None, key: str) -> httpx.Response:
        return await self._wire.send("POST", path, body, {"Idempotency-Key": key})


def _mark(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _id(made: Mapping[str, Any]) -> str:
    return str(made["id"])


def _of_claims(order: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(payment for claim in order.get("claims") or () for payment in claim.get("payments") or ())


def _first_claim(order: Mapping[str, Any]) -> str:
    """Where a payment is reported before there is a mandate."""
    try:
        return f"/v2/claims/{order['claims'][0]['id']}/payments/"
    except (IndexError, KeyError, TypeError) as error:
        raise _unreadable(error) from None


def _accepted(answer: httpx.Response) -> dict[str, Any]:
    """What a request that changes something was answered. Raises SubmissionRejected, Refused, ResultUnknown."""
    if answer.status_code in (400, 422):
        raise SubmissionRejected(_wrong_fields(answer))
    if answer.status_code >= 400:
        raise _refused(answer)
    try:
        made = answer.json()
        made["id"]
    except (KeyError, TypeError, ValueError) as error:
        raise ResultUnknown(f"HTTP {answer.status_code} with an answer that can't be read ({type(error).__name__})") from None
    return dict(made)


def _done(answer: httpx.Response) -> None:
    """Raises Refused for what was not done on a case."""
    if answer.status_code >= 400:
        raise _refused(answer)


def _taken(order: Mapping[str, Any]) -> CaseView:
    try:
        return feed.view_of(feed.Told({**order, "status": "submitted"}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultUnknown(f"an order that can't be read ({type(error).__name__})") from None


def _wrong_fields(answer: httpx.Response) -> tuple[Any, ...]:
    try:
        told = answer.json()
        found = [mapping.field_error(error) for error in told.get("errors") or ()]
        return tuple(dict.fromkeys(found)) or (mapping.rejection(told.get("code")),)
    except (AttributeError, KeyError, TypeError, ValueError):
        return (mapping.rejection(None),)


def _unreadable(error: Exception) -> AgencyError:
    return Unavailable(f"GET: an answer that can't be read ({type(error).__name__})")


def _refused(answer: httpx.Response) -> Refused:
    return Refused(f"HTTP {answer.status_code} {_code(answer)}".strip())


def _code(answer: httpx.Response) -> str:
    try:
        return mapping.agency_code(answer.json()["code"]) or ""
    except (KeyError, TypeError, ValueError):
        return ""
