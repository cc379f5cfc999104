"""The webhooks that the sandbox's agencies send: who wants them, and every happening over HTTP to each of them, signed.

A delivery that is not taken (5xx, 408, 429, or no answer) comes again; whatever else is answered ends it. What happens at once, as by one
move of the clock, is sent in its order, unless a fault of the operation `hook` is armed (`faults.py`). A happening is told with the wall
clock's time, not the sandbox's: who receives it holds it against a window of minutes.
"""

import asyncio
import base64
import binascii
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.sandbox.days import written
from connectors.sandbox.faults import Faults
from connectors.sandbox.signatures import MOMENT, SIGNS

RETRIES_S: Final = (1.0, 5.0, 15.0)
"""Seconds where paywise waits minutes."""
ANSWERS_WITHIN_S: Final = 10.0
NO_ANSWER: Final = "no answer"
_AGAIN: Final = frozenset({NO_ANSWER, "408", "429"})
_FORGED: Final = base64.b64encode(b"somebody else's").decode()


@dataclass(frozen=True)
class Happening:
    """Something that an agency tells of one of a customer's cases: `body` as it is sent, the moment apart."""

    agency: str
    customer: str
    mode: str
    id: str
    kind: str
    body: Mapping[str, Any]


Tell: TypeAlias = Callable[[Happening], None]


def unheard(happening: Happening) -> None:
    """Where nobody listens."""


class Subscription(BaseModel):
    """Who wants to be told: `customer` as GET /cases lists it (absent: all), one `mode` or both, some kinds of `events` or all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agency: Literal["atriga", "debitura", "paywise"]
    url: Annotated[str, Field(pattern=r"^https?://[^/]", max_length=1_024)]
    secret: Annotated[str, Field(min_length=1)] = Field(repr=False)
    customer: str | None = None
    mode: Literal["test", "live"] | None = None
    events: frozenset[str] | None = None

    @model_validator(mode="after")
    def _secret_signs(self) -> "Subscription":
        if self.agency == "debitura":
            try:
                base64.b64decode(self.secret, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("debitura's secret must be base64, as debitura shows it") from None
        return self

    def wants(self, happening: Happening) -> bool:
        return (
            self.agency == happening.agency
            and self.customer in (None, happening.customer)
            and self.mode in (None, happening.mode)
            and (self.events is None or happening.kind in self.events)
        )


@dataclass
class Listener:
    """A subscription and what came of its deliveries: tries by answer, besides `lost` (never sent) and `given up`."""

    subscription: Subscription
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Delivery:
    listener: Listener
    happening: Happening
    body: bytes
    forged: bool = False


class Webhooks:
    """All listeners, and what is on its way to them. `retries_s`: how long to wait before each next try."""

    def __init__(self, faults: Faults, subscriptions: Sequence[Subscription] = (), retries_s: Sequence[float] = RETRIES_S) -> None:
        self.listeners = [Listener(subscription) for subscription in subscriptions]
        self._faults = faults
        self._retries_s = tuple(retries_s)
        self._queue: list[_Delivery] = []
        self._queued = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = 0
        self._http: httpx.AsyncClient | None = None

    def subscribe(self, subscription: Subscription) -> None:
        self.listeners.append(Listener(subscription))

    def tell(self, happening: Happening) -> None:
        """Have it sent to everybody who wants it."""
        for listener in self.listeners:
            if listener.subscription.wants(happening):
                self._queue.append(_Delivery(listener, happening, _body(happening)))
                self._queued.set()

    def told(self) -> dict[str, Any]:
        """What came of it so far; no secret. `waiting`: deliveries that are neither through nor given up."""
        shown = [
            {**each.subscription.model_dump(mode="json", exclude={"secret"}), "outcomes": dict(each.outcomes)} for each in self.listeners
        ]
        return {"waiting": len(self._queue) + self._sending, "subscriptions": shown}

    async def start(self) -> None:
        # a proxy of this machine's surroundings has no business between the sandbox and whom it tells
        self._http = httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, trust_env=False)
        self._begin(self._send())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        while True:
            await self._queued.wait()
            self._queued.clear()
            deliveries = self._faults.as_ordered(self._queue, "hook")
            self._queue = []
            self._sending += len(deliveries)
            for delivery in deliveries:
                await self._first(delivery)

    async def _first(self, delivery: _Delivery) -> None:
        """The first try, which those behind it wait for; what takes longer goes on by itself."""
        fault = self._faults.of_hook()
        if fault is not None and fault.kind == "lose":
            self._ended(delivery, "lost")
        elif fault is not None and fault.kind == "hang":
            self._begin(self._held(delivery))
        else:
            forged = fault is not None and fault.kind == "forge"
            await self._try(_Delivery(delivery.listener, delivery.happening, delivery.body, forged))

    async def _held(self, delivery: _Delivery) -> None:
        await self._faults.held()
        await self._try(delivery)

    async def _try(self, delivery: _Delivery) -> None:
        if await self._is_through(delivery):
            self._ended(delivery)
        else:
            self._begin(self._again(delivery))

    async def _again(self, delivery: _Delivery) -> None:
        for wait_s in self._retries_s:
            await asyncio.sleep(wait_s)
            if await self._is_through(delivery):
                self._ended(delivery)
                return
        self._ended(delivery, "given up")

    def _ended(self, delivery: _Delivery, outcome: str | None = None) -> None:
        self._sending -= 1
        if outcome is not None:
            delivery.listener.outcomes[outcome] += 1

    async def _is_through(self, delivery: _Delivery) -> bool:
        answer = await self._post(delivery)
        delivery.listener.outcomes[answer] += 1
        return answer not in _AGAIN and not answer.startswith("5")

    async def _post(self, delivery: _Delivery) -> str:
        assert self._http is not None, "start() makes the connection"
        to, what = delivery.listener.subscription, delivery.happening
        secret = _FORGED if delivery.forged else to.secret
        signature = SIGNS[what.agency](secret, delivery.body, what.id, what.kind, int(time.time()))
        try:
            headers = {"Content-Type": "application/json", **signature}
            return str((await self._http.post(to.url, content=delivery.body, headers=headers)).status_code)
        except (httpx.TransportError, httpx.InvalidURL):
            return NO_ANSWER


def _body(happening: Happening) -> bytes:
    moment = MOMENT.get(happening.agency)
    told = {} if moment is None else {moment: written(datetime.now(UTC))}
    return json.dumps({**happening.body, **told}).encode()
