"""Section 3: held days are subtracted once, whatever holds and whenever it is told; disputes, and returned debits that hold."""

from typing import Any

import pytest

from tests.escalation.harness import World, world

ONE_REMINDER = [{"kind": "remind", "day": 5, "level": 1}]


def due() -> World:
    """Due 2026-01-19, one reminder on day 5: 2026-01-24 if nothing holds."""
    one = world(steps=ONE_REMINDER)
    one.invoice()
    return one


def hold(one: World, hold_id: str, at: str, first: str | None = None, until: str | None = None, **more: Any) -> None:
    days = {name: value for name, value in (("from", first), ("until", until)) if value is not None}
    one.event("hold.placed", at, hold_id=hold_id, kind="manual", **days, **more)


def reminded_on(one: World, until: str = "2026-06-30") -> str | None:
    one.days("2026-01-19", until)
    return one.reminders[0][0] if one.reminders else None


def test_held_days_don_t_count() -> None:
    one = due()
    hold(one, "H1", "2026-01-10", "2026-01-21", "2026-01-31")
    assert reminded_on(one) == "2026-02-03"
    assert one.history[:3] == [("2026-01-20", "Due"), ("2026-01-21", "Held"), ("2026-01-31", "Due")]


def test_overlapping_holds_count_once() -> None:
    one = due()
    hold(one, "H1", "2026-01-10", "2026-01-21", "2026-01-28")
    hold(one, "H2", "2026-01-10", "2026-01-25", "2026-01-31")
    hold(one, "H3", "2026-01-10", "2026-01-26", "2026-01-27")
    assert reminded_on(one) == "2026-02-03"


def test_a_backdated_hold_pushes_what_was_not_yet_taken() -> None:
    one = due()
    one.days("2026-01-19", "2026-01-23")
    hold(one, "H1", "2026-01-23", "2026-01-20", "2026-01-22")
    assert one.status["next_step_on"] == "2026-01-26"
    assert reminded_on(one) == "2026-01-26"


def test_released_early_and_released_twice() -> None:
    one = due()
    hold(one, "H1", "2026-01-20", None, "2026-03-01")
    one.event("hold.released", "2026-01-30", hold_id="H1")
    one.event("hold.released", "2026-01-25", hold_id="H1")  # told later, but it was the earlier one
    one.event("hold.released", "2026-02-20", hold_id="H1")
    assert reminded_on(one) == "2026-02-20"  # d is the day of the clock, which had moved on
    assert one.status["holds"] == []


def test_a_release_before_its_hold_is_kept() -> None:
    one = due()
    one.event("hold.released", "2026-01-22", hold_id="H1")
    hold(one, "H1", "2026-01-22", "2026-01-20", None)
    assert reminded_on(one) == "2026-01-26"


def test_a_hold_over_the_year_s_end() -> None:
    one = world(steps=ONE_REMINDER)
    one.invoice(at="2025-12-01", due="2025-12-29")
    hold(one, "H1", "2025-12-30", None, "2026-01-05")
    one.days("2025-12-29", "2026-01-20")
    assert one.reminders == [("2026-01-09", 1)]


def test_a_hold_that_ends_before_it_begins_covers_nothing() -> None:
    one = due()
    hold(one, "H1", "2026-01-10", "2026-01-22", "2026-01-21")
    assert reminded_on(one) == "2026-01-24"


def test_while_held_without_end_nothing_comes_next() -> None:
    one = due()
    hold(one, "H1", "2026-01-21", None, None, invoice_id="R9")
    one.tick("2026-01-22")
    assert one.status["next_step_on"] == "2026-01-24"
    hold(one, "H2", "2026-01-22")
    assert [one.status[name] for name in ("status", "next_step", "next_step_on")] == ["Held", None, None]
    assert [each["hold_id"] for each in one.status["holds"]] == ["H1", "H2"]
    assert reminded_on(one) is None


def test_a_known_open_hold_to_come_leaves_the_step_without_a_day() -> None:
    one = due()
    hold(one, "H1", "2026-01-20", "2026-01-22")
    assert [one.status[name] for name in ("status", "next_step", "next_step_on")] == ["Due", 1, None]


def test_a_hold_of_one_receivable_lets_the_others_go_on() -> None:
    one = world(steps=ONE_REMINDER)
    one.invoice("R1")
    one.invoice("R2", due="2026-01-21", amount=500)
    hold(one, "H1", "2026-01-10", "2026-01-15", "2026-03-01", invoice_id="R1")
    one.days("2026-01-19", "2026-02-01")
    assert one.history == [("2026-01-20", "Held"), ("2026-01-22", "Due"), ("2026-01-26", "Reminded"), ("2026-01-26", "Reminded")]
    assert [each["invoice_id"] for each in one.of("notice.reminder")[0].data["receivables"]] == ["R2"]
    assert one.status["overdue_amount"] == 500


def test_a_dispute_of_the_contract_holds_until_it_is_rejected() -> None:
    one = due()
    one.event("dispute.opened", "2026-01-21", dispute_id="D1")
    one.event("dispute.resolved", "2026-01-31", dispute_id="D1", outcome="rejected")
    assert reminded_on(one) == "2026-02-03"


def test_a_dispute_of_one_receivable_holds_that_one() -> None:
    one = due()
    one.event("dispute.opened", "2026-01-21", dispute_id="D1", invoice_id="R1")
    assert [one.status[name] for name in ("status", "overdue_amount", "open_amount")] == ["Held", 0, 10_000]
    assert one.status["holds"] == [{"hold_id": "D1", "kind": "dispute", "invoice_id": "R1", "from": "2026-01-21", "until": None}]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("invoice.corrected", {"invoice_id": "R1", "amount": 9_000}),
        ("credit_note.issued", {"credit_note_id": "N1", "invoice_id": "R1", "amount": 1_000}),
        ("hold.released", {"hold_id": "D1"}),
    ],
)
def test_an_upheld_dispute_stays_until_the_creditor_has_corrected(kind: str, data: dict[str, Any]) -> None:
    one = due()
    one.event("dispute.opened", "2026-01-21", dispute_id="D1", invoice_id="R1")
    one.event("dispute.resolved", "2026-01-23", dispute_id="D1", outcome="upheld")
    assert (one.status["status"], one.status["attention"]) == ("Held", ["dispute_upheld"])
    one.days("2026-01-24", "2026-01-30")
    assert one.status["status"] == "Held"
    one.event(kind, "2026-01-31", **data)
    assert (one.status["status"], one.status["attention"]) == ("Due", [])
    assert reminded_on(one) == "2026-02-03"


def test_a_correction_before_the_dispute_was_opened_does_not_end_it() -> None:
    one = due()
    one.event("invoice.corrected", "2026-01-20", invoice_id="R1", amount=9_000)
    one.event("dispute.opened", "2026-01-21", dispute_id="D1", invoice_id="R1")
    one.event("dispute.resolved", "2026-01-23", dispute_id="D1", outcome="upheld")
    assert one.status["attention"] == ["dispute_upheld"]


@pytest.mark.parametrize(("code", "kind"), [("MD01", "dispute"), ("MD07", "deceased"), ("AM05", "manual")])
def test_a_returned_debit_that_holds_until_released_or_reversed(code: str, kind: str) -> None:
    one = due()
    one.pay("P1", "2026-01-10", 10_000)
    one.event(
        "chargeback.received", "2026-01-21", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-01-20", reason_code=code
    )
    one.tick("2026-01-22")
    assert (one.status["status"], one.status["holds"][0]["kind"]) == ("Held", kind)
    assert one.status["attention"] == (["own_error"] if kind == "manual" else [])
    one.event("hold.released", "2026-01-25", hold_id="B1")
    assert (one.status["status"], one.status["attention"]) == ("Due", [])


def test_a_reversal_ends_the_hold_on_the_day_it_is_booked() -> None:
    one = due()
    one.pay("P1", "2026-01-10", 10_000)
    one.event(
        "chargeback.received", "2026-01-21", chargeback_id="B1", payment_id="P1", amount=4_000, booked_on="2026-01-20", reason_code="AM05"
    )
    one.event("chargeback.reversed", "2026-01-22", chargeback_id="B1", booked_on="2026-01-25")
    assert (one.status["holds"][0]["until"], one.status["attention"]) == ("2026-01-25", [])  # paid again: the cycle ended
    one.tick("2026-01-24")
    assert one.status["holds"] != []
    one.tick("2026-01-25")
    assert one.status["holds"] == []


def test_insufficient_funds_hold_nothing() -> None:
    one = due()
    one.pay("P1", "2026-01-10", 10_000)
    one.event(
        "chargeback.received", "2026-01-21", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-01-20", reason_code="AM04"
    )
    one.tick("2026-01-22")
    assert (one.status["status"], one.status["holds"]) == ("Due", [])


def test_an_instruction_places_the_same_hold() -> None:
    one = due()
    one.event("hold.placed", "2026-01-21", topic="escalation.instructions", by="ann", hold_id="H1", kind="manual")
    assert one.status["status"] == "Held"
    assert one.of("case_history.recorded")[-1].data["by"] == "ann"
    one.event("hold.released", "2026-01-22", topic="escalation.instructions", by="bob", hold_id="H1")
    assert one.of("case_history.recorded")[-1].data["by"] == "bob"
