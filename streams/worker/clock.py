"""The live clock: once a minute, a tick for each partition this worker holds.

Every partition gets its ticks from its owner, so no worker has to be chosen for it and a cluster has one source of ticks as long as all
workers run with the same `--clock`. All ticks of a minute are the same record: `now` is the full minute, the id names minute and
partition. So what a worker that was paused, or replaced in between, sends once more goes back in time and is ignored, and a partition
without an owner simply misses ticks that nobody could have applied; its next owner sends the next minute's.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.codec import encode
from schemas.timers import ClockTicked, ClockTickedData
from streams.engine.cluster import Connection

log: Any = structlog.get_logger(__name__)

SOURCE: Final = "/mahnlauf/clock"
SKEW_SECONDS: Final = 60
"""Publishers' clocks may be ahead of ours by so much: what they stamped within it comes before the tick (`architecture.md` 3)."""
EVERY_MINUTE: Final = "* * * * *"
_WOKEN_EARLY = timedelta(seconds=1)
_SEND_WITHIN_S = 30.0
_STOP_WITHIN_S = 2.0


def full_minute(moment: datetime) -> datetime:
    """The minute that has begun; a timer that wakes up a moment early means the one that is about to."""
    return (moment + _WOKEN_EARLY).replace(second=0, microsecond=0)


def tick(now: datetime, partition: int) -> ClockTicked:
    """The tick of a minute for a partition."""
    minute = now.strftime("%Y-%m-%dT%H:%MZ")
    data = ClockTickedData(now=now, skew=SKEW_SECONDS)
    return ClockTicked(id=f"{minute}/{partition}", source=SOURCE, time=now, data=data)


class Clock:
    """Sends ticks to the partitions of `topic`. `wall` tells the time (UTC)."""

    def __init__(
        self, connection: Connection, topic: str, *, client_id: str, wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._client_id = client_id
        self._wall = wall
        self._producer: Any = None

    async def tick(self, partitions: Collection[int]) -> bool:
        """Send this minute's tick to `partitions`; whether Kafka has them all. One that can't be sent is left out: the next minute's
        tick does all that it would have done."""
        now = full_minute(self._wall())
        try:
            async with asyncio.timeout(_SEND_WITHIN_S):
                await self._send(now, partitions)
        except (KafkaError, TimeoutError) as error:
            log.warning("tick not sent, the next one makes up for it", now=now.isoformat(), reason=str(error) or "Kafka does not answer")
            return False
        return True

    async def stop(self) -> None:
        """Close the producer; a tick that Kafka does not take now is dropped."""
        if self._producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_STOP_WITHIN_S):
                    await self._producer.stop()

    async def _send(self, now: datetime, partitions: Collection[int]) -> None:
        producer = await self._started()
        stamp_ms = int(now.timestamp()) * 1000
        sent = [
            await producer.send(self._topic, encode(tick(now, partition)), partition=partition, timestamp_ms=stamp_ms)
            for partition in sorted(partitions)
        ]
        await asyncio.gather(*sent)

    async def _started(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(**self._connection.options(self._client_id), enable_idempotence=True)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer
