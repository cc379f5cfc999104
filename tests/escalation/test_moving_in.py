"""Section 1: moving in with open dunning and with an open case."""

from typing import Any

import pytest

from tests.escalation.harness import World, world


def known(**changes: Any) -> World:
    """Due 2026-01-19. Here reminders would be sent on 2026-01-24 and, with a fee, 2026-02-02; handover on 2026-02-18."""
    one = world(**changes)
    one.invoice()
    return one


def move_in(one: World, at: str, *receivables: dict[str, Any], case: dict[str, Any] | None = None, as_of: str | None = None) -> None:
    more: dict[str, Any] = {} if case is None else {"case": case}
    one.event("contract.taken_over", at, as_of=as_of or at, receivables=list(receivables), **more)


def reminded(invoice_id: str = "R1", rung: int = 1, level: int = 1, **more: Any) -> dict[str, Any]:
    return {"invoice_id": invoice_id, "rung": rung, "level": level, **more}


def open_case(status: str = "Accepted", **more: Any) -> dict[str, Any]:
    return {"agency_account": "main", "case_id": "A1", "status": status, "invoice_ids": ["R1"], **more}


def test_the_ladder_goes_on_where_it_stood() -> None:
    one = known()
    move_in(one, "2026-01-26", reminded(reminded_on=["2026-01-25"]))
    assert [one.status[name] for name in ("status", "dunning_level", "rung", "next_step")] == ["Reminded", 1, 1, 2]
    one.days("2026-01-26", "2026-02-20")
    assert one.reminders == [("2026-02-03", 2)]  # nine days after the last one
    assert one.history[-1] == ("2026-02-19", "ToBePassed")  # and sixteen days after that


def test_one_day_may_be_said_without_a_list() -> None:
    one = known()
    move_in(one, "2026-01-26", reminded(reminded_on="2026-01-25"))
    assert one.status["next_step_on"] == "2026-02-03"


def test_without_a_day_the_next_step_keeps_its_distance_from_the_day_of_the_move() -> None:
    one = known()
    move_in(one, "2026-01-28", reminded(), as_of="2026-01-27")
    assert (one.status["status"], one.status["next_step_on"]) == ("Reminded", "2026-02-05")


def test_a_second_move_leaves_what_the_first_said_of_others() -> None:
    """Its reminders stay, so does the distance to the last of them."""
    one = known()
    one.invoice("R2", due="2026-01-20")
    move_in(one, "2026-01-18", reminded(reminded_on=["2026-01-17"]), as_of="2026-01-18")
    move_in(one, "2026-01-19", reminded("R2", reminded_on=["2026-01-10"]), as_of="2026-01-18")
    one.tick("2026-01-20")
    assert [one.status[name] for name in ("status", "dunning_level", "rung")] == ["Reminded", 1, 1]
    assert one.status["next_step_on"] == "2026-02-02"  # the 14th day of R1; nine days after 17 January were over before
    one.days("2026-01-21", "2026-02-18")
    submitted = one.of("case.submit")[0].data["claims"]
    assert {claim["invoice_id"]: claim["reminded_on"] for claim in submitted} == {
        "R1": ["2026-01-17", "2026-02-02"],
        "R2": ["2026-01-10", "2026-02-02"],
    }


def test_a_fee_charged_elsewhere_is_not_charged_again() -> None:
    one = known()
    move_in(one, "2026-02-03", reminded(rung=2, level=2, reminded_on=["2026-01-25", "2026-02-03"]))
    assert one.status["costs"] == 0
    one.event("invoice.corrected", "2026-02-04", invoice_id="R1", due_on="2026-03-01")  # the cycle ends
    one.days("2026-02-04", "2026-03-20")
    assert one.reminders == [("2026-03-06", 1), ("2026-03-15", 2)]
    assert one.status["costs"] == 0


def test_the_days_of_those_reminders_go_to_the_agency() -> None:
    one = known()
    move_in(one, "2026-02-03", reminded(rung=2, level=2, reminded_on=["2026-01-25", "2026-02-03"]))
    one.days("2026-02-03", "2026-02-19")
    claim = one.of("case.submit")[0].data["claims"][0]
    assert (claim["reminded_on"], claim["default_on"]) == (["2026-01-25", "2026-02-03"], "2026-01-25")


def test_what_comes_later_stands_where_it_stood() -> None:
    one = world()
    move_in(one, "2026-01-10", reminded("R2", reminded_on="2026-01-09"))
    one.invoice("R2", at="2026-01-12", due="2026-01-12")
    one.tick("2026-01-14")
    assert (one.status["status"], one.status["rung"]) == ("Reminded", 1)
    one.days("2026-01-15", "2026-01-26")
    assert one.reminders == [("2026-01-26", 2)]


def test_rungs_end_with_the_ladder() -> None:
    one = known()
    move_in(one, "2026-01-26", reminded(rung=7))
    assert (one.status["rung"], one.status["attention"]) == (3, ["ladder_ended"])


def test_rungs_end_with_the_ladder_that_the_cycle_begins_with() -> None:
    """Moved in under a ladder of three steps, begun under one of a single step: capped at its length (section 4)."""
    one = known()
    one.apply_policy("2026-01-06", policy="short", steps=[{"kind": "remind", "day": 5, "level": 1}])
    move_in(one, "2026-01-07", reminded(rung=3, level=2))
    one.event("contract.configured", "2026-01-08", policy="short")
    one.tick("2026-01-20")
    assert [one.status[name] for name in ("status", "rung", "next_step")] == ["Reminded", 1, None]
    assert [row["rung"] for row in one.status["receivables"]] == [1]


def test_once_a_step_was_taken_it_is_too_late() -> None:
    one = known()
    one.days("2026-01-20", "2026-01-24")
    move_in(one, "2026-01-25", reminded())
    assert one.refused[0][0] == "cycle begun"
    assert one.status["attention"] == ["unapplied_event"]


def test_of_two_the_last_counts() -> None:
    one = known()
    move_in(one, "2026-01-12", reminded(level=2, rung=2, reminded_on="2026-01-11"))
    move_in(one, "2026-01-13", reminded(level=1, rung=1, reminded_on="2026-01-11"))
    one.tick("2026-01-20")
    assert (one.status["dunning_level"], one.status["rung"]) == (1, 1)


# --- with an open case


def test_an_adopted_case_goes_on_without_being_submitted() -> None:
    one = known()
    move_in(one, "2026-02-20", reminded(rung=3, level=2), case=open_case(handover_id="H-77"))
    assert [one.status[name] for name in ("status", "dunning_level", "rung", "handover_id", "case_id", "agency_account", "agency")] == [
        *("Accepted", 2, 3, "H-77", "A1", "main", None)
    ]
    assert (one.history, one.commands) == ([("2026-02-20", "Accepted")], [])
    one.reply("case.closed", "2026-03-01", handover_id="H-77", outcome="successful", reason="paid")
    assert [status for _, status in one.history] == ["Accepted", "SuccessfullyClosed", "Clear"]
    assert one.status["agency_balance"] == 10_000


@pytest.mark.parametrize("status", ["ToBePassed", "Passed", "FirstDunningPhase", "SecondDunningPhase", "DebtCollection"])
def test_every_open_status_is_taken_over(status: str) -> None:
    one = known()
    move_in(one, "2026-02-20", case=open_case(status))
    assert (one.status["status"], one.commands) == (status, [])


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (open_case("Reminded"), "case not open"),
        (open_case("UnsuccessfullyClosed"), "case not open"),
        (open_case(invoice_ids=["R1", "R9"]), "unknown receivable"),
        (open_case(invoice_ids=[]), "invalid"),
    ],
)
def test_what_is_no_open_case_about_something_known_is_refused(case: dict[str, Any], reason: str) -> None:
    one = known()
    move_in(one, "2026-02-20", case=case)
    assert one.refused[0][0] == reason
    assert one.status["status"] == "Clear"


def test_its_handover_has_our_id_where_none_is_told() -> None:
    one, other = known(), known()
    move_in(one, "2026-02-20", case=open_case())
    other.days("2026-01-19", "2026-02-18")
    assert one.status["handover_id"] == other.of("case.submit")[0].data["handover_id"]


def test_what_was_paid_by_then_the_agency_knows() -> None:
    one = known()
    one.pay("P1", "2026-01-12", 1_000)
    move_in(one, "2026-02-20", case=open_case())
    one.pay("P2", "2026-02-18", 2_000, at="2026-02-21")
    assert one.commands == []
    one.pay("P3", "2026-02-22", 3_000)
    one.event("chargeback.received", "2026-02-23", chargeback_id="B1", payment_id="P2", amount=2_000, booked_on="2026-02-23")
    assert one.commands == [("case.report_payment", 3_000), ("case.report_payment", -2_000)]


def test_what_had_been_charged_back_by_then_is_told_when_that_is_reversed() -> None:
    """Found by the auditor (seed 10476): what was worth nothing at the move counted as known to the agency, whatever became of it."""
    one = known()
    one.event("payment.received", "2026-02-01", payment_id="P1", amount=4_000, currency="EUR", value_date="2026-02-01")
    one.event("chargeback.received", "2026-02-05", chargeback_id="B1", payment_id="P1", amount=4_000, booked_on="2026-02-05")
    move_in(one, "2026-02-20", case=open_case())
    outs = one.event("chargeback.reversed", "2026-02-21", chargeback_id="B1", booked_on="2026-02-21")
    assert [(out.data["payment_id"], out.data["amount"]) for out in outs if out.type == "case.report_payment"] == [("P1", 4_000)]


def test_a_case_is_taken_over_after_reminders_were() -> None:
    """Found by the auditor (seed 12247): under a policy that only watches, the reminders of a first move make a contract Reminded."""
    one = known(steps=[])
    move_in(one, "2026-01-26", reminded(reminded_on="2026-01-25"))
    one.invoice("R2", at="2026-01-27", due="2026-02-10")
    assert one.status["status"] == "Reminded"
    move_in(one, "2026-02-20", case=open_case(invoice_ids=["R2"]))
    assert [one.status[name] for name in ("status", "cycle", "case_id")] == ["Accepted", 1, "A1"]


def test_a_case_with_the_id_of_another_is_refused() -> None:
    """Found by the auditor (seed 13060): replies would reach the wrong one."""
    one = known()
    move_in(one, "2026-01-26", case=open_case(handover_id="H-77"))
    one.reply("case.closed", "2026-02-01", handover_id="H-77", outcome="unsuccessful", reason="insolvency")
    one.invoice("R2", at="2026-02-02", due="2026-02-03")
    one.tick("2026-02-06")
    assert (one.status["status"], one.status["cycle"]) == ("Due", 2)
    move_in(one, "2026-02-07", case=open_case(handover_id="H-77", invoice_ids=["R2"]))
    assert one.refused[-1][0] == "invalid"


def test_what_is_not_in_the_case_waits() -> None:
    one = known()
    one.invoice("R2", due="2026-01-19", amount=500)
    move_in(one, "2026-02-20", reminded(rung=3, level=2), reminded("R2"), case=open_case())
    one.days("2026-02-20", "2026-03-20")
    assert (one.reminders, one.status["status"]) == ([], "Accepted")


def test_an_adopted_case_that_nobody_passes_on_is_noticed() -> None:
    one = known()
    move_in(one, "2026-02-20", case=open_case("ToBePassed"))
    one.days("2026-02-20", "2026-02-27")
    assert one.status["attention"] == ["not_passed"]


# --- a creditor's first day: what is published has the time of the move, so old invoices are overdue at once


def test_overdue_invoices_published_on_the_day_of_the_move_take_over_their_rungs() -> None:
    one = world()
    one.invoice(at="2026-03-02")
    assert one.status["status"] == "Due"
    move_in(one, "2026-03-02", reminded(reminded_on=["2026-03-01"]))
    assert [one.status[name] for name in ("status", "dunning_level", "rung")] == ["Reminded", 1, 1]
    one.days("2026-03-02", "2026-03-10")
    assert one.reminders == [("2026-03-10", 2)]


@pytest.mark.parametrize("status", ["Accepted", "DebtCollection"])
def test_a_case_about_overdue_invoices_is_taken_over(status: str) -> None:
    one = world()
    one.invoice(at="2026-03-02")
    one.invoice("R2", at="2026-03-02", amount=500)
    move_in(one, "2026-03-02", reminded(rung=3, level=2), reminded("R2", rung=3, level=2), case=open_case(status, invoice_ids=["R1", "R2"]))
    assert (one.refused, one.status["status"]) == ([], status)
    one.days("2026-03-02", "2026-03-20")
    assert one.of("case.submit") == []
    assert one.reminders == []


def test_a_held_contract_moves_in_too() -> None:
    one = world()
    one.event("hold.placed", "2026-03-01", hold_id="H1", kind="manual")
    one.invoice(at="2026-03-02")
    assert one.status["status"] == "Held"
    move_in(one, "2026-03-02", reminded(), case=open_case())
    assert (one.refused, one.status["status"]) == ([], "Accepted")
