"""Books that go on from those known are what a fold of everything gives (section 2: money is a fold, never what came last)."""

from typing import Any

import pytest
from msgspec.structs import asdict, replace

from streams.escalation import settlement
from streams.escalation.facts import Invoice, Payment
from streams.escalation.ledger import Books, Ledger
from streams.processor import EscalationProcessor
from tests.auditor.compare import actual
from tests.auditor.life import Life
from tests.escalation.harness import world

SEEDS = range(40_000, 40_024)


def said(books: Books) -> Any:
    accounts = [
        (one.invoice.invoice_id, one.due_on, one.principal, one.open, one.costs, one.interest, one.accrued, one.settled, one.written_off)
        for one in books.accounts.values()
    ]
    shares = [asdict(share) if share else None for one in books.accounts.values() for share in (one.forgiven, one.by_agency)]
    parts = {money: {one: amount for one, amount in shares.items() if amount} for money, shares in books.parts.items()}
    return (
        accounts,
        list(books.costs),
        books.credit,
        books.agency_balance,
        books.written_off,
        parts,
        shares,
        books.left_over,
        books.rate_missing,
    )


@pytest.fixture
def went_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compares each time with a fold of everything; what it was that books went on with."""
    found: list[str] = []
    with_payment, with_invoice = settlement.with_payment, settlement.with_invoice

    def compared(kind: str, going_on: Books | None, after: Ledger) -> Books | None:
        if going_on is not None:
            found.append(kind if after.interest is None else f"{kind} with interest")
            assert said(going_on) == said(settlement.books(after))
        return going_on

    def payment_compared(ledger: Ledger, known: Books, payment: Payment) -> Books | None:
        after = replace(ledger, facts=replace(ledger.facts, payments=(*ledger.facts.payments, payment)))
        return compared("payment", with_payment(ledger, known, payment), after)

    def invoice_compared(ledger: Ledger, known: Books, invoice: Invoice) -> Books | None:
        after = replace(ledger, facts=replace(ledger.facts, invoices=(*ledger.facts.invoices, invoice)))
        return compared("invoice", with_invoice(ledger, known, invoice), after)

    monkeypatch.setattr(settlement, "with_payment", payment_compared)
    monkeypatch.setattr(settlement, "with_invoice", invoice_compared)
    return found


def test_over_random_lives(went_on: list[str]) -> None:
    for seed in SEEDS:
        actual(Life(seed).lines, EscalationProcessor())
    assert {"payment", "invoice", "payment with interest", "invoice with interest"} == set(went_on)


def test_the_life_of_every_day_goes_on(went_on: list[str]) -> None:
    one = world()
    for month in range(1, 7):
        one.invoice(f"R{month}", at=f"2026-0{month}-01", due=f"2026-0{month}-15", amount=1_000)
        one.pay(f"P{month}", f"2026-0{month}-10", 1_000, invoice_id=f"R{month}")
    assert went_on == ["payment", *["invoice", "payment"] * 5]
    assert (one.status["open_amount"], one.status["credit"]) == (0, 0)


def test_a_receivable_that_was_due_when_money_came_is_folded_anew(went_on: list[str]) -> None:
    """It comes late: the payment settled costs that its principal goes before."""
    one = world(settlement="principal_first")
    one.invoice("R1")
    one.days("2026-01-19", "2026-02-02")
    one.pay("P1", "2026-02-10", 10_100)
    assert (one.status["open_amount"], one.status["costs"]) == (0, 150)
    one.invoice("R2", at="2026-02-11", due="2026-02-05", amount=1_000)
    assert (one.status["open_amount"], one.status["costs"]) == (900, 250)
    assert went_on == ["payment"]


def test_interest_goes_on_where_it_has_grown_to_the_day_of_the_payment(went_on: list[str]) -> None:
    """Of a payment of the day before, the day since bears less: it is folded anew."""
    one = world(interest={"kind": "fixed", "percent": "36.5"}, default="due_date")
    one.invoice("R1", at="2026-01-01", due="2026-01-15", amount=100_000)
    one.pay("P1", "2026-01-25", 50_000, invoice_id="R1")
    assert went_on == ["payment with interest"]
    assert one.status["interest"] == 0, "it was settled first"
    one.pay("P2", "2026-02-04", 10_000, at="2026-02-05", invoice_id="R1")
    assert went_on == ["payment with interest"]
    one.invoice("R2", at="2026-02-06", due="2026-02-20", amount=1_000)
    assert went_on == ["payment with interest", "invoice with interest"]
