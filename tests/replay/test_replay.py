"""Section 9: the replay's order, ticks, ends and broadcasts."""

import json
from datetime import date, datetime, time
from typing import Any

import pytest

from schemas import topics
from schemas.policy import Policy
from streams.processor import EscalationProcessor
from streams.replay import DEAD_LETTERS, Event, Replayed, replay
from tests.replay.cases import data

LADDER = {"policy": "short", "time_zone": "Europe/Berlin", "working_days_only": False, "steps": [{"kind": "remind", "day": 3, "level": 1}]}
SHORT = Policy.model_validate_json(json.dumps(LADDER))
KEY = "acme/C-1"
TOPIC = {
    "invoice": topics.INVOICES,
    "payment": topics.PAYMENTS,
    "contract": topics.CONTRACTS,
    "policy": topics.TIMERS,
    "clock": topics.TIMERS,
}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def event(kind: str, time_text: str, key: str | None = KEY, event_id: str | None = None, **told: Any) -> Event:
    moment = time_text if "T" in time_text else f"{time_text}T10:00:00+00:00"
    envelope: dict[str, Any] = {"specversion": "1.0", "id": event_id or f"{kind}-{moment}", "source": "/s", "type": kind, "time": moment}
    if key is not None:
        envelope["tenant"], envelope["subject"] = key.split("/")
    value = json.dumps({**envelope, "data": told}).encode()
    return Event(ms(moment), TOPIC[kind.split(".")[0]], key.encode() if key is not None else None, value)


def invoice(on: str = "2026-01-05", due: str = "2026-01-10", invoice_id: str = "R1", key: str = KEY) -> Event:
    told = {"invoice_id": invoice_id, "issued_on": on[:10], "due_on": due, "amount": 1_000, "currency": "EUR"}
    return event("invoice.issued", on, key, f"{key}{invoice_id}", **told)


def payment(on: str, value_date: str | None = None, amount: int = 1_000) -> Event:
    return event("payment.received", on, payment_id=f"P{on}", amount=amount, currency="EUR", value_date=value_date or on[:10])


def reminded(result: Replayed) -> list[str]:
    notices = [json.loads(output.value or b"") for output in result.outputs.get(topics.NOTICES, [])]
    return [notice["time"] for notice in notices if notice["type"] == "notice.reminder"]


def test_one_tick_a_day_from_the_first_event_to_the_last_day() -> None:
    result = replay([invoice()], [SHORT], date(2026, 1, 20))
    assert (result.ticks, result.events, result.contracts) == (16, 1, 1)
    assert reminded(result) == ["2026-01-13T12:00:00Z"]
    assert data(result.sorted_status()[0])["status"] == "Reminded"


def test_every_output_is_of_the_kind_that_metrics_count_it_by() -> None:
    result = replay([invoice()], [SHORT], date(2026, 1, 20))
    told = [output for written in (*result.outputs.values(), result.sorted_status()) for output in written]
    assert {topics.NOTICES, topics.CASE_STATUS} <= {output.topic for output in told}
    assert [output.kind for output in told] == [json.loads(output.value or b"")["type"] for output in told]


def test_what_comes_up_to_the_tick_counts_before_its_step() -> None:
    paid = replay([payment("2026-01-13T12:00:00+00:00"), invoice()], [SHORT], date(2026, 1, 20))
    assert reminded(paid) == []
    late = replay([payment("2026-01-13T12:00:00.001+00:00"), invoice()], [SHORT], date(2026, 1, 20))
    assert reminded(late) == ["2026-01-13T12:00:00Z"]


def test_the_last_day_is_applied_after_its_tick_and_later_days_are_not() -> None:
    result = replay([invoice(), payment("2026-01-13T23:00:00+00:00"), payment("2026-01-14T00:00:00+00:00")], [SHORT], date(2026, 1, 13))
    assert (result.after_until, result.events) == (1, 2)
    assert data(result.sorted_status()[0])["credit"] == 0
    assert data(result.sorted_status()[0])["status"] == "Clear"


def test_ties_are_applied_in_the_order_of_topics() -> None:
    """Payment and invoice of the same millisecond: the invoice is known first, so its currency decides."""
    swiss = event("payment.received", "2026-01-05", payment_id="P", amount=1, currency="CHF", value_date="2026-01-05")
    result = replay([swiss, invoice()], [SHORT], date(2026, 1, 6))
    assert result.dead_letters == {"currency mismatch": 1}
    letter = result.outputs[DEAD_LETTERS][0]
    assert (letter.topic, letter.value) == ("billing.payments.dead-letters", swiss.value)


def test_as_arrived_the_file_s_order_counts() -> None:
    events = [invoice(), payment("2026-01-15"), payment("2026-01-11", amount=1)]
    sorted_run = replay(events, [SHORT], date(2026, 1, 20))
    arrived = replay(events, [SHORT], date(2026, 1, 20), as_arrived=True)
    assert reminded(sorted_run) == reminded(arrived) == ["2026-01-13T12:00:00Z"]
    notice = [data(run.outputs[topics.NOTICES][0])["amount"] for run in (sorted_run, arrived)]
    assert notice == [999, 1_000]


def test_the_tick_s_time_of_day() -> None:
    result = replay([invoice()], [SHORT], date(2026, 1, 20), time(6, 30))
    assert reminded(result) == []
    assert result.never_late_enough == [KEY]
    assert replay([invoice()], [SHORT], date(2026, 1, 20), time(7)).never_late_enough == []


def test_two_policies_the_first_is_the_default() -> None:
    slow = Policy.model_validate_json(json.dumps({**LADDER, "policy": "slow", "steps": [{"kind": "remind", "day": 6, "level": 1}]}))
    configured = event("contract.configured", "2026-01-06", policy="slow")
    assert reminded(replay([invoice()], [SHORT, slow], date(2026, 1, 20))) == ["2026-01-13T12:00:00Z"]
    assert reminded(replay([invoice(), configured], [SHORT, slow], date(2026, 1, 20))) == ["2026-01-16T12:00:00Z"]


def policy_applied(on: str | None, version: int, **changes: Any) -> Event:
    made = event("policy.applied", on or "2000-01-01", None, tenant="acme", policy="short", version=version, content={**LADDER, **changes})
    return made if on else made._replace(time_ms=None)


def test_versions_of_the_file_count_from_their_time_or_from_the_beginning() -> None:
    later = [{"kind": "remind", "day": 5, "level": 1}]
    assert reminded(replay([invoice(), policy_applied(None, 1, steps=later)], [SHORT], date(2026, 1, 20))) == ["2026-01-15T12:00:00Z"]
    begun = policy_applied("2026-01-12", 1, steps=later)
    assert reminded(replay([invoice(), begun], [SHORT], date(2026, 1, 20))) == ["2026-01-13T12:00:00Z"]
    at_once = policy_applied("2026-01-12", 1, steps=later, applies="at_once")
    assert reminded(replay([invoice(), at_once], [SHORT], date(2026, 1, 20))) == ["2026-01-15T12:00:00Z"]


def test_a_tick_of_the_file_is_one_more() -> None:
    ticked = event("clock.ticked", "2026-01-13T08:00:00+00:00", None, now="2026-01-13T08:00:00+00:00")
    result = replay([invoice(), ticked], [SHORT], date(2026, 1, 20))
    assert reminded(result) == ["2026-01-13T08:00:00Z"]


def test_what_cannot_be_applied_is_buried_and_the_rest_goes_on() -> None:
    poison = Event(ms("2026-01-06T00:00:00+00:00"), topics.INVOICES, KEY.encode(), b"not json")
    keyless = Event(ms("2026-01-06T00:00:00+00:00"), topics.INVOICES, None, b"{}")
    unknown = event("invoice.painted", "2026-01-06")
    result = replay([invoice(), poison, keyless, unknown, invoice(key="acme/C-2")], [SHORT], date(2026, 1, 20))
    assert result.dead_letters == {"not JSON": 1, "wrong key": 1}
    assert result.skipped == {"unknown type": 1}
    assert data(result.case_status[KEY.encode()])["waiting_for"] == ["unapplied"]
    assert reminded(result) == ["2026-01-13T12:00:00Z"]  # the other contract's


def test_what_was_kept_until_it_could_be_judged_is_counted_and_told_with_its_own_place() -> None:
    early = event("payment.received", "2026-01-04", payment_id="P", amount=5, currency="USD", value_date="2026-01-04")._replace(place="e:1")
    result = replay([early, invoice()._replace(place="e:2")], [SHORT], date(2026, 1, 6))
    assert result.dead_letters == {"currency mismatch": 1}
    assert [(buried.place, buried.topic, buried.reason) for buried in result.buried] == [("e:1", topics.PAYMENTS, "currency mismatch")]
    assert result.buried[0].detail.startswith("currency USD: the contract has EUR")


def test_a_failure_of_the_rules_buries_its_record_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(EscalationProcessor, "apply", fail)
        result = replay([invoice()], [SHORT], date(2026, 1, 6))
    assert result.dead_letters == {"ZeroDivisionError": 1}
    with monkeypatch.context() as patched:
        patched.setattr(EscalationProcessor, "visit", fail)
        result = replay([invoice()], [SHORT], date(2026, 1, 11))
    assert result.dead_letters == {"ZeroDivisionError": 1}
    assert data(result.sorted_status()[0])["status"] == "Clear"
    assert [text.partition(" at test_replay.py:")[0] for text in caplog.messages] == [
        "the rules failed at an event: ZeroDivisionError",
        "the rules failed at a tick: ZeroDivisionError",
    ]
    assert "Traceback" not in caplog.text


def test_a_forgotten_contract_leaves_its_history_alone() -> None:
    forgetful = Policy.model_validate_json(json.dumps({**LADDER, "forget_after": 14}))
    result = replay([invoice(), payment("2026-01-12")], [forgetful], date(2027, 3, 12))
    assert (result.contracts, result.sorted_status()) == (0, [])
    assert len(result.outputs[topics.CASE_HISTORY]) == 2
    assert replay([invoice(), payment("2026-01-12")], [forgetful], date(2027, 3, 11)).contracts == 1


def test_nothing_but_settings_is_nothing() -> None:
    assert replay([policy_applied(None, 1)], [], date(2026, 1, 6)).contracts == 0
