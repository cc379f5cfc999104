"""mediafinanz's REST 2.1: a new claim, its status, its close; a client is who its headers say. `validate: 1` only looks at what is sent."""

from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.faults import Faults, Handler, Operation, rejected_field
from connectors.sandbox.mediafinanz.access import Clients
from connectors.sandbox.mediafinanz.books import Claims, file_number, minor, status_of
from connectors.sandbox.mediafinanz.forms import CaseIn, wrong, wrong_fields

PREFIX: Final = "/mediafinanz"


class Rest:
    def __init__(self, claims: Claims, clients: Clients, faults: Faults) -> None:
        self._claims = claims
        self._clients = clients
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            self._route("PUT", "/claim/new/", "submit", self._new),
            self._route("GET", "/claim/{az}/status/", "case", self._status),
            self._route("POST", "/claim/{az}/close/", "recall", self._close),
        ]

    def _route(self, method: str, path: str, operation: Operation, handler: Handler) -> Route:
        async def let_in(request: Request) -> Response:
            if not self._clients.known_by_rest(request.headers):
                return refused(401, "auth.unknown", "uuid, user and password don't belong together")
            return await handler(request)

        return Route(f"{PREFIX}/v2.1/collect{path}", self._faults.around(operation, let_in), methods=[method])

    async def _new(self, request: Request) -> Response:
        try:
            form = CaseIn.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(wrong_fields(error))
        if field := rejected_field(request):
            return _invalid([wrong(field, "pattern")])
        if _only_looks(request):
            return _ok("")
        client = self._claims.client(request.headers["uuid"])
        return _ok(file_number(self._claims.take(client, form.ClientCustomerRefNo, minor(form.Claim.Amount))))

    async def _status(self, request: Request) -> Response:
        case = self._claims.client(request.headers["uuid"]).claim(request.path_params["az"], None)
        if case is None:
            return _unknown()
        told = status_of(case)
        return _ok({"StatusCode": told["statusCode"], "StatusName": told["statusName"], "Time": told["time"]})

    async def _close(self, request: Request) -> Response:
        client = self._claims.client(request.headers["uuid"])
        case = client.claim(request.path_params["az"], None)
        if case is None:
            return _unknown()
        if case.closed:
            return refused(400, "claim.closed", "the claim has ended")
        if not _only_looks(request):
            self._claims.world.recall(client.book, case)
        return _ok("")


def _only_looks(request: Request) -> bool:
    return request.headers.get("validate") == "1"


def _ok(data: Any) -> Response:
    return JSONResponse({"bSuccess": True, "aMessage": [], "sData": data})


def refused(status: int, key: str, text: str) -> Response:
    return JSONResponse({"bSuccess": False, "aMessage": [{"sKey": key, "sValue": text}], "sData": ""}, status)


def _invalid(found: list[dict[str, Any]]) -> Response:
    return JSONResponse({"bSuccess": False, "aValidationResult": found}, 400)


def _unknown() -> Response:
    return refused(400, "claim.unknown", "there is no claim of this az")
