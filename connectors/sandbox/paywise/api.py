"""paywise's paths: who is let in, what is replayed for a key, pages, and the operations of one table."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.days import Days, written
from connectors.sandbox.faults import Faults, Operation, as_told, rejected_field
from connectors.sandbox.paywise import show, subscriptions
from connectors.sandbox.paywise.books import Company, Order, Problem, named
from connectors.sandbox.paywise.forms import DebtorIn, MessageIn, OrderIn, PaymentIn, WithdrawIn, problems
from connectors.sandbox.paywise.openapi import PREFIX, Described, document
from connectors.sandbox.webhooks import Webhooks

LIMIT, LIMIT_MAX = 50, 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in."""

    company: Company
    request: Request
    form: Any

    def id(self, name: str = "id") -> str:
        return str(self.request.path_params[name])


Do: TypeAlias = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Call(Described):
    """An operation and what it does."""

    operation: Operation = "other"
    do: Do = field(kw_only=True)


class PaywiseApi:
    """paywise over companies that are made as their tokens come. `tokens`: those that are let in; None lets in every one but none."""

    def __init__(self, days: Days, faults: Faults, tokens: frozenset[str] | None, webhooks: Webhooks) -> None:
        self._days = days
        self._webhooks = webhooks
        self._faults = faults
        self._tokens = tokens
        self._companies: dict[str, Company] = {}

    def routes(self) -> list[Route]:
        made = [
            Route(PREFIX + call.path, self._faults.around(call.operation, partial(self._answer, call)), methods=[call.method])
            for call in CALLS
        ]
        return [*made, Route(PREFIX + "/openapi.json", _openapi, methods=["GET"])]

    def _route(self, call: Call) -> Route:
        return Route(PREFIX + call.path, self._faults.around(call.operation, partial(self._answer, call)), methods=[call.method])

    def cases(self) -> list[dict[str, Any]]:
        return [
            {"agency": "paywise", "customer": company.id, "mode": company.environment, **_listed(order)}
            for company in self._companies.values()
            for order in company.orders.values()
            if order.status != "draft"
        ]

    def cursors(self) -> dict[str, str]:
        return {f"paywise/{company.id}": str(len(company.events)) for company in self._companies.values()}

    async def _answer(self, call: Call, request: Request) -> Response:
        try:
            company = self._company(request) if call.path != "/v2/health/" else Company("", self._days, self._webhooks)
            if call.method == "GET":
                return _cached(request, call.do(Asked(company, request, None)))
            return await self._acted(call, company, request)
        except Problem as problem:
            return _told(problem)

    async def _acted(self, call: Call, company: Company, request: Request) -> Response:
        key, body = request.headers.get("idempotency-key", ""), await request.body()
        if not call.keyed:
            call.do(Asked(company, request, None))
            return Response(status_code=call.status)
        if not key:
            raise Problem(400, "idempotency_key_required", "Header Idempotency-Key is missing.")
        mark, known = hashlib.sha256(body).digest(), company.answered.get((request.url.path, key))
        if known is not None and known[0] != mark:
            raise Problem(409, "idempotency_key_reused", "The key was used for another request.")
        if known is None:
            answer = call.do(Asked(company, request, _form(call, body, request)))
            company.answered[request.url.path, key] = (mark, call.status, _without_secret(answer))
            known = (mark, call.status, answer)
        elif call.operation == "submit":
            company.order(request.path_params["id"]).submissions += 1
        return JSONResponse(known[2], known[1])

    def _company(self, request: Request) -> Company:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or (self._tokens is not None and token not in self._tokens):
            raise Problem(401, "not_authenticated", "The token is not known.")
        return self._companies.setdefault(token, Company(token, self._days, self._webhooks))


def _without_secret(answer: Any) -> Any:
    """What a replay tells: a secret is shown once."""
    return {name: value for name, value in answer.items() if name != subscriptions.SECRET} if isinstance(answer, dict) else answer


def _listed(order: Order) -> dict[str, Any]:
    return {
        "number": order.id,
        "reference": order.reference,
        "contract": order.contract,
        "status": order.status,
        "submissions": order.submissions,
        "owed": order.owed,
        "reported": {form.your_reference: form.amount.minor for _, _, form, _ in order.payments},
    }


def _form(call: Call, body: bytes, request: Request) -> BaseModel | None:
    if call.form is None:
        return None
    try:
        return call.form.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise Problem(400, "validation_error", "The request is not valid.", problems(error)) from None


def _told(problem: Problem) -> Response:
    return JSONResponse({"code": problem.code, "detail": str(problem), "errors": problem.errors}, problem.status)


def _cached(request: Request, answer: Any) -> Response:
    told = JSONResponse(answer)
    tag = f'"{hashlib.sha256(told.body).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    told.headers["ETag"] = tag
    return told


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise Problem(
            400, "validation_error", "The request is not valid.", [{"code": "invalid", "field": name, "message": "Not a number."}]
        )
    return min(int(text), most)


def _page(asked: Asked, rows: list[Any]) -> dict[str, Any]:
    limit, offset = max(_number(asked.request, "limit", LIMIT, LIMIT_MAX), 1), _number(asked.request, "offset", 0, 10**8)
    after = offset + limit
    following = asked.request.url.include_query_params(limit=limit, offset=after)
    before = asked.request.url.include_query_params(limit=limit, offset=max(offset - limit, 0))
    return {
        "count": len(rows),
        "next": str(following) if after < len(rows) else None,
        "previous": str(before) if offset else None,
        "results": rows[offset:after],
    }


def _health(asked: Asked) -> Any:
    return {"status": "ok", "version": "v2"}


def _info(asked: Asked) -> Any:
    return {"company": asked.company.id, "environment": asked.company.environment, "scopes": ["case_management"], "token_name": "sandbox"}


def _debtors(asked: Asked) -> Any:
    wanted = asked.request.query_params.get("your_reference")
    rows = [show.debtor(name, *of) for name, of in asked.company.debtors.items() if wanted in (None, of[0].your_reference)]
    return _page(asked, rows)


def _add_debtor(asked: Asked) -> Any:
    name = asked.company.add_debtor(asked.form)
    return show.debtor(name, *asked.company.debtors[name])


def _debtor(asked: Asked) -> Any:
    if asked.id() not in asked.company.debtors:
        raise Problem(404, "not_found", "No such debtor.")
    return show.debtor(asked.id(), *asked.company.debtors[asked.id()])


def _orders(asked: Asked) -> Any:
    wanted = asked.request.query_params.get("status")
    return _page(asked, [show.order(asked.company, one) for one in asked.company.orders.values() if wanted in (None, one.status)])


def _add_order(asked: Asked) -> Any:
    return show.order(asked.company, asked.company.draft(asked.form))


def _order(asked: Asked) -> Any:
    return show.order(asked.company, asked.company.order(asked.id()))


def _delete_order(asked: Asked) -> Any:
    if asked.company.order(asked.id()).status != "draft":
        raise Problem(409, "order_not_draft", "Only a draft can be deleted.")
    del asked.company.orders[asked.id()]


def _finalize(asked: Asked) -> Any:
    order = asked.company.order(asked.id())
    if field := rejected_field(asked.request):
        raise Problem(422, "validation_error", "The order is not complete.", [{"code": "invalid", "field": field, "message": "Not valid."}])
    asked.company.finalize(order)
    return show.order(asked.company, order)


def _withdraw(asked: Asked) -> Any:
    order = asked.company.order(asked.id())
    asked.company.withdraw(order)
    return show.order(asked.company, order)


def _claims(asked: Asked) -> Any:
    wanted = {name: asked.request.query_params[name] for name in ("your_reference", "order_id") if name in asked.request.query_params}
    every = [show.claim(one, index) for one in asked.company.orders.values() for index in range(len(one.form.claims))]
    return _page(asked, [row for row in every if all(row[name] == value for name, value in wanted.items())])


def _of_claim(asked: Asked, name: str = "id") -> tuple[Order, int]:
    for one in asked.company.orders.values():
        for index in range(len(one.form.claims)):
            if one.claim_id(index) == asked.id(name):
                return one, index
    raise Problem(404, "not_found", "No such claim.")


def _claim(asked: Asked) -> Any:
    return show.claim(*_of_claim(asked))


def _claim_payments(asked: Asked) -> Any:
    order, index = _of_claim(asked, "claim_id")
    return _page(asked, [show.payment(order, entry) for entry in order.payments if entry[1] == order.claim_id(index)])


def _report_on_claim(asked: Asked) -> Any:
    return _reported(asked, *_of_claim(asked, "claim_id"))


def _report(asked: Asked) -> Any:
    return _reported(asked, asked.company.by_mandate(asked.id("mandate_id")), 0)


def _reported(asked: Asked, order: Order, index: int) -> Any:
    asked.company.report(order, index, asked.form)
    return show.payment(order, order.payments[-1])


def _mandates(asked: Asked) -> Any:
    return _page(asked, [show.mandate(asked.company, one) for one in asked.company.orders.values() if one.mandate])


def _mandate(asked: Asked) -> Any:
    whole = asked.request.query_params.get("history") == "true"
    return show.mandate(asked.company, asked.company.by_mandate(asked.id()), history=whole)


def _history(asked: Asked) -> Any:
    return _page(asked, asked.company.by_mandate(asked.id()).history)


def _documents(asked: Asked) -> Any:
    return _page(asked, asked.company.by_mandate(asked.id()).documents)


def _payments(asked: Asked) -> Any:
    order = asked.company.by_mandate(asked.id("mandate_id"))
    return _page(asked, [show.payment(order, entry) for entry in order.payments])


def _messages(asked: Asked) -> Any:
    return _page(asked, asked.company.by_mandate(asked.id("mandate_id")).messages)


def _write(asked: Asked) -> Any:
    order, form = asked.company.by_mandate(asked.id("mandate_id")), asked.form
    message = {
        "id": named("message", order.id, len(order.messages)),
        "title": form.title,
        "body": form.body,
        "sender": "client",
        "author": {"type": "api"},
        "state": "under_review",
        "editable": True,
        "documents": [],
        "parent": {"type": "mandate", "id": order.mandate},
        "created_at": written(asked.company.days.now),
    }
    order.messages.append(message)
    asked.company.tell_mandate(order, "mandate.message.created", message_id=message["id"])
    return message


def _statements(asked: Asked) -> Any:
    wanted = asked.request.query_params.get("mandate_reference_number")
    every = asked.company.statements.values()
    return _page(asked, [show.statement(one) for one in every if wanted in (None, one.order.reference_number)])


def _statement(asked: Asked) -> Any:
    one = asked.company.statements.get(asked.id())
    if one is None:
        raise Problem(404, "not_found", "No such statement.")
    return {**show.statement(one), "mandates": [show.statement_row(one)]}


def _statement_rows(asked: Asked) -> Any:
    return _page(asked, _statement(asked)["mandates"])


def _events(asked: Asked) -> Any:
    since = _number(asked.request, "since", 0, 10**8)
    limit = max(_number(asked.request, "limit", LIMIT, LIMIT_MAX), 1)
    every = asked.company.events
    rows = every[since : since + limit]
    reached = str(since + len(rows))
    following = str(asked.request.url.include_query_params(since=reached, limit=limit))
    more = since + len(rows) < len(every)
    cursor = reached if rows or "since" in asked.request.query_params else None
    return {"results": as_told(asked.request, rows), "cursor": cursor, "next": following if more else None}


def _subscribe(asked: Asked) -> Any:
    return subscriptions.subscribe(asked.company, asked.form)


def _subscriptions(asked: Asked) -> Any:
    return _page(asked, subscriptions.listed(asked.company))


PAGES = ("limit", "offset")
CALLS: Final = (
    Call("GET", "/v2/health/", operation="other", do=_health),
    Call("GET", "/v2/info/", operation="account", do=_info),
    Call("GET", "/v2/debtors/", operation="other", do=_debtors, filters=(*PAGES, "your_reference")),
    Call("POST", "/v2/debtors/", operation="prepare", do=_add_debtor, form=DebtorIn, status=201),
    Call("GET", "/v2/debtors/{id}/", operation="other", do=_debtor),
    Call("GET", "/v2/orders/", operation="other", do=_orders, filters=(*PAGES, "status")),
    Call("POST", "/v2/orders/", operation="prepare", do=_add_order, form=OrderIn, status=201),
    Call("GET", "/v2/orders/{id}/", operation="case", do=_order),
    Call("DELETE", "/v2/orders/{id}/", operation="other", do=_delete_order, status=204, keyed=False),
    Call("POST", "/v2/orders/{id}/finalize/", operation="submit", do=_finalize),
    Call("POST", "/v2/orders/{id}/withdraw/", operation="recall", do=_withdraw, form=WithdrawIn),
    Call("GET", "/v2/claims/", operation="ask", do=_claims, filters=(*PAGES, "your_reference", "order_id")),
    Call("GET", "/v2/claims/{id}/", operation="other", do=_claim),
    Call("GET", "/v2/claims/{claim_id}/payments/", operation="other", do=_claim_payments, filters=PAGES),
    Call("POST", "/v2/claims/{claim_id}/payments/", operation="payment", do=_report_on_claim, form=PaymentIn, status=201),
    Call("GET", "/v2/mandates/", operation="other", do=_mandates, filters=PAGES),
    Call("GET", "/v2/mandates/{id}/", operation="case", do=_mandate),
    Call("GET", "/v2/mandates/{id}/history/", operation="case", do=_history, filters=PAGES),
    Call("GET", "/v2/mandates/{id}/documents/", operation="case", do=_documents, filters=PAGES),
    Call("GET", "/v2/mandates/{mandate_id}/payments/", operation="case", do=_payments, filters=PAGES),
    Call("POST", "/v2/mandates/{mandate_id}/payments/", operation="payment", do=_report, form=PaymentIn, status=201),
    Call("GET", "/v2/mandates/{mandate_id}/messages/", operation="other", do=_messages, filters=PAGES),
    Call("POST", "/v2/mandates/{mandate_id}/messages/", operation="message", do=_write, form=MessageIn, status=201),
    Call("GET", "/v2/statements/", operation="case", do=_statements, filters=(*PAGES, "mandate_reference_number")),
    Call("GET", "/v2/statements/{id}/", operation="case", do=_statement),
    Call("GET", "/v2/statements/{id}/mandates/", operation="case", do=_statement_rows, filters=PAGES),
    Call("GET", "/v2/webhooks/", operation="other", do=_subscriptions, filters=PAGES),
    Call("POST", "/v2/webhooks/", operation="other", do=_subscribe, form=subscriptions.WebhookIn, status=201),
    Call("GET", "/v2/events/", operation="changes", do=_events, filters=("limit", "since")),
)


async def _openapi(request: Request) -> Response:
    return JSONResponse(document(CALLS))
