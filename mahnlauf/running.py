"""Running what a command awaits, without traces that nobody can act on."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop
from aiokafka.errors import KafkaError

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run."""

    async def main() -> Result:
        asyncio.get_running_loop().set_exception_handler(pass_over_unread)
        return await work

    return asyncio.run(main())


def pass_over_unread(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiokafka leaves futures of a refused transaction unread (each batch's `_drain_waiter`), and asyncio would print a trace of each when
    it is collected. The error itself has reached whoever sent the batch."""
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


def run_until_told(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a service on uvloop. The event it is given is set at SIGTERM or Ctrl-C; then it ends by itself."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(pass_over_unread)
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        await work(told)

    uvloop.run(main())
