"""What people and agencies have written about one contract, opened for whoever must read it: from Kafka, with the key that seals.

Read from the partition of the contract's key: `escalation.instructions` (and where misplaced records were forwarded to) and
`collection.replies`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors.delivery.sealing import Keys, SealBroken
from connectors.delivery.texts import Texts
from mahnlauf import committed
from mahnlauf.opening import opened_texts
from schemas import codec, topics
from schemas.fields import is_sealed
from schemas.instructions import CaseMessageWritten, CaseQuestionAnswered
from schemas.replies import CaseMessageReceived, CaseQuestionAsked
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of

_READ_AS: Final = {topics.INSTRUCTIONS: topics.INSTRUCTIONS, topics.REROUTED: topics.INSTRUCTIONS, topics.REPLIES: topics.REPLIES}
"""Where texts stand, and as what their records are read."""


@dataclass(frozen=True, slots=True)
class Told:
    """A text. `what`: written, answered (by a person: `by`), received, asked (by the agency). `closed`: why it can't be read; then there
    is no `text`."""

    at: datetime
    what: str
    id: str
    by: str | None
    text: str | None
    options: tuple[str, ...] | None
    closed: str | None


async def of_contract(connection: Connection, contract: str, keys: Keys) -> list[Told]:
    """All texts about `<tenant>/<contract>`, oldest first. Raises ClusterWrong, EngineError."""
    async with opened_texts(connection, keys) as texts:
        told = {event.id: await _told(texts, contract, event) async for event in _events(connection, contract)}
    return sorted(told.values(), key=lambda one: one.at)


async def _events(connection: Connection, contract: str) -> AsyncIterator[Any]:
    key, counts = contract.encode(), dict.fromkeys(_READ_AS, 0)
    for topic, _ in await committed.places(connection, _READ_AS):
        counts[topic] += 1
    for topic, count in counts.items():
        async for records in committed.read(connection, topic, partition_of(key, count)):
            for record in records:
                if record.key == key and (event := _read(_READ_AS[topic], record.value, record.headers)) is not None:
                    yield event


def _read(topic: str, value: bytes | None, headers: codec.HeaderList) -> Any:
    """An event with a text; None: this is none. What can't be read is a dead letter, and told there."""
    try:
        event = codec.decode(topic, value, headers)
    except codec.Unreadable:
        return None
    return event if isinstance(event, CaseMessageWritten | CaseQuestionAnswered | CaseMessageReceived | CaseQuestionAsked) else None


async def _told(texts: Texts, contract: str, event: Any) -> Told:
    what, id, text, by, options = _parts(event)
    try:
        opened = await _opened(texts, contract, text)
        choices = None if options is None else tuple([await _opened(texts, contract, option) for option in options])
    except SealBroken as error:
        return Told(event.time, what, id, by, None, None, str(error))
    return Told(event.time, what, id, by, opened, choices, None)


def _parts(event: Any) -> tuple[str, str, str, str | None, tuple[str, ...] | None]:
    data = event.data
    if isinstance(event, CaseMessageWritten):
        return "written", data.message_id, data.text, data.by, None
    if isinstance(event, CaseQuestionAnswered):
        return "answered", data.question_id, data.answer, data.by, None
    if isinstance(event, CaseMessageReceived):
        return "received", data.message_id, data.text, None, None
    return "asked", data.question_id, data.text, None, data.options


async def _opened(texts: Texts, contract: str, text: str) -> str:
    return await texts.open(contract, text) if is_sealed(text) else text
