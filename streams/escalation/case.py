"""The case: handing over, what the agency answers, and what it must be told (`escalation.md` 6)."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from schemas.ids import handover_id
from schemas.instructions import HandoverOrderedData, MessageWrittenData, QuestionAnsweredData
from schemas.policy import HandOver, Remind
from streams.escalation import attention, breathing_space, placement, statuses, tell
from streams.escalation.evaluate import evaluate, move
from streams.escalation.ladder import NextStep
from streams.escalation.ledger import PAYMENT, Books
from streams.escalation.state import EXHAUSTED, IN_CASE, WAITING, Case, Recall, Reported, Standing
from streams.escalation.turn import Refused, Turn

NO_SECOND_PLACEMENT = frozenset({"deceased", "insolvency", "limitation"})
"""Close reasons after which nobody else may try."""


# --- handing over


def covered_by_step(turn: Turn, step: NextStep) -> tuple[str, ...]:
    """What a hand_over step covers: overdue, once reminded (if the ladder reminds before), and of a payment method it takes."""
    assert isinstance(step.step, HandOver)
    reminds = any(isinstance(one, Remind) for one in turn.rules.steps[: step.number - 1])
    reminded = {invoice_id for reminder in turn.contract.reminders if not reminder.skipped for invoice_id in reminder.covered}
    methods = step.step.payment_methods
    return tuple(
        position.invoice_id
        for position in turn.view.overdue
        if (not reminds or position.invoice_id in reminded) and (methods is None or position.account.invoice.payment_method in methods)
    )


def hand_over(turn: Turn, invoice_ids: Sequence[str], to: str, level: int, rung: int, trigger: str = "hand_over") -> bool:
    """Open a case over these receivables; level and rung stay what they are now. False if there are none."""
    if not invoice_ids:
        return False
    contract = turn.contract
    attempt = contract.attempt + 1
    opened = Case(
        handover_id=handover_id(turn.key, contract.cycle, attempt),
        attempt=attempt,
        account=to,
        invoice_ids=ranked(turn, invoice_ids),
        status=statuses.TO_BE_PASSED,
        handed_over_on=turn.day,
        reported=known_parts(turn.books, invoice_ids),
    )
    overdue = [position.invoice_id for position in turn.view.overdue]
    move(turn, trigger, level)
    breathing_space.begin(turn, "hand_over", (*overdue, *invoice_ids))
    begin(turn, opened, rung)
    evaluate(turn)
    tell.submit(turn, opened)
    return True


def begin(turn: Turn, opened: Case, rung: int) -> None:
    """From now on the contract stands in this case, at the rung it has."""
    number = len(turn.contract.cases)
    turn.set(
        cases=(*turn.contract.cases, opened),
        attempt=opened.attempt,
        current=number,
        calls=None,
        handover_rung=rung,
        standings=_placed(turn.contract.standings, opened.invoice_ids, number),
    )


def ranked(turn: Turn, invoice_ids: Iterable[str]) -> tuple[str, ...]:
    """The receivables in the order in which they are settled, each once."""
    return tuple(sorted(set(invoice_ids), key=lambda invoice_id: turn.books.accounts[invoice_id].rank))


def _placed(standings: tuple[Standing, ...], invoice_ids: Sequence[str], number: int) -> tuple[Standing, ...]:
    known = {standing.invoice_id for standing in standings}
    kept = tuple(replace(one, place=IN_CASE, case=number) if one.invoice_id in invoice_ids else one for one in standings)
    return (*kept, *(Standing(one, place=IN_CASE, case=number) for one in invoice_ids if one not in known))


def known_parts(books: Books, invoice_ids: Sequence[str]) -> tuple[Reported, ...]:
    """What payments settled before the handover: the agency knows it from the open amounts it was given."""
    parts = ((money_id, books.part(PAYMENT, money_id, invoice_ids)) for kind, money_id in books.parts if kind == PAYMENT)
    return tuple(Reported(money_id, amount) for money_id, amount in sorted(parts) if amount)


def known_payments(turn: Turn, invoice_ids: Sequence[str]) -> tuple[Reported, ...]:
    """Every payment that is known when a case is taken over, with its part, be it nothing: what becomes of it later is told."""
    direct = sorted(payment.payment_id for payment in turn.contract.facts.payments if not payment.via_agency)
    return tuple(Reported(payment_id, turn.books.part(PAYMENT, payment_id, invoice_ids)) for payment_id in direct)


def order_handover(turn: Turn, data: HandoverOrderedData) -> None:
    """A person orders a handover. Raises Refused."""
    status, last = turn.contract.status, turn.case
    if status in statuses.OPEN:
        raise Refused("case open", f"status {status}: the contract has an open case")
    if status == statuses.HELD and not data.despite_hold:
        raise Refused("held", "the contract is held: order with despite_hold true, or release the hold")
    candidates = _orderable(turn, data.despite_hold)
    if status == statuses.CLEAR and not any(
        standing.place in WAITING and standing.invoice_id in candidates for standing in turn.contract.standings
    ):
        raise Refused("nothing overdue", "status Clear, and nothing waits after a rejection or a recall")
    named = candidates if data.invoice_ids is None else [one for one in candidates if one in data.invoice_ids]
    if not named:
        raise Refused("nothing overdue", "none of the receivables ordered is overdue or waits for a handover")
    to = placement.account(turn, data.account)
    if status == statuses.FAILED and last is not None:
        _check_second_placement(last, to)
    hand_over(turn, named, to, turn.contract.level, tell.rung(turn), "handover.ordered")


def _check_second_placement(last: Case, to: str) -> None:
    if last.close_reason in NO_SECOND_PLACEMENT:
        raise Refused("no second placement", f"the case was closed for {last.close_reason}")
    if last.close_reason != "recalled" and to == last.account:
        raise Refused("no second placement", f"account {to} had the case and closed it: another account is needed")


def _orderable(turn: Turn, despite_hold: bool) -> list[str]:
    """What is overdue, what waits rejected or recalled, and what a dead case left."""
    positions = (*turn.view.overdue, *(turn.view.held if despite_hold else ()))
    found = [position.invoice_id for position in positions]
    dead = turn.contract.current if turn.contract.status == statuses.FAILED else None
    for standing in turn.contract.standings:
        left = standing.place in WAITING or (standing.place == EXHAUSTED and standing.case == dead)
        if left and turn.books.accounts[standing.invoice_id].claim > 0:
            found.append(standing.invoice_id)
    return found


# --- open cases and what they hold


def open_cases(turn: Turn) -> list[tuple[int, Case]]:
    """Cases on which an agency works, with their numbers. One that stepped back for a new cycle is still open."""
    return [(number, case) for number, case in enumerate(turn.contract.cases) if case.status in statuses.OPEN]


def receivables_of(turn: Turn, number: int) -> tuple[str, ...]:
    """The receivables that are in this case now."""
    return tuple(standing.invoice_id for standing in turn.contract.standings if standing.case == number)


def addressed(turn: Turn, verb: str) -> int:
    """Number of the case that an order to `verb` is about: the present one, else the last that is open. Raises Refused."""
    cases = open_cases(turn)
    if not cases:
        raise Refused("no open case", f"status {turn.contract.status}: there is no case to {verb}")
    number = turn.contract.current
    return number if number is not None and any(number == one for one, _ in cases) else cases[-1][0]


def order_recall(turn: Turn) -> None:
    """A person calls a case back. Raises Refused."""
    send_recall(turn, addressed(turn, "recall"), "ordered")


def send_recall(turn: Turn, number: int, reason: str) -> None:
    """Recall a case: once per reason, and never after `paid`."""
    case = turn.contract.cases[number]
    if not any(sent.reason in ("paid", reason) for sent in case.recalls):
        turn.set_case(number, recalls=(*case.recalls, Recall(reason, turn.day)))
        tell.recall(turn, case, reason)


def write_message(turn: Turn, data: MessageWrittenData) -> None:
    """A person writes to the agency. Raises Refused."""
    case = turn.contract.cases[addressed(turn, "write about")]
    if not settled(case):
        tell.words(turn, case, data.message_id, data.text)


def answer_question(turn: Turn, data: QuestionAnsweredData) -> None:
    """A person answers the agency's question. Raises Refused.

    Which case asked is not remembered: with several open, the answer goes to the present one, as every order does.
    """
    case = turn.contract.cases[addressed(turn, "answer about")]
    if not settled(case):
        tell.answer(turn, case, data.question_id, data.answer)
    attention.drop(turn, "question")


def settled(case: Case) -> bool:
    """Whether the agency was told that all is paid: after that nothing more is sent."""
    return any(sent.reason == "paid" for sent in case.recalls)


# --- what the agency must be told


def report(turn: Turn, payment_id: str) -> None:
    """Report what a direct payment settled of open cases, or the difference to what was reported."""
    payment = next((one for one in turn.contract.facts.payments if one.payment_id == payment_id), None)
    if payment is None or payment.via_agency:
        return
    for number, case in open_cases(turn):
        part = turn.books.part(PAYMENT, payment_id, receivables_of(turn, number))
        known = next((one.amount for one in case.reported if one.payment_id == payment_id), None)
        if known is None and case.adopted and payment.value_date <= case.handed_over_on:
            # Of a case that was taken over the agency knows what had been paid by then, whenever we hear of it.
            turn.set_case(number, reported=(*case.reported, Reported(payment_id, part)))
            continue
        known = known or 0
        if part == known or settled(case):
            continue
        if part > known and case.status in (statuses.TO_BE_PASSED, statuses.PASSED) and claim_of_now(turn, number) == 0:
            send_recall(turn, number, "paid")
        else:
            others = tuple(one for one in case.reported if one.payment_id != payment_id)
            turn.set_case(number, reported=(*others, Reported(payment_id, part)))
            tell.report_payment(turn, case, payment_id, part - known, payment.value_date)


def claim_of_now(turn: Turn, number: int) -> int:
    """What is open on the receivables that are in this case now."""
    return sum(turn.books.accounts[invoice_id].claim for invoice_id in receivables_of(turn, number))


def tell_changed(turn: Turn, before: Books) -> None:
    """Tell open cases whose receivables changed: in principal or due date, or in what is open because money flowed on from elsewhere."""
    for number, _ in open_cases(turn):
        if any(_changed(before, turn.books, invoice_id) for invoice_id in receivables_of(turn, number)):
            send_text(turn, number, "claim_changed")


def _changed(before: Books, now: Books, invoice_id: str) -> bool:
    one, other = before.accounts[invoice_id], now.accounts[invoice_id]
    return (one.principal, one.claim, one.due_on, one.written_off) != (other.principal, other.claim, other.due_on, other.written_off)


def tell_about(turn: Turn, invoice_id: str | None, text_key: str) -> None:
    """Tell open cases what befell a receivable of theirs (None: the whole contract): a dispute or its end, insolvency, death."""
    for number, _ in open_cases(turn):
        if invoice_id is None or invoice_id in receivables_of(turn, number):
            send_text(turn, number, text_key)


def send_text(turn: Turn, number: int, text_key: str) -> None:
    """Send a fixed text, or a recall if nothing of the case is left open."""
    case = turn.contract.cases[number]
    if settled(case):
        return
    if claim_of_now(turn, number) == 0:
        send_recall(turn, number, "claim_gone")
    else:
        tell.message(turn, case, text_key)
