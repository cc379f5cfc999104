"""The connector's pages: /status for people and scripts, /metrics, /healthz, /readyz, and POST /poll, which looks at the feeds now."""

import asyncio
from typing import Any, Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.delivery.metrics import Metrics
from connectors.delivery.owner import AccountOwner
from streams.engine.errors import EngineError

ANSWER_WITHIN_S: Final = 5.0
"""Kafka's answer is waited for so long; who asks for the status wants one while Kafka is away, too."""


class Reporting(Protocol):
    """What the pages tell of."""

    metrics: Metrics

    @property
    def owners(self) -> list[AccountOwner]: ...

    @property
    def ready(self) -> bool: ...

    @property
    def unfinished(self) -> int: ...

    @property
    def waiting(self) -> dict[str, int]: ...

    @property
    def stuck(self) -> list[str]: ...

    def standing(self) -> dict[str, Any]: ...

    async def status(self) -> dict[str, Any]: ...

    async def read_feeds(self) -> dict[str, str]: ...


class Pages:
    """The pages of one connector."""

    def __init__(self, connector: Reporting) -> None:
        self._connector = connector

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/status", self._status),
                Route("/poll", self._poll, methods=["POST"]),
                Route("/metrics", self._metrics),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
            ]
        )

    async def _status(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return JSONResponse(await self._connector.status())
        except (EngineError, TimeoutError) as error:
            reason = f"Kafka does not tell the lag: {str(error) or f'no answer within {ANSWER_WITHIN_S:.0f} s'}"
            return JSONResponse({**self._connector.standing(), "lag": None, "error": reason}, 503)

    async def _poll(self, request: Request) -> Response:
        return JSONResponse(await self._connector.read_feeds())

    async def _metrics(self, request: Request) -> Response:
        metrics = self._connector.metrics
        metrics.unfinished.set(self._connector.unfinished)
        metrics.waiting.clear()
        for key, count in self._connector.waiting.items():
            metrics.waiting.labels(key).set(count)
        for owner in self._connector.owners:
            metrics.parked.labels(owner.key).set(owner.parked)
            metrics.gate_open.labels(owner.key).set(owner.gate.closed_for_s == 0)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _alive(self, request: Request) -> Response:
        """200 unless a restart would help: not where Kafka or an agency is away, or where a person must act."""
        stuck = self._connector.stuck
        return JSONResponse({"ok": not stuck, "reasons": stuck}, 503 if stuck else 200)

    async def _ready(self, request: Request) -> Response:
        ready = self._connector.ready
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)
