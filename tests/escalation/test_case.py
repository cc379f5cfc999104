"""Section 6: what the agency answers, and what its silence means."""

from typing import Any

import pytest

from tests.escalation.cases import accepted, handed_over, rejected


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
