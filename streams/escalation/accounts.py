"""A receivable as it stands in a fold: what it is by all that is known now, and how money is taken from it (`escalation.md` 2)."""

from datetime import date
from typing import NamedTuple

from msgspec import Struct

from streams.escalation.facts import Facts, Invoice, ended


class Cost(NamedTuple):
    """A fee of a step or of a chargeback, before anything settled it."""

    invoice_id: str
    day: date
    amount: int


class Shares(Struct, eq=False):
    """How much of each component of a receivable something settled, minor units."""

    principal: int = 0
    costs: int = 0
    interest: int = 0

    def add(self, principal: int = 0, costs: int = 0, interest: int = 0) -> None:
        self.principal += principal
        self.costs += costs
        self.interest += interest


class Account(Struct, eq=False):
    """One receivable while money is applied: what is open of it, and what became of the rest."""

    invoice: Invoice
    due_on: date
    amount: int
    """As invoiced or last corrected; `principal` is less the credit notes."""
    principal: int
    open: int
    interest: int = 0
    costs: list[tuple[date, int]] = []
    settled: int = 0
    written_off: int = 0
    cancelled: bool = False
    accrued: int = 0
    """Interest that ever grew; `interest` is what is open of it."""
    forgiven: Shares | None = None
    """What `written_off` consists of; None: nothing was."""
    by_agency: Shares | None = None
    """What an agency's payments and successful closes settled; None: nothing."""

    @property
    def costs_open(self) -> int:
        """Costs not yet settled."""
        return sum([left for _, left in self.costs]) if self.costs else 0

    @property
    def claim(self) -> int:
        """All that is open: principal, costs and interest."""
        return self.open + self.interest + self.costs_open

    def take_principal(self, amount: int) -> int:
        taken = amount if amount < self.open else self.open
        self.open -= taken
        return taken

    def take_interest(self, amount: int) -> int:
        taken = amount if amount < self.interest else self.interest
        self.interest -= taken
        return taken

    def take_costs(self, amount: int, until: date) -> int:
        """Settle costs dated up to `until`, the oldest first; returns how much was taken."""
        if not self.costs:
            return 0
        taken = 0
        for place, (day, left) in enumerate(self.costs):
            if day <= until:
                part = min(amount - taken, left)
                self.costs[place] = (day, left - part)
                taken += part
        return taken

    def take(self, amount: int, until: date, principal_first: bool) -> int:
        """Settle costs, interest, principal (BGB 367), or the other way round."""
        if principal_first:
            taken = self.take_principal(amount)
            taken += self.take_interest(amount - taken)
            return taken + self.take_costs(amount - taken, until)
        taken = self.take_costs(amount, until) if self.costs else 0
        taken += self.take_interest(amount - taken)
        return taken + self.take_principal(amount - taken)

    def take_extras(self, amount: int, until: date, principal_first: bool) -> int:
        """Settle costs and interest alone."""
        if principal_first:
            taken = self.take_interest(amount)
            return taken + self.take_costs(amount - taken, until)
        taken = self.take_costs(amount, until)
        return taken + self.take_interest(amount - taken)

    def forgive(self, principal: int = 0, costs: int = 0, interest: int = 0) -> None:
        """Note what was taken as written off."""
        self.written_off += principal + costs + interest
        self.forgiven = self.forgiven or Shares()
        self.forgiven.add(principal, costs, interest)

    def note_agency(self, principal: int = 0, costs: int = 0, interest: int = 0) -> None:
        """Note what was taken as settled through the agency."""
        self.by_agency = self.by_agency or Shares()
        self.by_agency.add(principal, costs, interest)

    @property
    def rank(self) -> tuple[date, date, str]:
        """Place among the receivables to be settled (BGB 366)."""
        return (self.due_on, self.invoice.issued_on, self.invoice.invoice_id)


def account_of(invoice: Invoice) -> Account:
    """A receivable as it was issued, before anything else is known of it."""
    return Account(invoice, invoice.due_on, invoice.amount, invoice.amount, invoice.amount)


def accounts_of(facts: Facts) -> dict[str, Account]:
    """The receivables by id, in the order in which they are settled, before any money."""
    accounts = {invoice.invoice_id: account_of(invoice) for invoice in facts.invoices}
    if facts.corrections:
        _correct(facts, accounts)
    for cancelled in facts.cancelled_invoices:
        if (account := accounts.get(cancelled.of)) is not None:
            account.cancelled = True
            account.principal = 0
    if facts.credit_notes:
        _credit(facts, accounts)
    if facts.corrections or facts.cancelled_invoices or facts.credit_notes:
        for account in accounts.values():
            account.open = account.principal
    if len(accounts) > 1:
        return {account.invoice.invoice_id: account for account in sorted(accounts.values(), key=lambda account: account.rank)}
    return accounts


def _correct(facts: Facts, accounts: dict[str, Account]) -> None:
    for correction in sorted(facts.corrections, key=lambda correction: (correction.time_us, correction.event_id)):
        if (account := accounts.get(correction.invoice_id)) is not None:
            if correction.amount is not None:
                account.amount = account.principal = correction.amount
            if correction.due_on is not None:
                account.due_on = correction.due_on


def _credit(facts: Facts, accounts: dict[str, Account]) -> None:
    cancelled = ended(facts.cancelled_credit_notes)
    for note in facts.credit_notes:
        if note.invoice_id in accounts and note.credit_note_id not in cancelled:
            account = accounts[note.invoice_id]
            account.principal = max(0, account.principal - note.amount)
