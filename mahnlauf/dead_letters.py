"""The dead letters of a cluster, and putting one back where it came from, mended or as it is: for the console."""

from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from console.actions.office import DeadLetter, LetterPlace, Unfit
from mahnlauf import committed
from schemas import topics
from streams.engine import deadletter
from streams.engine.cluster import Connection
from streams.engine.protocol import Output, Record
from streams.engine.transaction import TransactionalWriter

NEWEST: Final = 100
"""As many of each partition are looked at: who has more has a publisher to mend, and `mahnlauf export`."""
TOPICS: Final = tuple(spec.name for spec in topics.TOPICS if spec.name.endswith(topics.DEAD_LETTERS_SUFFIX))


async def newest(connection: Connection) -> list[DeadLetter]:
    """The last that came first. Raises ClusterWrong, EngineError."""
    ends = await committed.ends(connection, await committed.places(connection, TOPICS))
    found: list[DeadLetter] = []
    for (topic, partition), end in ends.items():
        if end:
            async for records in committed.read(connection, topic, partition, begin=max(0, end - NEWEST), end=end):
                found += [_told(record) for record in records]
    return sorted(found, key=lambda letter: (letter.at, letter.place), reverse=True)


async def put_back(connection: Connection, place: LetterPlace, text: str | None) -> None:
    """Publish what the letter holds, or `text` instead of it, to the topic and partition it came from, with its key, headers and time. An
    event that was applied already is dropped there by its id. Raises Unfit, ClusterWrong, EngineError."""
    record = await _read(connection, place)
    if record is None:
        raise Unfit(f"there is no dead letter at {place.topic}-{place.partition}, offset {place.offset}")
    value = record.value if text is None else text.encode()
    headers = tuple((name, told) for name, told in record.headers if not name.startswith(deadletter.PREFIX))
    origin = place.topic.removesuffix(topics.DEAD_LETTERS_SUFFIX)
    writer = TransactionalWriter(connection, f"mahnlauf-letters-{uuid4()}", client_id=committed.CLIENT_ID)
    try:
        await writer.start()
        await writer.commit([Output(origin, record.key, value, record.timestamp_ms, headers, record.partition)])
    finally:
        await writer.stop()


async def _read(connection: Connection, place: LetterPlace) -> Record | None:
    if place.topic not in TOPICS:
        return None
    places = [(place.topic, place.partition)]
    if not 0 <= place.partition < len(await committed.places(connection, [place.topic])):
        return None
    if not 0 <= place.offset < (await committed.ends(connection, places))[places[0]]:
        return None
    async for records in committed.read(connection, place.topic, place.partition, begin=place.offset, end=place.offset + 1):
        return records[0]
    return None


def _told(record: Record) -> DeadLetter:
    headers = {name.removeprefix(deadletter.PREFIX): told.decode(errors="replace") for name, told in record.headers}
    tenant, slash, contract = (record.key or b"").decode(errors="replace").partition("/")
    return DeadLetter(
        place=LetterPlace(record.topic, record.partition, record.offset),
        origin=record.topic.removesuffix(topics.DEAD_LETTERS_SUFFIX),
        offset=headers.get("offset", ""),
        at=datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        tenant=tenant if slash else "",
        contract=contract,
        reason=headers.get(deadletter.REASON, ""),
        detail=headers.get(deadletter.DETAIL, ""),
        text=(record.value or b"").decode(errors="replace"),
    )
