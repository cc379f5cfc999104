"""What an output tells, read back from its bytes: for those who count and explain what the rules would send."""

from datetime import datetime
from typing import Any, Final

import msgspec

from streams.engine.protocol import Output


class Told(msgspec.Struct):
    """The part of an output's envelope that people are told of."""

    type: str
    time: datetime
    data: dict[str, Any]


_decoder: Final = msgspec.json.Decoder(Told)


def read_told(output: Output) -> Told:
    """Raises msgspec.ValidationError for a record that is no output of the rules."""
    return _decoder.decode(output.value or b"")
