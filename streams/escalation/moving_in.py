"""Moving in with open dunning, and with an open case (`contract.taken_over`, `escalation.md` 1).

What somebody else did stands here as if these rules had done it: rungs, reminders with their days, and the fees of those steps, which are
decided and never charged again. The next step keeps its distance from the last reminder (without one from the day as of which all this is
told: the debtor gets the benefit of the doubt).
"""

from datetime import date

from schemas.billing import ContractTakenOverData, TakenOverCase, TakenOverReceivable
from schemas.ids import handover_id
from schemas.policy import STEPS_MAX
from streams.escalation import case, ladder, statuses
from streams.escalation.evaluate import move
from streams.escalation.state import Case, Contract, Reminder
from streams.escalation.turn import Refused, Turn

ELSEWHERE = 0
"""Stands for the number of the step of a reminder that somebody else sent."""


def take_over(turn: Turn, data: ContractTakenOverData, time_us: int, event_id: str) -> None:
    """Begin where the dunning stood. Raises Refused."""
    _check(turn, data)
    contract = turn.contract
    rungs = {told.invoice_id: _rung(turn, told) for told in data.receivables}
    replaced = set(rungs)  # of others what an earlier event said goes on
    earlier = tuple(one for one in contract.reminders if one.cycle != contract.cycle or not replaced & set(one.covered))
    sent = tuple(reminder for told in data.receivables for reminder in _reminders(turn, told, data.as_of))
    turn.set(standings=ladder.with_rungs(contract.standings, rungs), reminders=(*earlier, *sent))
    if any(rungs.values()):
        last = max((day for told in data.receivables for day in _reminded_on(told)), default=data.as_of)
        last = max(last, contract.stepped_on or last)
        turn.set(stepped_on=last, stepped_ever_on=max(last, contract.stepped_ever_on or last))
    if data.case is not None:
        _adopt(turn, data, data.case, rungs)


def _check(turn: Turn, data: ContractTakenOverData) -> None:
    if _stepped_here(turn.contract):
        raise Refused("cycle begun", f"status {turn.contract.status}: take over before a step is taken here")
    if high := next((told for told in data.receivables if told.rung > STEPS_MAX), None):
        raise Refused("invalid", f"receivables: {high.invoice_id}: rung {high.rung}: a ladder has at most {STEPS_MAX} steps")
    if data.case is None:
        return
    if data.case.status not in statuses.OPEN:
        raise Refused("case not open", f"case.status {data.case.status}: one of {', '.join(statuses.OPEN)} is taken over")
    if any(one.handover_id == data.case.handover_id for one in turn.contract.cases):
        raise Refused("invalid", f"case.handover_id: {data.case.handover_id} is another case of this contract; each has an id of its own")
    # A case is about what is owed, so its receivables must be known: what would an agency be told of others?
    if unknown := next((one for one in data.case.invoice_ids if one not in turn.books.accounts), None):
        raise Refused("unknown receivable", f"case.invoice_ids: {unknown}: publish its invoice.issued first, then this again")
    if not data.case.invoice_ids:
        raise Refused("invalid", "case.invoice_ids: a case is about at least one receivable")


def _stepped_here(contract: Contract) -> bool:
    """Whether the cycle has come further than to find something overdue.

    `escalation.md` says: while the cycle has not begun. But invoices that are published with the time of the move are overdue at once, so
    that nothing of theirs, and no case, could ever move in. As long as no step was taken nobody has heard of anything from here.
    """
    return contract.begun and (contract.current is not None or contract.attempt > 0 or contract.stepped_on is not None)


def _rung(turn: Turn, told: TakenOverReceivable) -> int:
    """No higher than the ladder, where that is known."""
    return told.rung if turn.terms.binding is None else min(told.rung, len(turn.rules.steps))


def _reminded_on(told: TakenOverReceivable) -> tuple[date, ...]:
    if told.reminded_on is None:
        return ()
    return (told.reminded_on,) if isinstance(told.reminded_on, date) else told.reminded_on


def _reminders(turn: Turn, told: TakenOverReceivable, as_of: date) -> list[Reminder]:
    """The reminders that were sent; and for each step that covered it one that counts for its fee alone."""
    cycle, covered = turn.contract.cycle, (told.invoice_id,)
    sent = _reminded_on(told) or ((as_of,) if told.level else ())
    return [
        *(Reminder(cycle, ELSEWHERE, told.level, day, 0, told.invoice_id, 0, covered) for day in sorted(sent)),
        *(Reminder(cycle, step, 0, as_of, 0, told.invoice_id, 0, covered, skipped=True) for step in range(1, _rung(turn, told) + 1)),
    ]


def _adopt(turn: Turn, data: ContractTakenOverData, told: TakenOverCase, rungs: dict[str, int]) -> None:
    """Go on with a case that an agency works on: it has the claim, so no case.submit goes out, and what was paid by then it knows."""
    contract = turn.contract
    attempt = contract.attempt + 1
    levels = [one.level for one in data.receivables if one.invoice_id in told.invoice_ids]
    adopted = Case(
        handover_id=told.handover_id or handover_id(turn.key, contract.cycle, attempt),
        attempt=attempt,
        account=told.agency_account,
        invoice_ids=case.ranked(turn, told.invoice_ids),
        status=told.status,
        handed_over_on=data.as_of,
        case_id=told.case_id,
        reported=case.known_payments(turn, told.invoice_ids),
        adopted=True,
    )
    move(turn, f"contract.taken_over {told.status}", max(levels, default=0))
    case.begin(turn, adopted, max((rungs.get(one, 0) for one in told.invoice_ids), default=0))
