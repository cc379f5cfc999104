"""What a page is told while it is open: which contracts changed, as server-sent events. The page then asks for itself anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from fastapi import Request
from fastapi.sse import format_sse_event
from sqlalchemy import Engine, select
from starlette.concurrency import run_in_threadpool

from console.api import changes
from console.database import among
from console.views.tables import CASES

BREATH: Final = b": \n\n"
"""Now and then, so that who has gone is noticed and no proxy thinks it asleep."""
BREATHES_EVERY: Final = 15


async def events(
    views: Engine, tenant: str, place: str | None, request: Request, may: Callable[[], bool], closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Until who asked has gone, `may` says that the session is over, or the console is closing. `place` None: from now on.
    A change is told when its contract stands as it says: history and status are read from topics of their own. Raises NoPlace."""
    if place is None:
        place = await run_in_threadpool(changes.end, views)
    behind: dict[tuple[str, str], int] = {}
    looked = 0
    yield BREATH
    while not closing.is_set() and not await request.is_disconnected() and await run_in_threadpool(may):
        found = await run_in_threadpool(changes.changes, views, place, tenant)
        behind |= {(row.tenant, row.contract): row.version for row in found.rows}
        told = await run_in_threadpool(_shown, views, behind)
        if told:
            behind = {key: version for key, version in behind.items() if key not in told}
            names = sorted(f"{tenant}/{contract}" for tenant, contract in told)
            yield format_sse_event(data_str=json.dumps(names), event="change", id=None if behind else found.after)
        place = found.after
        looked += 1
        if looked % BREATHES_EVERY == 0:
            yield BREATH
        await changes.pause(closing)


def _shown(views: Engine, behind: Mapping[tuple[str, str], int]) -> set[tuple[str, str]]:
    """Those of them whose status stands at this version or a later one, or that were forgotten."""
    if not behind:
        return set()
    asked = select(CASES.c.tenant, CASES.c.contract, CASES.c.version).where(among(CASES, behind))
    with views.connect() as connection:
        late = {(row.tenant, row.contract) for row in connection.execute(asked) if row.version < behind[row.tenant, row.contract]}
    return set(behind) - late
