"""Debitura's paths: who is let in, pages, and what a case looks like."""

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.days import Days, written
from connectors.sandbox.debitura.books import Case, Creditor
from connectors.sandbox.debitura.forms import AdvanceIn, CaseIn, ChatIn, WebhookIn, wrong_fields
from connectors.sandbox.faults import Faults, Operation, rejected_field
from connectors.sandbox.webhooks import Subscription, Webhooks

PREFIX: Final = "/debitura"
PAGE, PAGE_MAX = 10, 100

Do: TypeAlias = Callable[[Creditor, Request], Awaitable[Response]]
Form = TypeVar("Form", bound=BaseModel)


class Answered(Exception):
    """An answer instead of what was asked for."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def _refuse(status: int, error: str, message: str) -> Answered:
    return Answered(status, {"error": error, "message": message})


class DebituraApi:
    """Debitura over creditors that are made as their keys come. `keys`: those that are let in; None lets in every one but none."""

    def __init__(self, days: Days, faults: Faults, keys: frozenset[str] | None, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._days = days
        self._faults = faults
        self._keys = keys
        self._creditors: dict[str, Creditor] = {}

    def routes(self) -> list[Route]:
        return [
            self._route("POST", "/cases", "submit", _submit),
            self._route("GET", "/cases", "other", _cases),
            self._route("GET", "/cases/by-creditor-reference/{reference}", "ask", _by_creditor_reference),
            self._route("GET", "/cases/case-reference/{reference}", "other", _by_reference),
            self._route("GET", "/cases/{id}", "case", _one),
            self._route("GET", "/cases/{id}/timeline", "case", _timeline),
            self._route("GET", "/cases/{id}/validation", "case", _validation),
            self._route("GET", "/cases/{id}/payments", "case", _payments),
            self._route("GET", "/cases/{id}/files", "case", _files),
            self._route("GET", "/cases/{id}/chats", "case", _chats),
            self._route("POST", "/cases/{id}/chats", "message", _write),
            self._route("POST", "/webhooks", "other", self._subscribe),
            self._route("GET", "/webhooks", "other", self._subscriptions),
            self._route("GET", "/me", "account", _me),
            self._route("GET", "/Payments/{id}", "other", _payment),
            self._route("POST", "/test/cases/{id}/advance", "other", _advance),
            self._route("DELETE", "/test/cases/{id}", "other", _delete),
        ]

    def cases(self) -> list[dict[str, Any]]:
        return [
            {"agency": "debitura", "customer": creditor.id, "mode": "test" if case.form.isTest else "live", **_listed(case)}
            for creditor in self._creditors.values()
            for case in creditor.cases.values()
        ]

    def cursors(self) -> dict[str, str]:
        return {}

    def _route(self, method: str, path: str, operation: Operation, do: Do) -> Route:
        async def answered(request: Request) -> Response:
            try:
                return await do(self._creditor(request), request)
            except Answered as answer:
                return JSONResponse(answer.body, answer.status)

        return Route(PREFIX + path, self._faults.around(operation, answered), methods=[method])

    def _creditor(self, request: Request) -> Creditor:
        key = request.headers.get("xapikey", "")
        if not key or (self._keys is not None and key not in self._keys):
            raise _refuse(401, "Unauthorized", "The API key is not known.")
        return self._creditors.setdefault(key, Creditor(key, self._days, self._webhooks.tell))

    async def _subscribe(self, creditor: Creditor, request: Request) -> Response:
        form, secret = await _plain_form(request, WebhookIn), base64.b64encode(secrets.token_bytes(32)).decode()
        wanted = Subscription(
            agency="debitura",
            url=form.url,
            secret=secret,
            customer=creditor.id,
            mode="test" if form.isTestMode else "live",
            events=frozenset(form.events),
        )
        self._webhooks.subscribe(wanted)
        return JSONResponse({**_subscribed(wanted), "secret": secret}, 201)

    async def _subscriptions(self, creditor: Creditor, request: Request) -> Response:
        every = (listener.subscription for listener in self._webhooks.listeners)
        return _json([_subscribed(each) for each in every if each.agency == "debitura" and each.customer == creditor.id])


def _subscribed(one: Subscription) -> dict[str, Any]:
    told = {"id": str(uuid5(NAMESPACE_URL, one.secret)), "url": one.url, "events": sorted(one.events or ()), "isActive": True}
    return {**told, "isTestMode": one.mode == "test", "disabledReason": None, "secret": None}


def _listed(case: Case) -> dict[str, Any]:
    told = {"number": case.id, "reference": case.form.creditorReference, "status": case.lifecycle, "submissions": case.submissions}
    return {**told, "owed": case.remainder}


async def _form(request: Request, model: type[Form]) -> Form:
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise Answered(400, wrong_fields(error)) from None


async def _plain_form(request: Request, model: type[Form]) -> Form:
    """For the calls whose 400 has `error` and `message`."""
    try:
        return await _form(request, model)
    except Answered as answer:
        raise _refuse(400, "ValidationError", ", ".join(sorted(answer.body))) from None


async def _submit(creditor: Creditor, request: Request) -> Response:
    form = await _form(request, CaseIn)
    if field := rejected_field(request):
        raise Answered(400, {field: ["The field is invalid."]})
    key, mark = request.headers.get("idempotency-key", ""), hashlib.sha256(await request.body()).digest()
    known = creditor.by_key.get(key) if key else None
    if known is not None and known[0] != mark:
        raise Answered(422, {"businessErrors": [{"type": "IdempotencyConflict", "message": "The key was used for another request."}]})
    if known is not None:
        known[1].submissions += 1
        return _json(_case(creditor, known[1]))
    case = creditor.take(form)
    if key:
        creditor.by_key[key] = (mark, case)
    return _json(_case(creditor, case))


async def _cases(creditor: Creditor, request: Request) -> Response:
    page, size = _number(request, "Page", 1, 10**6), _number(request, "PageSize", PAGE, PAGE_MAX)
    wanted = {status.lower() for given in request.query_params.getlist("Statuses") for status in given.split(",") if status}
    every = [case for case in creditor.cases.values() if not wanted or case.lifecycle.lower() in wanted]
    rows = every[(page - 1) * size : page * size]
    told = {
        "totalResults": len(every),
        "pageSize": size,
        "currentPage": page,
        "responseCount": len(rows),
        "totalPages": -(-len(every) // size),
    }
    return _json({"page": told, "cases": [_case(creditor, case) for case in rows]})


def _number(request: Request, name: str, default: int, most: int) -> int:
    """ASP.NET takes names of a query in any case."""
    given = {key.lower(): value for key, value in request.query_params.items()}.get(name.lower(), str(default))
    if not (given.isascii() and given.isdecimal() and 0 < len(given) < 9) or int(given) < 1:
        raise _refuse(400, "ValidationError", f"{name} must be a number from 1.")
    return min(int(given), most)


def _found(creditor: Creditor, request: Request) -> Case:
    try:
        name = str(UUID(request.path_params["id"]))
    except ValueError:
        raise _refuse(400, "ValidationError", "The id is no UUID.") from None
    if name not in creditor.cases:
        raise _refuse(404, "NotFound", "There is no such case.")
    return creditor.cases[name]


async def _by_creditor_reference(creditor: Creditor, request: Request) -> Response:
    return _first(creditor, lambda case: case.form.creditorReference == request.path_params["reference"])


async def _by_reference(creditor: Creditor, request: Request) -> Response:
    return _first(creditor, lambda case: case.reference == request.path_params["reference"])


def _first(creditor: Creditor, fits: Callable[[Case], bool]) -> Response:
    for case in creditor.cases.values():
        if fits(case):
            return _json(_case(creditor, case))
    raise _refuse(404, "NotFound", "There is no such case.")


async def _one(creditor: Creditor, request: Request) -> Response:
    return _json(_case(creditor, _found(creditor, request)))


async def _timeline(creditor: Creditor, request: Request) -> Response:
    case = _found(creditor, request)
    return _json({"items": case.timeline, "currentEngagementPhase": case.phase})


async def _validation(creditor: Creditor, request: Request) -> Response:
    _found(creditor, request)
    return _json({"needsInfo": False, "items": []})


async def _payments(creditor: Creditor, request: Request) -> Response:
    case = _found(creditor, request)
    return _json([_paid(case, payment) for payment in case.payments])


async def _payment(creditor: Creditor, request: Request) -> Response:
    wanted = request.path_params["id"].lower()
    for case in creditor.cases.values():
        for payment in case.payments:
            if payment["id"] == wanted:
                return _json(_paid(case, payment))
    raise _refuse(404, "NotFound", "There is no such payment.")


async def _files(creditor: Creditor, request: Request) -> Response:
    return _json(_found(creditor, request).files)


async def _chats(creditor: Creditor, request: Request) -> Response:
    return _json(_found(creditor, request).chats)


async def _write(creditor: Creditor, request: Request) -> Response:
    case = _found(creditor, request)
    return _json(creditor.write(case, await _plain_form(request, ChatIn)))


async def _me(creditor: Creditor, request: Request) -> Response:
    return _json({"id": creditor.id, "companyName": "Sandbox creditor", "country": "Germany"})


async def _advance(creditor: Creditor, request: Request) -> Response:
    case, form = _test_case(creditor, request), await _plain_form(request, AdvanceIn)
    return _json({"advanced": creditor.advance(case, form), "state": case.lifecycle})


async def _delete(creditor: Creditor, request: Request) -> Response:
    del creditor.cases[_test_case(creditor, request).id]
    return Response(status_code=204)


def _test_case(creditor: Creditor, request: Request) -> Case:
    case = _found(creditor, request)
    if not case.form.isTest:
        raise _refuse(400, "NotATestCase", "Only a test case can be driven on or deleted.")
    return case


def _json(answer: Any) -> Response:
    return JSONResponse(answer)


def _number_of(hundredths: int) -> float:
    """Amounts are JSON numbers at this agency: below 10^12 a float's shortest text is exact."""
    return hundredths / 100


def _paid(case: Case, payment: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in payment.items() if name != "hundredths"}
    invoice = {"invoiceId": case.id, "reference": case.reference, "status": case.lifecycle}
    return {**plain, "grossAmount": _number_of(payment["hundredths"]), "invoice": invoice}


def _case(creditor: Creditor, case: Case) -> dict[str, Any]:
    form = case.form
    return {
        "id": case.id,
        "reference": case.reference,
        "creditorReference": form.creditorReference,
        "claimDescription": form.claimDescription,
        "creditorComments": form.comments,
        "dateCreated": written(case.created_at),
        "dateUpdated": _at(case.updated_at),
        "grossAmount": _number_of(case.gross),
        "remainder": _number_of(case.remainder),
        "currency": form.currencyCode,
        "isTestCase": form.isTest,
        "lifecycle": case.lifecycle,
        "closeCode": case.close_code,
        "currentEngagementPhase": case.phase,
        "date": _at(form.date) or written(case.created_at),
        "dueDate": _at(form.dueDate) or written(case.created_at),
        "dateFinished": _at(case.finished_at),
        "dateCollectionStarted": _at(case.started_at),
        "debtor": form.debtor.model_dump(),
        "creditor": {"id": creditor.id, "companyName": "Sandbox creditor"},
        "validation": {"needsInfo": False},
    }


def _at(moment: Any) -> str | None:
    if moment is None:
        return None
    return written(moment) if moment.tzinfo else f"{moment.isoformat()}Z"
