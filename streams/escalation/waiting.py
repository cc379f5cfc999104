"""Why a step waits although its day has come, and when that may change by the passing of time alone (`escalation.md` 4)."""

from collections.abc import Iterator
from datetime import date

from schemas.policy import Call, HandOver, Remind, Step
from streams.escalation import placement
from streams.escalation.ladder import NextStep
from streams.escalation.state import Approval
from streams.escalation.turn import Turn

APPROVED_FOR = 5
"""Working days for which a person's approval of a step is valid."""
_ASKS_FOR_PAYMENTS = (Remind, Call, HandOver)
_ASKS_FOR_FACTS = (Remind, HandOver)


def reasons(turn: Turn, step: NextStep, day: date) -> tuple[str, ...]:
    """Why the step waits on that day; none before its own day. Sorted."""
    if step.on is None or day < step.on:
        return ()
    return tuple(sorted(_reasons(turn, step, day)))


def _reasons(turn: Turn, coming: NextStep, day: date) -> Iterator[str]:
    # Asked several times an event, and mostly in vain: what is rare is asked first, the kind of step (a model's class, slow to tell) last.
    step, attention = coming.step, turn.contract.attention
    if step.below == "wait" and is_below(turn, step):
        yield "amount"
    if step.approval is not None and not any(_is_valid(turn, one, day) for one in _approvals(turn, coming)):
        yield "approval"
    if isinstance(step, HandOver):
        if placement.is_missing(turn, step, day):
            yield "account"
        if "undeliverable" in attention:
            yield "address"
    if (stale_on := _payments_stale_on(turn)) is not None and day >= stale_on and isinstance(step, _ASKS_FOR_PAYMENTS):
        yield "payments"
    if "unapplied_event" in attention and isinstance(step, _ASKS_FOR_FACTS):
        yield "unapplied"
    if "balance_differs" in attention and isinstance(step, _ASKS_FOR_FACTS):
        yield "balance"


def is_below(turn: Turn, step: Step) -> bool:
    """Whether less is overdue than the step's own minimum; a currency that is not listed has none."""
    return step.minimum is not None and turn.view.overdue_amount < step.minimum.get(turn.contract.currency or "", 0)


def changes_on(turn: Turn, coming: NextStep) -> Iterator[date]:
    """Days on which the reasons may change while nothing else happens."""
    if coming.step.approval is not None:
        for approval in _approvals(turn, coming):
            yield turn.rules.working_days.day_number(APPROVED_FOR + 1, approval.day)
    if (stale_on := _payments_stale_on(turn)) is not None:
        yield stale_on
    if isinstance(coming.step, HandOver):
        yield from placement.may_match_on(turn, coming.step)


def _payments_stale_on(turn: Turn) -> date | None:
    """The first day on which too little is known of payments: more than `fresh_payments` working days after the last booking day
    that is known. None: nobody asks for it, or nobody ever said how far payments are known."""
    fresh, until = turn.rules.policy.fresh_payments, turn.terms.payments_until
    return None if fresh is None or until is None else turn.rules.working_days.day_number(fresh + 1, until)


# --- approval


def approve(turn: Turn, step: int) -> None:
    """A person approves a step of this cycle, as much as is overdue now."""
    given = Approval(step, turn.day, turn.view.overdue_amount)
    kept = tuple(one for one in turn.contract.approvals if _lasts(turn, one, turn.day))
    turn.set(approvals=(*kept, given))


def _approvals(turn: Turn, coming: NextStep) -> Iterator[Approval]:
    return (one for one in turn.contract.approvals if one.step == coming.number)


def _is_valid(turn: Turn, approval: Approval, day: date) -> bool:
    return turn.view.overdue_amount <= approval.overdue_amount and _lasts(turn, approval, day)


def _lasts(turn: Turn, approval: Approval, day: date) -> bool:
    return turn.rules.working_days.count(approval.day, day) <= APPROVED_FOR
