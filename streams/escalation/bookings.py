"""What accounting books: `receivable.bookings` (`escalation.md` 7).

Accounting knows the invoices, credit notes and payments itself. What it learns here is what the rules made of them: costs and interest,
which add to a claim, and what was written off or settled through an agency, which lowers it. Each event can move all of that, also what
was settled long ago, since money is a fold over the facts. So the state keeps what was told, and what stands otherwise now is told as the
difference: what came out wrong is booked back, and nothing that was told ever changes.

A booking is dated with the local day of the contract clock, like any change, and not with that of a fact that came late: books of a past
day may be closed.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from streams.escalation import outputs
from streams.escalation.accounts import Account, Shares
from streams.escalation.ledger import Books
from streams.escalation.state import Booked
from streams.escalation.turn import Turn

COST_CHARGED, COST_CANCELLED = "cost_charged", "cost_cancelled"
TOTALS: Final = (
    (COST_CHARGED, "costs"),
    ("interest_settled", "interest"),
    *(("written_off", component) for component in ("principal", "costs", "interest")),
    *(("agency_settled", component) for component in ("principal", "costs", "interest")),
)
"""What is summed up for each receivable: booking and component. Within an event this is their order. Costs that are taken back are their
own kind of booking, but of the same sum. Interest is a claim in the books once something settles it (money, the agency, a write-off)."""

_NOTHING: Final = (0,) * len(TOTALS)
_NO_SHARES: Final = Shares()


def tell(turn: Turn) -> None:
    """Tell how far what stands now differs from what was told."""
    told, books, more = turn.contract.booked, turn.books, _may_hold_more(turn)
    if not (told or books.costs or more):
        return
    known = {one.invoice_id: one.totals for one in told}
    now = dict(_standing(books, more))
    if now == known:
        return
    booked = tuple(Booked(invoice_id, now[invoice_id]) for invoice_id in books.accounts if invoice_id in now)
    turn.contract = replace(turn.contract, booked=booked)
    for invoice_id in books.accounts:
        _tell_changed(turn, invoice_id, known.get(invoice_id, _NOTHING), now.get(invoice_id, _NOTHING))


def _may_hold_more(turn: Turn) -> bool:
    """Whether there is anything but costs to be booked: what most contracts never have."""
    facts = turn.contract.facts
    return bool(turn.contract.fixed or facts.write_offs or facts.agency_payments or turn.rules.policy.interest is not None)


def _standing(books: Books, more: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The totals of the receivables of which they are not nothing; without `more` there are but costs to be looked at."""
    charged: dict[str, int] = {}
    for cost in books.costs:
        charged[cost.invoice_id] = charged.get(cost.invoice_id, 0) + cost.amount
    for invoice_id in books.accounts if more else charged:
        account = books.accounts.get(invoice_id)
        if account is not None:
            totals = _totals(account, 0 if account.cancelled else charged.get(invoice_id, 0))
            if totals != _NOTHING:
                yield invoice_id, totals


def _totals(account: Account, costs: int) -> tuple[int, ...]:
    forgiven, agency = account.forgiven or _NO_SHARES, account.by_agency or _NO_SHARES
    settled = account.accrued - account.interest
    return (
        *(costs, settled),
        *(forgiven.principal, forgiven.costs, forgiven.interest),
        *(agency.principal, agency.costs, agency.interest),
    )


def _tell_changed(turn: Turn, invoice_id: str, before: tuple[int, ...], now: tuple[int, ...]) -> None:
    for (booking, component), was, stands in zip(TOTALS, before, now, strict=True):
        if was != stands:
            amount = stands - was
            data = {
                "booking": COST_CANCELLED if booking == COST_CHARGED and amount < 0 else booking,
                "invoice_id": invoice_id,
                "component": component,
                "amount": amount,
                "dated": turn.day,
                "cause": turn.cause,
            }
            turn.tell(outputs.BOOKING, data)
