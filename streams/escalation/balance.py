"""What billing says is open, against our own books of that day: an event that upstream lost does not become a letter (`escalation.md` 1).

The statement about the latest day counts (of several about one day the last told). It is judged by what is known when it comes.
"""

from datetime import date

from msgspec.structs import replace

from schemas import billing
from streams.escalation import attention, settlement
from streams.escalation.facts import Facts
from streams.escalation.holds import LocalDay
from streams.escalation.state import Stated
from streams.escalation.turn import Turn

DIFFERS = "balance_differs"


def stated(turn: Turn, data: billing.BalanceStatedData, time_us: int, event_id: str) -> None:
    """Compare, and ask for attention where the books differ; one that agrees ends that."""
    told = Stated(data.as_of, time_us)
    known = turn.contract.balance
    if known is not None and (told.as_of, told.time_us) < (known.as_of, known.time_us):
        return
    turn.set(balance=told)
    if open_on(turn, data.as_of) == data.open_amount:
        attention.drop(turn, DIFFERS)
    else:
        attention.add(turn, DIFFERS)


def open_on(turn: Turn, day: date) -> int:
    """Principal open at the end of that day (minor units), by what is known now and dated up to then."""
    ledger = turn.ledger
    then = replace(
        ledger,
        facts=_until(ledger.facts, day, turn.local_day),
        reminders=tuple(reminder for reminder in ledger.reminders if reminder.fee_on <= day),
        fixed=tuple(fixed for fixed in ledger.fixed if fixed.day <= day),
    )
    return sum(account.open for account in settlement.books(then).accounts.values())


def _until(facts: Facts, day: date, local_day: LocalDay) -> Facts:
    """What is dated up to that day; what bears no day of its own is of the local day of its event."""
    return replace(
        facts,
        invoices=tuple(one for one in facts.invoices if one.issued_on <= day),
        corrections=tuple(one for one in facts.corrections if local_day(one.time_us) <= day),
        cancelled_invoices=tuple(one for one in facts.cancelled_invoices if local_day(one.time_us) <= day),
        write_offs=tuple(one for one in facts.write_offs if local_day(one.time_us) <= day),
        credit_notes=tuple(one for one in facts.credit_notes if local_day(one.time_us) <= day),
        cancelled_credit_notes=tuple(one for one in facts.cancelled_credit_notes if local_day(one.time_us) <= day),
        payments=tuple(one for one in facts.payments if one.counts_on <= day),
        failures=tuple(one for one in facts.failures if local_day(one.time_us) <= day),
        refunds=tuple(one for one in facts.refunds if (one.refunded_on or local_day(one.time_us)) <= day),
        chargebacks=tuple(one for one in facts.chargebacks if one.booked_on <= day),
        reversals=tuple(one for one in facts.reversals if one.booked_on <= day),
        agency_payments=tuple(one for one in facts.agency_payments if one.counts_on <= day),
    )
