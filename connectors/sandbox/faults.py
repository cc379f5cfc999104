"""Faults on request: an agency that answers 429 or 5xx, slowly, or not at all, before or after it took what it was sent; that refuses a
field; whose feed or webhooks tell things twice or in another order; whose webhooks are lost, held back or signed by somebody else.

A held answer (`hang`) waits until somebody releases it. That is the latch by which a test ends a connector between sending and noting
the result, without a fault hook in the product.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from connectors.sandbox.traffic import Traffic

Operation: TypeAlias = Literal["prepare", "submit", "ask", "case", "recall", "payment", "message", "changes", "account", "other", "hook"]
"""What a request is about, whatever its path at each agency. `submit` is the one by which a case is taken; `prepare` those before it;
`hook` is a webhook, which the agency sends."""
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


Row = TypeVar("Row")
_OF_A_FEED = ("duplicate", "reorder")
_OF_A_HOOK = ("lose", "forge")
_EACH_HOOK = ("hang", *_OF_A_HOOK)
_PIECES = 20
SLOW_S = 5.0
"""How long a slow body takes where nobody has said it."""


class Fault(BaseModel):
    """What goes wrong with the next `count` requests (absent: all until cleared) of `operation` (absent: any).

    `contract`: only with handovers of this contract. `429`, `500` and `503` are plain errors, `hang` no answer until somebody releases it,
    `slow` an answer whose body takes `seconds`; `reject` refuses a handover because of `field`; `duplicate` and `reorder` are what a feed
    does with its rows, and with the operation `hook` what happens to the webhooks that are sent at once. Of webhooks `hang` holds one back
    until somebody releases it, `lose` never sends it, and `forge` signs it with a secret that is none. A fault that names no operation is
    of requests, never of webhooks, unless webhooks alone have it.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["429", "500", "503", "hang", "slow", "reject", "duplicate", "reorder", "lose", "forge"]
    when: Literal["before", "after"] = "before"
    operation: Operation | None = None
    contract: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    field: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    seconds: Annotated[float, Field(gt=0, le=60)] | None = None

    @model_validator(mode="after")
    def _belongs_somewhere(self) -> "Fault":
        """A fault that nothing would ever show is a mistake of whoever ordered it."""
        if self.kind == "reject" and (self.field is None or self.operation not in (None, "submit")):
            raise ValueError("reject needs the field, and the operation submit")
        if self.kind in _OF_A_FEED and self.operation not in (None, "changes", "hook"):
            raise ValueError(f"{self.kind} is of the operations changes and hook")
        if self.kind in _OF_A_HOOK and self.operation not in (None, "hook"):
            raise ValueError(f"{self.kind} is of the operation hook")
        if self.operation == "hook" and (self.kind not in (*_OF_A_FEED, *_EACH_HOOK) or self.contract is not None):
            raise ValueError(f"a hook has {', '.join((*_OF_A_FEED, *_EACH_HOOK))}, and no contract")
        return self

    def response(self) -> Response:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.kind == "429":
            return JSONResponse({"code": "TOO_MANY_REQUESTS", "message": "slow down", "detail": "slow down"}, 429, headers)
        return PlainTextResponse("upstream request failed", int(self.kind), headers)


def _fits(fault: Fault, operation: Operation) -> bool:
    if fault.kind == "reject":
        return operation == "submit"
    if fault.kind in _OF_A_FEED:
        return operation == (fault.operation or "changes")
    if fault.kind in _OF_A_HOOK or operation == "hook":
        return operation == (fault.operation or ("hook" if fault.kind in _OF_A_HOOK else None))
    return fault.operation in (None, operation)


def rejected_field(request: Request) -> str | None:
    """The field because of which this handover is to be refused."""
    fault = getattr(request.state, "fault", None)
    return fault.field if fault is not None and fault.kind == "reject" else None


def as_told(request: Request, rows: list[Row]) -> list[Row]:
    """A feed's rows as they are told: each twice, or the last first, where that was ordered."""
    return _told(getattr(request.state, "fault", None), rows)


def _told(fault: Fault | None, rows: list[Row]) -> list[Row]:
    if fault is None or fault.kind not in _OF_A_FEED:
        return rows
    return [row for row in rows for _ in range(2)] if fault.kind == "duplicate" else rows[::-1]


def _slow(answer: Response, seconds: float) -> Response:
    """The same answer, its body in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        size = max(len(answer.body) // _PIECES, 1)
        for start in range(0, len(answer.body), size):
            yield bytes(answer.body[start : start + size])
            await asyncio.sleep(seconds / _PIECES)

    return StreamingResponse(pieces(), answer.status_code, media_type=answer.media_type or "application/json")


async def _contract(request: Request) -> str | None:
    """The contract of a handover; None for any other request."""
    try:
        body = await request.json()
    except ValueError:
        return None
    return body.get("contract") if isinstance(body, dict) else None


class Faults:
    """The faults that are armed, and the requests that hang. All that comes is noted in `traffic`, and kept to its conditions."""

    def __init__(self, traffic: Traffic | None = None) -> None:
        self.traffic = traffic or Traffic()
        self.armed: list[Fault] = []
        self.hanging = 0
        self._released = asyncio.Event()

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)

    def clear(self) -> None:
        """Disarm everything and let what hangs go on."""
        self.armed.clear()
        self.release()

    def as_ordered(self, rows: list[Row], operation: Operation = "changes") -> list[Row]:
        """Rows that are told without a request, as a feed's (`as_told`)."""
        fitting = (fault for fault in self.armed if fault.kind in _OF_A_FEED and _fits(fault, operation))
        fault = next(fitting, None) if rows else None
        if fault is not None:
            self._use(fault)
        return _told(fault, rows)

    def of_hook(self) -> Fault | None:
        """What goes wrong with the next webhook."""
        fault = next((fault for fault in self.armed if fault.kind in _EACH_HOOK and _fits(fault, "hook")), None)
        if fault is not None:
            self._use(fault)
        return fault

    def release(self) -> None:
        """Let what hangs go on."""
        self._released.set()
        self._released = asyncio.Event()

    def around(self, operation: Operation, handler: Handler) -> Handler:
        """`handler`, with whatever is armed for `operation`."""

        async def handled(request: Request) -> Response:
            if not self.traffic.arrived(request, operation):
                return Fault(kind="429", retry_after_s=1).response()
            await self._as_slow_as_ordered(request)
            fault = await self._next(operation, request)
            if fault is None:
                return await handler(request)
            if fault.kind == "hang":
                return await self._held(fault, handler, request)
            if fault.kind == "slow":
                return _slow(await handler(request), fault.seconds or SLOW_S)
            if fault.kind in ("reject", *_OF_A_FEED):
                request.state.fault = fault  # only the agency itself can say this in its own words
                return await handler(request)
            if fault.when == "after":
                await handler(request)
            return fault.response()

        return handled

    async def _as_slow_as_ordered(self, request: Request) -> None:
        if latency_ms := self.traffic.conditions.latency_ms:
            await request.body()
            await asyncio.sleep(latency_ms / 1_000)

    async def _held(self, fault: Fault, handler: Handler, request: Request) -> Response:
        if fault.when == "before":
            await request.body()  # what came is ours, even if the sender is gone before we go on
            await self.held()
            return await handler(request)
        answer = await handler(request)
        await self.held()
        return answer

    async def held(self) -> None:
        """Wait until somebody releases what hangs."""
        self.hanging += 1
        try:
            await self._released.wait()
        finally:
            self.hanging -= 1

    async def _next(self, operation: Operation, request: Request) -> Fault | None:
        for fault in self.armed:
            if _fits(fault, operation) and (fault.contract is None or fault.contract == await _contract(request)):
                self._use(fault)
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self.armed.remove(fault)
