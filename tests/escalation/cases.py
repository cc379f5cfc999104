"""Contracts with a case, as the tests of cases begin with them."""

from typing import Any

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
