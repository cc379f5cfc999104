"""Sealing what people wrote before Kafka carries it: the texts of case.message_written and case.question_answered (`architecture.md` 6).

A text that is sealed already goes as it is, so an export can be published again where the contracts' keys are the same.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from connectors.delivery.texts import Texts
from mahnlauf.lines import Line
from schemas import topics
from schemas.fields import TEXT_MAX_LENGTH, is_sealed

FREE_TEXTS: Final[Mapping[str, str]] = {"case.message_written": "text", "case.question_answered": "answer"}
"""The field of free text by type of instruction."""
_TYPE_HEADER: Final = "ce_type"
"""In binary mode the type stands in a header, and the value is the data alone."""


def in_the_clear(line: Line) -> bool:
    """Whether the line carries a person's words that are not sealed."""
    return _found(line) is not None


def too_long(line: Line) -> str | None:
    """What is wrong with the length of a person's words in the clear; None: nothing. The words of a dead letter would stand there as they
    are."""
    found = _found(line)
    if found is None or len(found[1][found[2]]) <= TEXT_MAX_LENGTH:
        return None
    return f"data.{found[2]}: {len(found[1][found[2]])} characters; a text has at most {TEXT_MAX_LENGTH}"


async def sealed(line: Line, texts: Texts) -> Line:
    """The line with its words sealed for the contract of its key. Raises SealBroken, EngineError."""
    found = _found(line)
    if found is None or line.key is None:
        return line
    event, data, name = found
    data[name] = await texts.seal(line.key.decode(errors="replace"), data[name])
    return msgspec.structs.replace(line, value=msgspec.json.encode(event))


def _found(line: Line) -> tuple[Any, dict[str, Any], str] | None:
    """The whole value, the data in it, and the field to be sealed. What can't be read is the worker's dead letter, not ours."""
    if line.topic != topics.INSTRUCTIONS or line.value is None:
        return None
    try:
        event = msgspec.json.decode(line.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    binary = dict(line.headers).get(_TYPE_HEADER)
    data = event if binary is not None else event.get("data") if isinstance(event, dict) else None
    kind = binary.decode(errors="replace") if binary is not None else event.get("type") if isinstance(event, dict) else None
    name = FREE_TEXTS.get(kind) if isinstance(kind, str) else None
    if name is None or not isinstance(data, dict) or not isinstance(data.get(name), str) or is_sealed(data[name]):
        return None
    return event, data, name
