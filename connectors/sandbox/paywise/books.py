"""paywise's books: a company's debtors, orders, mandates and statements, and its event feed.

A token is of the environment `production` if it begins with `live`, else of `sandbox`. Amounts are integers in minor units here and decimal
strings outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from connectors.sandbox.days import Days, written
from connectors.sandbox.paywise.forms import ClaimIn, DebtorIn, OrderIn, PaymentIn, path
from connectors.sandbox.story import Scene
from connectors.sandbox.webhooks import Happening, Webhooks

CLOSING_CODES: Final[Mapping[str, str]] = {
    "PAID_IN_FULL": "IP01",
    "PARTLY_PAID": "IP02",
    "PAID_TO_CREDITOR": "IP03",
    "SETTLEMENT": "IP04",
    "IRRECOVERABLE": "IN06",
    "ADDRESS_UNKNOWN": "IN015",
    "CLAIM_DISPUTED": "IN017",
    "INSOLVENCY": "IN04",
    "DEBTOR_DECEASED": "IN05",
    "RECALLED_BY_CLIENT": "IN02",
}
"""A story's reasons in paywise's codes; any other word of a story is told as it stands, so that an unknown code can be ordered."""
LEGAL_STAGES: Final[Mapping[str | None, str]] = {None: "extrajudicial", "enforcement": "foreclosure"}


def money(minor: int) -> dict[str, str]:
    return {"value": f"{minor // 100}.{minor % 100:02d}", "currency": "EUR"}


def named(*parts: object) -> str:
    """The same id for the same thing in every run."""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, parts))))


class Problem(Exception):
    """An answer of status `status`: paywise's code, what it says, and what is wrong with which field."""

    def __init__(self, status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = errors


@dataclass
class Order:
    """An order and, once it is accepted, its mandate. `owed` in minor units."""

    id: str
    created_at: datetime
    debtor: str
    form: OrderIn
    status: str = "draft"
    updated_at: datetime | None = None
    submissions: int = 0
    owed: int = 0
    rejection: dict[str, Any] | None = None
    mandate: str | None = None
    accepted_at: datetime | None = None
    legal_stage: str = ""
    processing: str = ""
    payment: str = ""
    paid: int = 0
    payments: list[tuple[str, str, PaymentIn, datetime]] = field(default_factory=list)
    """(id, claim id, form, created at)."""
    history: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.status in ("rejected", "withdrawn") or self.processing in ("ended", "canceled_by_client")

    @property
    def reference(self) -> str:
        """What the client calls it: of an order only its claims have a reference."""
        return next((claim.your_reference for claim in self.form.claims if claim.your_reference), "")

    @property
    def contract(self) -> str:
        rows = (row for claim in self.form.claims for row in claim.metadata)
        return next((row.value for row in rows if row.type == "contract:reference"), "")

    @property
    def reference_number(self) -> str:
        return f"PW-{self.id[:8].upper()}"

    def claim_id(self, index: int) -> str:
        return named("claim", self.id, index)

    def state(self) -> dict[str, Any]:
        return {axis: _value(axis, getattr(self, axis)) for axis in ("legal_stage", "processing", "payment")}


def _value(axis: str, code: str) -> dict[str, str]:
    return {"code": code, "label": code.replace("_", " "), "label_key": f"mandate.{axis}.{code}" if code else ""}


@dataclass
class Statement:
    id: str
    order: Order
    published_at: datetime
    to_main_claim: int = 0
    closing: dict[str, Any] | None = None


class Company:
    """What one credential's company has."""

    def __init__(self, token: str, days: Days, webhooks: Webhooks) -> None:
        self.id = named("company", token)
        self.webhooks = webhooks
        self.environment = "production" if token.startswith("live") else "sandbox"
        self.days = days
        self.debtors: dict[str, tuple[DebtorIn, datetime]] = {}
        self.orders: dict[str, Order] = {}
        self.statements: dict[str, Statement] = {}
        self.events: list[dict[str, Any]] = []
        self.answered: dict[tuple[str, str], tuple[bytes, int, Any]] = {}
        """What was answered to a path and Idempotency-Key: the body, status and answer."""

    def by_mandate(self, mandate: str) -> Order:
        found = next((order for order in self.orders.values() if order.mandate == mandate), None)
        if found is None:
            raise Problem(404, "not_found", "No such mandate.")
        return found

    def order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise Problem(404, "not_found", "No such order.")
        return self.orders[order_id]

    def add_debtor(self, form: DebtorIn) -> str:
        debtor = named("debtor", self.id, len(self.debtors))
        self.debtors[debtor] = (form, self.days.now)
        return debtor

    def draft(self, form: OrderIn) -> Order:
        if form.debtor_id not in self.debtors:
            error = {"code": "does_not_exist", "field": "debtor_id", "message": "No such debtor."}
            raise Problem(400, "validation_error", "The request is not valid.", [error])
        order = Order(named("order", self.id, len(self.orders)), self.days.now, form.debtor_id, form)
        self.orders[order.id] = order
        return order

    def finalize(self, order: Order) -> None:
        """Take the order. Raises Problem."""
        if order.status != "draft":
            raise Problem(409, "order_not_draft", "The order is finalized already.")
        if errors := [*self._debtor_errors(order), *_claim_errors(order)]:
            raise Problem(422, "validation_error", "The order is not complete.", errors)
        order.status, order.submissions = "submitted", order.submissions + 1
        order.owed = sum(_owed(claim) for claim in order.form.claims)
        self.touch(order)
        self.tell_order(order, "order.submitted")
        story = self.days.story(order.contract, order.reference, has_postal_code=True)
        self.days.tell(story, self.days.now, lambda scene, at: self._perform(order, scene, at))

    def _debtor_errors(self, order: Order) -> list[dict[str, Any]]:
        form, _ = self.debtors[order.debtor]
        return [] if form.addresses else [_missing("debtor", "addresses")]

    def withdraw(self, order: Order) -> None:
        """Take the order back. Raises Problem once it is accepted."""
        if order.status not in ("submitted", "awaiting_client_response"):
            raise Problem(409, "order_not_withdrawable", "Only a submitted order can be withdrawn.")
        order.status = "withdrawn"
        self.touch(order)
        self.tell_order(order, "order.withdrawn")

    def report(self, order: Order, claim: int, form: PaymentIn) -> str:
        """A payment that the client got itself. Raises Problem."""
        if order.ended or order.status == "draft":
            raise Problem(409, "mandate_closed", "No payments can be reported any more.")
        payment = named("payment", order.id, len(order.payments))
        order.payments.append((payment, order.claim_id(claim), form, self.days.now))
        order.owed = max(order.owed - form.amount.minor, 0)
        self.touch(order)
        if order.mandate:
            self.tell_mandate(order, "payment.reported", payment_id=payment, payment_url=f"/v2/payments/{payment}/")
        if order.owed == 0 and order.mandate:
            self._close(order, self.days.now, "positive", "IP03")
        return payment

    def touch(self, order: Order, at: datetime | None = None) -> None:
        order.updated_at = at or self.days.now

    def tell_order(self, order: Order, kind: str, at: datetime | None = None, **more: str) -> None:
        claims = [order.claim_id(index) for index in range(len(order.form.claims))]
        self._tell(kind, at, order_id=order.id, order_url=f"/v2/orders/{order.id}/", claim_ids=claims, **more)

    def tell_mandate(self, order: Order, kind: str, at: datetime | None = None, **more: str) -> None:
        self._tell(kind, at, mandate_id=order.mandate, mandate_url=f"/v2/mandates/{order.mandate}/", **more)

    def _tell(self, kind: str, at: datetime | None, **data: Any) -> None:
        event = {"id": named("event", self.id, len(self.events)), "type": kind, "created_at": written(at or self.days.now)}
        self.events.append({**event, "data": {"company_id": self.id, **data}})
        mode = "live" if self.environment == "production" else "test"
        self.webhooks.tell(Happening("paywise", self.id, mode, event["id"], kind, self.events[-1]))

    def _perform(self, order: Order, scene: Scene, at: datetime) -> None:
        if order.ended:
            return
        if scene.status == "Rejected":
            self._reject(order, at, scene.reason)
            return
        self._accept(order, at)
        if scene.percent is not None:
            self._pay(order, at, scene.percent)
        elif scene.document is not None:
            self._add_document(order, at, scene.document)
        elif scene.status in ("SuccessfullyClosed", "UnsuccessfullyClosed"):
            code = CLOSING_CODES.get(scene.reason or "", scene.reason)
            self._close(order, at, "positive" if scene.status == "SuccessfullyClosed" else "negative", code)
        elif scene.status not in ("Passed", "Accepted"):
            self._move(order, at, LEGAL_STAGES.get(scene.stage, scene.stage or ""))

    def _reject(self, order: Order, at: datetime, code: str | None) -> None:
        order.status = "rejected"
        order.rejection = {"code": code, "reason": "The order was declined.", "rejected_at": written(at), "notified_to": []}
        self.touch(order, at)
        self.tell_order(order, "order.rejected", at)

    def _accept(self, order: Order, at: datetime) -> None:
        if order.mandate:
            return
        order.status, order.mandate, order.accepted_at = "accepted", named("mandate", order.id), at
        order.processing, order.payment = "in_progress", "unpaid"
        self.touch(order, at)
        self.tell_order(order, "order.accepted", at, mandate_id=order.mandate, mandate_url=f"/v2/mandates/{order.mandate}/")
        self.tell_mandate(order, "mandate.created", at)

    def _move(self, order: Order, at: datetime, stage: str) -> None:
        changed, order.legal_stage = order.legal_stage != stage, stage
        self._note(order, at)
        if changed:
            self.tell_mandate(order, "mandate.state.changed", at)

    def _note(self, order: Order, at: datetime) -> None:
        """A published entry of the case's history."""
        entry = {"id": named("history", order.id, len(order.history)), "type": "status_update", "occurred_at": written(at)}
        order.history.append({**entry, "title": "Status", "state": order.state(), "updated_at": written(at)})
        self.touch(order, at)
        self.tell_mandate(order, "mandate.status_update.published", at, status_update_id=entry["id"])

    def _pay(self, order: Order, at: datetime, percent: int) -> None:
        amount = max(order.owed * percent // 100, min(order.owed, 1))
        if amount == 0:
            return
        order.owed, order.paid = order.owed - amount, order.paid + amount
        order.payment = "partially_paid" if order.owed else "fully_paid"
        self._publish(order, at, to_main_claim=amount)
        self.tell_mandate(order, "mandate.balance_updated", at)

    def _close(self, order: Order, at: datetime, closing_type: str, code: str | None) -> None:
        order.legal_stage = order.processing = "ended"
        closing = {"closing_type": closing_type, "closing_code": code, "closing_date": at.date().isoformat()}
        self._publish(order, at, closing=closing)
        self._note(order, at)
        self.tell_mandate(order, "mandate.state.changed", at)

    def _publish(self, order: Order, at: datetime, *, to_main_claim: int = 0, closing: dict[str, Any] | None = None) -> None:
        statement = Statement(named("statement", self.id, len(self.statements)), order, at, to_main_claim, closing)
        self.statements[statement.id] = statement
        url = f"/v2/statements/{statement.id}/"
        self._tell("statement.published", at, statement_id=statement.id, statement_url=url)

    def _add_document(self, order: Order, at: datetime, kind: str) -> None:
        document = named("document", order.id, len(order.documents))
        link = f"https://portal.paywise.example/documents/{document}"
        told = {"id": document, "type": kind, "status": "ready", "filename": f"{kind}.pdf", "mime_type": "application/pdf"}
        order.documents.append({**told, "download_url": link, "created_at": written(at)})
        self._note(order, at)


def _owed(claim: ClaimIn) -> int:
    charges = sum(charge.amount.minor for charge in claim.additional_charges)
    return claim.principal_amount.minor + charges - sum(payment.amount.minor for payment in claim.payments)


def _claim_errors(order: Order) -> list[dict[str, Any]]:
    if not order.form.claims:
        return [_missing("claims")]
    return [error for index, claim in enumerate(order.form.claims) for error in _errors_of(index, claim)]


def _errors_of(index: int, claim: ClaimIn) -> list[dict[str, Any]]:
    errors = []
    if claim.principal_amount.minor <= 0:
        errors.append(_missing("claims", index, "principal_amount", "value"))
    if claim.document_date is None:
        errors.append(_missing("claims", index, "document_date"))
    if not (claim.subject_matter or "").strip():
        errors.append(_missing("claims", index, "subject_matter"))
    for number, charge in enumerate(claim.additional_charges):
        if charge.amount.minor <= 0:
            errors.append(_missing("claims", index, "additional_charges", number, "amount"))
        if charge.occurrence_date is None:
            errors.append(_missing("claims", index, "additional_charges", number, "occurrence_date"))
    return errors


def _missing(*parts: int | str) -> dict[str, Any]:
    return {"code": "required", "field": path(parts), "message": "This is needed before the order can be finalized."}
