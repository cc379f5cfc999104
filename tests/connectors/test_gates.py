"""What the console hears of agencies from the connectors that run: their status pages, whoever answers."""

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.web import WebServer
from mahnlauf.gates import gates
from tests.connectors.kit import Tenant, running
from tests.engine.kit import eventually

NOBODY = "http://127.0.0.1:9"


async def test_a_connector_tells_since_when_an_agency_is_away(tenant: Tenant, direct: httpx.AsyncClient) -> None:
    await direct.post("/faults", json={"kind": "503"})
    async with running(tenant) as connector:
        before = (await gates([NOBODY, connector.url]))[tenant.account.key]
        assert (before.trouble, before.parked) == ("", 0)
        for number in range(3):
            await tenant.submit(f"C-{number}")

        async def away() -> bool:
            return (await gates([connector.url]))[tenant.account.key].trouble == "agency_unavailable"

        await eventually(away, "the agency counts as away")
        assert (await gates([connector.url]))[tenant.account.key].since >= before.since
        await direct.delete("/faults")
        await tenant.until_told("C-1", "case.passed")
        assert (await gates([connector.url, NOBODY]))[tenant.account.key].trouble == ""


async def test_what_answers_something_else_is_left_out() -> None:
    async def other(request: Request) -> Response:
        return JSONResponse({"accounts": {"acme/main": {"closed": ""}}} if request.url.path == "/old/status" else ["no connector"])

    server = WebServer(Starlette(routes=[Route("/status", other), Route("/old/status", other)]), "127.0.0.1", 0)
    await server.start()
    try:
        assert await gates([server.url, f"{server.url}/old", "http://[broken", NOBODY]) == {}
    finally:
        await server.stop()
