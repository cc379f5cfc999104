"""Until when everything that is open can be enforced (BGB 195, 199, 212; `domain.md` 6): three years, anew after each part payment."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from schemas.billing import PaymentReceived
from tests.auditor import money

if TYPE_CHECKING:
    from tests.auditor.case import Contract
    from tests.auditor.ladder import View


def limitation_on(contract: Contract, view: View) -> date | None:
    """The earliest of those receivables whose principal is open."""
    still_open = [one for one in view.receivables.values() if view.books.principal[one.invoice_id]]
    return min((_of(one.issued_on, _part_payments(contract, view, one.invoice_id)) for one in still_open), default=None)


def _part_payments(contract: Contract, view: View, invoice_id: str) -> list[date]:
    received = [fact.event.data for fact in contract.facts.of(PaymentReceived)]
    settled = {one.payment_id: view.books.settled.get(money.payment_key(one.payment_id), {}).get(invoice_id, 0) for one in received}
    return sorted(one.value_date for one in received if settled[one.payment_id] > 0)


def _of(arose_on: date, paid_on: list[date]) -> date:
    last = date(arose_on.year + 3, 12, 31)
    for day in paid_on:
        if day.year > arose_on.year and day <= last:  # before, the period has not begun; after, it is over
            last = date(day.year + 3, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)
    return last
