"""What accounting is told (section 7): per receivable, kind and component the sum of all bookings is what the books say.

The rules leave open, and the auditor reads: one record for each receivable, kind and component that changed with an event or tick, telling
by how much, dated with the local day of the contract clock ("a change is dated with it"), in the order in which receivables are settled.
Costs that are less than they were are cancelled ones. What an agency's money settles is settled through the agency, also as credit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.auditor import money
from tests.auditor.ladder import View

if TYPE_CHECKING:
    from tests.auditor.case import Contract

COMPONENTS = ("principal", "costs", "interest")
PAYERS = {"written_off": (money.WRITE_OFF,), "agency_settled": (money.CLOSE, money.AGENCY_PAYMENT)}
Entry = tuple[str, str, str]
"""Receivable, kind, component."""


def sums(books: money.Books) -> dict[Entry, int]:
    """What all bookings must come to, in the order in which they are told."""
    found: dict[Entry, int] = {}
    for invoice_id in books.receivables:
        found[(invoice_id, "cost_charged", "costs")] = books.charged(invoice_id)
        found[(invoice_id, "interest_settled", "interest")] = 0
        found |= {(invoice_id, kind, component): 0 for kind in PAYERS for component in COMPONENTS}
    for (payer, invoice_id, component), amount in books.by_component.items():
        if component == "interest":
            found[(invoice_id, "interest_settled", component)] += amount
        for kind, payers in PAYERS.items():
            if payer.split(" ")[0] in payers:
                found[(invoice_id, kind, component)] += amount
    return found


def write(contract: Contract, view: View, cause: str, only_ask: bool) -> bool:
    """Book what changed; says whether anything did."""
    now = sums(view.books)
    changed = [(entry, amount - contract.booked.get(entry, 0)) for entry, amount in now.items() if amount != contract.booked.get(entry, 0)]
    if not only_ask:
        contract.booked = now
        for (invoice_id, kind, component), amount in changed:
            booking = "cost_cancelled" if kind == "cost_charged" and amount < 0 else kind
            what = {"booking": booking, "invoice_id": invoice_id, "component": component, "amount": amount}
            contract.out.add_booking(contract, {**what, "dated": contract.today(), "cause": cause})
    return bool(changed)
