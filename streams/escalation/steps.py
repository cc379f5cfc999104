"""Taking a step, or skipping it (`escalation.md` 4)."""

from datetime import date

from msgspec.structs import replace

from schemas.policy import Call, HandOver, OfferPayment, Remind, Signal
from streams.escalation import (
    attention,
    breathing_space,
    calls,
    case,
    ladder,
    notices,
    outputs,
    payment_ways,
    placement,
    plan_notices,
    refresh,
    signals,
    waiting,
    win_back,
)
from streams.escalation.calendar import local
from streams.escalation.evaluate import end_of_ladder, evaluate
from streams.escalation.ladder import NextStep, Position
from streams.escalation.state import Contract, Reminder
from streams.escalation.statuses import CLIMBING
from streams.escalation.turn import Refused, Turn


def take_due_step(turn: Turn, minutes: int) -> None:
    """Take the next step if its day and time (`minutes` of the local day) have come and nothing holds it back. At most one a day."""
    coming = turn.coming
    if coming is None or coming.on is None or turn.terms.binding is None:
        return
    if turn.day < coming.on or minutes < turn.rules.at_minutes or not may_step_on(turn, turn.day):
        return
    if not waiting.reasons(turn, coming, turn.day):
        take(turn, coming, turn.day)


def may_step_on(turn: Turn, day: date) -> bool:
    """Whether a step may be taken on that day: a working day if the policy wants one, and no step was taken on it."""
    if turn.rules.working_days_only and not turn.rules.working_days.includes(day):
        return False
    return turn.contract.stepped_ever_on is None or turn.contract.stepped_ever_on < day


def take(turn: Turn, step: NextStep, day: date) -> None:
    """Take a step: rungs rise, and what the step is for is told. Below its own minimum it counts as skipped."""
    if waiting.is_below(turn, step.step):
        _pass_over(turn, step)
        evaluate(turn)
        return
    overdue = turn.view.overdue
    if isinstance(step.step, HandOver):
        level, account = turn.contract.level, placement.account(turn)
        _climb(turn, step, day)
        if not case.hand_over(turn, case.covered_by_step(turn, step), account, level, step.number):
            turn.set(nothing_to_hand_over=True)
            evaluate(turn)
    elif isinstance(step.step, Remind):
        ordinal = turn.next_ordinal(outputs.REMINDER)
        covered = _climb(turn, step, day)
        _remember(turn, step, step.step.level, day, ordinal, covered)
        attention.drop(turn, "undeliverable")
        evaluate(turn)
        notices.reminder(turn, step.step.level, ordinal, overdue, covered)
    else:
        covered = _climb(turn, step, day)
        evaluate(turn)
        _tell(turn, step.step, overdue, covered)


def _tell(turn: Turn, step: OfferPayment | Call | Signal, overdue: tuple[Position, ...], covered: tuple[str, ...]) -> None:
    if isinstance(step, OfferPayment):
        notices.payment_offer(turn, payment_ways.suitable(turn, step), overdue, covered)
    elif isinstance(step, Call):
        calls.begin(turn, step, overdue, covered)
    else:
        signals.switch_on(turn, step.name, overdue, covered)


def _climb(turn: Turn, step: NextStep, day: date) -> tuple[str, ...]:
    standings, raised = ladder.climbed(turn.contract, turn.view.active, step.anchor, step.number)
    if _is_first(turn.contract):
        breathing_space.begin(turn, "first_step", [position.invoice_id for position in turn.view.overdue])
    turn.set(standings=standings, stepped_on=day, stepped_ever_on=day, ended_told=False, nothing_to_hand_over=False)
    return raised


def _is_first(contract: Contract) -> bool:
    """Whether no step was taken in the cycle, here or elsewhere. (A reminder can have moved in under a policy without steps.)"""
    return contract.stepped_on is None and all(one.cycle != contract.cycle for one in contract.reminders)


def _remember(turn: Turn, step: NextStep, level: int, day: date, ordinal: int, covered: tuple[str, ...]) -> None:
    contract = turn.contract
    fee = 0 if _fee_decided(turn, step) else turn.rules.fee(step.number, contract.currency or "")
    later = breathing_space.end_around(contract, day) if fee else None
    waits = later is not None
    anchor = step.anchor.invoice_id
    reminder = Reminder(contract.cycle, step.number, level, day, ordinal, anchor, fee, covered, fee_postponed_to=later, fee_waits=waits)
    turn.set(reminders=(*contract.reminders, reminder))


def _fee_decided(turn: Turn, step: NextStep) -> bool:
    """Whether the fee of this step was decided for this invoice before, charged or not: parts of one invoice share a number."""
    accounts = turn.books.accounts
    key = step.anchor.account.invoice.fee_key
    decided = (reminder.anchor for reminder in turn.contract.reminders if reminder.step == step.number)
    return any(anchor in accounts and accounts[anchor].invoice.fee_key == key for anchor in decided)


def skip(turn: Turn, number: int | None) -> None:
    """A person skips the next step: it counts as taken, without notice and fee. Raises Refused."""
    status = turn.contract.status
    if status not in (*CLIMBING, "Held"):
        raise Refused("no step to skip", f"status {status}: a step can be skipped in Due, Reminded and Held")
    coming = ladder.next_step(turn.contract, turn.view, turn.rules)
    if coming is None:
        raise Refused("no step to skip", "no step of the ladder is left")
    if number not in (None, coming.number):
        raise Refused("not the next step", f"step {number}: the next step is {coming.number}")
    _pass_over(turn, coming)


def _pass_over(turn: Turn, step: NextStep) -> None:
    """The step counts as taken on this day, without notice and fee."""
    covered = _climb(turn, step, turn.day)
    if isinstance(step.step, Remind):
        skipped = Reminder(turn.contract.cycle, step.number, step.step.level, turn.day, 0, step.anchor.invoice_id, 0, covered, skipped=True)
        turn.set(reminders=(*turn.contract.reminders, skipped))


def fail_notice(turn: Turn, notice_id: str) -> None:
    """A reminder did not arrive: it counts as skipped, its fee with it. Told again, it changes nothing. Raises Refused."""
    key = turn.key
    for place, reminder in enumerate(turn.contract.reminders):
        if reminder.ordinal and outputs.output_id(key, reminder.cycle, outputs.REMINDER, reminder.ordinal) == notice_id:
            if reminder.skipped:
                return
            failed = replace(reminder, skipped=True)
            turn.set(reminders=(*turn.contract.reminders[:place], failed, *turn.contract.reminders[place + 1 :]))
            attention.add(turn, "undeliverable")
            return
    raise Refused("unknown notice", f"notice_id {notice_id}: no reminder of this contract has it")


def tick(turn: Turn, now_us: int) -> None:
    """What a tick does to a contract: evaluate, take what is due, evaluate again."""
    breathing_space.decide_fees(turn, local(now_us, turn.terms.place).date())
    evaluate(turn)
    now = local(now_us, turn.terms.place)
    if now.date() < turn.day:  # the contract is ahead of it: what has a time of day comes with the ticks of that day
        end_of_ladder(turn)
        return
    minutes = 60 * now.hour + now.minute
    take_due_step(turn, minutes)
    end_of_ladder(turn)
    calls.request_again(turn, minutes)
    plan_notices.remind(turn)
    signals.switch_off(turn)
    win_back.tell_if_due(turn)
    refresh.ask_if_silent(turn, minutes)
