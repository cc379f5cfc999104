"""What a page is told while it is open: which contracts changed, as server-sent events. The page then asks for itself anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Final

from fastapi import Request
from fastapi.sse import format_sse_event
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from console.api import changes

BREATH: Final = b": \n\n"
"""Now and then, so that who has gone is noticed and no proxy thinks it asleep."""
BREATHES_EVERY: Final = 15


async def events(
    views: Engine, tenant: str, place: str, request: Request, may: Callable[[], bool], closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Until who asked has gone, `may` says that the session is over, or the console is closing. `place` empty: from now on.
    Raises NoPlace."""
    place = place or await run_in_threadpool(changes.end, views)
    looked = 0
    yield BREATH
    while not closing.is_set() and not await request.is_disconnected() and await run_in_threadpool(may):
        found = await run_in_threadpool(changes.changes, views, place, tenant)
        place = found.after
        if found.rows:
            told = sorted({f"{row.tenant}/{row.contract}" for row in found.rows})
            yield format_sse_event(data_str=json.dumps(told), event="change", id=place)
        looked += 1
        if looked % BREATHES_EVERY == 0:
            yield BREATH
        await changes.pause(closing)
