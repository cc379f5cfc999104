"""Costs: which fees of steps and of chargebacks are owed by the facts known now (section 2)."""

from datetime import date

from schemas.billing import ChargebackReceived, PaymentReceived
from tests.auditor import readings
from tests.auditor.days import OWN_ERROR, Hold
from tests.auditor.facts import Fact, Facts, reversed_chargebacks
from tests.auditor.interest import Terms
from tests.auditor.money import Books, Cost, Decided, StepFee, fold, payment_source


def costs(facts: Facts, decided: Decided, holds: list[Hold], terms: Terms) -> list[Cost]:
    """Which costs are owed by the facts known now: earlier ones are decided first."""
    candidates: list[tuple[date, int, str, StepFee | Fact[ChargebackReceived]]] = [
        (fee.dated, 0, f"{fee.step}", fee) for fee in decided.fees
    ]
    candidates += [(fact.event.data.booked_on, 1, fact.event.data.chargeback_id, fact) for fact in facts.of(ChargebackReceived)]
    owed: list[Cost] = []
    for dated, _, name, candidate in sorted(candidates, key=lambda one: one[:3]):
        if isinstance(candidate, StepFee):
            if _fee_is_owed(facts, decided, holds, terms, candidate, owed):
                owed.append(Cost(candidate.invoice_id, dated, candidate.amount, f"fee {name} {len(owed)}"))
        else:
            reopened = _reopened_by(facts, decided, terms, candidate, owed)
            if reopened is not None:
                owed.append(Cost(reopened, dated, candidate.event.data.fee or 0, f"chargeback {name}"))
    return owed


def _fee_is_owed(facts: Facts, decided: Decided, holds: list[Hold], terms: Terms, fee: StepFee, earlier: list[Cost]) -> bool:
    """Owed only if, without it, principal of its receivable was open at the end of that day, outside moratorium and insolvency."""
    frozen = any(
        hold.kind in ("statutory_moratorium", "insolvency") and hold.covers(fee.dated) and hold.invoice_id in (None, fee.invoice_id)
        for hold in holds
    )
    books = fold(facts, decided, earlier, terms, until=fee.dated)
    return not frozen and books.principal.get(fee.invoice_id, 0) > 0


def _reopened_by(facts: Facts, decided: Decided, terms: Terms, fact: Fact[ChargebackReceived], earlier: list[Cost]) -> str | None:
    """The receivable that bears a chargeback's own fee: the designated one, else the one its payment would settle first."""
    data = fact.event.data
    free = data.reason_code in OWN_ERROR or data.reason_code == "MD01" or data.chargeback_id in reversed_chargebacks(facts)
    payment = next((one for one in facts.of(PaymentReceived) if one.event.data.payment_id == data.payment_id), None)
    if not data.fee or free or payment is None or payment.event.data.via == "agency":
        return None
    source = payment_source(facts, payment)
    if not readings.CHARGEBACK_FEES_SEE_EARLIER_ONES:
        earlier = [cost for cost in earlier if not cost.name.startswith("chargeback")]
    books = fold(facts, decided, earlier, terms, until=source.dated, stop_at=source.key)
    named = [invoice_id for invoice_id, _ in source.designated if invoice_id in books.receivables]
    return named[0] if named else _first_settled(books, source.dated)


def _first_settled(books: Books, day: date) -> str | None:
    order = list(books.receivables.values())
    due = [one for one in order if one.due_on <= day]
    groups = (
        [one for one in due if books.principal[one.invoice_id] > 0],
        [one for one in due if books.open_costs(one.invoice_id, day) + books.open_interest(one.invoice_id, day) > 0],
        [one for one in order if one.due_on > day and books.open(one.invoice_id) > 0],
    )
    return next((group[0].invoice_id for group in groups if group), None)
