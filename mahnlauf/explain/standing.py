"""Why a contract stands where it stands: the rules that decide it, each with its section of `escalation.md`.

What is said is read from what the rules themselves work out (`Turn`, `ladder`, `waiting`), never worked out a second time.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from mahnlauf.explain import added
from mahnlauf.explain.found import Found
from mahnlauf.explain.words import day, money
from streams.escalation import ladder, waiting
from streams.escalation.accounts import Account
from streams.escalation.calendar import ONE_DAY, after_unheld_days
from streams.escalation.evaluate import minimum_open
from streams.escalation.holds import Span, held_for
from streams.escalation.ladder import NextStep, Position
from streams.escalation.state import EXHAUSTED, FREE, IN_CASE, RECALLED, REJECTED, Standing
from streams.escalation.statuses import CLEAR, CLIMBING, DUE, HELD, LADDER, REMINDED
from streams.escalation.turn import Turn


class Reason(NamedTuple):
    """One rule at work. `section` is that of `escalation.md`."""

    section: int
    words: str


WAITS: Final = {
    "account": "no rule of the step names an agency account for it",
    "address": "the last reminder came back undeliverable: a new reminder or a person's attention.cleared ends that",
    "amount": "less is overdue than the step's own minimum",
    "approval": "a person must approve the step (step.approved)",
    "balance": "billing's own balance differs from ours",
    "payments": "the tenant's payments are not imported up to now",
    "unapplied": "an event of this contract could not be applied and must be replayed, or the attention cleared",
}
ATTENTION: Final = {
    "balance_differs": "billing states another balance; a later one that agrees ends it",
    "dispute_upheld": "a dispute was upheld and the receivable is not corrected yet",
    "failed": "the agency could not be given the case",
    "ladder_ended": "something is overdue and no step is left",
    "not_passed": "the agency has not confirmed the handover for too long",
    "own_error": "a debit was returned by our own error",
    "payout_unmatched": "the agency paid out more than it reported",
    "policy_missing": "there is no policy of that name for this contract, so no step is taken",
    "question": "the agency asks something",
    "rate_missing": "the base rate of a day is not known yet",
    "recall_unanswered": "the agency has not answered a recall for too long",
    "recalled": "recalled receivables wait for a person (handover.ordered) or for payment",
    "rejected": "the agency rejected the case: a person mends the data and orders the handover again",
    "submission_unknown": "nobody knows whether the agency received the case",
    "unapplied_event": "an event could not be applied; steps wait until it was replayed",
    "undeliverable": "the last reminder came back; hand_over waits",
    "unmatched_reply": "the agency answered for a handover that is unknown or closed",
}
_PLACES: Final = {
    IN_CASE: "is in the agency's hands",
    REJECTED: "waits for a person: the agency rejected it",
    RECALLED: "waits for a person: it was recalled",
    EXHAUSTED: "is exhausted: the agency gave it up, it is no longer escalated",
}


def turn_of(found: Found) -> Turn:
    """The contract on the day of the latest moment seen."""
    return Turn(found.shared, found.key, found.contract, found.contract.clock_us, "explain", as_of_us=found.as_of_us)


def reasons(turn: Turn) -> list[Reason]:
    """All that decides where the contract stands, in the order of the rules."""
    owed = [*_receivables(turn), *_added(turn)]
    return [*_policy(turn), *_status(turn), *owed, *_holds(turn), *_steps_taken(turn), *_next(turn), *_attention(turn)]


def _policy(turn: Turn) -> Iterator[Reason]:
    binding = turn.terms.binding
    if binding is None:
        yield Reason(4, "no policy counts for it: no step is taken")
        return
    steps = ", ".join(f"{number} {step.kind} (day {step.day})" for number, step in enumerate(turn.rules.steps, start=1))
    yield Reason(4, f"policy {binding.policy}, version {binding.version}: {steps or 'no steps, only watched'}")


# --- the status


def _status(turn: Turn) -> Iterator[Reason]:
    contract = turn.contract
    if contract.status in LADDER:
        yield Reason(4, f"{contract.status}: {_on_ladder(turn)}")
    elif contract.case is not None:
        case = contract.case
        parts = [f"{contract.status}: handed over on {day(case.handed_over_on)} to account {case.account}, attempt {case.attempt}"]
        parts += [f"agency {case.agency}"] if case.agency else []
        parts += [f"case {case.case_id}"] if case.case_id else []
        parts += [f"stage {case.stage}"] if case.stage else []
        parts += [f"closed: {case.close_reason}"] if case.close_reason else []
        parts += [f"last heard on {day(case.heard_on)}"] if case.heard_on else ["the agency has not answered yet"]
        parts += [f"recall sent on {day(recall.day)} ({recall.reason})" for recall in case.recalls]
        yield Reason(6, ", ".join(parts))


def _on_ladder(turn: Turn) -> str:
    seen, currency = turn.view, turn.contract.currency
    overdue = money(seen.overdue_amount, currency)
    status = turn.contract.status
    if status == HELD:
        return f"{overdue} overdue, and a hold covers the day" if seen.overdue else "what is overdue is held by itself"
    if status == CLEAR and seen.overdue:
        return f"only {overdue} overdue, less than the policy's minimum of {money(minimum_open(turn), currency)}"
    if status == CLEAR:
        return "nothing is overdue"
    if status == REMINDED:
        return f"{overdue} overdue, and reminded in this cycle (level {turn.contract.level})"
    assert status == DUE
    return f"{overdue} overdue, and not reminded in this cycle"


# --- what is owed


def _receivables(turn: Turn) -> Iterator[Reason]:
    standings = {standing.invoice_id: standing for standing in turn.contract.standings}
    for invoice_id, account in turn.books.accounts.items():
        if account.claim > 0:
            standing = standings.get(invoice_id, Standing(invoice_id))
            section, words = _receivable(turn, account, standing)
            yield Reason(section, f"{account.invoice.number or invoice_id}: {_open(turn, account)}, {words}")
    if turn.books.credit:
        yield Reason(2, f"{money(turn.books.credit, turn.contract.currency)} credit: it settles what falls due next")


def _added(turn: Turn) -> Iterator[Reason]:
    for words in (*added.interest(turn), *added.breathing_spaces(turn)):
        yield Reason(2, words)


def _open(turn: Turn, account: Account) -> str:
    currency = turn.contract.currency
    extras = [
        f"{money(amount, currency)} {name}" for amount, name in ((account.costs_open, "costs"), (account.interest, "interest")) if amount
    ]
    return " and ".join([f"{money(account.open, currency)} open", *extras])


def _receivable(turn: Turn, account: Account, standing: Standing) -> tuple[int, str]:
    due = ladder.due_day(account, standing, turn.rules)
    moved = f" (due {day(account.due_on)}, moved)" if due != account.due_on else ""
    if standing.place != FREE:
        return 6, _PLACES[standing.place]
    if account.open <= 0:
        return 3, "costs alone are not escalated"
    if due >= turn.day:
        return 3, f"due {day(due)}{moved}, overdue from {day(due + ONE_DAY)}"
    if any(held.invoice_id == account.invoice.invoice_id for held in turn.view.held):
        return 3, f"overdue since {day(due + ONE_DAY)}{moved}, but held by itself"
    return 3, f"overdue since {day(due + ONE_DAY)}{moved}, steps of this cycle that covered it: {standing.rung}"


def _holds(turn: Turn) -> Iterator[Reason]:
    for span in sorted(turn.spans, key=lambda span: (span.begin, span.hold_id)):
        if span.end is None or span.end > turn.day:
            yield Reason(3, _hold(turn, span))


def _hold(turn: Turn, span: Span) -> str:
    what = f"of {span.invoice_id}" if span.invoice_id else "of the whole contract"
    when = "holds" if span.covers(turn.day) else "will hold"
    until = f"until {day(span.end)} (exclusive)" if span.end else "until somebody ends it"
    return f"hold {span.hold_id} ({span.kind}) {what} {when} from {day(span.begin)} {until}; held days do not count"


# --- the ladder


def _steps_taken(turn: Turn) -> Iterator[Reason]:
    contract = turn.contract
    for reminder in contract.reminders:
        if reminder.cycle == contract.cycle and reminder.level:
            step = f"step {reminder.step}, a reminder" if reminder.step else "a reminder sent before the contract was taken over,"
            how = "skipped, or not delivered" if reminder.skipped else f"level {reminder.level}"
            fee = f", fee {money(reminder.fee, contract.currency)}" if reminder.fee and not reminder.skipped else ""
            yield Reason(4, f"{step} on {day(reminder.day)}: {how}{fee}, for {', '.join(reminder.covered)}")
    if contract.stepped_on is not None and contract.status in LADDER:
        yield Reason(4, f"the last step of this cycle was on {day(contract.stepped_on)}; the next one keeps its distance from that day")


def _next(turn: Turn) -> Iterator[Reason]:
    if turn.contract.status not in (*CLIMBING, HELD) or turn.terms.binding is None:
        return
    coming = ladder.next_step(turn.contract, turn.view, turn.rules)
    if coming is None:
        yield Reason(4, "no step is left for what is overdue")
        return
    yield Reason(4, _when(turn, coming))
    if turn.contract.status in CLIMBING:
        for name in waiting.reasons(turn, coming, turn.day):
            yield Reason(4, f"step {coming.number} waits: {WAITS.get(name, name)}")


def _when(turn: Turn, coming: NextStep) -> str:
    anchor, rules = coming.anchor, turn.rules
    words = f"next is step {coming.number} ({coming.step.kind}), for the oldest receivable {anchor.invoice_id} (due {day(anchor.due)}): "
    if coming.on is None:
        return words + "no day can be told while a hold has no end"
    base = after_unheld_days(anchor.due, rules.day(coming.number), held_for(turn.spans, anchor.invoice_id))
    words += f"{rules.day(coming.number)} unheld days after its due day is {day(base)}" if base else ""
    spaced = _spaced(turn, anchor, coming.number)
    words += f", and the distance from the last step gives {spaced}" if spaced else ""
    return words + f"; so {day(coming.on)}" + (", a working day" if rules.working_days_only else "")


def _spaced(turn: Turn, anchor: Position, number: int) -> str:
    if turn.contract.stepped_on is None:
        return ""
    apart = turn.rules.day(number) - turn.rules.day(number - 1)
    on = after_unheld_days(turn.contract.stepped_on, apart, held_for(turn.spans, anchor.invoice_id))
    return day(on) if on else ""


def _attention(turn: Turn) -> Iterator[Reason]:
    for name in turn.contract.attention:
        yield Reason(7, f"attention {name}: {ATTENTION.get(name, 'a person should look at it')}")
