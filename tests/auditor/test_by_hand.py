"""Cases worked out by hand from `escalation.md`, section by section: auditor and core must each come to them.

Where two agree they may still both be wrong; so every rule that the random lives draw has a case here whose days and sums stand on paper.
R1 is 100.00 EUR, due 2026-01-19 (overdue from the 20th); the ladder: reminders 24 January and 2 February, handover 18 February.
"""

from typing import Any
from uuid import UUID, uuid5

import pytest

from tests.auditor.tale import JUDGES, Tale

pytestmark = pytest.mark.parametrize("judge", JUDGES)


def tale(**changes: Any) -> Tale:
    one = Tale(**changes)
    one.invoice()
    return one


# --- section 1: moving in, balance, forgetting, ticks behind the contract


def test_a_tick_before_midnight_does_not_put_back_a_contract_that_is_past_it(judge: str) -> None:
    """Midnight in Berlin is 23:00 UTC: an event half a minute after it finds R1 overdue, a tick ten seconds before it comes then."""
    one = tale(at="00:00")
    one.event("hold.placed", "2026-01-19T23:00:30Z", hold_id="H1", kind="manual", until="2026-01-20")
    one.tick("2026-01-19T22:59:50Z")
    one.tick("2026-01-19T23:00:50Z")
    verdict = one.by(judge)
    assert (verdict.history, verdict.now("status", "cycle")) == ([("2026-01-19", "Due")], ["Due", 1])


def test_moving_in_keeps_rung_level_and_distance(judge: str) -> None:
    """Reminded on 25 January elsewhere: the second reminder is due on 2 February by its day, and nine days after the first on the 3rd."""
    one = tale()
    told = {"invoice_id": "R1", "rung": 1, "level": 1, "reminded_on": ["2026-01-25"]}
    one.event("contract.taken_over", "2026-01-26", as_of="2026-01-26", receivables=[told])
    one.days("2026-01-26", "2026-02-19")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-26", "Reminded"), ("2026-02-19", "ToBePassed")]
    assert verdict.notices("reminder", "level") == [("2026-02-03", 2)]
    assert verdict.told.lists["commands"][0]["data"]["claims"][0]["reminded_on"] == ["2026-01-25", "2026-02-03"]


def test_moving_in_with_a_case_submits_nothing(judge: str) -> None:
    one = tale()
    told = {"invoice_id": "R1", "rung": 2, "level": 2, "reminded_on": ["2026-01-10", "2026-01-18"]}
    case = {"agency_account": "main", "case_id": "K-7", "status": "Accepted", "invoice_ids": ["R1"]}
    one.event("contract.taken_over", "2026-01-26", as_of="2026-01-26", receivables=[told], case=case)
    one.tick("2026-01-27")
    one.replies("case.closed", "2026-01-28", outcome="successful", reason="paid")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-26", "Accepted"), ("2026-01-28", "SuccessfullyClosed"), ("2026-01-28", "Clear")]
    assert (verdict.commands(), verdict.now("agency_balance", "cycle")) == ([], [10_000, 2])


def test_a_balance_is_compared_with_the_books_of_its_day(judge: str) -> None:
    """4,000 came on 22 January: on the 21st 10,000 were open, on the 22nd 6,000. A later statement that agrees ends the waiting."""
    one = tale()
    one.pays("P1", "2026-01-22", 4_000)
    one.event("balance.stated", "2026-01-23", as_of="2026-01-21", open_amount=10_000)
    one.event("balance.stated", "2026-01-23", as_of="2026-01-22", open_amount=10_000)
    one.days("2026-01-23", "2026-01-26")
    waiting = one.by(judge)
    assert waiting.now("attention", "waiting_for", "next_step_on") == [["balance_differs"], ["balance"], "2026-01-24"]
    one.event("balance.stated", "2026-01-26", as_of="2026-01-25", open_amount=6_000)
    one.days("2026-01-27", "2026-01-27")
    assert one.by(judge).notices("reminder") == ["2026-01-27"]


def test_forgotten_after_so_many_months_without_a_fact(judge: str) -> None:
    one = tale(forget_after=14)
    one.pays("P1", "2026-01-10", 10_000)
    one.tick("2027-03-09")
    assert one.by(judge).status["status"] == "Clear"
    one.tick("2027-03-10")
    assert one.by(judge).status is None
    one.invoice("R2", at="2027-04-01", due="2027-05-01", amount=500)
    assert one.by(judge).now("cycle", "open_amount") == [2, 500]


def test_who_has_credit_is_not_forgotten(judge: str) -> None:
    one = tale(forget_after=14)
    one.pays("P1", "2026-01-10", 10_001)
    one.tick("2028-01-01")
    assert one.by(judge).status["credit"] == 1


# --- section 2: default


@pytest.mark.parametrize(
    ("ground", "day"),
    [("due_date", "2026-01-15"), ("first_reminder", "2026-01-20"), ("thirty_days", "2026-02-16")],  # 14 February is a Saturday
)
def test_default_by_its_ground(judge: str, ground: str, day: str) -> None:
    """Due Thursday 15 January; reminder on Tuesday the 20th; handover after ten days on Sunday the 25th, so on the 26th."""
    steps = [{"kind": "remind", "day": 5, "level": 1}, {"kind": "hand_over", "day": 10}]
    one = Tale(steps=steps, default=ground, working_days_only=True, calendar={"country": "DE", "subdivision": "HE"})
    one.invoice(due="2026-01-15")
    one.days("2026-01-15", "2026-01-31")
    verdict = one.by(judge)
    assert verdict.commands() == [("2026-01-26", "case.submit")]
    assert verdict.told.lists["commands"][0]["data"]["claims"][0]["default_on"] == day


# --- section 3: holds


def test_a_payment_in_transit_holds_until_its_days_are_over(judge: str) -> None:
    """Expected on the 25th, five days more: held from the 20th to the 30th. Unheld are the 19th, the 31st and 1 to 3 February."""
    one = tale()
    one.event("payment.initiated", "2026-01-20", payment_id="P1", amount=10_000, currency="EUR", expected_on="2026-01-25")
    one.days("2026-01-20", "2026-02-05")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-20", "Held"), ("2026-01-31", "Due"), ("2026-02-04", "Reminded")]


def test_a_payment_that_failed_is_no_longer_in_transit(judge: str) -> None:
    """Held on the 20th and 21st; unheld are the 19th and the 22nd to 25th."""
    one = tale()
    one.event("payment.initiated", "2026-01-20", payment_id="P1", amount=10_000, currency="EUR", expected_on="2026-01-25")
    one.days("2026-01-20", "2026-01-21")
    one.event("payment.failed", "2026-01-22", payment_id="P1", reason_code="AM04")
    one.days("2026-01-22", "2026-01-30")
    assert one.by(judge).history == [("2026-01-20", "Held"), ("2026-01-22", "Due"), ("2026-01-26", "Reminded")]


def test_insolvency_holds_and_silences_until_it_is_released(judge: str) -> None:
    """Held from 28 January to 9 February. The second reminder needs 14 unheld days: 19 to 27 January, 10 to 14 February."""
    one = tale(confirm_payments=True)
    one.days("2026-01-20", "2026-01-29")
    one.event("insolvency.opened", "2026-01-30", occurred_on="2026-01-28")
    one.pays("P1", "2026-01-31", 1_000)
    one.days("2026-01-31", "2026-02-09")
    one.event("hold.released", "2026-02-10", hold_id="insolvency")
    one.days("2026-02-10", "2026-02-16")
    verdict = one.by(judge)
    assert verdict.history[-2:] == [("2026-01-30", "Held"), ("2026-02-10", "Reminded")]
    assert verdict.notices("reminder", "level") == [("2026-01-24", 1), ("2026-02-15", 2)]
    assert verdict.notices("payment_confirmation") == []


@pytest.mark.parametrize(("kind", "costs"), [("insolvency.opened", 0), ("debtor.deceased", 250)])
def test_a_fee_of_a_day_that_was_under_insolvency_is_not_owed(judge: str, kind: str, costs: int) -> None:
    """The second reminder and its fee are of 2 February; that the debtor was insolvent since the 1st is told on the 5th."""
    one = tale()
    one.days("2026-01-20", "2026-02-04")
    one.event(kind, "2026-02-05", occurred_on="2026-02-01")
    assert one.by(judge).now("status", "costs") == ["Held", costs]


def test_death_silences_and_the_ladder_goes_on_when_it_is_released(judge: str) -> None:
    """Held from 21 to 30 January; unheld are the 19th, the 20th and 31 January to 2 February."""
    one = tale(confirm_payments=True)
    one.days("2026-01-20", "2026-01-21")
    one.event("debtor.deceased", "2026-01-22", occurred_on="2026-01-21")
    one.pays("P1", "2026-01-23", 1_000)
    one.days("2026-01-23", "2026-01-30")
    one.event("hold.released", "2026-01-31", hold_id="deceased")
    one.days("2026-01-31", "2026-02-03")
    verdict = one.by(judge)
    assert verdict.history == [("2026-01-20", "Due"), ("2026-01-22", "Held"), ("2026-01-31", "Due"), ("2026-02-03", "Reminded")]
    assert (verdict.notices("payment_confirmation"), verdict.notices("reminder")) == ([], ["2026-02-03"])


# --- section 4: calls, offers, signals, when a policy begins, what steps wait for


def test_calls_are_asked_for_again_until_the_attempts_are_used_up(judge: str) -> None:
    """Every two days after the last request, however soon the outcome is known."""
    one = tale(steps=[{"kind": "call", "day": 5, "max_attempts": 3, "every_days": 2}])
    one.days("2026-01-20", "2026-01-24")
    one.orders("call.attempted", "2026-01-24T15:00:00Z", attempt=1, outcome="not_reached")
    one.days("2026-01-25", "2026-01-26")
    one.orders("call.attempted", "2026-01-27", attempt=2, outcome="refused")
    one.days("2026-01-27", "2026-01-28")
    one.orders("call.attempted", "2026-01-29", attempt=3, outcome="not_reached")
    one.days("2026-01-29", "2026-02-10")
    told = one.by(judge).notices("call_request", "attempt", "max_attempts")
    assert told == [("2026-01-24", 1, 3), ("2026-01-26", 2, 3), ("2026-01-28", 3, 3)]


def test_nobody_is_called_again_who_was_reached_or_of_whom_nothing_is_known(judge: str) -> None:
    one = tale(steps=[{"kind": "call", "day": 5, "max_attempts": 3}])
    one.days("2026-01-20", "2026-01-30")
    assert one.by(judge).notices("call_request") == ["2026-01-24"]
    one.orders("call.attempted", "2026-01-31", attempt=1, outcome="reached")
    one.days("2026-01-31", "2026-02-10")
    assert one.by(judge).notices("call_request") == ["2026-01-24"]


@pytest.mark.parametrize(
    ("returned", "methods"),
    [
        ([("2026-01-12", "AC04")], ["barcode"]),
        ([("2026-01-12", "AM04")], ["link", "barcode"]),
        ([("2026-01-11", "AC04"), ("2026-01-12", "AM04")], ["link", "barcode"]),  # the latest counts
        ([("2025-09-01", "AC04")], ["link", "barcode"]),  # more than 90 days ago
        ([("2026-01-12", "SL01")], ["barcode"]),
    ],
)
def test_the_offer_suits_the_account(judge: str, returned: list[tuple[str, str]], methods: list[str]) -> None:
    offer = {"kind": "offer_payment", "day": 5, "methods": ["link", "barcode"], "methods_if_account_unusable": ["barcode"]}
    one = tale(steps=[offer], payment_link="https://pay.example/{tenant}/{contract}/{cycle}")
    one.pays("P1", "2026-01-10", 10_000)
    for number, (day, code) in enumerate(returned):
        data = {"chargeback_id": f"B{number}", "payment_id": "P1", "amount": 10_000, "reason_code": code, "booked_on": day}
        one.event("chargeback.received", "2026-01-12", **data)
    one.days("2026-01-20", "2026-01-25")
    assert one.by(judge).notices("payment_offer", "methods") == [("2026-01-24", methods)]


def test_a_signal_is_on_while_what_it_covered_is_open(judge: str) -> None:
    one = tale(steps=[{"kind": "signal", "day": 5, "name": "block"}])
    one.days("2026-01-20", "2026-01-24")
    assert one.by(judge).status["signals"] == ["block"]
    one.pays("P1", "2026-01-27", 9_999)
    one.pays("P2", "2026-01-28", 1)
    verdict = one.by(judge)
    assert verdict.notices("signal", "name", "on") == [("2026-01-24", "block", True), ("2026-01-28", "block", False)]
    assert verdict.status["signals"] == []


def test_no_step_before_the_policy_starts(judge: str) -> None:
    """The second keeps its nine days."""
    one = tale(starts_on="2026-02-01")
    one.days("2026-01-20", "2026-02-12")
    assert one.by(judge).notices("reminder") == ["2026-02-01", "2026-02-10"]


def test_the_ramp_spreads_first_steps(judge: str) -> None:
    """uuid5 of the key modulo ten is 9: not before the ninth day after the start."""
    assert uuid5(UUID("5a5a9ba4-71f8-5a3a-9a0e-e93a65592505"), "acme/C-1").int % 10 == 9
    one = tale(starts_on="2026-02-01", ramp={"days": 10})
    one.days("2026-01-20", "2026-02-12")
    assert one.by(judge).notices("reminder") == ["2026-02-10"]


def test_an_approval_ends_after_five_working_days_and_when_more_is_overdue(judge: str) -> None:
    """Approved on 25 January for 2 February: over after the 30th. Approved again on 3 February; R2 had raised what is overdue before."""
    steps = [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 14, "level": 2, "approval": "required"}]
    one = tale(steps=steps)
    one.days("2026-01-20", "2026-01-24")
    one.orders("step.approved", "2026-01-25", step=2)
    one.days("2026-01-25", "2026-02-02")
    assert one.by(judge).now("waiting_for", "next_step_on") == [["approval"], "2026-02-02"]
    one.orders("step.approved", "2026-02-02T15:00:00Z", step=2)
    one.invoice("R2", at="2026-02-03", due="2026-01-30", amount=500)
    one.tick("2026-02-03")
    assert one.by(judge).status["waiting_for"] == ["approval"]
    one.orders("step.approved", "2026-02-04", step=2)
    one.tick("2026-02-04")
    assert one.by(judge).notices("reminder", "amount") == [("2026-01-24", 10_000), ("2026-02-04", 10_500)]


RULES = [
    {"account": "small", "when": {"amount_below": 5_000}},
    {"account": "firm", "when": {"debtor_kind": "business"}},
    {"account": "old", "when": {"overdue_days_from": 5}},
]


@pytest.mark.parametrize(
    ("amount", "configured", "day", "account"),
    [
        (10_000, {}, "2026-01-24", "old"),  # waits from the 22nd until it is five days overdue
        (4_999, {}, "2026-01-22", "small"),
        (10_000, {"debtor_kind": "business"}, "2026-01-22", "firm"),
        (10_000, {"debtor_kind": "business", "agency_account": "own"}, "2026-01-22", "own"),
    ],
)
def test_the_account_is_the_first_rule_that_matches(judge: str, amount: int, configured: dict[str, str], day: str, account: str) -> None:
    one = Tale(steps=[{"kind": "hand_over", "day": 3, "accounts": RULES}])
    one.invoice(amount=amount)
    one.event("contract.configured", "2026-01-06", **configured)
    one.days("2026-01-20", "2026-01-23")
    waiting = one.by(judge).status["waiting_for"]
    one.days("2026-01-24", "2026-01-26")
    assert one.by(judge).commands("agency_account") == [(day, "case.submit", account)]
    assert waiting == (["account"] if day == "2026-01-24" else [])


# --- found by the simulator (seed 264)


def test_insolvency_of_one_receivable_does_not_end_the_calls_about_another(judge: str) -> None:
    """A request after the first belongs to its step, and steps go on with what is not held."""
    one = Tale(steps=[{"kind": "call", "day": 3, "max_attempts": 3, "every_days": 1}])
    one.event("hold.placed", "2026-01-10", hold_id="H1", kind="insolvency", invoice_id="R9")
    one.invoice()
    one.tick("2026-01-22")
    one.orders("call.attempted", "2026-01-22", attempt=1, outcome="refused")
    one.tick("2026-01-23")
    assert one.by(judge).notices("call_request", "attempt") == [("2026-01-22", 1), ("2026-01-23", 2)]
