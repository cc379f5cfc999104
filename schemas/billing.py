"""What upstream systems publish about receivables, payments, chargebacks and contracts (`events.md`, In)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.envelope import ContractEnvelope
from schemas.fields import (
    Count,
    Currency,
    Day,
    DebtorKind,
    HoldKind,
    Id,
    Minor,
    Name,
    PaymentMethod,
    PositiveMinor,
    ReasonCode,
    Status,
    Text,
    Value,
    Via,
)
from schemas.policy import Zone

# --- billing.invoices


class InvoiceIssuedData(Value):
    """A receivable comes into being. Days are the creditor's; `amount` in minor units of `currency`."""

    invoice_id: Id
    number: Name | None = None
    issued_on: Day
    due_on: Day
    amount: Minor
    currency: Currency
    payment_method: PaymentMethod | None = None
    subject_matter: Text | None = None
    service_from: Day | None = None
    service_to: Day | None = None


class InvoiceIssued(ContractEnvelope):
    type: Literal["invoice.issued"]
    data: InvoiceIssuedData


class InvoiceCorrectedData(Value):
    """New totals of a receivable: what is absent stays."""

    invoice_id: Id
    amount: Minor | None = None
    due_on: Day | None = None
    reason: Text | None = None


class InvoiceCorrected(ContractEnvelope):
    type: Literal["invoice.corrected"]
    data: InvoiceCorrectedData


class InvoiceCancelledData(Value):
    invoice_id: Id
    reason: Text | None = None


class InvoiceCancelled(ContractEnvelope):
    type: Literal["invoice.cancelled"]
    data: InvoiceCancelledData


class InvoiceWrittenOffData(Value):
    """`amount` absent: all that is open at that moment."""

    invoice_id: Id
    amount: Minor | None = None


class InvoiceWrittenOff(ContractEnvelope):
    type: Literal["invoice.written_off"]
    data: InvoiceWrittenOffData


class CreditNoteIssuedData(Value):
    """Without `invoice_id`: credit on the contract."""

    credit_note_id: Id
    invoice_id: Id | None = None
    amount: Minor
    currency: Currency | None = None


class CreditNoteIssued(ContractEnvelope):
    type: Literal["credit_note.issued"]
    data: CreditNoteIssuedData


class CreditNoteCancelledData(Value):
    credit_note_id: Id


class CreditNoteCancelled(ContractEnvelope):
    type: Literal["credit_note.cancelled"]
    data: CreditNoteCancelledData


# --- billing.payments


class PaymentInitiatedData(Value):
    """Money is on its way."""

    payment_id: Id
    amount: Minor
    currency: Currency
    method: PaymentMethod | None = None
    invoice_id: Id | None = None
    expected_on: Day | None = None


class PaymentInitiated(ContractEnvelope):
    type: Literal["payment.initiated"]
    data: PaymentInitiatedData


class Allocation(Value):
    invoice_id: Id
    amount: Minor


class PaymentReceivedData(Value):
    """`via` agency: a payout of what the agency collected (then `withheld` is what it kept as fees)."""

    payment_id: Id
    amount: Minor
    currency: Currency
    value_date: Day
    method: PaymentMethod | None = None
    invoice_id: Id | None = None
    allocations: tuple[Allocation, ...] | None = None
    via: Via | None = None
    withheld: Minor | None = None
    statement_id: Id | None = None


class PaymentReceived(ContractEnvelope):
    type: Literal["payment.received"]
    data: PaymentReceivedData


class PaymentFailedData(Value):
    payment_id: Id
    reason_code: ReasonCode | None = None
    reason: Text | None = None


class PaymentFailed(ContractEnvelope):
    type: Literal["payment.failed"]
    data: PaymentFailedData


class PaymentRefundedData(Value):
    payment_id: Id
    refund_id: Id
    amount: Minor
    refunded_on: Day | None = None


class PaymentRefunded(ContractEnvelope):
    type: Literal["payment.refunded"]
    data: PaymentRefundedData


# --- billing.chargebacks


class ChargebackReceivedData(Value):
    """`fee`: what the bank charged the creditor for it."""

    chargeback_id: Id
    payment_id: Id
    amount: Minor
    fee: Minor | None = None
    reason_code: ReasonCode | None = None
    booked_on: Day


class ChargebackReceived(ContractEnvelope):
    type: Literal["chargeback.received"]
    data: ChargebackReceivedData


class ChargebackReversedData(Value):
    chargeback_id: Id
    booked_on: Day


class ChargebackReversed(ContractEnvelope):
    type: Literal["chargeback.reversed"]
    data: ChargebackReversedData


# --- billing.contracts


class ContractConfiguredData(Value):
    """What is absent stays as it was."""

    policy: Name | None = None
    agency_account: Name | None = None
    debtor_kind: DebtorKind | None = None
    mandate_since: Day | None = None
    time_zone: Zone | None = None
    language: Name | None = None
    country: Name | None = None


class ContractConfigured(ContractEnvelope):
    type: Literal["contract.configured"]
    data: ContractConfiguredData


class TakenOverReceivable(Value):
    """How far somebody else's dunning had come: steps that covered it, highest level, days of its reminders."""

    invoice_id: Id
    rung: Count
    level: Count
    reminded_on: tuple[Day, ...] | Day | None = None


class TakenOverCase(Value):
    agency_account: Name
    handover_id: Id | None = None
    case_id: Id
    status: Status
    invoice_ids: tuple[Id, ...]


class ContractTakenOverData(Value):
    as_of: Day
    receivables: tuple[TakenOverReceivable, ...]
    case: TakenOverCase | None = None


class ContractTakenOver(ContractEnvelope):
    type: Literal["contract.taken_over"]
    data: ContractTakenOverData


class BalanceStatedData(Value):
    as_of: Day
    open_amount: Minor


class BalanceStated(ContractEnvelope):
    type: Literal["balance.stated"]
    data: BalanceStatedData


class ContractEndedData(Value):
    ended_on: Day


class ContractEnded(ContractEnvelope):
    type: Literal["contract.ended"]
    data: ContractEndedData


class DisputeOpenedData(Value):
    """Without `invoice_id`: the whole contract is disputed."""

    dispute_id: Id
    invoice_id: Id | None = None
    reason: Text | None = None


class DisputeOpened(ContractEnvelope):
    type: Literal["dispute.opened"]
    data: DisputeOpenedData


class DisputeResolvedData(Value):
    dispute_id: Id
    outcome: Literal["upheld", "rejected"]


class DisputeResolved(ContractEnvelope):
    type: Literal["dispute.resolved"]
    data: DisputeResolvedData


class Instalment(Value):
    due_on: Day
    amount: PositiveMinor


class PaymentPlanAgreedData(Value):
    """`invoice_ids` absent: every receivable issued up to that day."""

    plan_id: Id
    instalments: Annotated[tuple[Instalment, ...], Field(min_length=1)]
    invoice_ids: tuple[Id, ...] | None = None


class PaymentPlanAgreed(ContractEnvelope):
    type: Literal["payment_plan.agreed"]
    data: PaymentPlanAgreedData


class PaymentPlanCancelledData(Value):
    plan_id: Id
    reason: Text | None = None


class PaymentPlanCancelled(ContractEnvelope):
    type: Literal["payment_plan.cancelled"]
    data: PaymentPlanCancelledData


class HoldPlacedData(Value):
    """`from` absent: from the day of the event; `until` is the first day that is no longer held."""

    hold_id: Id
    kind: HoldKind
    invoice_id: Id | None = None
    from_: Day | None = Field(default=None, alias="from")
    until: Day | None = None
    reason: Text | None = None


class HoldPlaced(ContractEnvelope):
    type: Literal["hold.placed"]
    data: HoldPlacedData


class HoldReleasedData(Value):
    hold_id: Id


class HoldReleased(ContractEnvelope):
    type: Literal["hold.released"]
    data: HoldReleasedData


class OccurredData(Value):
    occurred_on: Day


class InsolvencyOpened(ContractEnvelope):
    type: Literal["insolvency.opened"]
    data: OccurredData


class DebtorDeceased(ContractEnvelope):
    type: Literal["debtor.deceased"]
    data: OccurredData


InvoiceEvent: TypeAlias = Annotated[
    InvoiceIssued | InvoiceCorrected | InvoiceCancelled | InvoiceWrittenOff | CreditNoteIssued | CreditNoteCancelled,
    Field(discriminator="type"),
]
PaymentEvent: TypeAlias = Annotated[
    PaymentInitiated | PaymentReceived | PaymentFailed | PaymentRefunded,
    Field(discriminator="type"),
]
ChargebackEvent: TypeAlias = Annotated[ChargebackReceived | ChargebackReversed, Field(discriminator="type")]
ContractEvent: TypeAlias = Annotated[
    ContractConfigured
    | ContractTakenOver
    | BalanceStated
    | ContractEnded
    | DisputeOpened
    | DisputeResolved
    | PaymentPlanAgreed
    | PaymentPlanCancelled
    | HoldPlaced
    | HoldReleased
    | InsolvencyOpened
    | DebtorDeceased,
    Field(discriminator="type"),
]
