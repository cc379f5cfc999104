"""Records as lines of JSON: what `publish` and `replay` read and `export` writes.

    {"topic": "billing.invoices", "key": "acme/C-1001", "value": {…}}
    {"topic": "case-status", "partition": 3, "offset": 17, "timestamp": 1767603600000, "key": "acme/C-1001", "value": {…}, "headers": []}

`value` is the record's value exactly as it stands (null: no value, a tombstone); what isn't UTF-8 JSON on one line is `value_base64`, a
key that isn't UTF-8 `key_base64`. `headers` is a list of [name, text], or [name, {"base64": …}]. `partition`, `offset` and `timestamp`
(ms since 1970) say where and when a record was. Who reads a line to publish it places it anew; its moment is its event's `time`, and
`timestamp` where that names none. Any other key is a mistake of who wrote it, and refused.
"""

import binascii
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from schemas.fields import MOMENT_MAX, MOMENT_MIN
from streams.engine.protocol import Output, Record

_NULL: Final = b"null"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_HEADER: Final = "ce_time"


class LineError(ValueError):
    """A line that is no record; the message says what would be right."""


class _Base64(msgspec.Struct):
    base64: str


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    topic: str
    key: str | msgspec.UnsetType | None = msgspec.UNSET
    key_base64: str | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    value_base64: str | msgspec.UnsetType = msgspec.UNSET
    headers: list[tuple[str, str | _Base64 | None]] = []
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None


class Line(msgspec.Struct, frozen=True):
    """A line as a record to be. `partition` and `timestamp_ms` are where and when it was, if an export wrote it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int | None
    timestamp_ms: int | None


class _Timed(msgspec.Struct):
    time: str


_UNKNOWN: Final = re.compile("Object contains unknown field `(.*)`$")
_NO_TIMESTAMP: Final = -1
"""Kafka's word for a record that was given none."""
_TIMESTAMP_MIN: Final = (MOMENT_MIN - _EPOCH) // _MILLISECOND
_TIMESTAMP_MAX: Final = (MOMENT_MAX - _EPOCH) // _MILLISECOND

_lines: Final = msgspec.json.Decoder(_Line)
_timed: Final = msgspec.json.Decoder(_Timed)


def parse(text: bytes) -> Line:
    """Read one line. Raises LineError."""
    try:
        text.decode()
        line = _lines.decode(text)
    except UnicodeDecodeError as error:
        raise LineError(f"not UTF-8 at byte {error.start + 1}: a line is JSON in UTF-8 (value_base64 holds what is not)") from None
    except msgspec.ValidationError as error:
        raise LineError(_unknown_key(str(error)) or f'{error}; a line is {{"topic": …, "key": …, "value": …}}') from None
    except msgspec.DecodeError as error:
        raise LineError(f"not JSON: {error}") from None
    return Line(line.topic, _key(line), _value(line), _headers(line), line.partition, _timestamp_ms(line))


def _unknown_key(error: str) -> str | None:
    """What to say of a key that is none of a line's; None for another error."""
    found = _UNKNOWN.match(error)
    if found is None:
        return None
    near = get_close_matches(found[1], _Line.__struct_fields__, n=1)
    meant = f" (is {near[0]} meant?)" if near else ""
    return f"{found[1]}: no such key{meant}; the keys of a line are {', '.join(_Line.__struct_fields__)}"


def _timestamp_ms(line: _Line) -> int | None:
    at_ms = line.timestamp
    if at_ms is None or at_ms == _NO_TIMESTAMP:
        return None
    if not _TIMESTAMP_MIN <= at_ms <= _TIMESTAMP_MAX:
        raise LineError(
            f"timestamp: {at_ms} is no moment of 1970 to {MOMENT_MAX.year}: write milliseconds since 1970, such as 1767603600000, or "
            "leave it out"
        )
    return at_ms


def _key(line: _Line) -> bytes | None:
    if line.key_base64 is not msgspec.UNSET:
        return _unpacked("key_base64", line.key_base64)
    if line.key is msgspec.UNSET:
        raise LineError('has no key: write "key": "<tenant>/<contract>" (null for a record without one)')
    return None if line.key is None else line.key.encode()


def _value(line: _Line) -> bytes | None:
    if line.value_base64 is not msgspec.UNSET:
        return _unpacked("value_base64", line.value_base64)
    if line.value is msgspec.UNSET:
        raise LineError('has no value: write "value": {…} (null for a record without one)')
    value = bytes(line.value)
    return None if value == _NULL else value


def _headers(line: _Line) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, _header(content)) for name, content in line.headers)


def _header(content: str | _Base64 | None) -> bytes:
    if content is None:
        return b""
    return content.encode() if isinstance(content, str) else _unpacked("headers", content.base64)


def _unpacked(field: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise LineError(f"{field} is not base64") from None


def time_ms(line: Line) -> int | None:
    """The event's own time, cut to milliseconds since 1970, else the line's timestamp; None if neither names one that can be meant."""
    own = _own_time_ms(line)
    return line.timestamp_ms if own is None else own


def _own_time_ms(line: Line) -> int | None:
    for name, content in line.headers:
        if name == _TIME_HEADER:
            return moment_ms(content.decode(errors="replace"))
    if line.value is None:
        return None
    try:
        return moment_ms(_timed.decode(line.value).time)
    except msgspec.DecodeError:  # of which ValidationError is one
        return None


def moment_ms(text: str) -> int | None:
    """An RFC 3339 moment in milliseconds since 1970, cut; None if it is none."""
    if text[4:5] != "-":  # fromisoformat also reads forms that events may not have
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if moment.tzinfo is None or not MOMENT_MIN <= moment <= MOMENT_MAX:
        return None
    return (moment - _EPOCH) // _MILLISECOND


def moment(milliseconds: int) -> datetime:
    """The moment so many milliseconds after the beginning of 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def written(record: Record) -> bytes:
    """The line of a record, newline included."""
    return _written(b'"partition":%d,"offset":%d,"timestamp":%d' % (record.partition, record.offset, record.timestamp_ms), record)


def written_output(output: Output) -> bytes:
    """The line of a record that has no place yet, newline included."""
    return _written(b'"timestamp":%d' % output.timestamp_ms, output)


def _written(where: bytes, record: Record | Output) -> bytes:
    fields = [
        b'"topic":' + _json(record.topic),
        where,
        _written_key(record.key),
        _written_value(record.value),
        b'"headers":' + _json([[name, _written_header(content)] for name, content in record.headers]),
    ]
    return b"{" + b",".join(fields) + b"}\n"


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _written_key(key: bytes | None) -> bytes:
    try:
        return b'"key":' + _json(None if key is None else key.decode())
    except UnicodeDecodeError:
        return b'"key_base64":' + _json(_packed(key or b""))


def _written_value(value: bytes | None) -> bytes:
    if value is None:
        return b'"value":null'
    return b'"value":' + value if _stands_as_it_is(value) else b'"value_base64":' + _json(_packed(value))


def _stands_as_it_is(value: bytes) -> bool:
    """Whether reading the line gives the same bytes again: JSON in UTF-8 on one line, and not the word that means no value."""
    if b"\n" in value or b"\r" in value or value == _NULL:
        return False
    try:
        value.decode()
        return bytes(msgspec.json.decode(value, type=msgspec.Raw)) == value
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False


def _written_header(content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": _packed(content)}


def _packed(content: bytes) -> str:
    return b64encode(content).decode()
