"""The sandbox as a program: the agencies' interfaces (atriga at the root, the others at /paywise, /debitura, /mediafinanz; prokur in
a folder), and the pages by which people and tests direct it.

POST /clock {"now": "2026-01-05T12:00:00Z"}   move its days; what falls due until then happens
GET  /clock                                   where they stand, and the feeds' last cursors
POST /script {"contract"?, "reference"?, "story": [...]}   what becomes of cases to come (`story.py`)
POST /faults {...}, GET /faults, DELETE /faults   what goes wrong (`faults.py`)
POST /release                                 let held answers go
POST /traffic {"per_second"?, "latency_ms"?}  what every account may do, and how long answers take (`traffic.py`)
GET  /traffic                                 what came of each account, and the most of it within one second
POST /webhooks {"agency", "url", "secret", "customer"?, "mode"?, "events"?}   who is told of what happens (`webhooks.py`)
GET  /webhooks                                what came of it
GET  /cases                                   every case with its reference and how often it was sent: one case a handover
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.atriga import AtrigaApi
from connectors.sandbox.cases import World
from connectors.sandbox.days import ClockGoesBack, Days
from connectors.sandbox.debitura.api import DebituraApi
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.mediafinanz.api import MediafinanzApi
from connectors.sandbox.paywise.api import PaywiseApi
from connectors.sandbox.prokur import ProkurFolder
from connectors.sandbox.story import Script
from connectors.sandbox.traffic import Conditions
from connectors.sandbox.webhooks import RETRIES_S, Subscription, Webhooks
from connectors.web import WebServer

Body = TypeVar("Body", bound=BaseModel)


class ClockIn(BaseModel):
    now: AwareDatetime


class _Unreadable(Exception):
    pass


@dataclass(frozen=True)
class SandboxConfig:
    """`codes`: authentication code by customer number, of which agencies without customer numbers know the codes alone; None lets every
    code in. `port` 0 takes a free one. `folder`: where the agencies that are reached by files have theirs; None leaves them out.
    `webhooks`: who is told of what happens; `retries_s`: how long a webhook that was not taken waits before each next try."""

    host: str = "127.0.0.1"
    port: int = 8091
    codes: Mapping[str, str] | None = field(default=None, repr=False)
    folder: Path | None = None
    webhooks: Sequence[Subscription] = ()
    retries_s: Sequence[float] = RETRIES_S


class SandboxAgency(Protocol):
    """One of the agencies: its interface, and what the pages tell of it."""

    def routes(self) -> list[Route]: ...
    def cases(self) -> list[dict[str, Any]]: ...
    def cursors(self) -> dict[str, str]: ...


class Direction:
    """The pages that direct the sandbox."""

    def __init__(self, days: Days, faults: Faults, webhooks: Webhooks, agencies: Sequence[SandboxAgency]) -> None:
        self._webhooks = webhooks
        self._days = days
        self._faults = faults
        self._agencies = agencies

    def routes(self) -> list[Route]:
        return [
            Route("/clock", self._clock, methods=["GET"]),
            Route("/clock", self._move, methods=["POST"]),
            Route("/script", self._script, methods=["POST"]),
            Route("/faults", self._show_faults, methods=["GET"]),
            Route("/faults", self._arm, methods=["POST"]),
            Route("/faults", self._disarm, methods=["DELETE"]),
            Route("/release", self._release, methods=["POST"]),
            Route("/traffic", self._show_traffic, methods=["GET"]),
            Route("/traffic", self._set_conditions, methods=["POST"]),
            Route("/webhooks", self._show_webhooks, methods=["GET"]),
            Route("/webhooks", self._subscribe, methods=["POST"]),
            Route("/cases", self._cases, methods=["GET"]),
        ]

    async def _clock(self, request: Request) -> Response:
        cursors = {name: cursor for agency in self._agencies for name, cursor in agency.cursors().items()}
        return JSONResponse({"now": self._days.now.isoformat(), "cursors": cursors})

    async def _move(self, request: Request) -> Response:
        try:
            self._days.advance((await _body(request, ClockIn)).now)
        except ClockGoesBack as error:
            return JSONResponse({"code": "CLOCK_GOES_BACK", "message": str(error)}, 409)
        return await self._clock(request)

    async def _script(self, request: Request) -> Response:
        self._days.scripts.append(await _body(request, Script))
        return JSONResponse({"scripts": len(self._days.scripts)})

    async def _show_faults(self, request: Request) -> Response:
        return JSONResponse(
            {"armed": [fault.model_dump(exclude_none=True) for fault in self._faults.armed], "hanging": self._faults.hanging}
        )

    async def _arm(self, request: Request) -> Response:
        self._faults.arm(await _body(request, Fault))
        return await self._show_faults(request)

    async def _disarm(self, request: Request) -> Response:
        self._faults.clear()
        return await self._show_faults(request)

    async def _release(self, request: Request) -> Response:
        self._faults.release()
        return await self._show_faults(request)

    async def _show_traffic(self, request: Request) -> Response:
        traffic = self._faults.traffic
        accounts = {name: account.told() for name, account in traffic.accounts.items()}
        return JSONResponse({**traffic.conditions.model_dump(), "accounts": accounts})

    async def _set_conditions(self, request: Request) -> Response:
        self._faults.traffic.conditions = await _body(request, Conditions)
        return await self._show_traffic(request)

    async def _show_webhooks(self, request: Request) -> Response:
        return JSONResponse(self._webhooks.told())

    async def _subscribe(self, request: Request) -> Response:
        self._webhooks.subscribe(await _body(request, Subscription))
        return await self._show_webhooks(request)

    async def _cases(self, request: Request) -> Response:
        cases = [case for agency in self._agencies for case in agency.cases()]
        return JSONResponse({"count": len(cases), "cases": cases})


async def _body(request: Request, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _Unreadable(f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg']}") from None


async def _unreadable(request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "INVALID", "message": str(error)}, 422)


def create_app(
    world: World | None = None,
    faults: Faults | None = None,
    codes: Mapping[str, str] | None = None,
    folder: Path | None = None,
    webhooks: Webhooks | None = None,
) -> Starlette:
    """The sandbox as an ASGI application. Its memory is `world` (atriga's books, and the days all live on), `faults` and
    `webhooks`, which whoever wants them sent has to start. Raises NotOurs."""
    world, faults = world or World(), faults or Faults()
    webhooks = webhooks or Webhooks(faults)
    world.tell = webhooks.tell
    secrets = None if codes is None else frozenset(codes.values())
    agencies: list[SandboxAgency] = [
        AtrigaApi(world, faults, codes),
        PaywiseApi(world.days, faults, secrets, webhooks),
        DebituraApi(world.days, faults, secrets, webhooks),
        MediafinanzApi(world.days, faults, codes, lambda: world.idempotent),
    ]
    if folder is not None:
        agencies.append(ProkurFolder(folder / "prokur", world.days, faults, lambda: world.idempotent))
    routes = [*Direction(world.days, faults, webhooks, agencies).routes(), *(route for agency in agencies for route in agency.routes())]
    return Starlette(routes=routes, exception_handlers={_Unreadable: _unreadable})


class Sandbox:
    """The sandbox on a port, in the caller's event loop. `stop` lets held answers go first. Raises NotOurs."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        config = config or SandboxConfig()
        self.world = World()
        self.faults = Faults()
        self.folder = config.folder
        self.webhooks = Webhooks(self.faults, config.webhooks, config.retries_s)
        app = create_app(self.world, self.faults, config.codes, config.folder, self.webhooks)
        self._server = WebServer(app, config.host, config.port)

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        await self._server.start()
        await self.webhooks.start()

    async def stop(self) -> None:
        self.faults.clear()
        await self._server.stop()
        await self.webhooks.stop()


async def serve(config: SandboxConfig, stopped: asyncio.Event, listening: Callable[[str], None]) -> None:
    """Serve until `stopped` is set; `listening` is told the address as soon as it can be asked. Raises PortTaken, NotOurs."""
    sandbox = Sandbox(config)
    await sandbox.start()
    try:
        listening(sandbox.url)
        await stopped.wait()
    finally:
        await sandbox.stop()
