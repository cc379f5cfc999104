"""What the contract keeps of a handover and of the case that the agency makes of it (section 6)."""

from dataclasses import dataclass, field
from datetime import date, datetime

OPEN = ("ToBePassed", "Passed", "Accepted", "FirstDunningPhase", "SecondDunningPhase", "DebtCollection")


class Refused(Exception):
    """The event becomes a dead letter."""


@dataclass(frozen=True)
class Waiting:
    """A receivable waits for a person: `why` is rejected or recalled, by which handover."""

    why: str
    handover_id: str


@dataclass
class Handover:
    """`state`: open, rejected, successful or unsuccessful. `reported`: what the agency was told of each direct
    payment; `known_until`: of an adopted case, what it knew without being told."""

    handover_id: str
    cycle: int
    account: str
    invoice_ids: tuple[str, ...]
    rung: int
    began_on: date
    state: str = "open"
    close_reason: str = ""
    agency: str | None = None
    case_id: str | None = None
    stage: str | None = None
    last_status_at: datetime | None = None
    last_reply_on: date | None = None
    refreshed_on: date | None = None
    reported: dict[str, int] = field(default_factory=dict)
    recalls: set[str] = field(default_factory=set)
    recall_counted_from: date | None = None
    known_until: date | None = None
