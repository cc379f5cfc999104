"""Faults on request: an agency that answers 429 or 5xx, or not at all, before or after it took what it was sent.

A held answer (`hang`) waits until somebody releases it. That is the latch by which a test ends a connector between sending and noting
the result, without a fault hook in the product.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

Operation: TypeAlias = Literal["submit", "ask", "case", "recall", "payment", "changes", "account"]
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Fault(BaseModel):
    """What goes wrong with the next `count` requests (absent: all until cleared) of `operation` (absent: any).

    `contract`: only with handovers of this contract.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["429", "500", "503", "hang"]
    when: Literal["before", "after"] = "before"
    operation: Operation | None = None
    contract: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    retry_after_s: Annotated[int, Field(ge=0)] | None = None

    def response(self) -> Response:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.kind == "429":
            return JSONResponse({"code": "TOO_MANY_REQUESTS", "message": "slow down"}, 429, headers)
        return PlainTextResponse("upstream request failed", int(self.kind), headers)


async def _contract(request: Request) -> str | None:
    """The contract of a handover; None for any other request."""
    try:
        body = await request.json()
    except ValueError:
        return None
    return body.get("contract") if isinstance(body, dict) else None


class Faults:
    """The faults that are armed, and the requests that hang."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.hanging = 0
        self._released = asyncio.Event()

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)

    def clear(self) -> None:
        """Disarm everything and let what hangs go on."""
        self.armed.clear()
        self.release()

    def release(self) -> None:
        """Let what hangs go on."""
        self._released.set()
        self._released = asyncio.Event()

    def around(self, operation: Operation, handler: Handler) -> Handler:
        """`handler`, with whatever is armed for `operation`."""

        async def handled(request: Request) -> Response:
            fault = await self._next(operation, request)
            if fault is None:
                return await handler(request)
            if fault.kind == "hang":
                return await self._held(fault, handler, request)
            if fault.when == "after":
                await handler(request)
            return fault.response()

        return handled

    async def _held(self, fault: Fault, handler: Handler, request: Request) -> Response:
        if fault.when == "before":
            await request.body()  # what came is ours, even if the sender is gone before we go on
            await self._hang()
            return await handler(request)
        answer = await handler(request)
        await self._hang()
        return answer

    async def _hang(self) -> None:
        self.hanging += 1
        try:
            await self._released.wait()
        finally:
            self.hanging -= 1

    async def _next(self, operation: Operation, request: Request) -> Fault | None:
        for fault in self.armed:
            if fault.operation in (None, operation) and (fault.contract is None or fault.contract == await _contract(request)):
                self._use(fault)
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self.armed.remove(fault)
