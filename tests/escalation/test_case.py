"""Section 6: handover and case."""

from typing import Any

import pytest

from schemas.ids import handover_id
from tests.escalation.harness import World, world

HAND_OVER = [{"kind": "hand_over", "day": 10}]


def handed_over(**changes: Any) -> World:
    """R1 of 100.00, handed over on 2026-01-29 without a reminder before."""
    one = world(**{"steps": HAND_OVER, **changes})
    one.invoice()
    one.days("2026-01-19", "2026-01-29")
    assert one.status["status"] == "ToBePassed"
    return one


def accepted(**changes: Any) -> World:
    one = handed_over(**changes)
    one.reply("case.passed", "2026-01-30", agency="atriga", case_id="A-1")
    one.reply("case.accepted", "2026-01-31", agency="atriga", case_id="A-1")
    return one


def rejected(**changes: Any) -> World:
    one = handed_over(**changes)
    one.reply("case.rejected", "2026-01-30", reasons=[{"code": "address_wrong"}])
    return one


def closed(outcome: str, reason: str, **changes: Any) -> World:
    one = accepted(**changes)
    one.reply("case.closed", "2026-02-10", outcome=outcome, reason=reason)
    return one


# --- handing over


def test_the_handover_says_what_the_agency_needs() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 250}}, {"kind": "hand_over", "day": 10, "account": "north"}])
    one.broadcast("tenant.configured", "2026-01-01", tenant="acme", creditor={"name": "Acme", "address": "Here 1", "iban": "DE00"})
    one.event("contract.configured", "2026-01-02", debtor_kind="consumer")
    one.invoice(
        "R1", number="N1", subject_matter="power", service_from="2025-12-01", service_to="2025-12-31", payment_method="direct_debit"
    )
    one.days("2026-01-19", "2026-01-29")
    submit = one.of("case.submit")[0]
    assert submit.data["handover_id"] == handover_id("acme/C-1", 1, 1)
    assert submit.data == {
        "handover_id": submit.data["handover_id"],
        "attempt": 1,
        "agency_account": "north",
        "claims": [
            {
                "invoice_id": "R1",
                "number": "N1",
                "issued_on": "2026-01-05",
                "due_on": "2026-01-19",
                "amount": 10_000,
                "open": 10_000,
                "costs": 250,
                "interest": 0,
                "reminded_on": ["2026-01-24"],
                "default_on": "2026-01-24",
                "subject_matter": "power",
                "service_from": "2025-12-01",
                "service_to": "2025-12-31",
                "payment_method": "direct_debit",
            }
        ],
        "currency": "EUR",
        "open_amount": 10_000,
        "costs": 250,
        "interest": 0,
        "debtor_kind": "consumer",
        "creditor": {"name": "Acme", "address": "Here 1", "iban": "DE00", "vat_deduction": False},
    }
    assert [one.status[name] for name in ("agency", "agency_account", "rung", "dunning_level")] == [None, "north", 2, 1]


def test_only_what_was_reminded_is_handed_over() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1}, {"kind": "hand_over", "day": 10}])
    one.invoice("R1")
    one.invoice("R2", due="2026-01-26", amount=500)
    one.days("2026-01-19", "2026-01-29")
    assert [claim["invoice_id"] for claim in one.of("case.submit")[0].data["claims"]] == ["R1"]
    assert one.status["overdue_amount"] == 500


def test_a_skipped_reminder_is_none_for_the_handover() -> None:
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1}, {"kind": "hand_over", "day": 10}])
    one.invoice("R1")
    one.tick("2026-01-20")
    one.event("step.skipped", "2026-01-24", by="ann")
    one.days("2026-01-25", "2026-02-10")
    assert not one.of("case.submit")
    assert one.of("notice.ladder_ended")[0].data["reason"] == "nothing_to_hand_over"
    assert [one.status[name] for name in ("status", "attention", "rung")] == ["Due", ["ladder_ended"], 2]


def test_only_the_payment_methods_that_the_step_takes() -> None:
    one = world(steps=[{"kind": "hand_over", "day": 10, "payment_methods": ["direct_debit"]}])
    one.invoice("R1", payment_method="direct_debit")
    one.invoice("R2", payment_method="transfer")
    one.invoice("R3")
    one.days("2026-01-19", "2026-01-29")
    assert [claim["invoice_id"] for claim in one.of("case.submit")[0].data["claims"]] == ["R1"]


@pytest.mark.parametrize(("contract", "step", "account"), [("south", "north", "south"), (None, "north", "north"), (None, None, "main")])
def test_whose_account(contract: str | None, step: str | None, account: str) -> None:
    one = world(steps=[{"kind": "hand_over", "day": 10, **({"account": step} if step else {})}])
    if contract:
        one.event("contract.configured", "2026-01-02", agency_account=contract)
    one.invoice()
    one.days("2026-01-19", "2026-01-29")
    assert one.of("case.submit")[0].data["agency_account"] == account


@pytest.mark.parametrize(("default", "day"), [("due_date", "2026-01-19"), ("thirty_days", "2026-02-18"), ("first_reminder", None)])
def test_the_day_of_default(default: str, day: str | None) -> None:
    one = handed_over(default=default)
    assert one.of("case.submit")[0].data["claims"][0].get("default_on") == day


# --- by hand


def test_ordered_by_hand_without_waiting_and_touching_no_rung() -> None:
    one = world()
    one.invoice("R1")
    one.invoice("R2", due="2026-01-18", amount=500)
    one.days("2026-01-19", "2026-01-24")
    one.event("handover.ordered", "2026-01-25", by="ann", account="south", invoice_ids=["R2", "R9"])
    submit = one.of("case.submit")[0].data
    assert ([claim["invoice_id"] for claim in submit["claims"]], submit["agency_account"]) == (["R2"], "south")
    assert [one.status[name] for name in ("status", "rung", "dunning_level", "overdue_amount")] == ["ToBePassed", 1, 1, 10_000]
    assert one.of("case_history.recorded")[-1].data["by"] == "ann"


def test_a_held_contract_only_despite_the_hold() -> None:
    one = world()
    one.invoice()
    one.event("dispute.opened", "2026-01-21", dispute_id="D1", invoice_id="R1")
    one.event("handover.ordered", "2026-01-22", by="ann")
    assert one.refused[0][0] == "held"
    one.event("handover.ordered", "2026-01-22", by="ann", despite_hold=True)
    assert one.commands == [("case.submit", 10_000)]


def test_nothing_overdue_or_a_case_open_is_refused() -> None:
    one = world(steps=HAND_OVER)
    one.invoice()
    one.event("handover.ordered", "2026-01-10", by="ann")
    one.days("2026-01-19", "2026-01-29")
    one.event("handover.ordered", "2026-01-29", by="ann")
    one.event("handover.ordered", "2026-01-29", by="ann", invoice_ids=["R1"])
    assert [reason for reason, _ in one.refused] == ["nothing overdue", "case open", "case open"]


def test_named_receivables_that_are_not_overdue_are_refused() -> None:
    one = world()
    one.invoice("R1")
    one.invoice("R2", due="2026-03-01")
    one.event("handover.ordered", "2026-01-22", by="ann", invoice_ids=["R2"])
    assert [reason for reason, _ in one.refused] == ["nothing overdue"]


# --- replies: the table


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("case.passed", {"agency": "atriga"}, "Passed"),
        ("case.accepted", {"agency": "atriga"}, "Accepted"),
        ("case.rejected", {"reasons": []}, "Rejected"),
        ("case.phase_changed", {"phase": "first_dunning"}, "FirstDunningPhase"),
        ("case.phase_changed", {"phase": "second_dunning"}, "SecondDunningPhase"),
        ("case.phase_changed", {"phase": "collection"}, "DebtCollection"),
        ("case.closed", {"outcome": "unsuccessful", "reason": "no_assets"}, "UnsuccessfullyClosed"),
        ("case.submission_unknown", {"reason": "timeout"}, "ToBePassed"),
        ("case.failed", {"reason": "debtor_missing"}, "ToBePassed"),
        ("case.message_received", {"message_id": "M", "text": "?"}, "ToBePassed"),
    ],
)
def test_each_reply_moves_a_fresh_handover(kind: str, data: dict[str, Any], status: str) -> None:
    one = handed_over()
    one.reply(kind, "2026-01-30", **data)
    assert one.status["status"] == status


def test_success_as_early_as_it_comes() -> None:
    one = handed_over()
    one.reply("case.closed", "2026-01-30", outcome="successful", reason="paid")
    assert [to for _, to in one.history[-2:]] == ["SuccessfullyClosed", "Clear"]


def test_the_agency_names_itself_the_case_and_the_level() -> None:
    one = accepted()
    assert [one.status[name] for name in ("agency", "case_id", "dunning_level", "stage")] == ["atriga", "A-1", 0, None]
    one.reply("case.phase_changed", "2026-02-01", phase="collection", stage="judicial_dunning", dunning_level=4)
    assert [one.status[name] for name in ("status", "dunning_level", "stage")] == ["DebtCollection", 4, "judicial_dunning"]


def test_what_the_table_does_not_allow_changes_nothing() -> None:
    one = accepted()
    one.reply("case.phase_changed", "2026-02-01", phase="first_dunning")
    one.reply("case.accepted", "2026-02-02", agency="other")
    one.reply("case.rejected", "2026-02-03", reasons=[])
    assert [one.status[name] for name in ("status", "agency", "attention")] == ["FirstDunningPhase", "atriga", []]
    assert not one.refused


def test_an_older_status_reply_changes_no_status_but_a_close_ends_the_case() -> None:
    one = accepted()
    one.reply("case.phase_changed", "2026-02-05", phase="second_dunning")
    one.reply("case.phase_changed", "2026-02-06", phase="first_dunning", occurred_at="2026-02-04T00:00:00Z")
    assert one.status["status"] == "SecondDunningPhase"
    one.reply("case.closed", "2026-02-07", outcome="unsuccessful", reason="no_assets", occurred_at="2026-01-01T00:00:00Z")
    assert one.status["status"] == "UnsuccessfullyClosed"


def test_a_rejected_case_is_not_closed_by_an_older_word() -> None:
    one = rejected()
    one.reply("case.closed", "2026-02-01", outcome="unsuccessful", reason="no_assets", occurred_at="2026-01-29T12:00:00Z")
    assert one.status["status"] == "Rejected"
    one.reply("case.closed", "2026-02-02", outcome="unsuccessful", reason="no_assets")
    assert one.status["status"] == "UnsuccessfullyClosed"


def test_trouble_ends_with_the_next_change_of_status() -> None:
    one = handed_over()
    one.reply("case.failed", "2026-01-30", reason="debtor_missing")
    one.reply("case.submission_unknown", "2026-01-31", reason="timeout")
    assert one.status["attention"] == ["failed", "submission_unknown"]
    one.reply("case.passed", "2026-02-01", agency="atriga")
    assert one.status["attention"] == []


def test_a_question_asks_for_attention() -> None:
    one = accepted()
    one.reply("case.question_asked", "2026-02-01", question_id="Q", text="?", answer_type="text")
    assert one.status["attention"] == ["question"]


def test_what_cannot_be_matched_stays_visible() -> None:
    one = handed_over()
    one.reply("case.passed", "2026-01-30", agency="atriga", handover_id="nobody's")
    assert [one.status[name] for name in ("status", "attention")] == ["ToBePassed", ["unmatched_reply"]]


def test_a_reply_twice_is_one() -> None:
    one = handed_over()
    reply = {"handover_id": one.of("case.submit")[0].data["handover_id"], "occurred_at": "2026-01-30T10:00:00Z", "agency": "atriga"}
    one.event("case.passed", "2026-01-30", id="r", **reply)
    assert one.event("case.passed", "2026-01-31", id="r", **reply) == []


# --- money in a case


def test_what_the_agency_collects_settles_the_case_first_and_is_not_told_back() -> None:
    one = accepted()
    one.invoice("R0", at="2026-01-06", due="2026-01-10", amount=1_000)
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "credit")] == [7_000, 4_000, 0]
    assert one.status["receivables"][0]["invoice_id"] == "R0"
    one.reply("case.payment_received", "2026-02-03", payment_id="X2", amount=7_500, value_date="2026-02-02")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "credit")] == [0, 11_500, 500]
    assert [kind for kind, _ in one.commands] == ["case.submit"]


def test_a_negative_payment_of_the_agency_lowers_the_last_ones() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    one.reply("case.payment_received", "2026-02-03", payment_id="X2", amount=1_000, value_date="2026-02-02")
    one.reply("case.payment_received", "2026-02-04", payment_id="X3", amount=-2_500, value_date="2026-02-03")
    assert [one.status[name] for name in ("open_amount", "agency_balance")] == [7_500, 2_500]


def test_a_payment_that_came_back_on_its_own_day_whatever_its_id() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X2", amount=1_000, value_date="2026-02-02")
    one.reply("case.payment_received", "2026-02-03", payment_id="X1", amount=-1_000, value_date="2026-02-02")
    assert [one.status[name] for name in ("open_amount", "agency_balance")] == [10_000, 0]


def test_a_payout_lowers_the_balance_by_what_was_kept_too() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    one.pay("P1", "2026-02-10", 3_500, via="agency", withheld=500, statement_id="S")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "attention")] == [6_000, 0, []]


def test_a_payout_of_nothing_but_fees_lowers_the_balance_too() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=100, value_date="2026-02-01")
    one.pay("P1", "2026-02-10", 0, via="agency", withheld=100)
    assert [one.status[name] for name in ("agency_balance", "attention")] == [0, []]


def test_a_direct_payment_is_reported_once_and_its_difference_later() -> None:
    one = accepted()
    one.pay("P1", "2026-02-01", 3_000)
    one.event("payment.refunded", "2026-02-02", payment_id="P1", refund_id="F1", amount=500)
    one.event("chargeback.received", "2026-02-03", chargeback_id="B1", payment_id="P1", amount=2_500, booked_on="2026-02-03")
    one.event("chargeback.reversed", "2026-02-04", chargeback_id="B1", booked_on="2026-02-04")
    one.event("payment.failed", "2026-02-05", payment_id="P1")
    amounts = [out.data["amount"] for out in one.of("case.report_payment")]
    assert amounts == [3_000, -500, -2_500, 2_500, -2_500]
    assert {out.data["payment_id"] for out in one.of("case.report_payment")} == {"P1"}


def test_only_the_part_that_settled_the_case_is_reported() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-02-02", amount=1_000)
    one.pay("P1", "2026-02-03", 1_500, invoice_id="R2")
    assert [out.data["amount"] for out in one.of("case.report_payment")] == [500]
    one.pay("P2", "2026-02-04", 20_000)
    assert [out.data["amount"] for out in one.of("case.report_payment")] == [500, 9_500]


def test_a_payment_of_before_the_handover_that_comes_back_is_told() -> None:
    """The agency was given what was open; after the chargeback more is."""
    one = world(steps=HAND_OVER)
    one.invoice()
    one.pay("P1", "2026-01-20", 4_000)
    one.days("2026-01-20", "2026-01-29")
    assert one.commands == [("case.submit", 6_000)]
    one.event("chargeback.received", "2026-01-30", chargeback_id="B1", payment_id="P1", amount=4_000, booked_on="2026-01-30")
    assert one.commands[1:] == [("case.report_payment", -4_000)]


@pytest.mark.parametrize("passed", [False, True])
def test_paid_before_the_agency_began_is_a_recall(passed: bool) -> None:
    one = handed_over()
    if passed:
        one.reply("case.passed", "2026-01-30", agency="atriga")
    one.pay("P1", "2026-01-31", 10_000)
    assert one.commands == [("case.submit", 10_000), ("case.recall", "paid")]
    one.pay("P2", "2026-02-01", 10_000)
    one.event("chargeback.received", "2026-02-02", chargeback_id="B1", payment_id="P1", amount=10_000, booked_on="2026-02-02")
    one.event("dispute.opened", "2026-02-03", dispute_id="D1")
    one.event("handover.recalled", "2026-02-04", by="ann")
    assert len(one.commands) == 2  # after a recall with reason paid nothing more is sent
    one.reply("case.closed", "2026-02-05", outcome="unsuccessful", reason="recalled")
    assert [to for _, to in one.history[-2:]] == ["UnsuccessfullyClosed", "Clear"]


def test_paid_while_the_agency_works_is_a_report() -> None:
    one = accepted()
    one.pay("P1", "2026-02-01", 10_000)
    assert one.commands[1:] == [("case.report_payment", 10_000)]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("invoice.corrected", {"invoice_id": "R1", "amount": 9_000}),
        ("invoice.corrected", {"invoice_id": "R1", "due_on": "2026-01-21"}),
        ("invoice.written_off", {"invoice_id": "R1", "amount": 500}),
        ("credit_note.issued", {"credit_note_id": "N", "invoice_id": "R1", "amount": 500}),
        ("credit_note.issued", {"credit_note_id": "N", "amount": 500}),
    ],
)
def test_a_changed_claim_is_told(kind: str, data: dict[str, Any]) -> None:
    one = accepted()
    one.event(kind, "2026-02-01", **data)
    assert one.commands[1:] == [("case.send_message", "claim_changed")]


def test_money_that_flows_on_into_the_case_is_told() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-03-20", amount=1_000)
    one.pay("P1", "2026-02-02", 1_000, invoice_id="R2")
    one.event("invoice.cancelled", "2026-02-03", invoice_id="R2")
    assert one.status["open_amount"] == 9_000
    assert one.commands[1:] == [("case.send_message", "claim_changed")]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("invoice.cancelled", {"invoice_id": "R1"}),
        ("invoice.written_off", {"invoice_id": "R1"}),
        ("credit_note.issued", {"credit_note_id": "N", "invoice_id": "R1", "amount": 10_000}),
    ],
)
def test_a_claim_that_is_gone_is_recalled_once(kind: str, data: dict[str, Any]) -> None:
    one = accepted()
    one.event(kind, "2026-02-01", **data)
    one.event("invoice.corrected", "2026-01-31", invoice_id="R1", due_on="2026-01-22")
    assert one.commands[1:] == [("case.recall", "claim_gone")]


def test_what_does_not_touch_the_case_is_not_told() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-02-20", amount=1_000)
    one.event("invoice.corrected", "2026-02-02", invoice_id="R2", amount=900)
    one.event("dispute.opened", "2026-02-03", dispute_id="D1", invoice_id="R2")
    assert [kind for kind, _ in one.commands] == ["case.submit"]


def test_disputes_are_told() -> None:
    one = accepted()
    one.event("dispute.opened", "2026-02-01", dispute_id="D1")
    one.event("dispute.resolved", "2026-02-03", dispute_id="D1", outcome="rejected")
    one.event("dispute.opened", "2026-02-04", dispute_id="D2", invoice_id="R1")
    one.event("dispute.resolved", "2026-02-05", dispute_id="D2", outcome="upheld")
    assert [about for _, about in one.commands[1:]] == ["disputed", "dispute_rejected", "disputed"]


def test_a_recall_by_hand_goes_out_once() -> None:
    one = accepted()
    one.event("handover.recalled", "2026-02-01", by="ann")
    one.event("handover.recalled", "2026-02-02", by="ann")
    assert one.commands[1:] == [("case.recall", "ordered")]
    assert one.status["status"] == "Accepted"
    one.reply("case.closed", "2026-02-03", outcome="unsuccessful", reason="recalled")
    assert [one.status[name] for name in ("status", "attention")] == ["UnsuccessfullyClosed", ["recalled"]]
    one.event("handover.recalled", "2026-02-04", by="ann")
    assert [reason for reason, _ in one.refused] == ["no open case"]


# --- how cases end


def test_success_fixes_what_was_open_as_settled_by_the_agency() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    told = one.reply("case.closed", "2026-02-10", outcome="successful", reason="paid")
    changes = [(out.data["from"], out.data["to"], out.data["reason"]) for out in told if out.type == "case_history.recorded"]
    assert changes == [("Accepted", "SuccessfullyClosed", "paid"), ("SuccessfullyClosed", "Clear", None)]
    assert [one.status[name] for name in ("open_amount", "agency_balance", "written_off", "cycle")] == [0, 10_000, 0, 2]
    assert [one.status[name] for name in ("agency", "agency_account", "handover_id", "case_id", "stage")] == [None] * 5
    one.reply("case.payment_received", "2026-02-11", payment_id="X2", amount=6_000, value_date="2026-02-09")
    one.reply("case.payment_received", "2026-02-12", payment_id="X3", amount=-6_000, value_date="2026-02-09")
    assert [one.status[name] for name in ("agency_balance", "credit", "attention")] == [10_000, 0, ["unmatched_reply"]]


def test_a_settlement_below_the_claim_is_written_off() -> None:
    one = accepted()
    one.reply("case.payment_received", "2026-02-02", payment_id="X1", amount=4_000, value_date="2026-02-01")
    one.reply("case.closed", "2026-02-10", outcome="successful", reason="settlement")
    assert [one.status[name] for name in ("open_amount", "agency_balance", "written_off", "status")] == [0, 4_000, 6_000, "Clear"]


def test_success_while_others_are_overdue_begins_a_new_cycle_on_them() -> None:
    one = accepted()
    one.invoice("R2", at="2026-02-01", due="2026-02-02", amount=1_000)
    told = one.reply("case.closed", "2026-02-10", outcome="successful", reason="paid")
    assert [(out.data["from"], out.data["to"]) for out in told if out.type == "case_history.recorded"] == [
        ("Accepted", "SuccessfullyClosed"),
        ("SuccessfullyClosed", "Due"),
    ]
    assert [one.status[name] for name in ("cycle", "rung", "next_step", "next_step_on")] == [2, 0, 1, "2026-02-12"]


def test_reopened_after_success_it_climbs_anew_and_what_was_lowered_flows_on() -> None:
    one = closed("successful", "paid")
    one.invoice("R2", at="2026-02-11", due="2026-03-01", amount=3_000)
    one.event("invoice.corrected", "2026-02-12", invoice_id="R1", amount=8_000)
    assert [one.status[name] for name in ("open_amount", "agency_balance")] == [1_000, 10_000]


def test_failure_exhausts_its_receivables() -> None:
    one = closed("unsuccessful", "no_assets")
    one.days("2026-02-11", "2026-05-01")
    assert [one.status[name] for name in ("status", "open_amount", "overdue_amount", "attention")] == [
        "UnsuccessfullyClosed",
        10_000,
        0,
        [],
    ]
    one.reply("case.payment_received", "2026-05-02", payment_id="X9", amount=4_000, value_date="2026-05-01")
    assert [one.status[name] for name in ("open_amount", "attention")] == [6_000, ["unmatched_reply"]]
    one.pay("P1", "2026-05-03", 6_000)
    assert [one.status[name] for name in ("status", "cycle", "open_amount")] == ["Clear", 2, 0]
    one.event("chargeback.received", "2026-05-05", chargeback_id="B1", payment_id="P1", amount=6_000, booked_on="2026-05-04")
    assert [one.status[name] for name in ("status", "overdue_amount")] == ["Due", 6_000]  # ordinary again


def test_others_begin_a_new_cycle_after_a_failure() -> None:
    one = closed("unsuccessful", "no_assets")
    one.invoice("R2", at="2026-02-11", due="2026-02-12", amount=3_000)
    one.tick("2026-02-13")
    assert [one.status[name] for name in ("status", "cycle", "overdue_amount", "open_amount")] == ["Due", 2, 3_000, 13_000]
    one.pay("P1", "2026-02-14", 3_000, invoice_id="R2")
    assert [one.status[name] for name in ("status", "cycle", "open_amount")] == ["Clear", 3, 10_000]


def test_too_little_else_overdue_begins_no_cycle() -> None:
    one = closed("unsuccessful", "no_assets", minimum_open={"EUR": 500})
    one.invoice("R2", at="2026-02-11", due="2026-02-12", amount=300)
    one.tick("2026-02-13")
    assert [one.status[name] for name in ("status", "cycle")] == ["UnsuccessfullyClosed", 1]


@pytest.mark.parametrize(
    ("reason", "account", "refusal"),
    [
        ("no_assets", "south", None),
        ("no_assets", None, "no second placement"),
        ("recalled", None, None),
        ("deceased", "south", "no second placement"),
        ("insolvency", "south", "no second placement"),
        ("limitation", "south", "no second placement"),
    ],
)
def test_a_second_placement(reason: str, account: str | None, refusal: str | None) -> None:
    one = closed("unsuccessful", reason)
    one.event("handover.ordered", "2026-02-11", by="ann", **({"account": account} if account else {}))
    assert [found for found, _ in one.refused] == ([refusal] if refusal else [])
    if refusal is None:
        submit = one.of("case.submit")[1].data
        assert (submit["attempt"], submit["handover_id"]) == (2, handover_id("acme/C-1", 1, 2))
        assert [one.status[name] for name in ("status", "attention")] == ["ToBePassed", []]


def test_rejected_waits_for_a_person() -> None:
    one = rejected()
    assert [one.status[name] for name in ("status", "attention", "overdue_amount")] == ["Rejected", ["rejected"], 0]
    assert one.of("case_history.recorded")[-1].data["reason"] == "address_wrong"
    one.days("2026-01-31", "2026-03-01")
    assert one.status["status"] == "Rejected"
    one.event("handover.ordered", "2026-03-02", by="ann")
    assert [one.status[name] for name in ("status", "attention")] == ["ToBePassed", []]
    assert one.of("case.submit")[1].data["attempt"] == 2


def test_rejected_and_paid_is_a_reset() -> None:
    one = rejected()
    one.pay("P1", "2026-02-01", 10_000)
    assert [one.status[name] for name in ("status", "cycle", "attention")] == ["Clear", 2, []]
    assert [kind for kind, _ in one.commands] == ["case.submit"]


def test_rejected_receivables_wait_on_while_others_climb() -> None:
    one = rejected()
    one.invoice("R2", at="2026-01-31", due="2026-02-01", amount=3_000)
    one.tick("2026-02-02")
    assert [one.status[name] for name in ("status", "cycle", "overdue_amount", "attention")] == ["Due", 2, 3_000, ["rejected"]]
    one.pay("P1", "2026-02-03", 3_000, invoice_id="R2")
    assert [one.status[name] for name in ("status", "cycle", "attention")] == ["Clear", 3, ["rejected"]]
    one.event("handover.ordered", "2026-02-04", by="ann")
    assert [one.status[name] for name in ("status", "cycle", "attention")] == ["ToBePassed", 3, []]
    assert one.of("case.submit")[1].data["handover_id"] == handover_id("acme/C-1", 3, 1)


def test_replies_to_a_rejected_handover_settle_and_exhaust_but_change_no_status() -> None:
    one = rejected()
    one.invoice("R2", at="2026-01-31", due="2026-02-01", amount=3_000)
    one.tick("2026-02-02")
    one.reply("case.payment_received", "2026-02-03", payment_id="X1", amount=1_000, value_date="2026-02-03")
    assert [one.status[name] for name in ("status", "open_amount")] == ["Due", 12_000]
    one.reply("case.closed", "2026-02-04", outcome="unsuccessful", reason="no_assets")
    assert [one.status[name] for name in ("status", "attention", "overdue_amount")] == ["Due", [], 3_000]


def test_a_rejected_handover_that_another_replaced_settles_nothing_of_it() -> None:
    """Its receivables are in the new case: an older close of the first is ignored, a newer one ends nothing but the first."""
    one = rejected()
    first = one.of("case.submit")[-1].data["handover_id"]
    one.event("handover.ordered", "2026-02-01", by="ann")
    closed = {"handover_id": first, "outcome": "successful", "reason": "paid"}
    one.reply("case.closed", "2026-02-02", occurred_at="2026-01-29T12:00:00Z", **closed)
    assert [one.status[name] for name in ("status", "open_amount", "agency_balance")] == ["ToBePassed", 10_000, 0]
    one.reply("case.closed", "2026-02-03", **closed)
    assert [one.status[name] for name in ("status", "open_amount", "agency_balance")] == ["ToBePassed", 10_000, 0]
    one.reply("case.passed", "2026-02-04", agency="atriga")
    assert one.status["status"] == "Passed"


def test_what_was_recalled_asks_for_a_person_again_when_it_is_open_again() -> None:
    one = handed_over()
    one.reply("case.closed", "2026-02-02", outcome="unsuccessful", reason="recalled")
    one.invoice("R2", at="2026-02-03", due="2026-02-04", amount=3_000)
    one.tick("2026-02-05")
    assert [one.status[name] for name in ("status", "cycle", "attention")] == ["Due", 2, ["recalled"]]
    one.pay("P1", "2026-02-06", 10_000, invoice_id="R1")
    assert one.status["attention"] == []
    one.event("payment.failed", "2026-02-07", payment_id="P1")
    assert one.status["attention"] == ["recalled"]


def test_what_waits_is_handed_over_again_though_only_costs_are_open() -> None:
    steps = [{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 300}}, {"kind": "hand_over", "day": 10}]
    one = world(steps=steps, settlement="principal_first")
    one.invoice()
    one.days("2026-01-19", "2026-01-29")
    one.reply("case.rejected", "2026-01-30", reasons=[])
    one.pay("P1", "2026-01-31", 10_000)
    assert [one.status[name] for name in ("status", "open_amount", "costs")] == ["Rejected", 0, 300]
    one.event("handover.ordered", "2026-02-01", by="ann")
    submitted = one.of("case.submit")[-1].data
    assert [submitted[name] for name in ("attempt", "open_amount", "costs")] == [2, 0, 300]
    assert [one.status[name] for name in ("status", "attention")] == ["ToBePassed", []]


def test_the_named_part_goes_and_the_rest_waits_on() -> None:
    one = world(steps=HAND_OVER)
    one.invoice("R1")
    one.invoice("R2", due="2026-01-20", amount=3_000)
    one.days("2026-01-19", "2026-01-30")
    one.reply("case.rejected", "2026-01-30", reasons=[])
    one.event("handover.ordered", "2026-02-01", by="ann", invoice_ids=["R2"])
    assert [one.status[name] for name in ("status", "attention")] == ["ToBePassed", ["rejected"]]
    one.reply("case.closed", "2026-02-02", outcome="successful", reason="paid")
    assert [one.status[name] for name in ("status", "open_amount", "attention")] == ["Clear", 10_000, ["rejected"]]


def test_in_long_term_monitoring_the_case_steps_back_for_others() -> None:
    one = accepted()
    one.invoice("R2", at="2026-01-31", due="2026-02-01", amount=3_000)
    one.tick("2026-02-02")
    assert one.status["status"] == "Accepted"  # the others wait while the agency works
    one.reply("case.phase_changed", "2026-02-03", phase="collection", stage="long_term_monitoring")
    assert [one.status[name] for name in ("status", "cycle", "overdue_amount")] == ["Due", 2, 3_000]
    one.pay("P1", "2026-02-04", 2_000, invoice_id="R1")
    assert one.commands[-1] == ("case.report_payment", 2_000)
    one.reply("case.closed", "2026-02-05", outcome="successful", reason="paid")
    assert [one.status[name] for name in ("status", "open_amount", "agency_balance")] == ["Due", 3_000, 8_000]


def test_a_new_cycle_may_find_too_little_under_the_policy_of_its_own() -> None:
    """Others are overdue enough for the cycle that ends, but not for the version with which the next one would begin."""
    one = closed("unsuccessful", "no_assets")
    one.apply_policy("2026-02-11", version=2, minimum_open={"EUR": 500})
    one.invoice("R2", at="2026-02-11", due="2026-02-12", amount=300)
    one.tick("2026-02-13")
    assert [one.status[name] for name in ("status", "cycle", "overdue_amount")] == ["Clear", 2, 300]


# --- silence


def test_a_recall_without_an_answer_does_not_stay_invisible() -> None:
    one = accepted()
    one.event("handover.recalled", "2026-02-01", by="ann")
    one.days("2026-02-01", "2026-02-06")
    assert one.status["attention"] == []
    one.tick("2026-02-07")
    assert one.status["attention"] == ["recall_unanswered"]
    one.event("attention.cleared", "2026-02-08", by="ann", name="recall_unanswered")
    one.days("2026-02-08", "2026-02-20")
    assert one.status["attention"] == []
    one.reply("case.phase_changed", "2026-02-20", phase="collection")
    one.days("2026-02-20", "2026-02-26")
    assert one.status["attention"] == ["recall_unanswered"]
    one.reply("case.closed", "2026-02-27", outcome="unsuccessful", reason="recalled")
    assert one.status["attention"] == ["recalled"]


def test_a_handover_without_an_answer_does_not_stay_invisible() -> None:
    """Five working days: handed over on Thursday, said on the Friday of the week after."""
    one = handed_over(calendar={"country": "DE"})
    one.reply("case.document_added", "2026-01-30", document_id="D", kind="letter", link="l")
    one.days("2026-01-30", "2026-02-06")
    assert one.status["attention"] == []
    one.tick("2026-02-09")
    assert one.status["attention"] == ["not_passed"]
    one.reply("case.passed", "2026-02-10", agency="atriga")
    assert one.status["attention"] == []
