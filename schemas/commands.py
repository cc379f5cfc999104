"""What the processor asks of a connector: `collection.commands` (`events.md`, Between). No person data."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.accounts import Creditor
from schemas.envelope import OutputEnvelope
from schemas.fields import (
    Currency,
    Day,
    DebtorKind,
    Id,
    Minor,
    Name,
    Ordinal,
    PaymentMethod,
    ReasonCode,
    SealedText,
    SignedMinor,
    Text,
    Value,
)


class CommandData(Value):
    handover_id: Id


class Claim(Value):
    """One receivable of a handover: `amount` as invoiced, `open`, `costs` and `interest` as they stand, days of its reminders."""

    invoice_id: Id
    number: Name | None = None
    issued_on: Day
    due_on: Day
    amount: Minor
    open: Minor
    costs: Minor
    interest: Minor
    reminded_on: tuple[Day, ...] = ()
    default_on: Day | None = None
    subject_matter: Text | None = None
    service_from: Day | None = None
    service_to: Day | None = None
    payment_method: PaymentMethod | None = None
    chargeback_reason: ReasonCode | None = None


class InterestBasis(Value):
    """What RDG 13a asks for: on what the interest rests."""

    kind: Literal["statutory", "fixed"]
    percent: Name
    base_rate_percent: Name | None = None


class CaseSubmitData(CommandData):
    """Everything the agency needs except person data, which the connector looks up when it sends.

    `expected_agency_costs`: what the agency may charge the debtor of an undisputed claim (RDG 13e, RVG), net; absent where the fees are
    not known: another currency than EUR, nothing open, more than 5,000 EUR.
    """

    attempt: Ordinal
    agency_account: Name
    claims: tuple[Claim, ...]
    currency: Currency
    open_amount: Minor
    costs: Minor
    interest: Minor
    interest_basis: InterestBasis | None = None
    expected_agency_costs: Minor | None = None
    debtor_kind: DebtorKind | None = None
    creditor: Creditor | None = None


class CaseSubmit(OutputEnvelope):
    type: Literal["case.submit"] = "case.submit"
    data: CaseSubmitData


class CaseRecallData(CommandData):
    reason: Literal["paid", "ordered", "claim_gone"]


class CaseRecall(OutputEnvelope):
    type: Literal["case.recall"] = "case.recall"
    data: CaseRecallData


class CaseReportPaymentData(CommandData):
    """A payment that the creditor received during the case; negative: one reported earlier was taken back."""

    payment_id: Id
    amount: SignedMinor
    value_date: Day


class CaseReportPayment(OutputEnvelope):
    type: Literal["case.report_payment"] = "case.report_payment"
    data: CaseReportPaymentData


class CaseRefresh(OutputEnvelope):
    type: Literal["case.refresh"] = "case.refresh"
    data: CommandData


class CaseMonitor(OutputEnvelope):
    type: Literal["case.monitor"] = "case.monitor"
    data: CommandData


class CaseSendMessageData(CommandData):
    """Either a fixed `text_key` (claim_changed, disputed, dispute_rejected, insolvency, deceased) or a person's words."""

    text_key: Name | None = None
    message_id: Id | None = None
    text: SealedText | None = None


class CaseSendMessage(OutputEnvelope):
    type: Literal["case.send_message"] = "case.send_message"
    data: CaseSendMessageData


class CaseAnswerData(CommandData):
    question_id: Id
    answer: SealedText


class CaseAnswer(OutputEnvelope):
    type: Literal["case.answer"] = "case.answer"
    data: CaseAnswerData


CommandEvent: TypeAlias = Annotated[
    CaseSubmit | CaseRecall | CaseReportPayment | CaseRefresh | CaseMonitor | CaseSendMessage | CaseAnswer,
    Field(discriminator="type"),
]
