"""The HTTP interface of the sandbox's agency, as the adapter `connectors/agencies/atriga` speaks it.

The wire format is our own assumption (the adapter's docstring says so too). It is written down here a second time on purpose: a server that
shared code with its client would agree with every mistake of it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.cases import Book, Case, CaseIsClosed, World
from connectors.sandbox.faults import Faults, Handler, Operation, as_told, rejected_field

PAGE_ROWS_MAX = 500


class ClaimIn(BaseModel):
    invoice_id: str
    open: int = Field(ge=0)


class DebtorIn(BaseModel):
    kind: str
    company: str | None = None
    last_name: str | None = None
    street: str
    city: str
    country: str
    postal_code: str | None = None


class CaseIn(BaseModel):
    """What the agency demands of a handover; more may stand in it."""

    reference: str = Field(min_length=1)
    contract: str
    submitted_at: datetime
    debtor: DebtorIn
    currency: str = Field(pattern="^[A-Z]{3}$")
    open_amount: int = Field(ge=0)
    costs: int = Field(ge=0)
    interest: int = Field(ge=0)
    claims: list[ClaimIn] = Field(min_length=1)


class MessageIn(BaseModel):
    message_id: str = Field(min_length=1)
    text: str = Field(min_length=1)


class AnswerIn(BaseModel):
    question_id: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class PaymentIn(BaseModel):
    amount: int
    value_date: str


def _error(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, **more}, status)


def _invalid(error: ValidationError) -> JSONResponse:
    """Names the fields; repeats nothing of what was sent."""
    details = [{"code": "FIELD_INVALID", "field": ".".join(map(str, each["loc"]))} for each in error.errors(include_input=False)]
    return _error(422, "INVALID", "the case can't be read", errors=details)


class AtrigaApi:
    """The agency's interface over `world`. `codes`: authentication code by customer number; None lets every code but an empty one in."""

    def __init__(self, world: World, faults: Faults, codes: Mapping[str, str] | None) -> None:
        self._world = world
        self._faults = faults
        self._codes = codes

    def routes(self) -> list[Route]:
        return [
            self._route("/v1/account", "GET", "account", self._account),
            self._route("/v1/cases", "POST", "submit", self._submit),
            self._route("/v1/cases", "GET", "ask", self._ask),
            self._route("/v1/cases/{number}", "GET", "case", self._case),
            self._route("/v1/cases/{number}/recall", "POST", "recall", self._recall),
            self._route("/v1/cases/{number}/payments", "POST", "payment", self._payment),
            self._route("/v1/cases/{number}/messages", "POST", "message", self._hear(MessageIn)),
            self._route("/v1/cases/{number}/answers", "POST", "message", self._hear(AnswerIn)),
            self._route("/v1/changes", "GET", "changes", self._changes),
        ]

    def _route(self, path: str, method: str, operation: Operation, handler: Handler) -> Route:
        return Route(path, self._faults.around(operation, self._let_in(handler)), methods=[method])

    def _let_in(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            headers = request.headers
            customer, code = headers.get("x-customer-number", ""), headers.get("x-authentication-code", "")
            known = bool(customer and code) if self._codes is None else self._codes.get(customer) == code
            if not known:
                return _error(401, "CREDENTIALS_UNKNOWN", "customer number and authentication code don't belong together")
            if headers.get("x-mode") not in ("test", "live"):
                return _error(400, "MODE_MISSING", "header X-Mode must be test or live")
            return await handler(request)

        return checked

    def _book(self, request: Request) -> Book:
        return self._world.book(request.headers["x-customer-number"], request.headers["x-mode"])

    async def _account(self, request: Request) -> Response:
        return JSONResponse({"customer_number": request.headers["x-customer-number"], "mode": request.headers["x-mode"]})

    async def _submit(self, request: Request) -> Response:
        try:
            sent = CaseIn.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error)
        if field := rejected_field(request):
            return _error(422, "INVALID", "the case can't be read", errors=[{"code": "FIELD_INVALID", "field": field}])
        if request.headers.get("idempotency-key") != sent.reference:
            return _error(400, "KEY_MISSING", "header Idempotency-Key must be the reference")
        case, new = self._world.take(
            self._book(request),
            reference=sent.reference,
            contract=sent.contract,
            currency=sent.currency,
            owed=sent.open_amount + sent.costs + sent.interest,
            has_postal_code=bool(sent.debtor.postal_code),
        )
        return JSONResponse(_whole(case), 201 if new else 200)

    async def _ask(self, request: Request) -> Response:
        case = self._book(request).by_reference.get(request.query_params.get("reference", ""))
        return JSONResponse({"cases": [] if case is None else [_whole(case)]})

    async def _case(self, request: Request) -> Response:
        case = self._found(request)
        return _unknown() if case is None else JSONResponse(_whole(case))

    async def _recall(self, request: Request) -> Response:
        case = self._found(request)
        if case is None:
            return _unknown()
        try:
            self._world.recall(self._book(request), case)
        except CaseIsClosed:
            return _closed()
        return JSONResponse(_whole(case))

    async def _payment(self, request: Request) -> Response:
        case = self._found(request)
        if case is None:
            return _unknown()
        try:
            payment = PaymentIn.model_validate_json(await request.body())
            self._world.report(self._book(request), case, request.headers["idempotency-key"], payment.amount)
        except ValidationError as error:
            return _invalid(error)
        except KeyError:
            return _error(400, "KEY_MISSING", "header Idempotency-Key is missing")
        except CaseIsClosed:
            return _closed()
        return JSONResponse(_whole(case))

    def _hear(self, model: type[MessageIn] | type[AnswerIn]) -> Handler:
        async def heard(request: Request) -> Response:
            case = self._found(request)
            if case is None:
                return _unknown()
            try:
                words = model.model_validate_json(await request.body())
                self._world.hear(case, request.headers["idempotency-key"], words.model_dump())
            except ValidationError as error:
                return _invalid(error)
            except KeyError:
                return _error(400, "KEY_MISSING", "header Idempotency-Key is missing")
            except CaseIsClosed:
                return _closed()
            return JSONResponse(_whole(case))

        return heard

    async def _changes(self, request: Request) -> Response:
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError:
            return _error(400, "CURSOR_UNKNOWN", "since must be a cursor of this feed")
        rows = self._book(request).rows
        page = rows[since : since + PAGE_ROWS_MAX]
        return JSONResponse({"changes": as_told(request, page), "next": str(since + len(page)), "more": since + len(page) < len(rows)})

    def cases(self) -> list[dict[str, Any]]:
        """Every case for the page that lists them."""
        return [{"agency": "atriga", "customer": book.customer, "mode": book.mode, **_listed(case)} for book, case in self._world.cases()]

    def cursors(self) -> dict[str, str]:
        """Where each feed ends."""
        return {f"{book.customer}/{book.mode}": str(len(book.rows)) for book in self._world.books.values()}

    def _found(self, request: Request) -> Case | None:
        return self._book(request).by_number.get(request.path_params["number"])


def _listed(case: Case) -> dict[str, Any]:
    return {**asdict(case), "received_at": case.received_at.isoformat()}


def _whole(case: Case) -> dict[str, Any]:
    return {**case.summary(), "changes": case.changes}


def _unknown() -> JSONResponse:
    return _error(404, "CASE_UNKNOWN", "there is no case with this number")


def _closed() -> JSONResponse:
    return _error(409, "CASE_CLOSED", "the case is closed")
