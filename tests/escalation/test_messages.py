"""Words of a person for the agency are passed on as they came (`escalation.md` 6; sealed, `architecture.md` 6)."""

from typing import Any

import pytest

from tests.escalation.test_refresh import passed

ORDERS: dict[str, dict[str, Any]] = {
    "case.message_written": {"by": "ann", "message_id": "M1", "text": "v1.k.words"},
    "case.question_answered": {"by": "ann", "question_id": "Q1", "answer": "v1.k.words"},
}


def test_a_message_becomes_a_command() -> None:
    one = passed()
    one.event("case.message_written", "2026-01-26", **ORDERS["case.message_written"])
    [command] = one.of("case.send_message")
    assert command.data == {"handover_id": one.status["handover_id"], "message_id": "M1", "text": "v1.k.words"}


def test_an_answer_becomes_a_command_and_ends_the_attention() -> None:
    one = passed()
    one.reply("case.question_asked", "2026-01-26", question_id="Q1", text="v1.k.ask", answer_type="freetext")
    assert one.status["attention"] == ["question"]
    one.event("case.question_answered", "2026-01-27", **ORDERS["case.question_answered"])
    [command] = one.of("case.answer")
    assert command.data == {"handover_id": one.status["handover_id"], "question_id": "Q1", "answer": "v1.k.words"}
    assert one.status["attention"] == []


@pytest.mark.parametrize("kind", ORDERS)
def test_after_a_recall_because_all_is_paid_nothing_more_is_said(kind: str) -> None:
    one = passed()
    one.pay("P1", "2026-01-26", 10_000)
    one.event(kind, "2026-01-27", **ORDERS[kind])
    assert one.commands == [("case.submit", 10_000), ("case.recall", "paid")]
    assert not one.refused


@pytest.mark.parametrize("kind", ORDERS)
def test_without_an_open_case_there_is_nobody_to_write_to(kind: str) -> None:
    one = passed()
    one.reply("case.closed", "2026-01-26", outcome="unsuccessful", reason="no_assets")
    one.event(kind, "2026-01-27", **ORDERS[kind])
    assert [reason for reason, _ in one.refused] == ["no open case"]
