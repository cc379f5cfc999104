"""Evaluation: where the contract stands on this day, and when a cycle ends (`escalation.md` 4 and 6).

Deciding happens here, in terms of triggers; `statuses` says where they lead.
"""

from msgspec.structs import replace

from streams.escalation import attention, ladder, notices, plan_notices, statuses, tell, win_back
from streams.escalation.state import FREE, IN_CASE, Case, Contract, Standing
from streams.escalation.turn import Turn

MONITORING = "long_term_monitoring"


def evaluate(turn: Turn) -> None:
    """Bring the status up to date and record what changed. Where a cycle ends, the next one is evaluated at once, under its own terms: by
    them something may be owed again, or a plan be broken."""
    cycle = turn.contract.cycle
    keep_binding(turn)
    if turn.contract.facts.plans:
        plan_notices.tell_broken(turn)
    if turn.contract.current is None or _left_case(turn):
        _place_on_ladder(turn, cycle)
    if turn.contract.cycle != cycle:
        evaluate(turn)
        return
    win_back.cancel_if_overdue(turn)
    attention.follow_causes(turn)
    tell.history(turn)


def keep_binding(turn: Turn) -> None:
    """A cycle goes on with the version it began with, or with one that applies at once: then rungs are capped at its length."""
    binding = turn.terms.binding
    if turn.contract.begun and binding is not None and binding != turn.contract.binding:
        turn.set(binding=binding, standings=_capped(turn))


def _capped(turn: Turn) -> tuple[Standing, ...]:
    length = len(turn.rules.steps)
    return tuple(replace(one, rung=length) if one.rung > length else one for one in turn.contract.standings)


def move(turn: Turn, trigger: str, level: int | None = None) -> bool:
    """Let the trigger move the status. False if it moves nothing from here."""
    contract = turn.contract
    target = statuses.after(contract.status, trigger)
    if target is None:
        return False
    if target != contract.status:
        attention.drop(turn, *attention.UNTIL_NEXT_STATUS)
    reached = contract.level if level is None else level
    if (target, reached) != (contract.status, contract.level):
        turn.set(status=target, level=reached)
    if not contract.begun and target != statuses.CLEAR:
        # Rungs that were moved in may be of a longer ladder than the cycle begins with.
        turn.set(begun=True, binding=turn.terms.binding, standings=_capped(turn))
    return True


def minimum_open(turn: Turn) -> int:
    """The smallest overdue amount that escalates."""
    return turn.rules.minimum_open.get(turn.contract.currency or "", 1)


# --- on the ladder


def _place_on_ladder(turn: Turn, cycle: int) -> None:
    """Unless `cycle` has ended by now, or ends here: there is nothing left of it."""
    if turn.contract.cycle != cycle:
        return
    if turn.contract.begun and not turn.view.active:
        _reset(turn)
    else:
        trigger, level = _standing(turn)
        moved = move(turn, trigger, level)
        assert moved, f"{trigger} leads somewhere from {turn.contract.status}"


def _standing(turn: Turn) -> tuple[str, int]:
    """What an evaluation finds, and the dunning level there."""
    seen = turn.view
    if not seen.overdue:
        return ("held", ladder.level(turn.contract, seen.held)) if seen.held else ("nothing overdue", 0)
    if seen.overdue_amount < minimum_open(turn):
        return "too little overdue", 0
    reminded = ladder.level(turn.contract, seen.overdue)
    if seen.held_day:
        return "held", reminded
    return "overdue and reminded" if reminded else "overdue", reminded


def end_of_ladder(turn: Turn) -> None:
    """Say once after each last step that something is overdue and nothing is left to be done."""
    contract = turn.contract
    if contract.ended_told or contract.stepped_on is None or contract.status not in (statuses.DUE, statuses.REMINDED, statuses.HELD):
        return
    if ladder.ended(turn.view, turn.rules):
        turn.set(ended_told=True)
        attention.add(turn, "ladder_ended")
        tell.history(turn)
        notices.ladder_ended(turn)


# --- out of a case


def _left_case(turn: Turn) -> bool:
    """Whether the contract leaves its case, and its cycle ends with that."""
    seen, status, case = turn.view, turn.contract.status, turn.case
    assert case is not None
    if status == statuses.SUCCEEDED:
        if seen.overdue or seen.held:
            _new_cycle(turn)
        else:
            _reset(turn)
        return True
    if status in statuses.OPEN and case.stage != MONITORING:
        return False
    if seen.overdue_amount >= minimum_open(turn):
        _new_cycle(turn)
        return True
    if status in (statuses.REJECTED, statuses.FAILED) and not seen.overdue and claim_of(turn, case) == 0:
        _reset(turn)
        return True
    return False


def claim_of(turn: Turn, case: Case) -> int:
    """What is open on the receivables of a case: principal, costs and interest."""
    return sum(turn.books.accounts[invoice_id].claim for invoice_id in case.invoice_ids)


# --- the end of a cycle


def _reset(turn: Turn) -> None:
    """Everything is paid: back to Clear. Recorded in the cycle that ends, and only if the status changed."""
    changed = turn.contract.status != statuses.CLEAR
    win_back.await_reset_day(turn)
    turn.set(attention=attention.at_cycle_end(turn))
    move(turn, "nothing overdue", 0)
    if changed:
        tell.history(turn)
    turn.noted = (turn.contract.status, turn.contract.level, turn.contract.attention)
    _next_cycle(turn)


def _new_cycle(turn: Turn) -> None:
    """A cycle ends while others are overdue: the next one begins with the evaluation that follows."""
    turn.set(attention=attention.at_cycle_end(turn))
    _next_cycle(turn)


def _next_cycle(turn: Turn) -> None:
    contract = turn.contract
    turn.set(
        cycle=contract.cycle + 1,
        begun=False,
        binding=None,
        standings=_ordinary(turn, contract),
        stepped_on=None,
        nothing_to_hand_over=False,
        ended_told=False,
        attempt=0,
        current=None,
        handover_rung=0,
        ordinals=(),
        unapplied=(),
        approvals=(),
        calls=None,
    )
    turn.bind()


def _ordinary(turn: Turn, contract: Contract) -> tuple[Standing, ...]:
    """All rungs 0; what is paid of given-up and waiting receivables is ordinary again."""
    kept = []
    for standing in contract.standings:
        paid = standing.place not in (FREE, IN_CASE) and turn.books.accounts[standing.invoice_id].claim == 0
        fresh = Standing(standing.invoice_id, 0, standing.reopened_on, *((FREE, -1) if paid else (standing.place, standing.case)))
        if fresh.place != FREE or fresh.reopened_on is not None:
            kept.append(fresh)
    return tuple(kept)


def give_up(turn: Turn, number: int, place: str) -> None:
    """The receivables that are still in a case go to another place: waiting, exhausted, or free."""
    turn.set(
        standings=tuple(
            replace(one, place=place, case=-1 if place == FREE else number) if one.case == number else one
            for one in turn.contract.standings
        )
    )
