"""What a fold of money is made of, and what comes of it: values that `settlement` takes and gives (`escalation.md` 2).

An `Account` changes while its fold runs and not after; whoever gets `Books` only reads them.
"""

from collections.abc import Callable, Sequence
from datetime import date

from msgspec import Struct

from streams.escalation.accounts import Account, Cost
from streams.escalation.accrual import Interest
from streams.escalation.facts import Allocated, Facts
from streams.escalation.state import Case, Fixed, Reminder

CLOSE, AGENCY_PAYMENT, CREDIT_NOTE, PAYMENT = "case.closed", "case.payment_received", "credit_note.issued", "payment.received"
"""Kinds of money. Within a day they settle in this order, that of their names."""
COLLECTED = (AGENCY_PAYMENT, CLOSE)
"""Kinds of money that an agency collected."""


class Money(Struct, frozen=True):
    """Something that settles; first what it is designated for, up to these amounts. `interest_of`: the interest of this receivable that
    was fixed at a moment, `written_off` or closed; it has its place in the order of days, since interest grows."""

    day: date
    kind: str
    id: str
    amount: int
    designated: tuple[Allocated, ...] = ()
    interest_of: str | None = None
    written_off: bool = False


class Books(Struct, eq=False):
    """The result of a fold. `parts` says how much of each receivable a payment (kind, id) settled."""

    accounts: dict[str, Account]
    costs: Sequence[Cost] = ()
    """Every cost that is owed, settled or not, in order of its day."""
    credit: int = 0
    agency_balance: int = 0
    written_off: int = 0
    parts: dict[tuple[str, str], dict[str, int]] = {}
    left_over: bool = False
    """Whether more came at any time than was owed then."""
    rate_missing: bool = False
    """Whether a day bore no interest because no rate is known for it."""

    def part(self, kind: str, money_id: str, invoice_ids: Sequence[str]) -> int:
        """How much of the payment settled these receivables."""
        parts = self.parts.get((kind, money_id))
        return sum(parts.get(invoice_id, 0) for invoice_id in invoice_ids) if parts else 0


class Ledger(Struct, frozen=True):
    """What a fold is made of. `exempt` says whether a fee dated on a day is not owed for a receivable because of a hold."""

    facts: Facts
    reminders: tuple[Reminder, ...]
    cases: tuple[Case, ...]
    fixed: tuple[Fixed, ...]
    local_day: Callable[[int], date]
    principal_first: bool
    exempt: Callable[[str, date], bool]
    interest: Interest | None = None

    @property
    def has_money(self) -> bool:
        """Whether there is anything that settles, or was set aside."""
        facts = self.facts
        return bool(facts.payments or facts.credit_notes or facts.agency_payments or facts.write_offs or self.fixed)
