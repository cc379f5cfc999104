"""The order of application: by timestamp, input, offset; certain only where nothing unread can come before."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.merge import Source, certain, ordered
from streams.engine.protocol import Record


def log(topic: str, *timestamps: int, first: int = 0) -> list[Record]:
    return [Record(topic, 0, first + offset, timestamp, b"k", b"v") for offset, timestamp in enumerate(timestamps)]


def names(records: list[Record]) -> list[str]:
    return [f"{record.topic}{record.offset}" for record in records]


def taken(sources: list[Source], limit: int = 100) -> list[str]:
    return names(list(certain(sources, limit).records))


def heads_one_by_one(inputs: list[list[Record]]) -> list[Record]:
    """The rule as it is told: at every step the earliest head comes next."""
    rest = [list(records) for records in inputs]
    found: list[Record] = []
    while any(rest):
        index = min((records[0].timestamp_ms, index) for index, records in enumerate(rest) if records)[1]
        found.append(rest[index].pop(0))
    return found


LOGS = st.lists(st.lists(st.integers(0, 12), max_size=8), min_size=1, max_size=4)


def inputs_of(timestamps: list[list[int]]) -> list[list[Record]]:
    return [log("abcd"[index], *log_timestamps) for index, log_timestamps in enumerate(timestamps)]


def test_equal_timestamps_go_by_the_order_of_the_inputs() -> None:
    assert names(ordered([log("a", 5, 7), log("b", 5, 6)])) == ["a0", "b0", "b1", "a1"]


def test_a_record_older_than_its_predecessor_comes_right_behind_it() -> None:
    assert names(ordered([log("a", 9, 2), log("b", 3, 10)])) == ["b0", "a0", "a1", "b1"]


@given(LOGS)
def test_sorting_is_the_same_as_taking_the_earliest_head(timestamps: list[list[int]]) -> None:
    assert ordered(inputs_of(timestamps)) == heads_one_by_one(inputs_of(timestamps))


def test_an_input_the_broker_holds_more_of_bounds_what_is_certain() -> None:
    assert taken([Source(log("a", 1, 4), False), Source(log("b", 2, 4, 5), True)]) == ["a0", "b0", "a1"]
    assert taken([Source(log("a", 1, 4), True), Source(log("b", 2, 4), False)]) == ["a0", "b0", "a1", "b1"]


def test_nothing_is_certain_while_an_input_with_records_has_none_at_hand() -> None:
    assert taken([Source([], False), Source(log("b", 2), True)]) == []
    assert taken([Source([], True), Source(log("b", 2), True)]) == ["b0"]


@given(LOGS, st.data())
def test_what_is_certain_is_how_the_whole_order_begins(timestamps: list[list[int]], data: st.DataObject) -> None:
    whole = inputs_of(timestamps)
    at_hand = [records[: data.draw(st.integers(0, len(records)))] for records in whole]
    limit = data.draw(st.integers(1, 10))
    sources = [Source(part, len(part) == len(records)) for part, records in zip(at_hand, whole, strict=True)]
    found = certain(sources, limit)
    assert list(found.records) == ordered(whole)[: len(found.records)]
    assert [record.topic for record in found.records] == ["abcd"[index] for index in found.inputs]


@given(LOGS, st.integers(1, 10))
def test_the_ranges_of_a_batch_determine_the_order_within_it(timestamps: list[list[int]], limit: int) -> None:
    whole = inputs_of(timestamps)
    batch = list(certain([Source(records, True) for records in whole], limit).records)
    ranges = [[record for record in records if record in batch] for records in whole]
    assert ordered(ranges) == batch
