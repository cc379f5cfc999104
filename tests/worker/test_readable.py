"""What /contracts shows of a state."""

import json
from datetime import date

import msgspec

from streams.escalation.facts import Facts
from streams.escalation.state import Contract, Reminder
from streams.worker.readable import readable


def test_a_state_is_told_by_names_and_dates() -> None:
    reminder = Reminder(cycle=1, step=0, level=1, day=date(2026, 3, 2), ordinal=1, anchor="I-1", fee=250, covered=("I-1",))
    told = readable(Contract(clock_us=1_772_442_000_000_000, currency="EUR", facts=Facts(), status="Reminded", reminders=(reminder,)))
    assert told["clock_at"] == "2026-03-02T09:00:00+00:00"
    assert (told["status"], told["currency"]) == ("Reminded", "EUR")
    assert told["reminders"][0] == {
        "cycle": 1,
        "step": 0,
        "level": 1,
        "day": "2026-03-02",
        "ordinal": 1,
        "anchor": "I-1",
        "fee": 250,
        "covered": ["I-1"],
        "skipped": False,
        "fee_postponed_to": None,
        "fee_waits": False,
    }
    assert json.dumps(told)


class _Kept(msgspec.Struct):
    value: bytes
    day: date
    closed_at_us: int | None


class _State(msgspec.Struct):
    seen: tuple[bytes, ...]
    shown: bytes
    kept: tuple[_Kept, ...]


def test_digests_and_the_content_of_records_are_left_out() -> None:
    told = readable(_State((b"digest",), b"digest", (_Kept(b'{"name": "Erika"}', date(2026, 3, 2), None),)))
    assert told == {"kept": [{"value": "17 bytes", "day": "2026-03-02", "closed_at": None}]}
