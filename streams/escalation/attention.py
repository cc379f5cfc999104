"""Attention: what a person should look at (`escalation.md` 7).

Some names are raised by an event and stay until they are cleared, the status changes or the cycle ends. Others have a cause that lasts:
they are raised when it appears, not again while it lasts (a person may have cleared them), and end with it.
"""

from collections.abc import Iterator
from datetime import date

from streams.escalation.calendar import WorkingDays
from streams.escalation.holds import upheld_in_force
from streams.escalation.state import RECALLED, REJECTED, Case
from streams.escalation.statuses import OPEN
from streams.escalation.statuses import REJECTED as REJECTED_STATUS
from streams.escalation.statuses import TO_BE_PASSED as TO_BE_PASSED_STATUS
from streams.escalation.turn import Turn
from streams.escalation.worth import OWN_ERROR

UNTIL_NEXT_STATUS = frozenset({"submission_unknown", "failed"})
ENDED_BY_REPLY = frozenset({"recall_unanswered", "not_passed"})
"""Raised by a cause, but ended by what the agency answers, not by the cause's end."""
KEPT_OVER_CYCLES = {"rejected": REJECTED, "recalled": RECALLED}


def add(turn: Turn, name: str) -> None:
    """Ask for attention."""
    if name not in turn.contract.attention:
        turn.set(attention=tuple(sorted((*turn.contract.attention, name))))


def drop(turn: Turn, *names: str) -> None:
    """No longer ask for it."""
    if not set(names).isdisjoint(turn.contract.attention):
        turn.set(attention=tuple(name for name in turn.contract.attention if name not in names))


def waits(turn: Turn, place: str) -> bool:
    """Whether a receivable with something open waits for a person in this place."""
    return any(standing.place == place and turn.books.accounts[standing.invoice_id].claim > 0 for standing in turn.contract.standings)


def at_cycle_end(turn: Turn) -> tuple[str, ...]:
    """What is left of the attention when a cycle ends."""
    return tuple(name for name in turn.contract.attention if name in KEPT_OVER_CYCLES and waits(turn, KEPT_OVER_CYCLES[name]))


def follow_causes(turn: Turn) -> None:
    """Raise and end what has a cause that lasts."""
    present = tuple(sorted(_causes(turn)))
    before = turn.contract.causes
    if present != before:
        turn.set(causes=present)
        for name in present:
            if name not in before:
                add(turn, name)
        drop(turn, *(name for name in before if name not in present and name not in ENDED_BY_REPLY))
    if turn.contract.attention:
        _end_what_is_over(turn)


def _end_what_is_over(turn: Turn) -> None:
    attention = turn.contract.attention
    if "rejected" in attention and turn.contract.status != REJECTED_STATUS and not waits(turn, REJECTED):
        drop(turn, "rejected")
    if "ladder_ended" in attention and any(position.rung < len(turn.rules.steps) for position in turn.view.overdue):
        drop(turn, "ladder_ended")


def _causes(turn: Turn) -> Iterator[str]:
    contract = turn.contract
    if turn.terms.binding is None or contract.policy_unknown:
        yield "policy_missing"
    if contract.facts.disputes and upheld_in_force(contract.facts):
        yield "dispute_upheld"
    if contract.facts.chargebacks and _own_error(turn):
        yield "own_error"
    if turn.books.agency_balance < 0:
        yield "payout_unmatched"
    if turn.books.rate_missing:
        yield "rate_missing"
    if contract.cases:
        if waits(turn, RECALLED):
            yield "recalled"
        days = turn.rules.working_days
        if any(is_over(recall_asked_on(case), turn.day, turn.rules.answer_days, days) for case in contract.cases):
            yield "recall_unanswered"
        if any(is_over(passing_asked_on(case), turn.day, turn.rules.answer_days, days) for case in contract.cases):
            yield "not_passed"


def _own_error(turn: Turn) -> bool:
    """Whether a returned debit by our own error holds, or will."""
    errors = {one.chargeback_id for one in turn.contract.facts.chargebacks if one.reason_code in OWN_ERROR}
    return any(span.hold_id in errors and (span.end is None or span.end > turn.day) for span in turn.spans)


def recall_asked_on(case: Case) -> date | None:
    """The day from which an answer to a recall is awaited, or None if none is."""
    if not case.recalls or case.status not in OPEN:
        return None
    asked = case.recalls[0].day
    return asked if case.status_heard_on is None else max(asked, case.status_heard_on)


def passing_asked_on(case: Case) -> date | None:
    """The day from which word of a handover is awaited, or None if it was passed on."""
    if case.status != TO_BE_PASSED_STATUS:
        return None
    return case.handed_over_on if case.heard_on is None else max(case.handed_over_on, case.heard_on)


def is_over(asked_on: date | None, day: date, answer_days: int, calendar: WorkingDays) -> bool:
    """Whether more than `answer_days` working days lie after `asked_on`, up to and including `day`."""
    return asked_on is not None and (day - asked_on).days > answer_days and calendar.count(asked_on, day) > answer_days
