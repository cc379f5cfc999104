"""What goes by on the output topics: counted while it happens, read with a client of its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from mahnlauf import committed
from schemas import topics
from streams.engine.cluster import Connection

WATCHED: Final = (topics.CASE_STATUS, topics.CASE_HISTORY, topics.NOTICES, topics.COMMANDS, topics.REPLIES, topics.BOOKINGS)
_DEAD: Final = tuple(spec.name for spec in topics.TOPICS if spec.group == "dead letters")


class _Event(msgspec.Struct):
    id: str
    type: str
    time: datetime
    subject: str
    data: dict[str, Any]


_events: Final = msgspec.json.Decoder(_Event)


class Seen:
    """All that went by. `status`: contracts by status; `notices`, `commands`, `replies`: by type; `changes`: history by (from, to);
    `bookings`: what accounting was told, by kind."""

    def __init__(self) -> None:
        self.levels: Counter[int] = Counter()
        self.notices: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.bookings: Counter[str] = Counter()
        self.changes: Counter[tuple[str, str]] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.history: dict[str, int] = {}
        """How many changes each contract key went through."""
        self._status: dict[bytes, str] = {}

    @property
    def status(self) -> Counter[str]:
        return Counter(self._status.values())

    @property
    def reached(self) -> set[str]:
        """Every status that a contract has had."""
        return {to for _, to in self.changes}

    @property
    def resets(self) -> int:
        """Contracts that came back to Clear after a case was closed successfully."""
        return self.changes["SuccessfullyClosed", "Clear"]

    def take(self, topic: str, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        if topic in _DEAD:
            self.dead_letters[topic.removesuffix(topics.DEAD_LETTERS_SUFFIX)] += 1
            return
        event = _events.decode(value)
        if topic == topics.CASE_STATUS:
            self._status[key] = event.data["status"]
        elif topic == topics.CASE_HISTORY:
            self.changes[event.data["from"], event.data["to"]] += 1
            self.history[key.decode()] = self.history.get(key.decode(), 0) + 1
        elif topic == topics.NOTICES:
            self.notices[event.type] += 1
            self.levels[event.data.get("level", 0)] += 1
        elif topic == topics.COMMANDS:
            self.commands[event.type] += 1
        elif topic == topics.BOOKINGS:
            self.bookings[event.data["booking"]] += 1
        else:
            self.replies[event.type] += 1


@asynccontextmanager
async def watching(connection: Connection) -> AsyncIterator["Watch"]:
    """Reads along as long as the block lasts."""
    places = await committed.places(connection, [*WATCHED, *_DEAD])
    consumer = AIOKafkaConsumer(**connection.options("mahnlauf-demo"), isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(*place) for place in places])
    await consumer.seek_to_beginning()
    watch = Watch(connection, consumer, places)
    reading = asyncio.create_task(watch.read())
    try:
        yield watch
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await consumer.stop()


class Watch:
    """`seen` grows by itself; `caught_up` returns when it holds everything there is now."""

    def __init__(self, connection: Connection, consumer: Any, places: list[tuple[str, int]]) -> None:
        self.seen = Seen()
        self._connection, self._consumer, self._places = connection, consumer, places

    async def read(self) -> None:
        """Until cancelled."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    self.seen.take(record.topic, record.key or b"", record.value)

    async def caught_up(self) -> None:
        for place, end in (await committed.ends(self._connection, self._places)).items():
            while await self._consumer.position(TopicPartition(*place)) < end:
                await asyncio.sleep(0.02)
