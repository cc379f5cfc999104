"""paywise's objects as it shows them, in the shape of its client's models. A secret or a debtor's bank account is never shown."""

from datetime import datetime
from typing import Any

from connectors.sandbox.days import written
from connectors.sandbox.paywise.books import Company, Order, Statement, money
from connectors.sandbox.paywise.forms import ChargeIn, ClaimIn, DebtorIn, PaymentIn


def debtor(debtor_id: str, form: DebtorIn, at: datetime) -> dict[str, Any]:
    told = form.model_dump(mode="json", exclude={"bank_accounts"})
    return {"id": debtor_id, **told, "created_at": written(at), "updated_at": written(at)}


def _summary(debtor_id: str, form: DebtorIn) -> dict[str, Any]:
    names = {"acting_as", "person", "organization", "legal_form", "your_reference"}
    return {"id": debtor_id, **form.model_dump(mode="json", include=names)}


def order(company: Company, one: Order) -> dict[str, Any]:
    form, _ = company.debtors[one.debtor]
    principal = sum(each.principal_amount.minor for each in one.form.claims)
    charges = sum(charge.amount.minor for each in one.form.claims for charge in each.additional_charges)
    return {
        "id": one.id,
        "type": "invoice",
        "status": one.status,
        "debtor": _summary(one.debtor, form),
        "additional_debtors": [],
        "claims": [claim(one, index) for index in range(len(one.form.claims))],
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at or one.created_at),
        "mandate": one.mandate,
        "merged_into": None,
        "rejection": one.rejection,
        "starting_approach": one.form.starting_approach,
        "creditor_obligation_fulfilled": one.form.creditor_obligation_fulfilled,
        "totals": {"main_claims": money(principal), "charges": money(charges), "order_value": money(one.owed)},
    }


def claim(one: Order, index: int) -> dict[str, Any]:
    form: ClaimIn = one.form.claims[index]
    claim_id = one.claim_id(index)
    plain = form.model_dump(mode="json", exclude={"principal_amount", "additional_charges", "payments", "reminders"})
    return {
        **plain,
        "id": claim_id,
        "order_id": one.id,
        "mandate_id": one.mandate,
        "debtor_id": one.debtor,
        "status": "accepted" if one.mandate else one.status,
        "principal_amount": money(form.principal_amount.minor),
        "additional_charges": [_charge(claim_id, number, each) for number, each in enumerate(form.additional_charges)],
        "reminders": [each.model_dump(mode="json") for each in form.reminders],
        "payments": [payment(one, entry) for entry in one.payments if entry[1] == claim_id],
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at or one.created_at),
    }


def _charge(claim_id: str, number: int, form: ChargeIn) -> dict[str, Any]:
    return {**form.model_dump(mode="json", exclude={"amount"}), "id": f"{claim_id}-{number}", "amount": money(form.amount.minor)}


def payment(one: Order, entry: tuple[str, str, PaymentIn, datetime]) -> dict[str, Any]:
    payment_id, claim_id, form, at = entry
    mandate = {"id": one.mandate, "reference_number": one.reference_number} if one.mandate else None
    plain = form.model_dump(mode="json", exclude={"amount"})
    return {
        "id": payment_id,
        **plain,
        "amount": money(form.amount.minor),
        "claim": {"id": claim_id},
        "mandate": mandate,
        "created_at": written(at),
    }


def mandate(company: Company, one: Order, *, history: bool = False) -> dict[str, Any]:
    form, _ = company.debtors[one.debtor]
    return {
        "id": one.mandate,
        "reference_number": one.reference_number,
        "previous_reference_numbers": [],
        "archived": False,
        "debtor": {name: value for name, value in _summary(one.debtor, form).items() if name != "id"},
        "claims": [claim(one, index) for index in range(len(one.form.claims))],
        "state": one.state(),
        "total_amount": money(one.owed),
        "legal_balance": {"total_balance": money(one.owed), "total_payment": money(one.paid)},
        "subcases": [],
        "created_at": written(one.accepted_at or one.created_at),
        "updated_at": written(one.updated_at or one.created_at),
        **({"history": one.history} if history else {}),
    }


def statement(one: Statement) -> dict[str, Any]:
    day = one.published_at.date().isoformat()
    return {
        "id": one.id,
        "clearing_no": f"S-{one.id[:8].upper()}",
        "status": "published",
        "booking_date": day,
        "period_start": day,
        "period_end": day,
        "mandate_count": 1,
        "published_at": written(one.published_at),
        "created_at": written(one.published_at),
        "updated_at": written(one.published_at),
        "cancelled_at": None,
    }


def statement_row(one: Statement) -> dict[str, Any]:
    """What a statement says of one case: what the debtor paid to paywise, and how the case was closed."""
    amount = money(one.to_main_claim)
    to_paywise = {"allocation_to_main_claim": amount, "total_payments": amount, "payout": amount}
    return {
        "id": one.order.mandate,
        "reference_number": one.order.reference_number,
        "amount": amount,
        "state": one.order.state(),
        "closing": one.closing,
        "third_party_money": [{"payments_to_dca": to_paywise, "total_payments": amount}],
        "created_at": written(one.published_at),
    }
