"""Real cases through the replay: plausible as a whole, and by hand for single contracts."""

from collections import Counter
from datetime import date
from functools import lru_cache
from typing import Any

from schemas import codec, topics
from streams.replay import Replayed, replay
from tests.replay.cases import POLICY, data, fines, needs_fines

pytestmark = needs_fines


@lru_cache(maxsize=1)
def replayed() -> Replayed:
    return replay(fines(), [POLICY], date(2013, 12, 31))


def history(contract: str) -> list[tuple[str, str, int, list[str]]]:
    key = f"comune/{contract}".encode()
    changes = [data(output) for output in replayed().outputs[topics.CASE_HISTORY] if output.key == key]
    return [(one["changed_at"][:10], one["to"], one["dunning_level"], one["attention"]) for one in changes]


def commands(contract: str) -> list[tuple[str, str, Any]]:
    key = f"comune/{contract}".encode()
    found = []
    for output in replayed().outputs[topics.COMMANDS]:
        if output.key == key:
            event = codec.decode(topics.COMMANDS, output.value)
            about = getattr(event.data, "text_key", None) or getattr(event.data, "reason", None) or getattr(event.data, "amount", None)
            found.append((event.time.date().isoformat(), event.type, about))
    return found


def test_every_event_is_applied_and_every_contract_stands_somewhere() -> None:
    result = replayed()
    assert (result.events, result.contracts, result.after_until) == (6_216, 2_000, 0)
    assert not result.dead_letters
    assert not result.skipped
    assert not result.never_late_enough
    statuses = Counter(data(output)["status"] for output in result.sorted_status())
    assert set(statuses) == {"Clear", "Held", "ToBePassed"}


def test_outputs_are_what_the_schemas_say() -> None:
    result = replayed()
    for topic, outputs in ((topics.CASE_STATUS, result.sorted_status()), *result.outputs.items()):
        for output in outputs[::50]:
            event = codec.decode(topic, output.value, key=output.key)
            assert codec.encode(event) == output.value


def test_paid_in_parts_after_the_handover() -> None:
    """Due 2006-09-17, steps on days 5, 20 and 40; corrected and paid in two parts while the agency has it."""
    assert history("A23") == [
        ("2006-09-18", "Due", 0, []),
        ("2006-09-22", "Reminded", 1, []),
        ("2006-10-07", "Reminded", 2, []),
        ("2006-10-27", "ToBePassed", 2, []),
        ("2006-11-02", "ToBePassed", 2, ["not_passed"]),
        ("2007-05-03", "ToBePassed", 2, ["not_passed", "recall_unanswered"]),
    ]
    assert commands("A23") == [
        ("2006-10-27", "case.submit", None),
        ("2006-12-05", "case.send_message", "claim_changed"),
        ("2006-12-15", "case.send_message", "claim_changed"),
        ("2007-02-13", "case.send_message", "claim_changed"),
        ("2007-02-28", "case.report_payment", 3525),
        ("2007-04-27", "case.recall", "paid"),
    ]


def test_disputed_and_rejected_in_the_case() -> None:
    assert [one for one in commands("A10619") if one[2] in ("disputed", "dispute_rejected", 9400)] == [
        ("2007-09-21", "case.send_message", "disputed"),
        ("2007-11-12", "case.send_message", "dispute_rejected"),
        ("2008-10-07", "case.report_payment", 9400),
    ]


def test_two_replays_are_the_same_to_the_byte() -> None:
    again = replay(fines(), [POLICY], date(2013, 12, 31))
    assert again.case_status == replayed().case_status
    assert again.outputs == replayed().outputs
