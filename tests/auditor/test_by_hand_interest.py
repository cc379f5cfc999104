"""Section 2 by hand: interest. 36.5 percent a year are 0.1 percent a day, so R1 over 100.00 bears 10 cents a day."""

from typing import Any

import pytest

from tests.auditor.tale import JUDGES, Tale

pytestmark = pytest.mark.parametrize("judge", JUDGES)

TENTH = {"interest": {"kind": "fixed", "percent": "36.5"}, "default": "due_date"}


def bearing(**changes: Any) -> Tale:
    """R1 over 100.00, due 19 January: it bears interest from the 20th on."""
    one = Tale(**(TENTH | {"steps": []} | changes))
    one.invoice()
    return one


def told(one: Tale, day: str) -> None:
    """Something that changes case-status but no money, so that it says what the interest is on that day."""
    one.event("hold.placed", day, hold_id=f"H-{day}", kind="manual", until=day)
    one.event("hold.placed", day, hold_id=f"K-{day}", kind="manual")


def test_a_payment_settles_what_arose_up_to_its_value_date(judge: str) -> None:
    """50.00 on the 29th settle 1.00 of interest and 49.00 of the debt; 51.00 bear 5.1 cents a day, 56.1 cents by 9 February."""
    one = bearing()
    one.pays("P1", "2026-01-29", 5_000)
    assert one.by(judge).now("open_amount", "interest", "credit") == [5_100, 0, 0]
    told(one, "2026-02-09")
    assert one.by(judge).now("open_amount", "interest") == [5_100, 56]


def test_a_payment_that_comes_late_counts_from_its_value_date(judge: str) -> None:
    one = bearing()
    told(one, "2026-02-09")
    assert one.by(judge).now("interest") == [210]
    one.pays("P1", "2026-02-10", 5_000, value_date="2026-01-29")
    assert one.by(judge).now("open_amount", "interest") == [5_100, 61]  # twelve days of 5.1 cents


def test_turned_round_the_debt_goes_first_and_what_is_left_bears_no_more(judge: str) -> None:
    one = bearing(settlement="principal_first")
    one.pays("P1", "2026-01-29", 10_000)
    told(one, "2026-03-01")
    assert one.by(judge).now("open_amount", "interest", "credit") == [0, 100, 0]


def test_statutory_interest_changes_with_the_base_rate_and_a_business_bears_more(judge: str) -> None:
    """10,000.00 from 20 December 2022: 12 days of 4.12 percent, 10 of 6.62: 13.545 and 18.137; of 8.12 and 10.62: 26.696 and 29.096."""
    for kind, minor in ((None, 3_168), ("business", 5_579)):
        one = Tale(steps=[], default="due_date", interest={"kind": "statutory"})
        one.event("contract.configured", "2022-12-01", **({"debtor_kind": kind} if kind else {"country": "DE"}))
        one.invoice(at="2022-12-05", due="2022-12-19", amount=1_000_000)
        told(one, "2023-01-10")
        assert one.by(judge).now("interest") == [minor]


def test_default_begins_with_the_first_reminder(judge: str) -> None:
    """On 24 January; on 2 February it has borne nine days, which the second reminder asks for."""
    one = Tale(**(TENTH | {"default": "first_reminder"}))
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert one.by(judge).notices("reminder", "interest") == [("2026-01-24", 0), ("2026-02-02", 90)]


def test_a_raise_bears_from_its_day_and_what_was_lowered_never_bore(judge: str) -> None:
    """60.00 of 100.00 from the 29th on: as if it had always been 60.00; 90.00 again from 3 February on bear 30.00 more only from then."""
    one = bearing()
    one.event("invoice.corrected", "2026-01-29", invoice_id="R1", amount=6_000)
    assert one.by(judge).now("interest") == [60]
    one.event("invoice.corrected", "2026-02-03", invoice_id="R1", amount=9_000)
    assert one.by(judge).now("interest") == [93]


def test_days_under_a_moratorium_bear_nothing(judge: str) -> None:
    """29 January to 7 February, ten days."""
    one = bearing()
    one.event("hold.placed", "2026-01-29", hold_id="M", kind="statutory_moratorium", until="2026-02-08")
    told(one, "2026-02-09")
    assert one.by(judge).now("interest") == [110]


def test_what_was_overdue_when_a_breathing_space_began_bears_nothing_before_its_end(judge: str) -> None:
    """Ten days from the first reminder, 24 January to 2 February: it bears from 3 February on, seven days by the 9th."""
    one = Tale(**TENTH, breathing_space={"days": 10, "from": "first_step"})
    one.invoice()
    one.days("2026-01-19", "2026-02-03")
    told(one, "2026-02-09")
    assert one.by(judge).now("interest", "costs") == [70, 250]


def test_a_write_off_and_a_close_take_the_interest_of_their_day(judge: str) -> None:
    one = bearing()
    one.event("invoice.written_off", "2026-01-29", invoice_id="R1")
    told(one, "2026-02-09")
    assert one.by(judge).now("open_amount", "interest", "written_off") == [0, 0, 10_100]
    other = Tale(**TENTH)
    other.invoice()
    other.days("2026-01-19", "2026-02-18")
    assert other.by(judge).commands("interest", "interest_basis") == [
        ("2026-02-18", "case.submit", 300, {"kind": "fixed", "percent": "36.5"})
    ]
    other.replies("case.closed", "2026-02-20", outcome="successful", reason="paid")
    assert other.by(judge).now("open_amount", "costs", "interest", "agency_balance") == [0, 0, 0, 10_000 + 250 + 320]


def test_after_the_last_known_rate_interest_stays_and_somebody_is_told(judge: str) -> None:
    """1,000.00 at 6.52 percent from 12 to 31 December 2026: 20 days, 3.57; the new year's days bear nothing."""
    one = Tale(steps=[], default="due_date", interest={"kind": "statutory"})
    one.invoice(at="2026-12-01", due="2026-12-11", amount=100_000)
    one.days("2026-12-30", "2027-01-02")
    told(one, "2027-01-09")
    assert one.by(judge).now("interest", "attention") == [357, ["rate_missing"]]
