"""The states of one partition's fold: those touched last as they are, the others encoded, so that half a million contracts fit."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from streams.engine.protocol import Processor

DECODED_MAX: Final = 100_000
"""Decoded, a state takes some kilobytes; encoded, some hundred bytes."""


class States:
    """States by key."""

    def __init__(self, processor: Processor[Any, Any, Any], decoded_max: int = DECODED_MAX) -> None:
        self._processor, self._decoded_max = processor, decoded_max
        self._decoded: dict[bytes, Any] = {}
        self._encoded: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._decoded) + len(self._encoded)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._decoded
        yield from self._encoded

    def get(self, key: bytes) -> Any:
        """The key's state, None if it has none."""
        state = self._decoded.get(key)
        if state is None and key in self._encoded:
            state = self._processor.load(self._encoded[key], self._processor.state_version)
        return state

    def put(self, key: bytes, state: Any) -> None:
        """None forgets the key."""
        self._decoded.pop(key, None)  # it comes last again
        self._encoded.pop(key, None)
        if state is not None:
            self._decoded[key] = state
            if len(self._decoded) > self._decoded_max:
                self._encode(self._decoded_max // 10 + 1)

    def _encode(self, count: int) -> None:
        for key in list(islice(self._decoded, count)):
            self._encoded[key] = self._processor.dump(self._decoded.pop(key))
