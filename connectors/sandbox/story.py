"""What becomes of a case: scenes on days counted from the day the agency got it, chosen by a rule from the case alone.

The same case always gets the same story, so that a run can be repeated. Nine of ten are accepted and go through the dunning phases; most
pay. A case whose debtor has no address with a postal code is rejected, as agencies do.
"""

import hashlib
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status: TypeAlias = Literal[
    "Passed",
    "Accepted",
    "Rejected",
    "FirstDunningPhase",
    "SecondDunningPhase",
    "DebtCollection",
    "SuccessfullyClosed",
    "UnsuccessfullyClosed",
]

CLOSED = frozenset({"Rejected", "SuccessfullyClosed", "UnsuccessfullyClosed"})
"""Statuses in which nothing more happens."""


class Scene(BaseModel):
    """On `day` (0 is the day of the handover) the case takes a `status`, the debtor pays `percent` of what is still owed, or the agency
    adds a `document` of that kind, writes a `message` or asks a `question`. An agency that knows none of them leaves it out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: Annotated[int, Field(ge=0, le=36_500)]
    status: Status | None = None
    dunning_level: int | None = None
    stage: str | None = None
    reason: str | None = None
    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    document: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    message: Annotated[str, Field(min_length=1)] | None = None
    question: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Scene":
        if sum(part is not None for part in (self.status, self.percent, self.document, self.message, self.question)) != 1:
            raise ValueError("a scene has either a status, a percent that the debtor pays, a document, a message or a question")
        return self


Story: TypeAlias = tuple[Scene, ...]

_ACCEPTED = Scene(day=1, status="Accepted")
_FIRST = Scene(day=2, status="FirstDunningPhase", dunning_level=1)
_SECOND = Scene(day=16, status="SecondDunningPhase", dunning_level=2)
_COLLECTION = Scene(day=30, status="DebtCollection", dunning_level=3, stage="extrajudicial")


def _paid(day: int) -> Story:
    return (Scene(day=day, percent=100), Scene(day=day + 1, status="SuccessfullyClosed", reason="PAID_IN_FULL"))


ADDRESS_REJECTED: Story = (Scene(day=1, status="Rejected", reason="ADDRESS_INCOMPLETE"),)
PAYS_AT_ONCE: Story = (_ACCEPTED, _FIRST, *_paid(9))
PAYS_IN_PARTS: Story = (_ACCEPTED, _FIRST, _SECOND, Scene(day=20, percent=50), *_paid(28))
PAYS_IN_COLLECTION: Story = (_ACCEPTED, _FIRST, _SECOND, _COLLECTION, *_paid(44))
SETTLES: Story = (
    *(_ACCEPTED, _FIRST, _SECOND, _COLLECTION, Scene(day=40, percent=60)),
    Scene(day=41, status="SuccessfullyClosed", reason="SETTLEMENT"),
)
FRUITLESS: Story = (
    *(_ACCEPTED, _FIRST, _SECOND, _COLLECTION),
    Scene(day=60, status="DebtCollection", dunning_level=3, stage="judicial_dunning"),
    Scene(day=90, status="UnsuccessfullyClosed", reason="IRRECOVERABLE"),
)

_OF_TEN: tuple[Story, ...] = (
    *(PAYS_AT_ONCE, PAYS_AT_ONCE, PAYS_AT_ONCE, PAYS_IN_PARTS, PAYS_IN_PARTS),
    *(PAYS_IN_COLLECTION, PAYS_IN_COLLECTION, SETTLES, FRUITLESS, FRUITLESS),
)


def by_rule(reference: str, *, has_postal_code: bool) -> Story:
    """The story of a case nobody wrote a script for."""
    if not has_postal_code:
        return ADDRESS_REJECTED
    return _OF_TEN[hashlib.sha256(reference.encode()).digest()[0] % len(_OF_TEN)]


class Script(BaseModel):
    """`story` for the cases to come of `contract` or with `reference`; with neither, for all that nothing nearer matches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str | None = None
    reference: str | None = None
    story: Story

    def rank(self, contract: str, reference: str) -> int:
        """How near this script is to a case: 0 not at all."""
        if self.reference is not None:
            return 3 if self.reference == reference else 0
        if self.contract is not None:
            return 2 if self.contract == contract else 0
        return 1


def chosen(scripts: list[Script], contract: str, reference: str, *, has_postal_code: bool) -> Story:
    """The nearest script's story, the latest of equals; without any, the rule's."""
    ranked = [(script.rank(contract, reference), number, script) for number, script in enumerate(scripts)]
    near = [entry for entry in ranked if entry[0]]
    if near:
        return max(near, key=lambda entry: entry[:2])[2].story
    return by_rule(reference, has_postal_code=has_postal_code)
