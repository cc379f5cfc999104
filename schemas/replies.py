"""What an agency answers, in our words: `collection.replies` (`events.md`, Between). Written by connectors."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.envelope import ContractEnvelope
from schemas.fields import Count, Day, Id, Moment, Name, SealedText, SignedMinor, Stage, Text, Value


class ReplyData(Value):
    """`occurred_at`: when it happened at the agency."""

    handover_id: Id
    occurred_at: Moment
    case_id: Id | None = None


class AgencyNamedData(ReplyData):
    agency: Name


class CasePassed(ContractEnvelope):
    type: Literal["case.passed"]
    data: AgencyNamedData


class CaseAccepted(ContractEnvelope):
    type: Literal["case.accepted"]
    data: AgencyNamedData


class RejectionReason(Value):
    code: Name
    text: Text | None = None


class CaseRejectedData(ReplyData):
    reasons: tuple[RejectionReason, ...]


class CaseRejected(ContractEnvelope):
    type: Literal["case.rejected"]
    data: CaseRejectedData


class CasePhaseChangedData(ReplyData):
    phase: Literal["first_dunning", "second_dunning", "collection"]
    stage: Stage | None = None
    dunning_level: Count | None = None


class CasePhaseChanged(ContractEnvelope):
    type: Literal["case.phase_changed"]
    data: CasePhaseChangedData


class CasePaymentReceivedData(ReplyData):
    """`amount` counts towards the creditor's claim, without the agency's own fees; a negative one takes earlier ones back."""

    payment_id: Id
    amount: SignedMinor
    value_date: Day


class CasePaymentReceived(ContractEnvelope):
    type: Literal["case.payment_received"]
    data: CasePaymentReceivedData


class CaseClosedData(ReplyData):
    outcome: Literal["successful", "unsuccessful"]
    reason: Name
    agency_code: Name | None = None


class CaseClosed(ContractEnvelope):
    type: Literal["case.closed"]
    data: CaseClosedData


class CaseDocumentAddedData(ReplyData):
    document_id: Id
    kind: Name
    title: Text | None = None
    link: Text


class CaseDocumentAdded(ContractEnvelope):
    type: Literal["case.document_added"]
    data: CaseDocumentAddedData


class CaseMessageReceivedData(ReplyData):
    message_id: Id
    text: SealedText


class CaseMessageReceived(ContractEnvelope):
    type: Literal["case.message_received"]
    data: CaseMessageReceivedData


class CaseQuestionAskedData(ReplyData):
    question_id: Id
    text: SealedText
    answer_type: Name
    options: tuple[SealedText, ...] | None = None
    until: Day | None = None


class CaseQuestionAsked(ContractEnvelope):
    type: Literal["case.question_asked"]
    data: CaseQuestionAskedData


class CaseTroubleData(ReplyData):
    reason: Name
    text: Text | None = None


class CaseSubmissionUnknown(ContractEnvelope):
    type: Literal["case.submission_unknown"]
    data: CaseTroubleData


class CaseFailed(ContractEnvelope):
    type: Literal["case.failed"]
    data: CaseTroubleData


ReplyEvent: TypeAlias = Annotated[
    CasePassed
    | CaseAccepted
    | CaseRejected
    | CasePhaseChanged
    | CasePaymentReceived
    | CaseClosed
    | CaseDocumentAdded
    | CaseMessageReceived
    | CaseQuestionAsked
    | CaseSubmissionUnknown
    | CaseFailed,
    Field(discriminator="type"),
]
