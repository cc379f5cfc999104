"""The contract as subscribers see it: `case-status` and `case-history` (`events.md`, Out)."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import OutputEnvelope
from schemas.fields import Count, Currency, Day, HoldKind, Id, Minor, Moment, Name, Ordinal, Stage, Status, Text, Value

RECEIVABLES_MAX = 50
"""Open receivables that a case-status lists; the rest is in its sums."""


class LastChange(Value):
    changed_at: Moment
    to: Status
    dunning_level: Count


class OpenReceivable(Value):
    """A receivable with something open: `open` is principal, minor units."""

    invoice_id: Id
    due_on: Day
    open: Minor
    costs: Minor
    interest: Minor
    rung: Count


class HoldInForce(Value):
    """A hold that covers the day of the status; `until` (exclusive) where it is known."""

    hold_id: Id
    kind: HoldKind
    invoice_id: Id | None = None
    from_: Day = Field(alias="from")
    until: Day | None = None


class CaseStatusData(Value):
    """One contract. Amounts in minor units of `currency`; `interest` is as of the local day of the clock."""

    status: Status
    dunning_level: Count
    rung: Count
    cycle: Ordinal
    open_amount: Minor
    overdue_amount: Minor
    currency: Currency | None
    costs: Minor
    interest: Minor
    credit: Minor
    agency_balance: Minor
    written_off: Minor
    agency: Name | None
    agency_account: Name | None
    handover_id: Id | None
    case_id: Id | None
    stage: Stage | None
    holds: tuple[HoldInForce, ...]
    signals: tuple[Name, ...]
    attention: tuple[Name, ...]
    waiting_for: tuple[Name, ...]
    next_step: Ordinal | None
    next_step_kind: Literal["remind", "offer_payment", "call", "signal", "hand_over"] | None
    next_step_on: Day | None
    changed_at: Moment | None
    version: Count
    last_changes: Annotated[tuple[LastChange, ...], Field(max_length=3)]
    receivables: Annotated[tuple[OpenReceivable, ...], Field(max_length=RECEIVABLES_MAX)]
    limitation_on: Day | None = None


class CaseStatus(OutputEnvelope):
    type: Literal["case_status.changed"] = "case_status.changed"
    data: CaseStatusData


class CaseHistoryData(Value):
    """One change of (status, dunning_level, attention). `cause`: id of the event that caused it, or `tick`."""

    changed_at: Moment
    from_: Status = Field(alias="from")
    to: Status
    dunning_level: Count
    attention: tuple[Name, ...]
    cause: Id
    by: Name | None
    reason: Text | None = None
    version: Ordinal


class CaseHistory(OutputEnvelope):
    type: Literal["case_history.recorded"] = "case_history.recorded"
    data: CaseHistoryData
