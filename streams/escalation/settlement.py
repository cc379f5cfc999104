"""What is owed: money as a fold over facts sorted by (date, kind, id), never over arrival (`escalation.md` 2).

First each receivable is made what it is by all that is known now (last correction, credit notes, cancellation), then what was fixed at a
moment (write-offs, successful closes) is set aside, then the money that came settles the rest in the order of its days. Interest has its
place in that order and is 0 until a policy may ask for it.

An `Account` changes while its fold runs and not after; whoever gets `Books` only reads them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import NamedTuple

from streams.escalation.accounts import Account, Cost, accounts_of
from streams.escalation.facts import AgencyPayment, Allocated, Chargeback, Facts, Payment, Portion, ended
from streams.escalation.state import Case, Fixed, Reminder

_BY_DAY_KIND_AND_ID = itemgetter(0, 1, 2)
CLOSE, AGENCY_PAYMENT, CREDIT_NOTE, PAYMENT = "case.closed", "case.payment_received", "credit_note.issued", "payment.received"
"""Kinds of money. Within a day they settle in this order, that of their names."""

OWN_ERROR = frozenset({"AM05", "MD02", "FF01", "FF05", "BE05", "CNOR", "DNOR", "AG02"})
"""Return codes of the class "our own error" (`domain.md` 7)."""
UNAUTHORISED = "MD01"
DECEASED = "MD07"


class Money(NamedTuple):
    """Something that settles; first what it is designated for, up to these amounts."""

    day: date
    kind: str
    id: str
    amount: int
    designated: tuple[Allocated, ...] = ()


@dataclass(slots=True)
class Books:
    """The result of a fold. `parts` says how much of each receivable a payment (kind, id) settled."""

    accounts: dict[str, Account]
    credit: int = 0
    agency_balance: int = 0
    written_off: int = 0
    parts: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    reopened_first: dict[str, str] = field(default_factory=dict)
    """By chargeback: the receivable it reopens."""

    def part(self, kind: str, money_id: str, invoice_ids: Sequence[str]) -> int:
        """How much of the payment settled these receivables."""
        parts = self.parts.get((kind, money_id))
        return sum(parts.get(invoice_id, 0) for invoice_id in invoice_ids) if parts else 0


class Ledger(NamedTuple):
    """What a fold is made of. `exempt` says whether a fee dated on a day is not owed for a receivable because of a hold."""

    facts: Facts
    reminders: tuple[Reminder, ...]
    cases: tuple[Case, ...]
    fixed: tuple[Fixed, ...]
    local_day: Callable[[int], date]
    principal_first: bool
    exempt: Callable[[str, date], bool]

    @property
    def has_money(self) -> bool:
        """Whether there is anything that settles, or was set aside."""
        facts = self.facts
        return bool(facts.payments or facts.credit_notes or facts.agency_payments or facts.write_offs or self.fixed)


def books(ledger: Ledger) -> Books:
    """What is owed by the facts known now."""
    fees = _owed_fees(ledger) if ledger.reminders else []
    reopened = _reopened(ledger, fees)
    costs = (*fees, *_chargeback_costs(ledger.facts, reopened)) if reopened else fees
    result = _fold(ledger, costs, None)
    result.reopened_first = reopened
    return result


def _owed_fees(ledger: Ledger) -> list[Cost]:
    """A fee is owed if, without it, principal was open at the end of its day; earlier fees decided first."""
    fees: list[Cost] = []
    if not any(reminder.fee for reminder in ledger.reminders):
        return fees
    for reminder in sorted(ledger.reminders, key=lambda reminder: (reminder.day, reminder.cycle, reminder.step)):
        if reminder.fee and not reminder.skipped and not ledger.exempt(reminder.anchor, reminder.day):
            reopened = _reopened(ledger, fees)
            costs = (*fees, *_chargeback_costs(ledger.facts, reopened))
            if _fold(ledger, costs, reminder.day).accounts[reminder.anchor].open > 0:
                fees.append(Cost(reminder.anchor, reminder.day, reminder.fee))
    return fees


# --- chargebacks


def _unreversed(facts: Facts) -> Sequence[Chargeback]:
    if not facts.reversals:
        return facts.chargebacks
    reversed_ids = {reversal.chargeback_id for reversal in facts.reversals}
    return [chargeback for chargeback in facts.chargebacks if chargeback.chargeback_id not in reversed_ids]


def charges_fee(chargeback: Chargeback) -> bool:
    """Whether the bank's fee is the debtor's to bear: not for our own errors, nor without a mandate."""
    return chargeback.fee > 0 and chargeback.reason_code != UNAUTHORISED and chargeback.reason_code not in OWN_ERROR


def _chargeback_costs(facts: Facts, reopened: dict[str, str]) -> Iterator[Cost]:
    for chargeback in _unreversed(facts):
        if charges_fee(chargeback) and chargeback.chargeback_id in reopened:
            yield Cost(reopened[chargeback.chargeback_id], chargeback.booked_on, chargeback.fee)


def _reopened(ledger: Ledger, fees: Sequence[Cost]) -> dict[str, str]:
    """By chargeback: the designated receivable (of several allocations the first), else the one that the payment would settle first, as
    things stood on its day: what was written off or closed later does not hide it."""
    facts = ledger.facts
    if not facts.chargebacks:
        return {}
    days = {payment.payment_id: payment.counts_on for payment in facts.payments}
    found: dict[str, str] = {}
    for day in sorted({days[one.payment_id] for one in facts.chargebacks if one.payment_id in days}):
        first = _fold(ledger, tuple(fees), day).reopened_first
        of_day = (one for one in facts.chargebacks if days.get(one.payment_id) == day)
        found.update({one.chargeback_id: first[one.chargeback_id] for one in of_day if one.chargeback_id in first})
    return found


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


def _put_aside(ledger: Ledger, accounts: dict[str, Account], until: date | None) -> Iterator[Money]:
    """Take what was fixed from the accounts. Of a close, what exceeds a receivable that was lowered since flows on; a write-off was
    never money, so nothing of it does."""
    if not (ledger.facts.write_offs or ledger.fixed):
        return
    for aside in sorted(_set_aside(ledger), key=lambda aside: aside[:3]):
        if until is not None and aside.day > until:
            continue
        exceeding = 0
        for portion in aside.portions:
            account = accounts[portion.invoice_id]
            taken = account.take_principal(portion.principal)
            taken += account.take_interest(portion.interest)
            taken += account.take_costs(portion.costs, None)
            exceeding += portion.principal + portion.interest + portion.costs - taken
            if aside.written_off:
                account.written_off += taken
            else:
                account.settled += taken
        if exceeding and not aside.written_off:
            yield Money(aside.day, CLOSE, aside.id, exceeding)


# --- money that came


def net_payments(facts: Facts) -> dict[str, int]:
    """What each received payment is worth: less refunds and chargebacks that stand, nothing once it failed after it was received."""
    if not (facts.refunds or facts.chargebacks or facts.failures):
        return {payment.payment_id: payment.amount for payment in facts.payments}
    taken: dict[str, int] = {}
    for refund in facts.refunds:
        taken[refund.payment_id] = taken.get(refund.payment_id, 0) + refund.amount
    for chargeback in _unreversed(facts):
        taken[chargeback.payment_id] = taken.get(chargeback.payment_id, 0) + chargeback.amount
    return {
        payment.payment_id: 0 if _failed(facts, payment) else max(0, payment.amount - taken.get(payment.payment_id, 0))
        for payment in facts.payments
    }


def _failed(facts: Facts, payment: Payment) -> bool:
    return any(failure.payment_id == payment.payment_id and failure.time_us > payment.time_us for failure in facts.failures)


def net_agency_payments(facts: Facts) -> list[tuple[AgencyPayment, int]]:
    """What each payment that an agency told of is worth: a negative one lowers the last earlier ones of its case. Within a day the
    negative ones come last, or the ids would decide whether a payment that came back on its own day was ever made."""
    counted = (payment for payment in facts.agency_payments if payment.counts)
    told = sorted(counted, key=lambda payment: (payment.counts_on, payment.amount < 0, payment.payment_id))
    worth = [max(0, payment.amount) for payment in told]
    for place, payment in enumerate(told):
        back = max(0, -payment.amount)
        for earlier in range(place - 1, -1, -1):
            if back and told[earlier].handover_id == payment.handover_id:
                part = min(back, worth[earlier])
                worth[earlier] -= part
                back -= part
    return list(zip(told, worth, strict=True))


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
        taken_back = _failed(facts, payout) or (payout.amount > 0 and left == 0)
        if payout.via_agency and not taken_back:
            balance -= left + payout.withheld
    return balance


# --- the fold


def _fold(ledger: Ledger, costs: Sequence[Cost], until: date | None) -> Books:
    """Settle in order. With `until`, only by money and write-offs dated up to that day."""
    accounts = accounts_of(ledger.facts)
    for cost in sorted(costs, key=lambda cost: cost.day) if costs else ():
        account = accounts.get(cost.invoice_id)
        if account is not None and not account.cancelled:
            account.costs.append((cost.day, cost.amount))
    result = Books(accounts)
    if ledger.has_money:
        _apply_money(ledger, result, until)
        if until is None:
            result.agency_balance = _agency_balance(ledger)
    return result


def _apply_money(ledger: Ledger, result: Books, until: date | None) -> None:
    moneys = [*_put_aside(ledger, result.accounts, until), *_moneys(ledger, result.accounts)]
    ordered = tuple(result.accounts.values())
    pool: list[Money] = []
    for money in sorted(moneys, key=_BY_DAY_KIND_AND_ID) if len(moneys) > 1 else moneys:
        if until is None or money.day <= until:
            _settle(ledger, result, ordered, money, pool)
    if pool:
        _settle_from(pool, result, ordered, None, ledger.principal_first)
        result.credit = sum(money.amount for money in pool)
    result.written_off = sum(account.written_off for account in ordered)


def _settle(ledger: Ledger, result: Books, ordered: Sequence[Account], money: Money, pool: list[Money]) -> None:
    if pool:
        _settle_from(pool, result, ordered, money.day, ledger.principal_first)
    if money.kind == PAYMENT and ledger.facts.chargebacks:
        _note_reopened(ledger.facts, result, ordered, money)
    left = money.amount
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
        pool.append(money._replace(amount=left))


def _settle_from(pool: list[Money], result: Books, ordered: Sequence[Account], day: date | None, principal_first: bool) -> None:
    """Credit settles whatever else has become owed."""
    for place, money in enumerate(pool):
        if money.amount:
            taken = _spread(result, ordered, money, money.amount, day, principal_first)
            pool[place] = money._replace(amount=money.amount - taken)


def _spread(result: Books, ordered: Sequence[Account], money: Money, amount: int, day: date | None, principal_first: bool) -> int:
    """Settle due receivables with open principal, then what else is left on due ones, then those not yet due; `day` None: all are due."""
    left = amount
    for account in ordered:
        if account.open and (day is None or account.due_on <= day):
            taken = account.take_principal(left) if principal_first else account.take(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
            if not left:
                return amount
    for account in ordered:
        if (account.costs or account.interest) and (day is None or account.due_on <= day):
            taken = account.take_extras(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
    for account in ordered:
        if left and day is not None and account.due_on > day:
            taken = account.take(left, day, principal_first)
            _note(result, account, money, taken)
            left -= taken
    return amount - left


def _note(result: Books, account: Account, money: Money, taken: int) -> None:
    if taken:
        account.settled += taken
        parts = result.parts.setdefault((money.kind, money.id), {})
        parts[account.invoice.invoice_id] = parts.get(account.invoice.invoice_id, 0) + taken


def _note_reopened(facts: Facts, result: Books, ordered: Sequence[Account], money: Money) -> None:
    for chargeback in facts.chargebacks:
        if chargeback.payment_id == money.id and chargeback.chargeback_id not in result.reopened_first:
            first = _settled_first(result, ordered, money)
            if first is not None:
                result.reopened_first[chargeback.chargeback_id] = first.invoice.invoice_id


def _settled_first(result: Books, ordered: Sequence[Account], money: Money) -> Account | None:
    for allocated in money.designated:
        if allocated.invoice_id in result.accounts:
            return result.accounts[allocated.invoice_id]
    due = [account for account in ordered if account.due_on <= money.day]
    later = [account for account in ordered if account.due_on > money.day]
    for account in (*(one for one in due if one.open), *(one for one in due if one.claim), *(one for one in later if one.claim)):
        return account
    return None
