"""Records whose publisher placed the key by another hash: forwarded unchanged to the partition where murmur2 puts it.

Otherwise one key could arrive in partition 3 of one topic and 5 of another, and its state would split in silence. A forwarded record
goes to the input `rerouted` in the same transaction that passes it over, with its origin in headers; there it is read back as the record
it was, origin and all.
"""

from typing import Final

from msgspec.structs import replace

from streams.engine.protocol import Output, Record

PREFIX: Final = "__mahnlauf.rerouted."
_TOPIC, _PARTITION, _OFFSET = PREFIX + "topic", PREFIX + "partition", PREFIX + "offset"


def forwarded(record: Record, rerouted: str, partition: int) -> Output:
    """`record` as it is written to `rerouted`."""
    origin = ((_TOPIC, record.topic.encode()), (_PARTITION, b"%d" % record.partition), (_OFFSET, b"%d" % record.offset))
    return Output(rerouted, record.key, record.value, record.timestamp_ms, (*record.headers, *origin), partition)


def original(record: Record) -> Record | None:
    """The record that was forwarded, with the place it was published to; None if the origin headers are missing or no place."""
    found = {name: value for name, value in record.headers if name.startswith(PREFIX)}
    try:
        topic, partition, offset = found[_TOPIC].decode(), int(found[_PARTITION]), int(found[_OFFSET])
    except (KeyError, ValueError):
        return None
    headers = tuple(header for header in record.headers if not header[0].startswith(PREFIX))
    return replace(record, topic=topic, partition=partition, offset=offset, headers=headers)
