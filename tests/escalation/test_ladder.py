"""Section 4: the ladder, its days, its rungs and its end."""

from typing import Any

from schemas.ids import output_id
from tests.escalation.harness import World, world

REMIND = [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 14, "level": 2}]


def test_each_step_on_its_day() -> None:
    """Due on Monday 2026-01-19: overdue on the 20th, reminders after 5 and 14 days, handed over after 30."""
    one = world()
    one.invoice()
    one.days("2026-01-05", "2026-02-28")
    assert one.history == [
        ("2026-01-20", "Due"),
        ("2026-01-24", "Reminded"),
        ("2026-02-02", "Reminded"),
        ("2026-02-18", "ToBePassed"),
        ("2026-02-24", "ToBePassed"),  # five working days without an answer
    ]
    assert one.reminders == [("2026-01-24", 1), ("2026-02-02", 2)]
    assert one.commands == [("case.submit", 10_000)]
    assert one.status["attention"] == ["not_passed"]


def test_status_says_what_comes_next() -> None:
    one = world()
    one.invoice()
    assert (one.status["status"], one.status["next_step"], one.status["next_step_on"]) == ("Clear", None, None)
    one.tick("2026-01-20")
    assert [one.status[name] for name in ("next_step", "next_step_kind", "next_step_on")] == [1, "remind", "2026-01-24"]
    one.days("2026-01-21", "2026-02-02")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_kind", "next_step_on")] == [2, 3, "hand_over", "2026-02-18"]
    one.tick("2026-02-18")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_kind", "next_step_on")] == [3, None, None, None]


def test_nobody_is_written_to_before_at() -> None:
    one = world(at="08:00")
    one.invoice()
    one.tick("2026-01-23T23:30:00+00:00")  # the 24th at 00:30 in Berlin
    assert one.status["status"] == "Due"
    assert not one.reminders
    one.tick("2026-01-24T06:59:00+00:00")
    assert not one.reminders
    one.tick("2026-01-24T07:00:00+00:00")
    assert one.reminders == [("2026-01-24", 1)]


def test_steps_wait_for_a_working_day() -> None:
    """The 24th is a Saturday, the 2026-02-18 a Wednesday; without a calendar every day is a working day."""
    one = world(working_days_only=True, calendar={"country": "DE", "subdivision": "HE"})
    one.invoice()
    one.days("2026-01-19", "2026-02-28")
    assert [day for day, _ in one.reminders] == ["2026-01-26", "2026-02-04"]  # the second nine days after the first
    assert one.of("case.submit")[0].time.date().isoformat() == "2026-02-20"


def test_due_day_moves_to_a_working_day() -> None:
    """Easter 2026: Good Friday 3 April to Easter Monday 6 April (BGB 193)."""
    one = world(calendar={"country": "DE", "subdivision": "HE"})
    one.invoice(at="2026-03-01", due="2026-04-03")
    one.days("2026-04-01", "2026-04-12")
    assert one.history == [("2026-04-08", "Due"), ("2026-04-12", "Reminded")]


def test_after_an_outage_steps_keep_their_distance() -> None:
    one = world()
    one.invoice()
    one.days("2026-04-01", "2026-05-30")
    assert one.reminders == [("2026-04-01", 1), ("2026-04-10", 2)]
    assert one.of("case.submit")[0].time.date().isoformat() == "2026-04-26"


def test_one_step_a_day_however_often_the_clock_jumps() -> None:
    one = world()
    one.invoice()
    for _ in range(3):
        one.tick("2026-03-01")
    assert len(one.reminders) == 1
    one.tick("2026-02-01")  # goes back: ignored
    one.tick("2026-03-01T23:00:00+00:00")  # already the 2nd in Berlin, but the distance is not there
    assert len(one.reminders) == 1


def test_clock_changes_of_the_zone() -> None:
    """at 02:30 does not exist on 2026-03-29 in Berlin: the step is taken at the first moment after."""
    one = world(at="02:30", steps=[{"kind": "remind", "day": 5, "level": 1}])
    one.invoice(at="2026-03-01", due="2026-03-24")
    one.tick("2026-03-29T00:59:00+00:00")
    assert not one.reminders
    one.tick("2026-03-29T01:00:00+00:00")  # 03:00 in Berlin
    assert len(one.reminders) == 1


def test_others_climb_with_the_anchor_and_none_of_their_steps_is_repeated() -> None:
    """R2 falls due while R1 is being reminded: when R1 is paid, R2 stands where it really was."""
    one = world()
    one.invoice("R1", due="2026-01-19")
    one.invoice("R2", due="2026-01-26")
    one.days("2026-01-19", "2026-02-02")  # both reminders; R2 overdue at the second
    second = one.of("notice.reminder")[1].data
    assert [(each["invoice_id"], each["covered"]) for each in second["receivables"]] == [("R1", True), ("R2", True)]
    assert [(each["invoice_id"], each["rung"]) for each in one.status["receivables"]] == [("R1", 2), ("R2", 1)]
    one.pay("P1", "2026-02-03", 10_250, invoice_id="R1")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_on", "status")] == [1, 2, "2026-02-11", "Reminded"]
    one.days("2026-02-04", "2026-02-11")
    assert one.reminders[-1] == ("2026-02-11", 2)  # nine days after the last step


def test_the_anchor_is_the_oldest_with_a_step_left() -> None:
    one = world(steps=REMIND)
    one.invoice("R1", due="2026-01-19")
    one.days("2026-01-19", "2026-02-05")
    assert one.status["attention"] == ["ladder_ended"]
    one.invoice("R2", at="2026-01-06", due="2026-02-10", amount=500)
    one.days("2026-02-06", "2026-02-28")
    assert one.reminders == [("2026-01-24", 1), ("2026-02-02", 2), ("2026-02-15", 1), ("2026-02-24", 2)]
    third = one.of("notice.reminder")[2].data
    assert [(each["invoice_id"], each["covered"]) for each in third["receivables"]] == [("R1", False), ("R2", True)]


def test_the_level_is_that_of_what_is_overdue() -> None:
    one = world(steps=REMIND)
    one.invoice("R1", due="2026-01-19")
    one.days("2026-01-19", "2026-02-05")
    one.invoice("R2", at="2026-02-01", due="2026-02-04", amount=500)
    one.tick("2026-02-06")
    assert (one.status["status"], one.status["dunning_level"]) == ("Reminded", 2)
    one.pay("P1", "2026-02-06", 10_000, invoice_id="R1")
    assert (one.status["status"], one.status["dunning_level"], one.status["cycle"]) == ("Due", 0, 1)


def test_ladder_ends_once_and_again_only_after_another_step() -> None:
    one = world(steps=REMIND)
    one.invoice("R1", due="2026-01-19")
    one.days("2026-01-19", "2026-02-20")
    assert [out.time.date().isoformat() for out in one.of("notice.ladder_ended")] == ["2026-02-02"]
    changes = [(out.data["to"], out.data["dunning_level"], out.data["attention"]) for out in one.of("case_history.recorded")]
    assert changes[-2:] == [("Reminded", 2, []), ("Reminded", 2, ["ladder_ended"])]
    one.event("attention.cleared", "2026-02-20", by="ann", name="ladder_ended")
    one.days("2026-02-21", "2026-02-25")
    assert len(one.of("notice.ladder_ended")) == 1
    one.invoice("R2", at="2026-02-01", due="2026-02-20", amount=500)
    one.days("2026-02-26", "2026-03-20")
    assert len(one.of("notice.ladder_ended")) == 2


def test_an_empty_ladder_is_watched_and_never_ended() -> None:
    one = world(steps=[])
    one.invoice()
    one.days("2026-01-19", "2026-02-10")
    assert one.history == [("2026-01-20", "Due")]
    assert not one.of("notice.ladder_ended")


def test_too_little_overdue_is_clear_without_reset() -> None:
    one = world(minimum_open={"EUR": 500})
    one.invoice()
    one.days("2026-01-19", "2026-01-25")
    one.pay("P1", "2026-01-25", 9_600)
    assert [one.status[name] for name in ("status", "dunning_level", "cycle", "rung", "overdue_amount")] == ["Clear", 0, 1, 1, 400]
    one.invoice("R2", at="2026-01-26", due="2026-01-26", amount=200)
    one.days("2026-01-26", "2026-02-02")
    assert [one.status[name] for name in ("status", "dunning_level", "overdue_amount")] == ["Reminded", 2, 600]


def test_paid_is_a_reset_recorded_in_the_cycle_that_ends() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-01-25")
    told = one.pay("P1", "2026-01-26", 10_000)
    assert [out.type for out in told] == ["case_history.recorded", "case_status.changed"]

    assert told[0].id == output_id("acme/C-1", 1, "case_history.recorded", 3)
    assert told[1].id == output_id("acme/C-1", 2, "case_status.changed", 1)
    assert [one.status[name] for name in ("status", "cycle", "rung", "version")] == ["Clear", 2, 0, 3]


def test_a_second_cycle_reminds_again() -> None:
    one = world()
    one.invoice("R1")
    one.days("2026-01-19", "2026-01-25")
    one.pay("P1", "2026-01-26", 10_000)
    one.invoice("R2", at="2026-02-01", due="2026-02-10")
    one.days("2026-02-01", "2026-02-16")
    assert one.reminders == [("2026-01-24", 1), ("2026-02-15", 1)]
    assert [out.data["reference"] for out in one.of("notice.reminder")] == ["C-1/1", "C-1/2"]


def test_a_notice_says_the_version_of_the_change_it_goes_with() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    assert one.of("notice.reminder")[0].data["version"] == one.status["version"] == 2


def test_a_skipped_step_counts_as_taken_and_is_no_reminder() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-01-22")
    one.event("step.skipped", "2026-01-22", by="ann", step=1)
    assert [one.status[name] for name in ("status", "dunning_level", "rung", "next_step_on")] == ["Due", 0, 1, "2026-02-02"]
    one.days("2026-01-23", "2026-02-02")
    assert one.reminders == [("2026-02-02", 2)]


def test_only_the_next_step_can_be_skipped() -> None:
    one = world()
    one.invoice()
    one.event("step.skipped", "2026-01-10", by="ann")
    one.tick("2026-01-20")
    one.event("step.skipped", "2026-01-20", by="ann", step=2)
    assert [reason for reason, _ in one.refused] == ["no step to skip", "not the next step"]


def test_a_reminder_that_failed_counts_as_skipped_and_its_fee_with_it() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert (one.status["costs"], one.status["dunning_level"]) == (250, 2)
    notice_id = one.of("notice.reminder")[1].data["notice_id"]
    one.event("notice.failed", "2026-02-03", by="printer", notice_id=notice_id, reason="moved")
    assert [one.status[name] for name in ("costs", "dunning_level", "rung", "attention")] == [0, 1, 2, ["undeliverable"]]
    one.days("2026-02-04", "2026-02-20")
    assert (one.status["waiting_for"], one.status["next_step_on"]) == (["address"], "2026-02-18")
    one.event("attention.cleared", "2026-02-20", by="ann", name="undeliverable")
    one.tick("2026-02-21")
    assert one.of("case.submit")[0].data["claims"][0]["reminded_on"] == ["2026-01-24"]


def test_a_reminder_that_failed_fails_once() -> None:
    """Who cleared the attention has seen to it; that the printer says so again is nothing new."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    notice_id = one.of("notice.reminder")[0].data["notice_id"]
    one.event("notice.failed", "2026-01-25", by="printer", notice_id=notice_id, reason="moved")
    assert one.status["attention"] == ["undeliverable"]
    one.event("attention.cleared", "2026-01-26", by="k.weber", name="undeliverable")
    one.event("notice.failed", "2026-01-27", by="printer", notice_id=notice_id, reason="moved")
    assert one.status["attention"] == []


def test_an_unknown_notice_cannot_fail() -> None:
    one = world()
    one.invoice()
    one.event("notice.failed", "2026-01-22", by="printer", notice_id="nobody's", reason="moved")
    assert one.refused[0][0] == "unknown notice"


# --- ticks behind the contract clock: d is the later of the two local days (section 1)


def ahead(due: str, **changes: Any) -> World:
    """An invoice that is overdue when it arrives, while the ticks still stand two days before."""
    one = world(**changes)
    one.tick("2026-02-09")
    data: dict[str, Any] = {"invoice_id": "R1", "issued_on": "2026-01-05", "due_on": due, "amount": 10_000, "currency": "EUR"}
    one.event("invoice.issued", "2026-02-11T06:00:01+00:00", **data)
    return one


def test_a_tick_some_seconds_behind_an_event_of_the_new_day_does_not_put_the_contract_back() -> None:
    """Midnight in Berlin is 23:00 UTC; a live tick may be a minute behind what was applied before it."""
    one = world(at="00:00", win_back={"days_after": 1})
    one.invoice(due="2026-02-09")
    one.tick("2026-02-09T22:58:00+00:00")
    one.pay("P1", "2026-02-01", 1, at="2026-02-09T23:00:30+00:00")
    assert one.status["status"] == "Due"
    told = len(one.outs)
    assert one.tick("2026-02-09T22:59:50+00:00") == []
    one.tick("2026-02-09T23:00:50+00:00")
    assert (len(one.outs), one.status["status"], one.status["cycle"]) == (told, "Due", 1)
    assert one.history == [("2026-02-09", "Due")]


def test_no_step_is_taken_on_a_tick_of_a_day_before_the_contract_s() -> None:
    """Its time of day says nothing about the contract's day: nobody is written to at midnight."""
    one = ahead("2026-02-02", steps=[{"kind": "remind", "day": 3, "level": 1}, {"kind": "remind", "day": 5, "level": 2}])
    assert one.tick("2026-02-09T22:28:02+00:00") == []
    assert one.days("2026-02-10", "2026-02-10") == []
    one.days("2026-02-11", "2026-02-14")
    assert one.reminders == [("2026-02-11", 1), ("2026-02-13", 2)]


def test_the_contract_s_day_decides_what_is_overdue_and_held_on_a_tick_behind_it() -> None:
    """Overdue from the 10th, held from the 11th."""
    one = ahead("2026-02-09")
    assert one.status["status"] == "Due"
    one.tick("2026-02-09T13:00:00+00:00")
    assert (one.status["status"], one.status["overdue_amount"]) == ("Due", 10_000)
    one.event("hold.placed", "2026-02-11T07:00:00+00:00", hold_id="H1", kind="manual")
    one.days("2026-02-10", "2026-02-11")
    assert [status for _, status in one.history] == ["Due", "Held"]


def test_what_is_known_by_a_tick_behind_the_contract_still_counts() -> None:
    """A policy version counts from the next tick, of whatever day; what it sends waits for the contract's day."""
    one = ahead("2026-02-02", steps=[{"kind": "remind", "day": 30, "level": 1}])
    one.apply_policy("2026-02-11", version=2, applies="at_once", steps=[{"kind": "remind", "day": 3, "level": 1}])
    one.tick("2026-02-09T13:00:00+00:00")
    assert (one.status["next_step_on"], one.reminders) == ("2026-02-05", [])
    one.days("2026-02-10", "2026-02-11")
    assert one.reminders == [("2026-02-11", 1)]
