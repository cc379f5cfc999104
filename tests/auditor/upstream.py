"""What billing may say of one contract, likely and unlikely."""

from datetime import timedelta
from typing import Any

from schemas import topics
from tests.auditor import balance
from tests.auditor.handover import OPEN
from tests.auditor.telling import KEY, Telling


class Upstream(Telling):
    """Events of billing.*."""

    def _invoice(self) -> None:
        number = self._next("I")
        issued = self._day(-20, 5)
        data = {
            "invoice_id": number,
            "number": self.rng.choice((None, number, "N-shared")),
            "issued_on": str(issued),
            "due_on": str(issued + timedelta(days=self.rng.choice((0, 7, 14, 14, 30)))),
            "amount": self._amount(),
            "currency": self._currency(),
            "payment_method": self.rng.choice((None, "direct_debit", "transfer")),
        }
        self.invoices.append(data)
        self._event(topics.INVOICES, "invoice.issued", data)

    def _correction(self) -> None:
        amount = self._amount() if self.rng.random() < 0.7 else None
        due_on = str(self._day(-10, 20)) if amount is None or self.rng.random() < 0.3 else None
        self._event(topics.INVOICES, "invoice.corrected", {"invoice_id": self._some_invoice(), "amount": amount, "due_on": due_on})

    def _cancel(self) -> None:
        self._event(topics.INVOICES, "invoice.cancelled", {"invoice_id": self._some_invoice()})

    def _write_off(self) -> None:
        amount = self._amount() if self.rng.random() < 0.5 else None
        self._event(topics.INVOICES, "invoice.written_off", {"invoice_id": self._some_invoice(), "amount": amount})

    def _credit_note(self) -> None:
        named = self._some_invoice() if self.rng.random() < 0.6 else None
        data = {"credit_note_id": self._new("N"), "invoice_id": named, "amount": self._amount(), "currency": "EUR"}
        self._event(topics.INVOICES, "credit_note.issued", data)

    def _cancel_credit_note(self) -> None:
        self._event(topics.INVOICES, "credit_note.cancelled", {"credit_note_id": self._known("N")})

    def _payment(self) -> None:
        amount = self._amount()
        data: dict[str, Any] = {"payment_id": self._arriving(), "amount": amount, "currency": self._currency()}
        data["value_date"] = str(self._money_day())
        way = self.rng.random()
        if way < 0.25:
            data["invoice_id"] = self._some_invoice()
        elif way < 0.4:
            named = sorted({self._some_invoice() for _ in range(2)})
            data["allocations"] = [{"invoice_id": one, "amount": self.rng.randint(0, amount // len(named))} for one in named]
        elif way < 0.5:
            data |= {"via": "agency", "withheld": self.rng.choice((0, 100))}
        self.payments.append(data)
        self._event(topics.PAYMENTS, "payment.received", data)

    def _arriving(self) -> str:
        """A new payment, or one that was on its way."""
        return self.initiated.pop() if self.initiated and self.rng.random() < 0.7 else self._new("P")

    def _fail(self) -> None:
        self._event(topics.PAYMENTS, "payment.failed", {"payment_id": self._known("P"), "reason_code": self.rng.choice(self.codes)})

    def _refund(self) -> None:
        day = str(self._day(-3, 0)) if self.rng.random() < 0.7 else None
        data = {"payment_id": self._known("P"), "refund_id": self._new("R"), "amount": self._amount(), "refunded_on": day}
        self._event(topics.PAYMENTS, "payment.refunded", data)

    def _chargeback(self) -> None:
        paid = self.rng.choice(self.payments) if self.payments else {"payment_id": "P-9", "amount": 500}
        data = {
            "chargeback_id": self._new("B"),
            "payment_id": paid["payment_id"],
            "amount": paid["amount"] if self.rng.random() < 0.7 else self._amount(),
            "fee": self.rng.choice((None, 300)),
            "reason_code": self.rng.choice(self.codes),
            "booked_on": str(self._day(-3, 1)),
        }
        self._event(topics.CHARGEBACKS, "chargeback.received", data)

    def _reverse(self) -> None:
        data = {"chargeback_id": self._known("B"), "booked_on": str(self._day(-2, 0))}
        self._event(topics.CHARGEBACKS, "chargeback.reversed", data)

    def _configure(self) -> None:
        data = {
            "policy": self.rng.choice((None, "standard", "gentle", "gentle", "nobody")),
            "agency_account": self.rng.choice((None, "third")),
            "debtor_kind": self.rng.choice((None, "business", "consumer")),
            "country": self.rng.choice((None, "DE", "IT")),
            "time_zone": self.rng.choice(("America/New_York", "Asia/Tokyo")) if self.rng.random() < 0.15 else None,
        }
        self._event(topics.CONTRACTS, "contract.configured", data)

    def _dispute(self) -> None:
        named = self._some_invoice() if self.rng.random() < 0.5 else None
        self._event(topics.CONTRACTS, "dispute.opened", {"dispute_id": self._new("D"), "invoice_id": named})

    def _resolve(self) -> None:
        data = {"dispute_id": self._known("D"), "outcome": self.rng.choice(("upheld", "rejected"))}
        self._event(topics.CONTRACTS, "dispute.resolved", data)

    def _hold(self) -> None:
        start = self._day(-30, 20) if self.rng.random() < 0.7 else None
        until = (start or self._day()) + timedelta(days=self.rng.randint(-2, 20)) if self.rng.random() < 0.7 else None
        named = self._some_invoice() if self.rng.random() < 0.4 else None
        kind = self.rng.choice(("manual", "manual", "statutory_moratorium", "insolvency", "deceased", "on a whim"))
        data = {"hold_id": self._new("H"), "kind": kind, "invoice_id": named, "from": start and str(start), "until": until and str(until)}
        self._by_either("hold.placed", data)

    def _release(self) -> None:
        named = self.rng.choice("HHHDB")
        struck = self.rng.random() < 0.3
        hold_id = self.rng.choice(("insolvency", "deceased")) if struck else self._known(named)
        self._by_either("hold.released", {"hold_id": hold_id})

    def _by_either(self, kind: str, data: dict[str, Any]) -> None:
        if self.rng.random() < 0.3:
            self._event(topics.INSTRUCTIONS, kind, {**data, "by": "anna"})
        else:
            self._event(topics.CONTRACTS, kind, data)

    def _initiate(self) -> None:
        """Money on its way; mostly what then comes or fails has the same id."""
        data: dict[str, Any] = {
            "payment_id": self._new("P") if self.rng.random() < 0.7 else self._known("P"),
            "amount": self._amount(),
            "currency": self._currency(),
            "invoice_id": self._some_invoice() if self.rng.random() < 0.3 else None,
            "expected_on": str(self._day(-1, 6)) if self.rng.random() < 0.5 else None,
        }
        self.initiated.append(data["payment_id"])
        self._event(topics.PAYMENTS, "payment.initiated", data)

    def _balance(self) -> None:
        """Mostly what we have, too, of today or a day past."""
        contract = self.auditor.contracts.get(KEY)
        as_of = self._day(*self.rng.choice(((0, 1), (-3, 0), (-30, 0))))
        right = 0 if contract is None else balance.open_on(contract, as_of)
        data = {"as_of": str(as_of), "open_amount": right if self.rng.random() < 0.6 else self._amount()}
        self._event(topics.CONTRACTS, "balance.stated", data)

    def _take_over(self) -> None:
        """Dunning that somebody else began, of receivables known or still to come; sometimes with a case."""
        names = self.rng.sample(range(1, len(self.invoices) + 3), self.rng.choice((1, 1, 2)))
        data: dict[str, Any] = {"as_of": str(self._day(-3, 0)), "receivables": [self._taken_over(f"I-{name}") for name in sorted(names)]}
        if self.rng.random() < 0.35:
            data["case"] = {
                "agency_account": self.rng.choice(("main", "second")),
                "handover_id": self.rng.choice((None, "6f6f2c52-9a0e-4c55-8b5e-0d8a7c1b2a3d")),
                "case_id": "case-0",
                "status": self.rng.choice((*OPEN, *OPEN, "Rejected")),
                "invoice_ids": [f"I-{name}" for name in sorted(names)],
            }
        self._event(topics.CONTRACTS, "contract.taken_over", data)

    def _taken_over(self, invoice_id: str) -> dict[str, Any]:
        level = self.rng.choice((0, 1, 1, 2))
        days = sorted({str(self._day(-40, -1)) for _ in range(self.rng.choice((1, 2)))})
        told = self.rng.choice((None, days[-1], days)) if level else None
        return {
            "invoice_id": invoice_id,
            "rung": level or self.rng.choice((0, 1, 1, 2, 3)),
            "level": level,
            "reminded_on": told,
        }

    def _insolvency(self) -> None:
        self._event(topics.CONTRACTS, "insolvency.opened", {"occurred_on": str(self._day(-20, 2))})

    def _death(self) -> None:
        self._event(topics.CONTRACTS, "debtor.deceased", {"occurred_on": str(self._day(-20, 2))})

    def _plan(self) -> None:
        day, instalments = self.now.date(), []
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            day += timedelta(days=self.rng.choice((0, 2, 5, 10)))
            instalments.append({"due_on": str(day), "amount": max(1, self._amount() // self.rng.choice((1, 2)))})
        named = sorted({self._some_invoice() for _ in range(2)}) if self.rng.random() < 0.4 else None
        data = {"plan_id": self._new("L"), "instalments": instalments, "invoice_ids": named}
        self._event(topics.CONTRACTS, "payment_plan.agreed", data)

    def _cancel_plan(self) -> None:
        self._event(topics.CONTRACTS, "payment_plan.cancelled", {"plan_id": self._known("L")})

    def _broken(self) -> None:
        kind = self.rng.random()
        if kind < 0.5:
            self._event(topics.PAYMENTS, "payment.received", {"payment_id": self._new("P"), "amount": -5, "currency": "EUR"})
        elif kind < 0.8:
            self._event(topics.INVOICES, "invoice.dreamed", {"invoice_id": "I-1"})
        else:
            self._event(topics.CONTRACTS, "dispute.resolved", {"dispute_id": self._known("D"), "outcome": "forgotten"})
