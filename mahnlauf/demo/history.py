"""The path of one contract as a person reads it: what came in, what the ladder did, what the agency said, in order of time."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec

from mahnlauf import committed
from schemas import topics
from streams.engine.cluster import Connection
from streams.engine.placing import partition_of

TOLD: Final = (*topics.BILLING_INPUTS, topics.INSTRUCTIONS, topics.REPLIES, topics.NOTICES, topics.COMMANDS, topics.CASE_HISTORY)
CHANGE: Final = "case_history.recorded"


class Event(NamedTuple):
    """One event of the contract."""

    time: datetime
    topic: str
    id: str
    type: str
    data: Mapping[str, Any]


class _Event(msgspec.Struct):
    id: str
    type: str
    time: datetime
    data: dict[str, Any]


async def told(connection: Connection, key: str) -> list[str]:
    """A line an event. Raises ClusterWrong."""
    events = sorted([event async for event in _events(connection, key.encode())], key=lambda event: event.time)
    types = {event.id: event.type for event in events}
    moments = [_in_order(list(moment)) for _, moment in groupby(events, key=lambda event: event.time)]
    return [f"{event.time:%Y-%m-%d}  {_words(event, types)}" for moment in moments for event in moment]


def _in_order(moment: list[Event]) -> list[Event]:
    """What is of one moment: what came in, then each change behind what caused it, or what it sent; simulated days have few moments."""
    left = [event for event in moment if event.type != CHANGE]
    changes = sorted((event for event in moment if event.type == CHANGE), key=lambda event: int(event.data["version"]))
    ordered = [event for event in left if event.topic not in (topics.REPLIES, topics.NOTICES, topics.COMMANDS)]
    left = [event for event in left if event not in ordered]
    for change in changes:
        beside = [event for event in left if event.id == change.data["cause"] or _sent_with(event, change)]
        ordered += [*beside, change]
        left = [event for event in left if event not in beside]
    return ordered + left


def _sent_with(event: Event, change: Event) -> bool:
    if event.topic == topics.NOTICES:
        return bool(change.data["cause"] == "tick")
    return event.type == "case.submit" and bool(change.data["to"] == "ToBePassed")


async def _events(connection: Connection, key: bytes) -> AsyncIterator[Event]:
    for topic in TOLD:
        count = len(await committed.places(connection, [topic]))
        async for records in committed.read(connection, topic, partition_of(key, count)):
            for record in records:
                if record.key == key and record.value is not None:
                    event = msgspec.json.decode(record.value, type=_Event)
                    yield Event(event.time, topic, event.id, event.type, event.data)


def _words(event: Event, types: Mapping[str, str]) -> str:
    if event.type == CHANGE:
        return "    " + _change(event.data, types)
    return f"{_AT.get(event.type.split('.')[0], '')}{event.type}{_details(event.data)}"


_AT: Final = {"notice": "→ ", "case": "⇄ "}


def _change(data: Mapping[str, Any], types: Mapping[str, str]) -> str:
    level = f" (level {data['dunning_level']})" if data["dunning_level"] else ""
    attention = f", attention: {', '.join(data['attention'])}" if data["attention"] else ""
    cause = types.get(data["cause"], data["cause"])
    return f"{data['from']} → {data['to']}{level}, because of {cause}{attention}"


_SHOWN: Final = (
    *("amount", "due_on", "value_date", "via", "level", "reason_code", "outcome", "phase", "stage", "reason", "reasons", "by", "attempt"),
    *("kind", "until"),
)


def _details(data: Mapping[str, Any]) -> str:
    shown = [f"{name} {_value(name, data[name])}" for name in _SHOWN if data.get(name) is not None]
    return f" ({', '.join(shown)})" if shown else ""


def _value(name: str, value: Any) -> str:
    if name == "amount":
        return f"{value // 100}.{value % 100:02}" if value >= 0 else f"-{-value // 100}.{-value % 100:02}"
    if name == "reasons":
        return " ".join(str(reason["code"]) for reason in value)
    return str(value)


def shown(lines: list[str], at_most: int) -> Iterator[str]:
    """The lines, the middle left out if there are too many."""
    if len(lines) <= at_most:
        yield from lines
        return
    yield from lines[: at_most // 2]
    yield f"    … {len(lines) - at_most} more …"
    yield from lines[-(at_most - at_most // 2) :]
