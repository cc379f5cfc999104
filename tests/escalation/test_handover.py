"""Section 6: handing over, by the ladder and by hand: what is covered, to whom it goes, and what the agency is told."""

import pytest

from schemas.ids import handover_id
from tests.escalation.cases import HAND_OVER, handed_over
from tests.escalation.harness import world


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
        "expected_agency_costs": 5_562,
        "debtor_kind": "consumer",
        "creditor": {"name": "Acme", "address": "Here 1", "iban": "DE00", "vat_deduction": False},
    }
    assert [one.status[name] for name in ("agency", "agency_account", "rung", "dunning_level")] == [None, "north", 2, 1]


@pytest.mark.parametrize(
    ("amount", "costs"),
    [(4_000, 3_402), (30_000, 5_562), (500_000, 31_905 + 2_000), (500_001, None)],
)
def test_what_the_agency_may_charge_is_told(amount: int, costs: int | None) -> None:
    """`domain.md` 6: the principal alone decides, not what dunning cost."""
    one = world(steps=[{"kind": "remind", "day": 5, "level": 1, "fee": {"EUR": 250}}, {"kind": "hand_over", "day": 10}])
    one.invoice(amount=amount)
    one.days("2026-01-19", "2026-01-29")
    assert one.of("case.submit")[0].data.get("expected_agency_costs") == costs


def test_the_day_of_the_mandate_decides_about_the_agency_costs() -> None:
    one = world(steps=[{"kind": "hand_over", "day": 10}])
    one.invoice(at="2025-05-01", issued="2025-05-01", due="2025-05-20", amount=30_000)
    one.tick("2025-05-31")
    assert one.of("case.submit")[0].data["expected_agency_costs"] == 4_410 + 882


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
