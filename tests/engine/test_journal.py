"""Journal entries say exactly what was applied, and committed offsets are held against the last one."""

import json

import pytest

from streams.engine.errors import Stopped
from streams.engine.journal import Entry, RecordsStep, TickStep, check

ENTRY = Entry(
    3,
    {"payments": 17, "timers": 5},
    [RecordsStep([("payments", 12, 17)]), TickStep(4, b"acme/C-1", b"acme/\xff", True, False), TickStep(4, None, None, False, True)],
)


def test_an_entry_is_read_as_it_was_written() -> None:
    assert Entry.decode(ENTRY.encode()) == ENTRY


def test_an_entry_on_the_topic_is_as_the_documentation_says() -> None:
    assert json.loads(ENTRY.encode()) == {
        "version": 1,
        "rules": 3,
        "at": {"payments": 17, "timers": 5},
        "steps": [
            {"ranges": [["payments", 12, 17]]},
            {"tick": 4, "from": "acme/C-1", "to": "acme/\udcff", "first": True, "last": False},
            {"tick": 4, "from": None, "to": None, "first": False, "last": True},
        ],
    }


@pytest.mark.parametrize("value", [b"", b"[]", b'{"version": 2}', b'{"version": 1, "rules": 1}'])
def test_what_is_no_entry_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"journal|Expecting"):
        Entry.decode(value)


def test_offsets_equal_to_the_last_entry_s_are_in_order() -> None:
    check({"payments": 17, "timers": 5}, ENTRY, ["payments", "timers"], "partition 1")
    check({}, None, ["payments", "timers"], "partition 1")


def test_an_input_added_by_a_release_has_neither_and_one_that_was_removed_is_not_asked_for() -> None:
    check({"payments": 17, "timers": 5}, ENTRY, ["payments", "added", "timers"], "partition 1")
    check({"payments": 17}, ENTRY, ["payments"], "partition 1")


@pytest.mark.parametrize(
    ("committed", "last", "said"),
    [
        ({"timers": 5}, ENTRY, "committed offsets are gone for payments at 17"),
        ({"payments": 15, "timers": 5}, ENTRY, "has committed payments at 15, but the journal's last entry says payments at 17"),
        ({"payments": 15}, None, "has committed payments at 15, but the journal's last entry says nothing of them"),
    ],
    ids=["expired", "moved", "journal lost"],
)
def test_anything_else_stops_the_partition_and_says_why(committed: dict[str, int], last: Entry | None, said: str) -> None:
    with pytest.raises(Stopped, match=f"partition 1: .*{said}"):
        check(committed, last, ["payments", "timers"], "partition 1")
