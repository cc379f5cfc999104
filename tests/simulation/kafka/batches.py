"""Record batches as Kafka keeps them (format 2): what stands in their head, their base offset put in, transaction markers made."""

import struct
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

_BASE_OFFSET = struct.Struct(">q")
_HEAD = struct.Struct(">qiibIhiqqqhii")
"""base offset, length, leader epoch, magic, crc, attributes, last offset delta, first and last timestamp, producer id, producer epoch,
first sequence, number of records"""
_CRC_FROM = 21
_TRANSACTIONAL, _CONTROL = 0x10, 0x20


class Head(NamedTuple):
    base_offset: int
    records: int
    producer_id: int
    producer_epoch: int
    sequence: int
    transactional: bool
    control: bool
    last_offset: int


def head(batch: bytes) -> Head:
    """What stands in a batch's first 61 bytes."""
    base, _, _, _, _, attributes, last_delta, _, _, producer_id, epoch, sequence, count = _HEAD.unpack_from(batch)
    return Head(
        base, count, producer_id, epoch, sequence, bool(attributes & _TRANSACTIONAL), bool(attributes & _CONTROL), base + last_delta
    )


def split(message_set: bytes) -> list[bytes]:
    """The batches of a produce request's records."""
    found, at = [], 0
    while at < len(message_set):
        end = at + 12 + struct.unpack_from(">i", message_set, at + 8)[0]
        found.append(message_set[at:end])
        at = end
    return found


def placed(batch: bytes, base_offset: int) -> bytes:
    """The batch at its place in the log; the checksum doesn't cover the base offset."""
    return _BASE_OFFSET.pack(base_offset) + batch[8:]


def marker(base_offset: int, producer_id: int, producer_epoch: int, now_ms: int, *, commit: bool) -> bytes:
    """The control batch that ends a transaction in a partition."""
    key, value = struct.pack(">hh", 0, 1 if commit else 0), struct.pack(">hi", 0, 0)
    fields = b"\x00" + b"\x00" + b"\x00" + _varint(len(key)) + key + _varint(len(value)) + value + b"\x00"
    record = _varint(len(fields)) + fields
    tail = struct.pack(">hiqqqhii", _TRANSACTIONAL | _CONTROL, 0, now_ms, now_ms, producer_id, producer_epoch, -1, 1) + record
    return struct.pack(">qiib", base_offset, len(tail) + 9, 0, 2) + struct.pack(">I", calc_crc32c(tail)) + tail


def records(batch: bytes) -> list[Any]:
    """A batch's records, as aiokafka reads them (offset, timestamp, key, value, headers)."""
    return list(DefaultRecordBatch(batch))


def with_only(batch: bytes, left: list[Any]) -> bytes:
    """The batch with only these of its records, as compaction leaves it: at the same offsets, from the same producer."""
    base, _, _, _, _, attributes, last_delta, first_ms, latest_ms, producer_id, epoch, sequence, _ = _HEAD.unpack_from(batch)
    body = _records_of(base, left) if left else b""
    tail = struct.pack(
        ">hiqqqhii", attributes, last_delta, left[0].timestamp if left else first_ms, latest_ms, producer_id, epoch, sequence, len(left)
    )
    tail += body
    return struct.pack(">qiib", base, len(tail) + 9, 0, 2) + struct.pack(">I", calc_crc32c(tail)) + tail


def _records_of(base: int, left: list[Any]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 30)
    for record in left:
        builder.append(record.offset - base, record.timestamp, record.key, record.value, record.headers)
    return bytes(builder.build())[_HEAD.size :]


def _varint(number: int) -> bytes:
    """Zigzag; everything here is short and not negative."""
    assert 0 <= number < 64
    return bytes([number << 1])
