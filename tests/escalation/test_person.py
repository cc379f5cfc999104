"""Sections 3, 5 and 6: insolvency and death hold from the day they occurred, an open case is told, and no fee is owed under insolvency."""

import pytest

from tests.escalation.harness import World, world

BOTH = pytest.mark.parametrize(("kind", "hold"), [("insolvency.opened", "insolvency"), ("debtor.deceased", "deceased")])


def due() -> World:
    """Due 2026-01-19: reminders on 2026-01-24 and 2026-02-02, handover on 2026-02-18."""
    one = world()
    one.invoice()
    return one


def in_case() -> World:
    one = due()
    one.days("2026-01-19", "2026-02-18")
    one.reply("case.accepted", "2026-02-19", agency="inkasso", case_id="A1")
    return one


@BOTH
def test_it_holds_from_the_day_it_occurred_until_it_is_released(kind: str, hold: str) -> None:
    one = due()
    one.days("2026-01-19", "2026-01-22")
    one.event(kind, "2026-01-22", occurred_on="2026-01-21")
    assert one.status["status"] == "Held"
    assert one.status["holds"] == [{"hold_id": hold, "kind": hold, "invoice_id": None, "from": "2026-01-21", "until": None}]
    one.days("2026-01-22", "2026-01-30")
    one.event("hold.released", "2026-01-31", hold_id=hold)
    one.days("2026-01-31", "2026-02-05")
    assert one.reminders == [("2026-02-03", 1)]


@BOTH
def test_what_occurs_again_after_a_release_holds_again(kind: str, hold: str) -> None:
    one = due()
    one.event(kind, "2026-01-20", occurred_on="2026-01-20")
    one.event("hold.released", "2026-01-22", hold_id=hold)
    one.event(kind, "2026-01-24", occurred_on="2026-01-24")
    assert [each["from"] for each in one.status["holds"]] == ["2026-01-24"]
    one.event("hold.released", "2026-01-26", hold_id=hold)
    one.days("2026-01-26", "2026-02-05")
    assert one.reminders == [("2026-01-28", 1)]  # of the nine days since it was due four were held


def test_the_first_release_ends_it_in_whatever_order_they_come() -> None:
    one = due()
    one.event("debtor.deceased", "2026-01-20", occurred_on="2026-01-20")
    one.event("hold.released", "2026-01-30", hold_id="deceased")
    one.event("hold.released", "2026-01-22", hold_id="deceased")
    one.days("2026-01-30", "2026-01-31")
    assert one.reminders == [("2026-01-30", 1)]


def test_the_end_of_another_hold_takes_no_release_away() -> None:
    """Found by the auditor (seed 822): a release told with an earlier time was all that was left once any other hold was released."""
    one = due()
    one.event("insolvency.opened", "2026-01-20", occurred_on="2026-01-20")
    one.event("hold.released", "2026-01-22", hold_id="insolvency")
    one.event("hold.released", "2026-01-10", hold_id="insolvency")
    one.event("hold.released", "2026-01-24", hold_id="another")
    assert one.status["holds"] == []


def test_a_release_of_one_does_not_end_the_other() -> None:
    one = due()
    one.event("debtor.deceased", "2026-01-20", occurred_on="2026-01-20")
    one.event("hold.released", "2026-01-20", hold_id="insolvency")
    assert one.status["status"] == "Held"


@BOTH
def test_an_open_case_is_told(kind: str, hold: str) -> None:
    one = in_case()
    one.event(kind, "2026-02-20", occurred_on="2026-02-15")
    assert one.commands[-1] == ("case.send_message", hold)
    assert one.status["status"] == "Accepted"


@BOTH
def test_what_was_released_before_it_was_told_is_not_told(kind: str, hold: str) -> None:
    one = in_case()
    one.event("hold.released", "2026-02-20", hold_id=hold)
    before = len(one.commands)
    one.event(kind, "2026-02-21", occurred_on="2026-02-19")
    assert one.commands[before:] == []


def test_no_fee_is_owed_for_a_step_on_a_day_under_insolvency() -> None:
    one = due()
    one.days("2026-01-19", "2026-02-03")
    assert one.status["costs"] == 250
    one.event("insolvency.opened", "2026-02-04", occurred_on="2026-02-02")
    assert one.status["costs"] == 0


def test_of_the_dead_fees_are_owed_by_the_estate() -> None:
    one = due()
    one.days("2026-01-19", "2026-02-03")
    one.event("debtor.deceased", "2026-02-04", occurred_on="2026-02-02")
    assert one.status["costs"] == 250
