"""mediafinanz in the sandbox: both its ways in, and what the pages tell of it."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.days import Days
from connectors.sandbox.faults import Faults
from connectors.sandbox.mediafinanz.access import Clients
from connectors.sandbox.mediafinanz.books import Claims, file_number
from connectors.sandbox.mediafinanz.openapi import document
from connectors.sandbox.mediafinanz.rest import PREFIX, Rest
from connectors.sandbox.mediafinanz.soap import Soap


class MediafinanzApi:
    """`codes`: code by client, None lets every code in; `idempotent`: whether a reference that comes again is the same claim."""

    def __init__(self, days: Days, faults: Faults, codes: Mapping[str, str] | None, idempotent: Callable[[], bool]) -> None:
        self._claims = Claims(days, idempotent)
        clients = Clients(codes)
        self._ways = (Rest(self._claims, clients, faults), Soap(self._claims, clients, faults))

    def routes(self) -> list[Route]:
        described = Route(f"{PREFIX}/openapi.json", _openapi, methods=["GET"])
        return [described, *(route for way in self._ways for route in way.routes())]

    def cases(self) -> list[dict[str, Any]]:
        return [
            {
                "agency": "mediafinanz",
                "customer": client,
                "mode": "test",
                "number": file_number(case),
                "reference": case.reference,
                "status": case.status,
                "submissions": case.submissions,
                "owed": case.owed,
            }
            for client, case in self._claims.cases()
        ]

    def cursors(self) -> dict[str, str]:
        return {}


async def _openapi(request: Request) -> Response:
    return JSONResponse(document())
