"""The stream of changes of status, and a place in it that stays good for ever: case-history as the views hold it.

A place is the offset behind what was told of each partition, so that nothing is told twice or left out, whoever is slow. Changes of one
contract come in order, those of different ones nearly.
"""

import asyncio
import base64
import binascii
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, Row, select

from console.views.tables import HISTORY, POSITIONS
from schemas import topics

LOOK_S: Final = 1.0
"""How often who follows looks for more."""
AT_ONCE: Final = 200
"""Changes told at once, at most."""


class NoPlace(ValueError):
    """It names no place in the stream."""


class Changes(NamedTuple):
    """`after`: the place behind them."""

    rows: list[Row[Any]]
    after: str


def end(engine: Engine) -> str:
    """The place behind all that is known now."""
    with engine.connect() as connection:
        return _told(_read(connection))


def changes(engine: Engine, after: str, tenant: str) -> Changes:
    """What follows on a place; the empty one is the beginning. `tenant` empty: of all. Raises NoPlace."""
    told = _place(after)
    with engine.connect() as connection:
        read = _read(connection)  # first: what is read later may hold more, never less
        found: list[Row[Any]] = []
        for partition, end in sorted(read.items()):
            rows = _behind(connection, partition, told.get(partition, -1), tenant, AT_ONCE - len(found))
            found += rows
            if len(found) == AT_ONCE:  # the rest comes with the next
                told[partition] = rows[-1].offset if rows else told.get(partition, -1)
                break
            told[partition] = max(end, told.get(partition, -1), *(row.offset for row in rows))
    return Changes(found, _told(told))


async def pause(closing: asyncio.Event) -> None:
    """Until the next look, or the end."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), LOOK_S)


def _behind(connection: Connection, partition: int, offset: int, tenant: str, most: int) -> list[Row[Any]]:
    asked = select(HISTORY).where(HISTORY.c.partition == partition, HISTORY.c.offset > offset)
    if tenant:
        asked = asked.where(HISTORY.c.tenant == tenant)
    return list(connection.execute(asked.order_by(HISTORY.c.offset).limit(most)))


def _read(connection: Connection) -> dict[int, int]:
    """The last offset that the views hold, by partition."""
    asked = select(POSITIONS.c.partition, POSITIONS.c.next_offset).where(POSITIONS.c.topic == topics.CASE_HISTORY)
    return {row.partition: row.next_offset - 1 for row in connection.execute(asked)}


def _told(offsets: Mapping[int, int]) -> str:
    told = ",".join(f"{partition}:{offset}" for partition, offset in sorted(offsets.items()))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _place(told: str) -> dict[int, int]:
    try:
        text = base64.b64decode(told + "=" * (-len(told) % 4), altchars=b"-_", validate=True).decode("ascii")
        pairs = [part.split(":") for part in text.split(",")] if text else []
        found = {int(partition): int(offset) for partition, offset in pairs}
    except (ValueError, binascii.Error) as error:
        raise NoPlace(f"{json.dumps(told[:80])} is no place in the stream: give an `after` of an earlier answer") from error
    if any(not -1 <= offset < 1 << 63 or not 0 <= partition < 1 << 31 for partition, offset in found.items()):
        raise NoPlace("a place in the stream has partitions and offsets as they were told")
    return found
