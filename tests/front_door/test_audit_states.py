"""The audit's states: encoded when there are many, and the same as they were."""

from typing import Any, cast

from mahnlauf.audit.states import States
from streams.engine.protocol import Processor


class Numbers:
    """States that are numbers."""

    state_version = 7

    def load(self, data: bytes, version: int) -> int:
        assert version == self.state_version
        return int(data)

    def dump(self, state: int) -> bytes:
        return str(state).encode()


def test_what_was_touched_long_ago_is_encoded_and_comes_back() -> None:
    states = States(cast(Processor[Any, Any, Any], Numbers()), decoded_max=10)
    for number in range(1, 101):
        states.put(b"%d" % number, number)
    states.put(b"1", 1_000)
    states.put(b"2", None)
    states.put(b"99", None)
    assert len(states) == len(list(states)) == 98
    assert [states.get(key) for key in (b"1", b"2", b"3", b"98", b"99", b"100", b"101")] == [1_000, None, 3, 98, None, 100, None]
