"""What a tick demands of the other inputs, whether it is buffered or lies further ahead."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.barrier import Barrier, LookAhead
from streams.engine.buffer import Buffer
from streams.engine.protocol import Record


def records(timestamps: list[int], first: int = 0) -> list[Record]:
    return [Record("in", 0, first + index, timestamp, b"k", b"v") for index, timestamp in enumerate(timestamps)]


def cut(timestamps: list[int], mark: int, limit_ms: int) -> int:
    """The rule as it is told: behind the last record below the mark that is not younger than the limit."""
    old_enough = [offset for offset, timestamp in enumerate(timestamps[:mark]) if timestamp <= limit_ms]
    return old_enough[-1] + 1 if old_enough else 0


def read_to_the_cut(timestamps: list[int], mark: int, limit_ms: int, buffered: int, scan_to: int) -> int:
    """Apply what is bound to come first, fetching record by record, until the barrier is final. Returns where it then stands."""
    buffer, ahead = Buffer(0), LookAhead()
    buffer.extend(records(timestamps[:buffered]), buffered, 1)
    ahead.add(list(enumerate(timestamps))[buffered:scan_to], max(scan_to, buffered))
    barrier = Barrier({"in": mark}, limit_ms, {"in": ahead})
    for _ in range(3 * len(timestamps) + 3):
        bound = barrier.bound("in", buffer)
        buffer.advance(len(buffer.below(bound.offset, 1_000)))
        if bound.final and buffer.position >= bound.offset:
            return buffer.position
        buffer.settle()
        if buffer.fetched < len(timestamps):
            buffer.extend(records([timestamps[buffer.fetched]], buffer.fetched), buffer.fetched + 1, 1)
    raise AssertionError("the barrier never became final")


TIMES = st.lists(st.integers(0, 9), max_size=12)


@given(TIMES, st.integers(0, 9), st.data())
def test_exactly_what_lies_up_to_the_cut_comes_before_the_tick(timestamps: list[int], limit_ms: int, data: st.DataObject) -> None:
    mark = data.draw(st.integers(0, len(timestamps)))
    buffered = data.draw(st.integers(0, mark))
    assert read_to_the_cut(timestamps, mark, limit_ms, buffered, scan_to=mark) == cut(timestamps, mark, limit_ms)
    assert read_to_the_cut(timestamps, mark, limit_ms, buffered, scan_to=0) == cut(timestamps, mark, limit_ms)


def test_younger_records_in_front_of_an_old_one_come_along() -> None:
    assert read_to_the_cut([1, 50, 2, 60], mark=4, limit_ms=10, buffered=4, scan_to=0) == 3


def test_what_is_neither_fetched_nor_looked_at_must_be_waited_for() -> None:
    buffer = Buffer(0)
    buffer.extend(records([1, 2]), 2, 1)
    barrier = Barrier({"in": 3}, 10, {"in": LookAhead()})
    assert barrier.bound("in", buffer) == (2, False)
    assert barrier.unknown("in", buffer)


def test_records_behind_the_mark_are_not_demanded_so_that_a_busy_input_can_t_hold_up_a_tick_for_ever() -> None:
    buffer = Buffer(0)
    buffer.extend(records([1, 2, 3, 4]), 4, 1)
    assert Barrier({"in": 2}, 10, {"in": LookAhead()}).bound("in", buffer) == (2, True)


def test_a_buffer_taken_back_is_applied_again() -> None:
    buffer = Buffer(0)
    buffer.extend(records([1, 2, 3]), 3, 1)
    buffer.advance(1)
    buffer.settle()
    buffer.advance(2)
    assert (buffer.position, len(buffer)) == (3, 0)
    buffer.take_back()
    assert (buffer.position, len(buffer)) == (1, 2)
