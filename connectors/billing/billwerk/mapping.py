"""What stands at billwerk, in our words. A hint only names an invoice, a payment transaction or a contract; that is read whole, and what
follows has the ids and times of what was read. So any hint of a thing yields the same events, early, late or twice, and one that was lost
is made good by the next hint of its contract.

Payments through a provider are read from their transaction's history of states; what was paid past it only stands in the contract's ledger.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from connectors.billing.amounts import decimal_minor_units
from connectors.billing.billwerk.webhook import NAMED
from connectors.billing.upstream import Account, Fetch, Handler, Happened, NotUnderstood, Outcome, Skipped, Told, day, handled

METHODS: Final[Mapping[str, str]] = {"Debit": "direct_debit", "CreditCard": "card"}
ON_THE_WAY: Final = frozenset({"InProgress", "Pending", "PreliminarySucceeded", "Finalizing"})
NO_MONEY: Final = frozenset({"Created", "Initiated", "Prepared", "InDispute"})
"""Nothing has moved, or whether it will is not decided."""
FAILED: Final = frozenset({"Failed", "Canceled", "Cancelled"})
LEDGER_ENTRIES_MAX: Final = 500
"""The longest page of a ledger, newest first."""
TRANSACTIONS_MAX: Final = 20
"""How many of a contract's newest transactions are read again: what was told of older ones is long settled."""

_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_UNTOLD: Final = datetime.min.replace(tzinfo=UTC)
"""When a hint's news happened stands in what it names."""


async def translate(account: Account, body: bytes, fetch: Fetch) -> tuple[Outcome, ...]:
    """What follows from a hint. Raises NotUnderstood, and what `fetch` raises."""
    try:
        told = json.loads(body)
        event, about = told["Event"], next((told[name] for name in NAMED if told.get(name)), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotUnderstood("no JSON object with Event") from None
    happened = Happened(account, str(about), str(event), _UNTOLD)
    return await handled(_HANDLERS.get(happened.type), happened, told, fetch)


def _id(told: object) -> str:
    """An id as part of an address: from an unsigned hint nothing else may get there."""
    if not isinstance(told, str) or not _ID.fullmatch(told):
        raise ValueError("an id is not letters and digits")
    return told


def _moment(told: str) -> datetime:
    at = datetime.fromisoformat(told)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


# --- invoices and credit notes


async def _issued(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return (_document(happened, await _invoice(told["InvoiceId"], fetch)),)


async def _corrected(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """New documents take an old one's place. A credit note among them gives back what the old one asked for; without one, it is void."""
    new = told.get("NewInvoiceDraftIds") or [told.get("NewInvoiceDraftId") or told["NewInvoiceId"]]
    documents = [await _invoice(each, fetch) for each in new]
    outcomes = [_document(happened, document) for document in documents]
    if all(document["IsInvoice"] for document in documents):
        old, first = _id(told.get("OldInvoiceDraftId") or told["OldInvoiceId"]), documents[0]
        voided = replace(happened, id=old, at=_made_at(first))
        outcomes.append(voided.published("invoice.cancelled", first.get("ContractId"), old, {"invoice_id": old}))
    return tuple(outcomes)


async def _invoice(id: object, fetch: Fetch) -> Told:
    invoice: Told = await fetch(f"/api/v1/invoices/{_id(id)}")
    return invoice


def _made_at(invoice: Told) -> datetime:
    return _moment(invoice.get("Created") or invoice["SentAt"])


def _document(happened: Happened, invoice: Told) -> Outcome:
    at, id, contract = _made_at(invoice), invoice["Id"], invoice.get("ContractId")
    made = replace(happened, id=id, at=at)
    amount, currency = decimal_minor_units(invoice["TotalGross"], invoice["Currency"]), invoice["Currency"]
    if not invoice["IsInvoice"]:
        data = {"credit_note_id": id, "amount": abs(amount), "currency": currency}
        return made.published("credit_note.issued", contract, id, data)
    data = {
        "invoice_id": id,
        "number": invoice.get("InvoiceNumber"),
        "issued_on": (invoice.get("DocumentDate") or day(at))[:10],
        "due_on": invoice["DueDate"][:10],
        "amount": amount,
        "currency": currency,
    }
    return made.published("invoice.issued", contract, id, data)


# --- payments through a provider


async def _transaction_told(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return await _transaction(happened, told["PaymentTransactionId"], fetch)


async def _transaction(happened: Happened, id: object, fetch: Fetch) -> tuple[Outcome, ...]:
    read = await fetch(f"/api/v1/PaymentTransactions/{_id(id)}")
    history = sorted(read["StatusHistory"], key=lambda state: _moment(state["Timestamp"]))
    payment = _Payment(happened, read)
    outcomes = tuple(outcome for state in history if not state.get("Preauth") for outcome in payment.became(state))
    return outcomes or (happened.skipped("no_news"),)


@dataclass(slots=True)
class _Payment:
    """A transaction on its way through its states, each of which may tell something new."""

    happened: Happened
    read: Told
    initiated: bool = False
    received: bool = False
    chargebacks: int = 0
    charged_back: bool = False

    def became(self, state: Told) -> Iterator[Outcome]:
        status = state["Status"]
        if status in ON_THE_WAY:
            yield from self._initiated(state)
        elif status == "Succeeded":
            yield from self._succeeded(state)
        elif status in FAILED or (status == "Chargeback" and not self.received):
            yield self._failed(state)
        elif status == "Chargeback":
            yield self._charged_back(state)
        elif status == "Refunded":
            refund = f"{self.read['Id']}/refund"
            data = {"refund_id": refund, "amount": self._amount(state), "refunded_on": day(_moment(state["Timestamp"]))}
            yield self._told(state, "payment.refunded", refund, data)
        elif status not in NO_MONEY:
            yield self.happened.skipped("unusable", f"transaction {self.read['Id']}: what its status {status} means in money is not told")

    def _initiated(self, state: Told) -> Iterator[Outcome]:
        if not (self.initiated or self.received):
            self.initiated = True
            yield self._told(state, "payment.initiated", self.read["Id"], self._money(state))

    def _succeeded(self, state: Told) -> Iterator[Outcome]:
        if not self.received:
            self.received = True
            data = {**self._money(state), "value_date": day(_moment(state["Timestamp"]))}
            yield self._told(state, "payment.received", self.read["Id"], data)
        elif self.charged_back:
            self.charged_back = False
            data = {"chargeback_id": self._chargeback_id, "booked_on": day(_moment(state["Timestamp"]))}
            yield self._told(state, "chargeback.reversed", self._chargeback_id, data, names_payment=False)

    def _failed(self, state: Told) -> Outcome:
        if self.received:
            return self.happened.skipped("unusable", f"transaction {self.read['Id']} succeeded, and then its status is {state['Status']}")
        return self._told(state, "payment.failed", self.read["Id"], {"reason_code": "other", "reason": state["Status"]})

    def _charged_back(self, state: Told) -> Outcome:
        self.chargebacks += 1
        self.charged_back = True
        data = {
            "chargeback_id": self._chargeback_id,
            "amount": self._amount(state),
            "reason_code": "other",
            "booked_on": day(_moment(state["Timestamp"])),
            "upstream_code": state["Status"],
        }
        return self._told(state, "chargeback.received", self._chargeback_id, data)

    @property
    def _chargeback_id(self) -> str:
        first = f"{self.read['Id']}/chargeback"
        return first if self.chargebacks <= 1 else f"{first}/{self.chargebacks}"

    def _amount(self, state: Told) -> int:
        return abs(decimal_minor_units(state.get("Amount", self.read["Amount"]), self.read["Currency"]))

    def _money(self, state: Told) -> Mapping[str, Any]:
        return {
            "amount": self._amount(state),
            "currency": self.read["Currency"],
            "method": METHODS.get(str(self.read.get("PaymentProviderRole")), "other"),
            "invoice_id": self.read.get("InvoiceId"),
        }

    def _told(self, state: Told, type: str, what: str, data: Mapping[str, Any], *, names_payment: bool = True) -> Outcome:
        became = replace(self.happened, id=self.read["Id"], at=_moment(state["Timestamp"]))
        payment = {"payment_id": self.read["Id"]} if names_payment else {}
        return became.published(type, self.read.get("ContractId"), what, {**payment, **data})


# --- what stands in a contract's ledger


async def _contract_told(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """Payments that were registered past any provider, and the newest transactions: a debit that bounced has no hint of its own."""
    contract = _id(told["ContractId"])
    ledger = await fetch(f"/api/v1/contracts/{contract}/ledgerEntries?take={LEDGER_ENTRIES_MAX}")
    newest_first = sorted(ledger, key=lambda entry: _moment(entry["Timestamp"]), reverse=True)
    outcomes: list[Outcome] = []
    for entry in _numbered(entry for entry in newest_first if entry["Type"] == "Payment" and not entry.get("PaymentTransactionId")):
        outcomes += await handled(_registered, happened, {**entry, "ContractId": contract}, fetch)
    transactions = dict.fromkeys(entry["PaymentTransactionId"] for entry in newest_first if entry.get("PaymentTransactionId"))
    for id in list(transactions)[:TRANSACTIONS_MAX]:
        outcomes += await handled(_transaction_told, happened, {"PaymentTransactionId": id}, fetch)
    told_of = [outcome for outcome in outcomes if not (isinstance(outcome, Skipped) and outcome.why == "no_news")]
    return tuple(told_of) or (happened.skipped("no_news"),)


def _numbered(entries: Iterable[Told]) -> Iterator[Told]:
    """Entries of a ledger have no id. They stay as they are, so those of one moment and amount are told apart by counting."""
    seen: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        same = str(entry["Timestamp"]), str(entry.get("Amount"))
        seen[same] += 1
        yield {**entry, "number": seen[same]}


async def _registered(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """A payment past any provider. What lowers the balance is below zero."""
    contract, at, amount = told["ContractId"], _moment(told["Timestamp"]), decimal_minor_units(told["Amount"], told["Currency"])
    if amount >= 0:
        return (happened.skipped("unusable", f"contract {contract}: of which payment money was given back on {day(at)} is not told"),)
    payment = f"{contract}/{told['Timestamp']}/{-amount}" + ("" if told["number"] == 1 else f"/{told['number']}")
    data = {"payment_id": payment, "amount": -amount, "currency": told["Currency"], "value_date": day(at), "method": "other"}
    return (replace(happened, id=payment, at=at).published("payment.received", contract, payment, data),)


async def _nothing_new(happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    return (happened.skipped("no_news"),)


_HANDLERS: Final[Mapping[str, Handler]] = {
    "InvoiceCreated": _issued,
    "InvoiceCorrected": _corrected,
    "PaymentSucceeded": _transaction_told,
    "PaymentFailed": _transaction_told,
    "PaymentRegistered": _contract_told,
    "PaymentProcessStatusChanged": _contract_told,
    "PaymentEscalated": _contract_told,
    "PaymentEscalationReset": _contract_told,
    # of no matter to what is owed; our own rules remind and escalate
    "OrderSucceeded": _nothing_new,
    "ContractCreated": _nothing_new,
    "ContractChanged": _nothing_new,
    "ContractDataChanged": _nothing_new,
    "ContractCancelled": _nothing_new,
    "CustomerCreated": _nothing_new,
    "CustomerChanged": _nothing_new,
    "DebitAuthCancelled": _nothing_new,
    "DunningCreated": _nothing_new,
    "PaymentBearerExpired": _nothing_new,
    "PaymentBearerExpiring": _nothing_new,
    "PaymentDataChanged": _nothing_new,
    "RecurringBillingApproaching": _nothing_new,
}
