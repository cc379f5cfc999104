"""Calendar time in the connector: the latest tick's `now` on `escalation.timers`. The wall clock has no say in it.

Every partition of that topic gets every tick, so one is enough. At the start the last tick is looked for from the end backwards.
"""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from connectors.delivery.replies import milliseconds
from schemas import codec, topics
from schemas.timers import ClockTicked
from streams.engine.cluster import Cluster
from streams.engine.fetch import Reader
from streams.engine.protocol import Record

log = logging.getLogger(__name__)

_PARTITION: Final = 0
_LOOK_BACK: Final = 100
"""Records looked through at first: ticks are the most frequent ones there."""


class Calendar:
    """`now_ms` is 0 until a tick was seen. `day_moved` is called when the day (UTC) changes."""

    def __init__(self, cluster: Cluster, day_moved: Callable[[], None]) -> None:
        self._cluster = cluster
        self._day_moved = day_moved
        self._reader = Reader(cluster, [topics.TIMERS], _PARTITION)
        self.now_ms = 0

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC).date()

    async def start(self) -> None:
        """Find the latest tick."""
        await self._cluster.watch([topics.TIMERS])
        end = (await self._cluster.high_watermarks([topics.TIMERS], _PARTITION))[topics.TIMERS]
        first = (await self._cluster.log_starts([topics.TIMERS], _PARTITION))[topics.TIMERS]
        back = _LOOK_BACK
        while not self.now_ms and end > first:
            start = max(end - back, first)
            await self._read_up_to(start, end)
            if start == first:
                break
            back *= 10
        self._reader.seek(topics.TIMERS, end)

    async def run(self) -> None:
        """Follow the ticks."""
        while True:
            for _, records in await self._reader.poll():
                self._take(records)

    async def stop(self) -> None:
        await self._reader.close()

    async def _read_up_to(self, start: int, end: int) -> None:
        self._reader.seek(topics.TIMERS, start)
        while self._reader.positions[topics.TIMERS] < end:
            for _, records in await self._reader.poll():
                self._take(records)

    def _take(self, records: list[Record]) -> None:
        for record in records:
            now_ms = _ticked(record)
            if now_ms > self.now_ms:
                before, self.now_ms = self.day, now_ms
                if self.day != before:
                    self._day_moved()


def _ticked(record: Record) -> int:
    """A tick's `now` in ms; 0 for everything else. What is unreadable there is the worker's dead letter, not ours."""
    try:
        event = codec.decode(topics.TIMERS, record.value, record.headers)
    except codec.Unreadable:
        return 0
    return milliseconds(event.data.now) if isinstance(event, ClockTicked) else 0
