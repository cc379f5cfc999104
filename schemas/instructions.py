"""What the creditor's people order: `escalation.instructions` (`events.md`). Each says who (`by`)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.billing import HoldPlacedData, HoldReleasedData
from schemas.envelope import ContractEnvelope
from schemas.fields import Id, Name, Ordinal, SealedText, Text, Value


class ByPerson(Value):
    by: Name


class HandoverOrderedData(ByPerson):
    """`invoice_ids` absent: all that is overdue or waits rejected or recalled."""

    invoice_ids: tuple[Id, ...] | None = None
    account: Name | None = None
    despite_hold: bool = False


class HandoverOrdered(ContractEnvelope):
    type: Literal["handover.ordered"]
    data: HandoverOrderedData


class ReasonedData(ByPerson):
    reason: Text | None = None


class HandoverRecalled(ContractEnvelope):
    type: Literal["handover.recalled"]
    data: ReasonedData


class CaseRefreshOrdered(ContractEnvelope):
    type: Literal["case.refresh_ordered"]
    data: ReasonedData


class CaseMonitoringOrdered(ContractEnvelope):
    type: Literal["case.monitoring_ordered"]
    data: ReasonedData


class StepSkippedData(ByPerson):
    step: Ordinal | None = None


class StepSkipped(ContractEnvelope):
    type: Literal["step.skipped"]
    data: StepSkippedData


class StepApprovedData(ByPerson):
    step: Ordinal


class StepApproved(ContractEnvelope):
    type: Literal["step.approved"]
    data: StepApprovedData


class MessageWrittenData(ByPerson):
    message_id: Id
    text: SealedText


class CaseMessageWritten(ContractEnvelope):
    type: Literal["case.message_written"]
    data: MessageWrittenData


class QuestionAnsweredData(ByPerson):
    question_id: Id
    answer: SealedText


class CaseQuestionAnswered(ContractEnvelope):
    type: Literal["case.question_answered"]
    data: QuestionAnsweredData


class HoldOrderedData(HoldPlacedData, ByPerson):
    pass


class HoldOrdered(ContractEnvelope):
    """A hold placed by a person; the same fact as on billing.contracts."""

    type: Literal["hold.placed"]
    data: HoldOrderedData


class HoldEndOrderedData(HoldReleasedData, ByPerson):
    pass


class HoldEndOrdered(ContractEnvelope):
    type: Literal["hold.released"]
    data: HoldEndOrderedData


class CallAttemptedData(ByPerson):
    attempt: Ordinal
    outcome: Literal["reached", "not_reached", "wrong_number", "refused"]


class CallAttempted(ContractEnvelope):
    type: Literal["call.attempted"]
    data: CallAttemptedData


class NoticeFailedData(ByPerson):
    notice_id: Id
    reason: Text


class NoticeFailed(ContractEnvelope):
    type: Literal["notice.failed"]
    data: NoticeFailedData


class AttentionClearedData(ByPerson):
    name: Name


class AttentionCleared(ContractEnvelope):
    type: Literal["attention.cleared"]
    data: AttentionClearedData


InstructionEvent: TypeAlias = Annotated[
    HandoverOrdered
    | HandoverRecalled
    | CaseRefreshOrdered
    | CaseMonitoringOrdered
    | StepSkipped
    | StepApproved
    | CaseMessageWritten
    | CaseQuestionAnswered
    | HoldOrdered
    | HoldEndOrdered
    | CallAttempted
    | NoticeFailed
    | AttentionCleared,
    Field(discriminator="type"),
]
