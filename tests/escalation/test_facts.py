"""Section 1: facts, the clock, duplicates, conflicts, currency, dead letters."""

import json
from typing import Any

import msgspec
import pytest

from schemas import topics
from streams.engine.protocol import Keyed, Poison, Record, Skipped
from streams.escalation import state
from streams.escalation.facts import Facts
from streams.processor import EscalationProcessor
from tests.escalation.harness import KEY, World, world

INVOICE = {"invoice_id": "R1", "issued_on": "2026-01-05", "due_on": "2026-01-19", "amount": 10_000, "currency": "EUR"}
PAYMENT = {"payment_id": "P1", "amount": 4_000, "currency": "EUR", "value_date": "2026-01-10"}
FACTS: dict[str, dict[str, Any]] = {
    "invoice.issued": INVOICE,
    "payment.received": PAYMENT,
    "payment.refunded": {"payment_id": "P1", "refund_id": "F1", "amount": 100, "refunded_on": "2026-01-12"},
    "chargeback.received": {"chargeback_id": "B1", "payment_id": "P1", "amount": 100, "booked_on": "2026-01-12"},
    "credit_note.issued": {"credit_note_id": "N1", "invoice_id": "R1", "amount": 100},
    "hold.placed": {"hold_id": "H1", "kind": "manual", "from": "2026-01-12", "until": "2026-01-13"},
    "dispute.opened": {"dispute_id": "D1", "invoice_id": "R1"},
}


def known() -> World:
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-10", 4_000)
    return one


@pytest.mark.parametrize("kind", FACTS)
def test_the_same_fact_again_changes_nothing_whatever_its_envelope(kind: str) -> None:
    one = known()
    one.event(kind, "2026-01-14", **FACTS[kind])
    before = one.state
    assert one.event(kind, "2026-01-20", id="another", **FACTS[kind]) == []
    assert one.state is before
    assert not one.refused


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("invoice.issued", {"amount": 9_999}),
        ("invoice.issued", {"due_on": "2026-01-20"}),
        ("invoice.issued", {"issued_on": "2026-01-06"}),
        ("invoice.issued", {"currency": "CHF"}),
        ("payment.received", {"amount": 1}),
        ("payment.received", {"value_date": "2026-01-11"}),
        ("payment.refunded", {"amount": 1}),
        ("payment.refunded", {"refunded_on": "2026-01-13"}),
        ("chargeback.received", {"amount": 1}),
        ("chargeback.received", {"booked_on": "2026-01-13"}),
        ("credit_note.issued", {"amount": 1}),
        ("hold.placed", {"from": "2026-01-11"}),
        ("hold.placed", {"until": "2026-01-14"}),
    ],
)
def test_the_same_id_with_other_values_is_a_conflict_and_the_first_stays(kind: str, changed: dict[str, Any]) -> None:
    one = known()
    one.event(kind, "2026-01-14", **FACTS[kind])
    before = one.state
    assert before is not None
    one.event(kind, "2026-01-15", **{**FACTS[kind], **changed})
    assert [reason for reason, _ in one.refused] == ["conflicting fact"]
    assert one.state is not None
    assert one.state.facts == before.facts
    assert one.state.clock_us == before.clock_us
    assert one.status["attention"] == ["unapplied_event"]


def test_what_has_no_id_of_its_own_is_known_by_source_and_id() -> None:
    one = known()
    one.event("invoice.corrected", "2026-01-14", id="c", invoice_id="R1", amount=5_000)
    before = one.state
    one.event("invoice.corrected", "2026-01-14", id="c", invoice_id="R1", amount=5_000)
    assert one.state is before
    one.event("invoice.corrected", "2026-01-15", id="d", invoice_id="R1", amount=6_000)
    assert one.status["open_amount"] == 2_000


def test_changes_are_dated_with_the_largest_time_seen() -> None:
    one = world()
    one.invoice(at="2026-03-01", due="2026-03-02")
    one.invoice("R2", at="2026-01-01", due="2026-01-02")
    assert one.of("case_history.recorded")[0].data["changed_at"] == "2026-03-01T12:00:00Z"


def test_a_tick_that_touches_nothing_leaves_no_trace() -> None:
    one = known()
    before = one.state
    one.days("2026-01-11", "2026-01-19")
    assert one.state is before


def test_a_payment_is_answered_by_today_s_status() -> None:
    """Overdue since the 20th, but no tick came: the change to Due is recorded before the payment, with the payment as its cause."""
    one = world()
    one.invoice()
    one.pay("P1", "2026-01-25", 10_000, id="pay")
    changes = [(out.data["to"], out.data["cause"]) for out in one.of("case_history.recorded")]
    assert changes == [("Due", "pay"), ("Clear", "pay")]


def test_what_the_first_evaluation_changed_stays_though_the_event_is_refused() -> None:
    one = world()
    one.invoice()
    one.event("handover.recalled", "2026-01-25", by="ann")
    assert [reason for reason, _ in one.refused] == ["no open case"]
    assert one.history == [("2026-01-25", "Due")]
    assert one.status["attention"] == []


def test_a_dead_letter_does_not_move_the_clock() -> None:
    one = known()
    before = one.state
    one.event("handover.recalled", "2026-01-15", by="ann")
    assert one.state is before


@pytest.mark.parametrize("changed", [{"invoice_id": "R2", "currency": "USD"}, {"amount": 999}])
def test_a_dead_letter_is_followed_by_no_evaluation(changed: dict[str, Any]) -> None:
    """R1 would be overdue on the day of the refused event: the row stays as of the clock."""
    one = world(minimum_open={"EUR": 500})
    one.invoice()
    one.event("invoice.issued", "2026-02-01", **{**INVOICE, **changed})
    (recorded,) = one.of("case_history.recorded")
    assert (recorded.data["changed_at"], recorded.data["to"]) == ("2026-01-05T12:00:00Z", "Clear")
    assert [one.status[name] for name in ("status", "overdue_amount", "attention")] == ["Clear", 0, ["unapplied_event"]]


def test_one_currency_a_contract() -> None:
    one = known()
    one.pay("P2", "2026-01-11", 100, currency="CHF")
    assert [reason for reason, _ in one.refused] == ["currency mismatch"]
    assert one.status["attention"] == ["unapplied_event"]
    assert one.status["open_amount"] == 6_000


def test_a_kept_payment_in_another_currency_is_given_back_when_the_currency_becomes_known() -> None:
    one = world()
    one.pay("P1", "2026-01-03", 700)
    one.pay("P2", "2026-01-04", 900, currency="CHF")
    assert one.status["credit"] == 1_600
    one.invoice()
    assert [letter.topic for letter in one.letters] == ["billing.payments.dead-letters"]
    assert json.loads(one.letters[0].value or b"")["data"]["payment_id"] == "P2"
    assert dict(one.letters[0].headers)["__mahnlauf.errors.exception.class.name"] == b"currency mismatch"
    assert [one.status[name] for name in ("open_amount", "credit", "attention")] == [9_300, 0, ["unapplied_event"]]


def test_steps_wait_for_what_could_not_be_applied_until_it_was_replayed() -> None:
    one = known()
    one.event("invoice.corrected", "2026-01-12", id="broken", invoice_id="R1", amount="five")
    assert one.refused[0][0] == "invalid"
    assert "amount" in one.refused[0][1]
    one.days("2026-01-13", "2026-01-30")
    assert (one.status["status"], one.status["waiting_for"], one.status["next_step_on"]) == ("Due", ["unapplied"], "2026-01-24")
    one.event("invoice.corrected", "2026-01-30", id="broken", invoice_id="R1", amount=5_000)
    assert (one.status["attention"], one.status["waiting_for"], one.status["open_amount"]) == ([], [], 1_000)
    one.tick("2026-01-31")
    assert one.reminders == [("2026-01-31", 1)]


def test_steps_wait_until_the_attention_is_cleared() -> None:
    one = known()
    one.publish(topics.INVOICES, b"not json", 1_768_300_000_000)
    assert one.refused == [("not JSON", one.refused[0][1])]
    assert one.of("case_history.recorded")[0].data["cause"] == "unreadable"
    one.event("attention.cleared", "2026-01-24", by="ann", name="unapplied_event")
    one.days("2026-01-24", "2026-01-25")
    assert one.reminders == [("2026-01-24", 1)]


def test_a_contract_that_ended_still_owes() -> None:
    one = known()
    one.event("contract.ended", "2026-01-12", ended_on="2026-01-12")
    one.tick("2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]


def test_too_many_receivables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.escalation.intake.RECEIVABLES_MAX", 2)
    one = world()
    for number in range(3):
        one.invoice(f"R{number}")
    assert [reason for reason, _ in one.refused] == ["too many receivables"]
    assert one.status["attention"] == ["unapplied_event"]


def test_too_many_facts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.escalation.intake.FACTS_MAX", 2)
    one = known()
    one.pay("P2", "2026-01-12", 1)
    assert [reason for reason, _ in one.refused] == ["too many facts"]


def test_two_tenants_with_the_same_contract_never_mix() -> None:
    one, other = world(), world()
    other.key = b"other/C-1"
    other.apply_policy("2026-01-01", version=2)
    assert one.invoice()[0].id != other.invoice()[0].id


# --- reading


def record(topic: str, value: bytes | None, key: bytes = KEY, timestamp_ms: int = 1_768_000_000_000) -> Record:
    return Record(topic, 0, 0, timestamp_ms, key, value)


def event_bytes(kind: str = "invoice.cancelled", time: str = "2026-01-05T12:00:00Z", **data: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": "i", "source": "/s", "type": kind, "subject": "C-1", "tenant": "acme", "time": time}
    return json.dumps({**envelope, "data": data or {"invoice_id": "R1"}}).encode()


def reason_of(read: Any) -> str:
    assert isinstance(read, Poison)
    return read.reason


def test_what_cannot_be_read_says_why() -> None:
    processor = EscalationProcessor()
    assert reason_of(processor.decode(record(topics.INVOICES, b"\xff"))) in ("not JSON", "invalid")
    assert reason_of(processor.decode(record(topics.INVOICES, None))) == "no value"
    assert reason_of(processor.decode(record(topics.INVOICES, b" " * 300_000))) == "too large"
    assert reason_of(processor.decode(record(topics.INVOICES, event_bytes(), key=b"acme/C-2"))) == "wrong key"
    assert reason_of(processor.decode(record(topics.INSTRUCTIONS, event_bytes("nobody.knows")))) == "unknown type"
    assert isinstance(processor.decode(record(topics.INVOICES, event_bytes())), Keyed)
    assert processor.decode(record(topics.INVOICES, event_bytes("invoice.painted"))) == Skipped("unknown type")


def test_a_time_more_than_a_day_after_its_record_is_refused() -> None:
    processor = EscalationProcessor()
    stamped = 1_767_614_400_000  # 2026-01-05T12:00:00Z
    assert isinstance(processor.decode(record(topics.INVOICES, event_bytes(time="2026-01-06T12:00:00Z"), timestamp_ms=stamped)), Keyed)
    late = processor.decode(record(topics.INVOICES, event_bytes(time="2026-01-06T12:00:00.001Z"), timestamp_ms=stamped))
    assert reason_of(late) == "time in the future"


def test_an_unknown_zone_is_refused_with_its_field() -> None:
    one = known()
    one.event("contract.configured", "2026-01-12", time_zone="Europe/Nowhere")
    assert one.refused[0][0] == "invalid"
    assert "time_zone" in one.refused[0][1]


def test_a_state_of_the_version_before_is_read() -> None:
    """Structs only grow at their ends: what was not known then has its default."""
    one = known()
    assert one.state is not None
    former = msgspec.msgpack.decode(state.dump(one.state))
    facts = former[state.Contract.__struct_fields__.index("facts")]
    del facts[Facts.__struct_fields__.index("initiations") :]
    assert state.load(msgspec.msgpack.encode(former), state.STATE_VERSION - 1) == one.state


def test_a_newer_state_is_refused() -> None:
    with pytest.raises(ValueError, match="newer release"):
        EscalationProcessor().load(b"", state.STATE_VERSION + 1)
