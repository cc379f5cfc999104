"""The worker's pages: /metrics, /healthz, /readyz, /contracts/<tenant>/<id>. Read-only, JSON but for the metrics."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import faust
from faust.web import Request, Response, View
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from schemas.ids import contract_key
from streams.engine.errors import EngineError
from streams.engine.partition import Phase
from streams.worker import health
from streams.worker.observed import ObservedEngine

Describe: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""Turns a contract's state into what people may read: JSON values by name."""

OK = 200
NOT_FOUND = 404
ELSEWHERE = 421
"""Misdirected Request: this worker does not hold the contract; the body says which one does."""
UNWELL = 503
OWNER_WITHIN_S = 3.0
"""The engine asks Kafka again for half a minute; who looks at a page would rather try again."""


class Answer(NamedTuple):
    status: int
    body: Mapping[str, Any]


class ContractPage:
    """Where a contract's state is, or what it is."""

    def __init__(self, engine: ObservedEngine, describe: Describe) -> None:
        self._engine = engine
        self._describe = describe

    async def answer(self, tenant: str, contract: str) -> Answer:
        """The state if this worker holds the contract, else which worker does."""
        key = contract_key(tenant, contract).encode()
        partition = self._engine.partition_of(key)
        about = {"tenant": tenant, "contract": contract, "partition": partition}
        here = [part for part in self._engine.health().partitions if part.partition == partition]
        if not here:
            return await self._elsewhere(about, key)
        if here[0].phase is not Phase.RUNNING:
            return Answer(UNWELL, {**about, "error": f"partition {partition} of this worker is {here[0].phase}; try again"})
        state = self._engine.state(key)
        if state is None:
            return Answer(NOT_FOUND, {**about, "error": "no event of this contract has been applied"})
        return Answer(OK, {**about, "state": self._describe(state)})

    async def _elsewhere(self, about: Mapping[str, Any], key: bytes) -> Answer:
        try:
            async with asyncio.timeout(OWNER_WITHIN_S):
                holder = await self._engine.owner(key)
        except (EngineError, TimeoutError) as error:
            return Answer(UNWELL, {**about, "error": f"not held here, and Kafka does not tell by whom: {str(error) or 'no answer'}"})
        if holder is None:
            return Answer(UNWELL, {**about, "error": f"nobody holds partition {about['partition']} at present; try again"})
        url = f"http://{holder}/contracts/{quote(about['tenant'])}/{quote(about['contract'])}"
        return Answer(ELSEWHERE, {**about, "held_by": holder, "url": url})


def add(app: faust.App, engine: ObservedEngine, registry: CollectorRegistry, contracts: ContractPage) -> None:
    """Add the pages to the Faust app."""

    async def metrics(web: View, request: Request) -> Response:
        """For Prometheus."""
        return web.bytes(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(web: View, request: Request) -> Response:
        """200 unless a restart would help."""
        return _told(web, await health.alive(engine))

    async def readyz(web: View, request: Request) -> Response:
        """200 once all that is this worker's can be worked on."""
        return _told(web, health.ready(engine))

    async def contract(web: View, request: Request, tenant: str, contract: str) -> Response:
        """One contract."""
        answer = await contracts.answer(tenant, contract)
        return web.json(answer.body, status=answer.status)

    app.page("/metrics")(metrics)
    app.page("/healthz")(healthz)
    app.page("/readyz")(readyz)
    app.page("/contracts/{tenant}/{contract:.+}")(contract)


def _told(web: View, told: health.Probed) -> Response:
    return web.json({"ok": told.well, "reasons": list(told.reasons)}, status=OK if told.well else UNWELL)
