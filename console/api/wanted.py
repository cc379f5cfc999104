"""What another system can order: the same as a person on a page, as JSON."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from console.actions.orders import KINDS
from schemas.fields import TEXT_MAX_LENGTH, Day, Id, Name, Ordinal, Text

MANY_MAX: Final = 200
"""Contracts of one list."""
_Words: TypeAlias = Annotated[str, Field(min_length=1, max_length=TEXT_MAX_LENGTH)]
HoldByHand: TypeAlias = Annotated[str, Field(json_schema_extra={"enum": list(KINDS)})]


class Wanted(BaseModel):
    """`type` says what. A field that is not known is refused: it was meant to do something."""

    model_config = ConfigDict(extra="forbid")
    type: str

    @property
    def fields(self) -> dict[str, Any]:
        """What was given, as the event calls it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"type"}, exclude_none=True)


class HandOver(Wanted):
    """Hand over what is overdue, or the named receivables of it."""

    type: Literal["handover.ordered"]
    invoice_ids: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    account: Name | None = None
    despite_hold: bool = False


class Recall(Wanted):
    """Take the claim back from the agency."""

    type: Literal["handover.recalled"]
    reason: Text | None = None


class Refresh(Wanted):
    """Ask the agency how the case stands."""

    type: Literal["case.refresh_ordered"]
    reason: Text | None = None


class Monitor(Wanted):
    """Let the agency watch the debtor for years."""

    type: Literal["case.monitoring_ordered"]
    reason: Text | None = None


class Message(Wanted):
    """Write to the agency."""

    type: Literal["case.message_written"]
    text: _Words


class Answer(Wanted):
    """Answer a question of the agency."""

    type: Literal["case.question_answered"]
    question_id: Id
    answer: _Words


class Approve(Wanted):
    """Let the next step be taken."""

    type: Literal["step.approved"]
    step: Ordinal


class Skip(Wanted):
    """Leave the next step out."""

    type: Literal["step.skipped"]
    step: Ordinal


class Hold(Wanted):
    """Take no step for now. `from` absent: from today; `until` is the first day that is no longer held."""

    type: Literal["hold.placed"]
    kind: HoldByHand
    invoice_id: Id | None = None
    from_: Day | None = Field(default=None, alias="from")
    until: Day | None = None
    reason: Text | None = None


class Release(Wanted):
    """End a hold."""

    type: Literal["hold.released"]
    hold_id: Id


class Clear(Wanted):
    """What waited for a person is done."""

    type: Literal["attention.cleared"]
    name: Name


AnyWanted: TypeAlias = Annotated[
    HandOver | Recall | Refresh | Monitor | Message | Answer | Approve | Skip | Hold | Release | Clear, Field(discriminator="type")
]


class Contract(BaseModel):
    """Which one is meant."""

    tenant: Name
    contract: Id


class WantedOfMany(BaseModel):
    """The same for each of a list of contracts."""

    type: Literal["step.approved", "handover.ordered", "handover.recalled", "case.refresh_ordered"]
    contracts: Annotated[list[Contract], Field(min_length=1, max_length=MANY_MAX)]
