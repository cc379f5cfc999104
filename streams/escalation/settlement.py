"""What is owed: money as a fold over facts sorted by (date, kind, id), never over arrival (`escalation.md` 2).

First each receivable is made what it is by all that is known now (last correction, credit notes, cancellation), then what was fixed at a
moment (write-offs, successful closes) is set aside, then the money that came settles the rest in the order of its days. Where a policy
asks for interest, it grows (`accrual`) to each of these days before anything is settled on it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date
from operator import attrgetter, itemgetter
from typing import NamedTuple

from msgspec import structs

from streams.escalation.accounts import Account, Cost, account_of, accounts_of
from streams.escalation.accrual import Growth, Interest
from streams.escalation.facts import Allocated, Chargeback, Facts, Invoice, Payment, Portion, ended
from streams.escalation.ledger import AGENCY_PAYMENT, CLOSE, COLLECTED, CREDIT_NOTE, PAYMENT, Books, Ledger, Money
from streams.escalation.state import Reminder
from streams.escalation.worth import charges_fee, failed, net_agency_payments, net_payments, unreversed

_BY_DAY_KIND_AND_ID = attrgetter("day", "kind", "id")


def books(ledger: Ledger) -> Books:
    """What is owed by the facts known now."""
    return _fold(ledger, _owed_costs(ledger))


def with_payment(ledger: Ledger, known: Books, payment: Payment) -> Books | None:
    """The books after one payment more, or None if everything must be folded anew. `known` are those of the ledger, which does not hold
    the payment yet; they are used up.

    Where the payment comes last in the order of the fold, what came before comes out as it did: then it only settles what is open. Every
    cost must be of an earlier day, since one of a later day would have been settled by credit first, and a step's fee of the same day is
    decided by what was paid on it.
    """
    if payment.via_agency or _is_named(ledger.facts, payment.payment_id) or not _comes_last(ledger, payment):
        return None
    if ledger.interest is not None and not _interest_stands(ledger.interest, known, payment.counts_on):
        return None
    money = Money(payment.counts_on, PAYMENT, payment.payment_id, payment.amount, payment.designated)
    pool: list[Money] = []
    _settle(ledger, known, tuple(known.accounts.values()), money, pool)
    known.credit += sum(money.amount for money in pool)
    return known


def _interest_stands(terms: Interest, known: Books, day: date) -> bool:
    """Whether money of that day finds interest as it stands in the books: grown up to and including the day, with no credit that would
    settle it only afterwards."""
    return day == terms.today and not known.left_over


def _is_named(facts: Facts, payment_id: str) -> bool:
    return any(one.payment_id == payment_id for some in (facts.failures, facts.refunds, facts.chargebacks) for one in some)


def _comes_last(ledger: Ledger, payment: Payment) -> bool:
    facts, day = ledger.facts, payment.counts_on
    return (
        all((one.counts_on, one.payment_id) < (day, payment.payment_id) for one in facts.payments)
        and all(ledger.local_day(note.time_us) <= day for note in facts.credit_notes)
        and all(told.counts_on <= day for told in facts.agency_payments)
        and all(fixed.day <= day for fixed in ledger.fixed)
        and all(reminder.fee_on < day for reminder in ledger.reminders if reminder.fee)
        and all(chargeback.booked_on < day for chargeback in facts.chargebacks if chargeback.fee)
    )


def with_invoice(ledger: Ledger, known: Books, invoice: Invoice) -> Books | None:
    """The books with one receivable more, or None if everything must be folded anew. `known` are those of the ledger, which does not hold
    the receivable yet; both share their accounts.

    No money reaches it if it is the last in order, was not due when any came, and nothing was ever left over; interest does not if it is
    not in default yet.
    """
    facts, added = ledger.facts, account_of(invoice)
    if ledger.interest is not None and not _bears_nothing(ledger.interest, added):
        return None
    last = next(reversed(known.accounts.values()), None)
    if known.left_over or (last is not None and last.rank > added.rank) or _is_meant(facts, invoice.invoice_id):
        return None
    if any(charges_fee(chargeback) for chargeback in facts.chargebacks) or not _all_before(ledger, invoice.due_on):
        return None
    return structs.replace(known, accounts={**known.accounts, invoice.invoice_id: added})


def _bears_nothing(terms: Interest, account: Account) -> bool:
    """Whether a receivable bears no interest up to the day to which it is reckoned."""
    after = terms.default_on(account)
    return after is None or after >= terms.today


def _is_meant(facts: Facts, invoice_id: str) -> bool:
    """Whether anything is known already of a receivable."""
    return (
        any(one.invoice_id == invoice_id for some in (facts.corrections, facts.write_offs, facts.credit_notes) for one in some)
        or any(one.of == invoice_id for one in facts.cancelled_invoices)
        or any(allocated.invoice_id == invoice_id for payment in facts.payments for allocated in payment.designated)
    )


def _all_before(ledger: Ledger, due_on: date) -> bool:
    """Whether all money came before that day."""
    facts = ledger.facts
    return (
        all(payment.counts_on < due_on for payment in facts.payments)
        and all(ledger.local_day(note.time_us) < due_on for note in facts.credit_notes)
        and all(told.counts_on < due_on for told in facts.agency_payments)
        and all(fixed.day < due_on for fixed in ledger.fixed)
    )


# --- costs


def _owed_costs(ledger: Ledger) -> list[Cost]:
    """Fees of steps and of chargebacks that are owed. They are decided in order of their days (within a day steps first), each by the
    fold in which the costs decided before it count: so what a later one brings never moves an earlier one."""
    if not (ledger.reminders or ledger.facts.chargebacks):
        return []
    candidates: list[tuple[date, bool, str, Reminder | Chargeback]] = [
        (one.fee_on, False, f"{one.cycle}/{one.step}", one) for one in ledger.reminders if one.charged
    ]
    candidates += [(one.booked_on, True, one.chargeback_id, one) for one in unreversed(ledger.facts) if charges_fee(one)]
    costs: list[Cost] = []
    for day, _, _, one in sorted(candidates, key=itemgetter(0, 1, 2)) if candidates else ():
        invoice_id = reopened_by(ledger, one, costs) if isinstance(one, Chargeback) else _charged_for(ledger, one, costs)
        if invoice_id is not None:
            costs.append(Cost(invoice_id, day, one.fee))
    return costs


def _charged_for(ledger: Ledger, reminder: Reminder, costs: Sequence[Cost]) -> str | None:
    """A step's fee is owed if, without it, principal of its receivable was open at the end of its day."""
    if ledger.exempt(reminder.anchor, reminder.fee_on):
        return None
    then = _fold(ledger, costs, until=reminder.fee_on)
    anchor = then.accounts.get(reminder.anchor)  # unknown: the books of a day before it was issued
    return reminder.anchor if anchor is not None and anchor.open > 0 else None


def reopened_by(ledger: Ledger, chargeback: Chargeback, costs: Sequence[Cost]) -> str | None:
    """What a chargeback reopens: the designated receivable (of several allocations the first), else the one that the payment would settle
    first, as things stood on its day: what was written off or closed later does not hide it. None: nothing, or not yet known."""
    payment = next((one for one in ledger.facts.payments if one.payment_id == chargeback.payment_id), None)
    if payment is None or payment.via_agency:
        return None
    issued = {invoice.invoice_id for invoice in ledger.facts.invoices}
    for allocated in payment.designated:
        if allocated.invoice_id in issued:
            return allocated.invoice_id
    then = _fold(ledger, costs, until=payment.counts_on, before=payment.payment_id)
    return _settled_first(tuple(then.accounts.values()), payment.counts_on)


def _settled_first(ordered: Sequence[Account], day: date) -> str | None:
    due = [account for account in ordered if account.due_on <= day]
    later = (account for account in ordered if account.due_on > day)
    for account in (*(one for one in due if one.open), *(one for one in due if one.claim), *(one for one in later if one.claim)):
        return account.invoice.invoice_id
    return None


# --- what was fixed at a moment


class _SetAside(NamedTuple):
    day: date
    kind: str
    id: str
    written_off: bool
    portions: tuple[Portion, ...]


def _set_aside(ledger: Ledger) -> Iterator[_SetAside]:
    for write_off in ledger.facts.write_offs:
        if write_off.portion is not None and not _taken_back(ledger.facts, write_off.invoice_id, write_off.time_us):
            day = ledger.local_day(write_off.time_us)
            yield _SetAside(day, "invoice.written_off", write_off.event_id, True, (write_off.portion,))
    for fixed in ledger.fixed:
        yield _SetAside(fixed.day, CLOSE, fixed.handover_id, fixed.written_off, fixed.portions)


def _taken_back(facts: Facts, invoice_id: str, time_us: int) -> bool:
    return any(
        correction.invoice_id == invoice_id and correction.amount is not None and correction.time_us > time_us
        for correction in facts.corrections
    )


def _put_aside(ledger: Ledger, accounts: dict[str, Account], until: date | None, growth: Growth | None) -> Iterator[Money]:
    """Take what was fixed from the accounts; like a payment it settles costs up to its day. Of a close, what exceeds a receivable that
    was lowered since flows on; a write-off was never money, so nothing of it does."""
    for aside in sorted(_set_aside(ledger), key=lambda aside: aside[:3]):
        if until is not None and aside.day > until:
            continue
        exceeding = 0
        for portion in aside.portions:
            fixed = portion.principal + portion.interest + portion.costs
            if (account := accounts.get(portion.invoice_id)) is None:  # the books of a day before it was issued
                exceeding += fixed
                continue
            principal = account.take_principal(portion.principal)
            if growth is not None:
                growth.set_aside(portion.invoice_id, aside.day, principal)
                yield Money(aside.day, aside.kind, aside.id, portion.interest, (), portion.invoice_id, aside.written_off)
                fixed -= portion.interest
            costs = account.take_costs(portion.costs, aside.day)
            exceeding += fixed - principal - costs
            if aside.written_off:
                account.forgive(principal, costs)
            else:
                account.settled += principal + costs
                account.note_agency(principal, costs)
        if exceeding and not aside.written_off:
            yield Money(aside.day, CLOSE, aside.id, exceeding)


# --- money that came


def _moneys(ledger: Ledger, accounts: dict[str, Account]) -> Iterator[Money]:
    facts = ledger.facts
    net = net_payments(facts)
    for payment in facts.payments:
        if not payment.via_agency:
            yield Money(payment.counts_on, PAYMENT, payment.payment_id, net[payment.payment_id], payment.designated)
    if facts.credit_notes:
        cancelled = ended(facts.cancelled_credit_notes)
        for note in facts.credit_notes:
            if note.invoice_id is None and note.credit_note_id not in cancelled:
                yield Money(ledger.local_day(note.time_us), CREDIT_NOTE, note.credit_note_id, note.amount)
    if facts.agency_payments:
        covered = {case.handover_id: case.invoice_ids for case in ledger.cases}
        for told, amount in net_agency_payments(facts):
            if told.handover_id in covered:
                money_id = f"{told.handover_id}/{told.payment_id}"
                designated = tuple(Allocated(invoice_id, amount) for invoice_id in accounts if invoice_id in covered[told.handover_id])
                yield Money(told.counts_on, AGENCY_PAYMENT, money_id, amount, designated)


def _agency_balance(ledger: Ledger) -> int:
    facts = ledger.facts
    if not (ledger.fixed or facts.agency_payments or any(payment.via_agency for payment in facts.payments)):
        return 0
    balance = sum(
        portion.principal + portion.costs + portion.interest
        for fixed in ledger.fixed
        if not fixed.written_off
        for portion in fixed.portions
    )
    if facts.agency_payments:
        known = {case.handover_id for case in ledger.cases}
        balance += sum(worth for told, worth in net_agency_payments(facts) if told.handover_id in known)
    net = net_payments(facts)
    for payout in facts.payments:
        left = net[payout.payment_id]
        taken_back = failed(facts, payout) or (payout.amount > 0 and left == 0)
        if payout.via_agency and not taken_back:
            balance -= left + payout.withheld
    return balance


# --- the fold


def _fold(ledger: Ledger, costs: Sequence[Cost], until: date | None = None, before: str | None = None) -> Books:
    """Settle in order. With `until`, only what is dated up to that day; with `before`, only up to that payment."""
    accounts = accounts_of(ledger.facts)
    for cost in costs:
        account = accounts.get(cost.invoice_id)
        if account is not None and not account.cancelled and (until is None or cost.day <= until):
            account.costs.append((cost.day, cost.amount))
    result = Books(accounts, costs)
    growth = None if ledger.interest is None else Growth(ledger.interest, ledger.facts, accounts, ledger.local_day)
    if ledger.has_money:
        _apply_money(ledger, result, until, before, growth)
        if until is None:
            result.agency_balance = _agency_balance(ledger)
    elif growth is not None:
        growth.grow(_last_day(ledger, until))
    if growth is not None:
        result.rate_missing = growth.rate_missing
    return result


def _last_day(ledger: Ledger, until: date | None) -> date:
    assert ledger.interest is not None
    return ledger.interest.today if until is None else min(until, ledger.interest.today)


def _apply_money(ledger: Ledger, result: Books, until: date | None, before: str | None, growth: Growth | None) -> None:
    moneys = list(_put_aside(ledger, result.accounts, until, growth)) if ledger.facts.write_offs or ledger.fixed else []
    moneys.extend(_moneys(ledger, result.accounts))
    ordered = tuple(result.accounts.values())
    owed_on = deque(sorted({day for account in ordered for day, _ in account.costs}) if result.costs else ())
    pool: list[Money] = []
    for money in sorted(moneys, key=_BY_DAY_KIND_AND_ID) if len(moneys) > 1 else moneys:
        if until is not None and money.day > until:
            break
        while owed_on and owed_on[0] <= money.day:
            _settle_owed(ledger, result, ordered, owed_on.popleft(), pool, growth)
        if growth is not None:
            growth.grow(money.day)
        if before is not None and money.kind == PAYMENT and money.id == before:
            return
        _settle(ledger, result, ordered, money, pool)
    for day in owed_on:
        _settle_owed(ledger, result, ordered, day, pool, growth)
    if growth is not None:
        growth.grow(last := _last_day(ledger, until))
        _settle_from(pool, result, ordered, last, ledger.principal_first)
    result.credit = sum(money.amount for money in pool)
    result.written_off = sum(account.written_off for account in ordered)


def _settle_owed(ledger: Ledger, result: Books, ordered: Sequence[Account], day: date, pool: list[Money], growth: Growth | None) -> None:
    """Let credit settle a cost of that day, and the interest up to it."""
    if growth is not None:
        growth.grow(min(day, _last_day(ledger, None)))
    _settle_from(pool, result, ordered, day, ledger.principal_first)


def _settle(ledger: Ledger, result: Books, ordered: Sequence[Account], money: Money, pool: list[Money]) -> None:
    standing = _standing(ordered) if money.kind in COLLECTED and not money.written_off else None
    left = money.amount
    if money.interest_of is not None:
        taken = _settle_fixed_interest(result.accounts[money.interest_of], money)
        left = 0 if money.written_off else left - taken
    for allocated in money.designated:
        account = result.accounts.get(allocated.invoice_id)
        if account is not None and left:
            taken = account.take(min(left, allocated.amount), money.day, ledger.principal_first)
            _note(result, account, money, taken)
            left -= taken
    if left:
        # What a designation left over settles in the order of the law, whatever was designated included.
        left -= _spread(result, ordered, money, left, money.day, ledger.principal_first)
    if left:
        pool.append(structs.replace(money, amount=left))
        result.left_over = True
    if standing is not None:
        _note_agency(ordered, standing)


def _standing(ordered: Sequence[Account]) -> Sequence[tuple[int, int, int]]:
    return [(account.open, account.costs_open, account.interest) for account in ordered]


def _note_agency(ordered: Sequence[Account], before: Sequence[tuple[int, int, int]]) -> None:
    """Note what an agency's money settled; `before` is how they stood without it."""
    for account, (principal, costs, interest) in zip(ordered, before, strict=True):
        if (account.open, account.costs_open, account.interest) != (principal, costs, interest):
            account.note_agency(principal - account.open, costs - account.costs_open, interest - account.interest)


def _settle_fixed_interest(account: Account, money: Money) -> int:
    taken = account.take_interest(money.amount)
    if money.written_off:
        account.forgive(interest=taken)
    else:
        account.settled += taken
    return taken


def _settle_from(pool: list[Money], result: Books, ordered: Sequence[Account], day: date, principal_first: bool) -> None:
    """Credit settles what becomes owed on the day on which it does. (What is left of money is left because nothing else was owed: there
    is nothing else that becomes owed but costs, and interest on what was written off later.)"""
    for place, money in enumerate(pool):
        if money.amount:
            standing = _standing(ordered) if money.kind in COLLECTED else None
            taken = _spread(result, ordered, money, money.amount, day, principal_first)
            if standing is not None:
                _note_agency(ordered, standing)
            pool[place] = structs.replace(money, amount=money.amount - taken)


def _spread(result: Books, ordered: Sequence[Account], money: Money, amount: int, day: date, principal_first: bool) -> int:
    """Settle due receivables with open principal, then what else is left on due ones, then those not yet due."""
    left = amount
    for account in ordered:
        if account.open and account.due_on <= day:
            taken = account.take_principal(left) if principal_first else account.take(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
            if not left:
                return amount
    for account in ordered:
        if (account.costs or account.interest) and account.due_on <= day:
            taken = account.take_extras(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
    for account in ordered:
        if left and account.due_on > day:
            taken = account.take(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
    return amount - left


def _note(result: Books, account: Account, money: Money, taken: int) -> None:
    if taken:
        account.settled += taken
        parts = result.parts.setdefault((money.kind, money.id), {})
        parts[account.invoice.invoice_id] = parts.get(account.invoice.invoice_id, 0) + taken
