"""Section 4: the step call, its requests and attempts."""

from typing import Any

from tests.escalation.harness import World, world

CALL = {"kind": "call", "day": 5, "max_attempts": 3, "every_days": 2}


def calling(**changes: Any) -> World:
    one = world(**{"steps": [CALL, {"kind": "hand_over", "day": 30}], **changes})
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    return one


def requests(one: World) -> list[tuple[str, int]]:
    return [(out.time.date().isoformat(), out.data["attempt"]) for out in one.of("notice.call_request")]


def attempt(one: World, at: str, number: int, outcome: str = "not_reached") -> None:
    one.event("call.attempted", at, by="ann", attempt=number, outcome=outcome)


def test_requests_follow_until_the_attempts_are_used_up() -> None:
    one = calling()
    assert [one.of("notice.call_request")[0].data[name] for name in ("attempt", "max_attempts", "amount")] == [1, 3, 10_000]
    attempt(one, "2026-01-24", 1)
    one.days("2026-01-25", "2026-01-26")
    attempt(one, "2026-01-26", 2, "wrong_number")
    one.days("2026-01-27", "2026-01-28")
    attempt(one, "2026-01-28", 3, "refused")
    one.days("2026-01-29", "2026-02-10")
    assert requests(one) == [("2026-01-24", 1), ("2026-01-26", 2), ("2026-01-28", 3)]
    assert [one.status[name] for name in ("status", "rung", "dunning_level")] == ["Due", 1, 0]


def test_without_an_attempt_nobody_is_asked_again() -> None:
    one = calling()
    one.days("2026-01-25", "2026-02-10")
    assert requests(one) == [("2026-01-24", 1)]


def test_nothing_after_the_debtor_was_reached() -> None:
    one = calling()
    attempt(one, "2026-01-24", 1, "reached")
    attempt(one, "2026-01-25", 1)  # nothing is outstanding any more: changes nothing
    one.days("2026-01-25", "2026-02-10")
    assert requests(one) == [("2026-01-24", 1)]
    assert not one.refused


def test_an_attempt_without_its_request_changes_nothing() -> None:
    one = calling()
    attempt(one, "2026-01-24", 2)
    one.days("2026-01-25", "2026-01-27")
    assert requests(one) == [("2026-01-24", 1)]
    attempt(one, "2026-01-27", 1)
    attempt(one, "2026-01-27", 1)
    one.tick("2026-01-27")  # late: the two days since the request are over
    assert requests(one) == [("2026-01-24", 1), ("2026-01-27", 2)]


def test_a_request_waits_for_its_time_of_day_and_a_working_day() -> None:
    """The step is on Monday the 26th; two days later is Wednesday. A request of Friday the 30th would be repeated on a Sunday."""
    one = calling(working_days_only=True, calendar={"country": "DE", "subdivision": "HE"})
    one.days("2026-01-25", "2026-01-26")
    attempt(one, "2026-01-26", 1)
    one.tick("2026-01-28T06:59:00+00:00")
    assert requests(one) == [("2026-01-26", 1)]
    one.days("2026-01-29", "2026-01-30")
    attempt(one, "2026-01-30", 2)
    one.days("2026-01-31", "2026-02-03")
    assert requests(one) == [("2026-01-26", 1), ("2026-01-29", 2), ("2026-02-02", 3)]


def test_nobody_is_called_while_held() -> None:
    one = calling()
    attempt(one, "2026-01-24", 1)
    one.event("hold.placed", "2026-01-25", hold_id="H1", kind="manual", until="2026-02-01")
    one.days("2026-01-25", "2026-02-02")
    assert requests(one) == [("2026-01-24", 1), ("2026-02-01", 2)]


def test_nothing_after_a_reset() -> None:
    one = calling()
    attempt(one, "2026-01-24", 1)
    one.pay("P1", "2026-01-25", 10_000)
    one.invoice("R2", at="2026-01-25", due="2026-01-25")
    one.days("2026-01-25", "2026-01-28")
    assert one.status["status"] == "Due"
    assert requests(one) == [("2026-01-24", 1)]


def test_nothing_after_a_handover() -> None:
    one = calling()
    attempt(one, "2026-01-24", 1)
    one.event("handover.ordered", "2026-01-25", by="ann")
    one.days("2026-01-25", "2026-01-30")
    one.reply("case.rejected", "2026-01-30", reasons=[{"code": "x"}])
    one.days("2026-01-30", "2026-02-05")
    assert requests(one) == [("2026-01-24", 1)]
