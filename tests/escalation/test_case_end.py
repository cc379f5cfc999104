"""Section 6: how cases end, and what waits or goes on after them."""

import pytest

from schemas.ids import handover_id
from tests.escalation.cases import HAND_OVER, accepted, closed, handed_over, rejected
from tests.escalation.harness import world


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
