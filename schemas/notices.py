"""Notices for whoever writes to the debtor: `debtor.notices` (`events.md`, Out). No person data, only keys."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.billing import Instalment
from schemas.envelope import OutputEnvelope
from schemas.fields import Count, Currency, Day, Id, Minor, Name, Ordinal, Text, Value
from schemas.policy import PaymentOfferMethod


class NoticeReceivable(Value):
    """`covered`: this notice counts for the receivable (level, default, fee)."""

    invoice_id: Id
    open: Minor
    due_on: Day
    covered: bool


class NoticeData(Value):
    """What every notice carries. `amount` is principal overdue, minor units; `version` is that of the contract's history:
    whoever prints the notice later compares it with case-status. `reference` names contract and cycle."""

    notice_id: Id
    version: Count
    amount: Minor
    currency: Currency
    costs: Minor
    interest: Minor
    reference: Name
    receivables: tuple[NoticeReceivable, ...]


class ReminderData(NoticeData):
    level: Ordinal
    link: Text | None = None
    qr_payload: Text | None = None
    barcode: Text | None = None


class ReminderNotice(OutputEnvelope):
    type: Literal["notice.reminder"] = "notice.reminder"
    data: ReminderData


class PaymentOfferData(NoticeData):
    methods: tuple[PaymentOfferMethod, ...]
    link: Text | None = None
    qr_payload: Text | None = None
    barcode: Text | None = None


class PaymentOfferNotice(OutputEnvelope):
    type: Literal["notice.payment_offer"] = "notice.payment_offer"
    data: PaymentOfferData


class InstalmentReminderData(NoticeData):
    instalment: Instalment


class InstalmentReminderNotice(OutputEnvelope):
    type: Literal["notice.instalment_reminder"] = "notice.instalment_reminder"
    data: InstalmentReminderData


class PlanBrokenNotice(OutputEnvelope):
    type: Literal["notice.plan_broken"] = "notice.plan_broken"
    data: NoticeData


class PaymentConfirmationData(NoticeData):
    payment_id: Id


class PaymentConfirmationNotice(OutputEnvelope):
    type: Literal["notice.payment_confirmation"] = "notice.payment_confirmation"
    data: PaymentConfirmationData


class CallRequestData(NoticeData):
    attempt: Ordinal
    max_attempts: Ordinal


class CallRequestNotice(OutputEnvelope):
    type: Literal["notice.call_request"] = "notice.call_request"
    data: CallRequestData


class SignalData(NoticeData):
    name: Name
    on: bool


class SignalNotice(OutputEnvelope):
    type: Literal["notice.signal"] = "notice.signal"
    data: SignalData


class WinBackNotice(OutputEnvelope):
    type: Literal["notice.win_back"] = "notice.win_back"
    data: NoticeData


class LadderEndedData(NoticeData):
    """`reason` nothing_to_hand_over: the last step was a hand_over that covered no receivable."""

    reason: Name | None = None


class LadderEndedNotice(OutputEnvelope):
    type: Literal["notice.ladder_ended"] = "notice.ladder_ended"
    data: LadderEndedData


NoticeEvent: TypeAlias = Annotated[
    ReminderNotice
    | PaymentOfferNotice
    | InstalmentReminderNotice
    | PlanBrokenNotice
    | PaymentConfirmationNotice
    | CallRequestNotice
    | SignalNotice
    | WinBackNotice
    | LadderEndedNotice,
    Field(discriminator="type"),
]


class BookingData(Value):
    """One change that accounting books (`escalation.md` 7): by `amount` (signed, minor units; of cost_cancelled negative) the sum of this
    receivable's bookings of this kind and component changed. `dated`: the local day of the change; `cause`: the id of the event that
    brought it, or `tick`."""

    booking: Literal["cost_charged", "cost_cancelled", "interest_settled", "written_off", "agency_settled"]
    invoice_id: Id
    component: Literal["principal", "costs", "interest"]
    amount: int
    dated: Day
    cause: Id


class BookingRecorded(OutputEnvelope):
    type: Literal["booking.recorded"] = "booking.recorded"
    data: BookingData
