"""How a state is framed as bytes, in the store and on the changelog, and which keys are the engine's own.

2 bytes schema version, 8 bytes due time in ms (both big-endian), then the processor's payload. So recovery decodes nothing and knows all
the same when each key must be visited. Keys beginning with a zero byte are the engine's: shared state and progress travel with the keys
they concern.
"""

import struct
from typing import Final, NamedTuple

RESERVED: Final = b"\x00"
SHARED_KEY: Final = RESERVED + b"shared"
PROGRESS_KEY: Final = RESERVED + b"progress"
NEVER: Final = (1 << 63) - 1
"""Due time of a key that needs no visit."""
DUE: Final = slice(2, 10)
"""Where a framed state says when it is due."""
DUE_NEVER: Final = NEVER.to_bytes(8, "big")
HEAD: Final = struct.Struct(">Hq")
"""What stands before a payload: schema version and due time."""


class Framed(NamedTuple):
    version: int
    due_ms: int
    payload: bytes


def frame(version: int, due_ms: int, payload: bytes) -> bytes:
    """A state record's value. `due_ms` NEVER: no visit; 0: at every tick."""
    return HEAD.pack(version, due_ms) + payload


def unframe(framed: bytes) -> Framed:
    version, due_ms = HEAD.unpack_from(framed)
    return Framed(version, due_ms, framed[HEAD.size :])


def due_of(framed: bytes) -> int:
    return int.from_bytes(framed[DUE], "big")


def with_due(framed: bytes, due_ms: int) -> bytes:
    """The same state with another due time."""
    return framed[:2] + due_ms.to_bytes(8, "big") + framed[HEAD.size :]
