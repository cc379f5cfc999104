"""Running what a command awaits, without traces that nobody can act on."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

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
