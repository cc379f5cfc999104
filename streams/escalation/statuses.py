"""The statuses of a contract and what moves them: a table.

Theory of operation
-------------------
A contract climbs a ladder on its own (Clear, Due, Reminded, Held) until a claim is handed over; then the agency's answers move it
(ToBePassed to DebtCollection) until the case ends (SuccessfullyClosed, UnsuccessfullyClosed) or is refused (Rejected). Three rules:

1. Everything that moves a status stands in this file, and this file knows nothing else: no facts, no days, no money. Whoever decides
   names a trigger; `after` says where it leads from here. A trigger that has no row for the present status moves nothing.
2. On the ladder the trigger is what an evaluation finds (`escalation.md` 4): it says where the contract stands *now*, wherever it stood,
   so each of the four leads to each. From a status outside the ladder the same triggers lead back onto it, and only once the cycle
   has ended; `evaluate` ends it and then asks this table.
3. In a case the trigger is an answer of the agency or an order of a person (`escalation.md` 6). Open are the statuses in which the
   agency works on the claim; only there are payments reported to it, and only from there a case can end.

The diagram in the documentation is drawn from `TRANSITIONS`.
"""

from typing import NamedTuple

from schemas.fields import Status

CLEAR: Status = "Clear"
DUE: Status = "Due"
REMINDED: Status = "Reminded"
HELD: Status = "Held"
TO_BE_PASSED: Status = "ToBePassed"
PASSED: Status = "Passed"
ACCEPTED: Status = "Accepted"
REJECTED: Status = "Rejected"
FIRST_DUNNING: Status = "FirstDunningPhase"
SECOND_DUNNING: Status = "SecondDunningPhase"
COLLECTION: Status = "DebtCollection"
SUCCEEDED: Status = "SuccessfullyClosed"
FAILED: Status = "UnsuccessfullyClosed"

LADDER: tuple[Status, ...] = (CLEAR, DUE, REMINDED, HELD)
CLIMBING: tuple[Status, ...] = (DUE, REMINDED)
"""Where steps are taken."""
PHASES: tuple[Status, ...] = (FIRST_DUNNING, SECOND_DUNNING, COLLECTION)
OPEN: tuple[Status, ...] = (TO_BE_PASSED, PASSED, ACCEPTED, *PHASES)
LEAVES_CASE: tuple[Status, ...] = (SUCCEEDED, FAILED, REJECTED, *PHASES)
"""From where a cycle can end and the ladder begin anew (from the phases only in long-term monitoring)."""


class Transition(NamedTuple):
    """From any of `sources`, `trigger` leads to `target`. `section` is that of `escalation.md`."""

    trigger: str
    sources: tuple[Status, ...]
    target: Status
    section: int


TRANSITIONS: tuple[Transition, ...] = (
    Transition("nothing overdue", (*LADDER, *LEAVES_CASE), CLEAR, 4),
    Transition("too little overdue", (*LADDER, *LEAVES_CASE), CLEAR, 4),
    Transition("held", (*LADDER, *LEAVES_CASE), HELD, 4),
    Transition("overdue", (*LADDER, *LEAVES_CASE), DUE, 4),
    Transition("overdue and reminded", LADDER, REMINDED, 4),
    Transition("hand_over", CLIMBING, TO_BE_PASSED, 6),
    Transition("handover.ordered", (*LADDER, REJECTED, FAILED), TO_BE_PASSED, 6),
    *(Transition(f"contract.taken_over {status}", LADDER, status, 1) for status in OPEN),
    Transition("case.passed", (TO_BE_PASSED,), PASSED, 6),
    Transition("case.accepted", (TO_BE_PASSED, PASSED), ACCEPTED, 6),
    Transition("case.rejected", (TO_BE_PASSED, PASSED), REJECTED, 6),
    Transition("case.phase_changed first_dunning", OPEN, FIRST_DUNNING, 6),
    Transition("case.phase_changed second_dunning", OPEN, SECOND_DUNNING, 6),
    Transition("case.phase_changed collection", OPEN, COLLECTION, 6),
    Transition("case.closed successful", (*OPEN, REJECTED), SUCCEEDED, 6),
    Transition("case.closed unsuccessful", (*OPEN, REJECTED), FAILED, 6),
)

_TARGETS = {(row.trigger, source): row.target for row in TRANSITIONS for source in row.sources}


def after(status: Status, trigger: str) -> Status | None:
    """The status to which `trigger` leads from `status`, or None if it moves nothing."""
    return _TARGETS.get((trigger, status))
