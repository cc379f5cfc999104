"""What could not be read or applied: unchanged, beside its topic, with the reason in headers.

The header names follow Kafka Connect's under our own prefix. No stack trace and no message of an unexpected exception is written: both may
hold personal data; its class and place are told instead.
"""

import traceback
from pathlib import PurePath
from typing import Final

from streams.engine.protocol import Output, Poison, Record

PREFIX: Final = "__mahnlauf.errors."
REASON: Final = "exception.class.name"
DETAIL: Final = "exception.message"
DECODE, APPLY, VISIT = "decode", "apply", "visit"


def letter(record: Record, poison: Poison, stage: str, suffix: str) -> Output:
    """The dead letter of `record`, in the same partition of `<topic><suffix>`; `stage`: decode, apply or visit."""
    told = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": stage,
        REASON: poison.reason,
        DETAIL: poison.detail,
    }
    headers = tuple((PREFIX + name, text.encode()) for name, text in told.items())
    return Output(record.topic + suffix, record.key, record.value, record.timestamp_ms, (*record.headers, *headers), record.partition)


def reason_of(output: Output) -> str:
    """The reason that a dead letter tells."""
    return dict(output.headers)[PREFIX + REASON].decode()


def detail_of(output: Output) -> str:
    """Where the record is wrong, and what would be right, as the dead letter tells."""
    return dict(output.headers)[PREFIX + DETAIL].decode()


def origin_of(output: Output) -> tuple[str, int]:
    """Topic and offset of the record that became the dead letter."""
    headers = dict(output.headers)
    return headers[PREFIX + "topic"].decode(), int(headers[PREFIX + "offset"])


def of_exception(error: BaseException) -> Poison:
    """The poison that an exception of our own code makes of a record: the same name and place whenever it happens again."""
    detail = f"unexpected {type(error).__name__} at {place_of(error)}; see the worker's log of the first failure"
    return Poison(type(error).__name__, detail)


def place_of(error: BaseException) -> str:
    """Where it was raised, as file:line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
