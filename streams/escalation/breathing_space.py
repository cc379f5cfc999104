"""The breathing space that a policy gives (`escalation.md` 2): for so many days, once a cycle, nothing is added to what is owed.

It begins with the first step of the cycle, or with its handover. What was overdue then bears no interest before its end, nor did it
before; the fee of a step inside it waits, and whether it is charged is decided once, on the first tick after it. Reminders go out, days
count and payments settle as ever. A space that began is kept: a policy that changes, or a cycle that ends, takes nothing of it back.

Where the rules are silent: a step taken over from elsewhere was the first of its cycle, so no space begins here; what waits rejected or
recalled and is handed over again counts as overdue; a step of the next cycle is inside a space of the last one, too, and of two spaces
its fee waits for the later end.
"""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from msgspec.structs import replace

from streams.escalation.calendar import moment_ms
from streams.escalation.law.pauses import breathing_space_until
from streams.escalation.state import BreathingSpace, Contract, Reminder
from streams.escalation.turn import Turn


def begin(turn: Turn, start: Literal["first_step", "hand_over"], invoice_ids: Iterable[str]) -> None:
    """Let it begin today over these receivables, if the policy wants one from here and the cycle has had none."""
    asked, contract = turn.rules.policy.breathing_space, turn.contract
    if asked is None or asked.from_ != start or any(one.cycle == contract.cycle for one in contract.breathing_spaces):
        return
    earlier = {invoice_id for one in contract.breathing_spaces for invoice_id in one.invoice_ids}
    first = tuple(dict.fromkeys(invoice_id for invoice_id in invoice_ids if invoice_id not in earlier))
    begun = BreathingSpace(contract.cycle, turn.day, breathing_space_until(turn.day, asked.days), first)
    turn.set(breathing_spaces=(*contract.breathing_spaces, begun))


def end_around(contract: Contract, day: date) -> date | None:
    """The day after the spaces around a day; None if it is in none."""
    return max((one.end for one in contract.breathing_spaces if one.begin <= day < one.end), default=None)


def decide_fees(turn: Turn, day: date) -> None:
    """On a tick of that day: the fees that waited until then are charged if principal of their receivable is open, else never."""
    reminders = turn.contract.reminders
    if any(_waited(one, day) for one in reminders):
        turn.set(reminders=tuple(_decided(turn, one) if _waited(one, day) else one for one in reminders))


def _waited(reminder: Reminder, day: date) -> bool:
    return reminder.fee_waits and reminder.fee_on <= day


def _decided(turn: Turn, reminder: Reminder) -> Reminder:
    account = turn.books.accounts.get(reminder.anchor)
    is_owed = account is not None and account.open > 0
    return replace(reminder, fee=reminder.fee if is_owed else 0, fee_waits=False)


def due_ms(turn: Turn) -> int | None:
    """Milliseconds of the earliest tick that decides a fee, or None."""
    first = min((one.fee_on for one in turn.contract.reminders if one.fee_waits), default=None)
    return None if first is None else moment_ms(first, 0, turn.terms.place)
