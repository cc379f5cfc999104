"""From a record of a topic to a row of its view. Pure: knows events and columns, nothing of databases or Kafka."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Table

from console.views.tables import CASES, DEBTORS, HISTORY, NOTICES, REPLIES
from schemas import topics
from schemas.billing import PaymentEvent, PaymentReceivedData
from schemas.commands import CaseReportPaymentData, CaseSubmitData, CommandEvent
from schemas.debtors import DebtorDescribed
from schemas.fields import is_sealed
from schemas.notices import BookingRecorded, NoticeEvent
from schemas.replies import ReplyEvent
from schemas.status import CaseHistory, CaseStatus, CaseStatusData

Row = dict[str, Any]


class Acts(IntEnum):
    """Who must act on a contract, in order of urgency: a person, the agency, the debtor (or time), nobody."""

    NOBODY = 0
    DEBTOR = 1
    AGENCY = 2
    PERSON = 3


CLAIM: Final = {"invoice_id", "due_on", "open", "costs", "interest"}
"""Of each receivable that was handed over."""
WITH_AGENCY: Final = frozenset({"Passed", "Accepted", "FirstDunningPhase", "SecondDunningPhase", "DebtCollection"})
REJECTED: Final = "rejected"
FOR_A_PERSON: Final = {"Rejected": REJECTED}
"""Statuses that wait for a person as a flag would."""
APPROVAL: Final = "approval"
"""What a step waits for that only a person gives (`waiting_for`)."""


def acts(data: CaseStatusData) -> Acts:
    """Attention, a rejection and a step that waits for approval are a person's; a case is its agency's; what is owed else the debtor's."""
    if flags(data):
        return Acts.PERSON
    if data.status in WITH_AGENCY:
        return Acts.AGENCY
    return Acts.DEBTOR if data.open_amount else Acts.NOBODY


def flags(data: CaseStatusData) -> str:
    """Everything for which it waits for a person, between blanks."""
    more = ([FOR_A_PERSON[data.status]] if data.status in FOR_A_PERSON else []) + ([APPROVAL] if APPROVAL in data.waiting_for else [])
    found = dict.fromkeys((*data.attention, *more))
    return f" {' '.join(found)} "[:1000] if found else ""


def moment(value: datetime | None) -> str:
    """RFC 3339 in UTC with six fractional digits, so that it sorts as text; the empty text for None."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def storable(row: Row) -> Row:
    """PostgreSQL's texts hold everything but NUL, which no one types and anyone can publish."""
    return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def case(event: CaseStatus) -> Row:
    data = event.data
    words = (event.subject, data.case_id, data.agency_account, data.stage, *data.signals)
    return {
        "tenant": event.tenant,
        "contract": event.subject,
        **{name: getattr(data, name) for name in ("status", "dunning_level", "rung", "cycle", "version")},
        **{name: getattr(data, name) for name in ("open_amount", "overdue_amount", "costs", "interest")},
        **{name: getattr(data, name) or "" for name in ("currency", "agency", "agency_account", "case_id", "stage")},
        "acts": int(acts(data)),
        "attention": flags(data),
        "next_step_on": data.next_step_on.isoformat() if data.next_step_on else "",
        "changed_at": moment(data.changed_at),
        "sought": "\n".join(word for word in words if word).lower(),
        "told": data.model_dump(mode="json", by_alias=True),
    }


def history(event: CaseHistory) -> Row:
    return {
        "tenant": event.tenant,
        "contract": event.subject,
        "version": event.data.version,
        "told": event.data.model_dump(mode="json", by_alias=True),
    }


def told(event: ReplyEvent | NoticeEvent) -> Row:
    data = event.data.model_dump(mode="json", by_alias=True, exclude_none=True)
    if event.type.startswith("case."):
        data = discreet(data)
    return {"tenant": event.tenant, "contract": event.subject, "type": event.type, "time": moment(event.time), "told": data}


def discreet(value: Any, name: str = "") -> Any:
    """What an agency wrote freely stays only sealed: in the clear it may name people, and nothing would erase it here."""
    if isinstance(value, dict):
        return {key: discreet(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [discreet(part, name) for part in value]
    free = name in ("text", "title", "options") and isinstance(value, str)
    return "" if free and not is_sealed(value) else value


def debtor(event: DebtorDescribed) -> Row:
    data = event.data
    name = data.company or " ".join(part for part in (data.first_name, data.last_name) if part)
    return {"tenant": event.tenant, "contract": event.subject, "name": name, "sought": name.lower()}


def command(event: CommandEvent) -> Row | None:
    """A handover, or a payment that its agency is told of."""
    data = event.data
    if isinstance(data, CaseSubmitData):
        told = data.model_dump(mode="json", include={"handover_id", "agency_account", "currency", "open_amount", "costs", "interest"})
        told["claims"] = [claim.model_dump(mode="json", include=CLAIM) for claim in data.claims]
    elif isinstance(data, CaseReportPaymentData):
        told = {**data.model_dump(mode="json"), "id": event.id}
    else:
        return None
    return {"tenant": event.tenant, "contract": event.subject, "type": event.type, "time": moment(event.time), "told": told}


def payout(event: PaymentEvent) -> Row | None:
    """What an agency remits; what others pay is in the contract's sums."""
    if not isinstance(event.data, PaymentReceivedData) or event.data.via != "agency":
        return None
    fields = {"payment_id", "amount", "currency", "value_date", "withheld", "statement_id"}
    told = event.data.model_dump(mode="json", include=fields, exclude_none=True)
    return {"tenant": event.tenant, "contract": event.subject, "type": event.type, "time": moment(event.time), "told": told}


def settled(event: BookingRecorded) -> Row | None:
    """What payments at an agency, and its successful closes, settled by the rules: closes name no amount, so only they know it."""
    if event.data.booking != "agency_settled":
        return None
    told = {"id": event.id, "amount": event.data.amount, "value_date": event.data.dated.isoformat()}
    return {"tenant": event.tenant, "contract": event.subject, "type": event.type, "time": moment(event.time), "told": told}


class View(NamedTuple):
    """A topic and its table. A compacted topic's row is its key's latest, and goes with its tombstone; others add a row a record, or have
    no table of their own (`money.py`). A record without `sign` among its bytes brings nothing, and is not even read."""

    table: Table | None
    compacted: bool
    row: Callable[[Any], Row | None]
    sign: bytes = b""

    def is_for(self, value: bytes | None) -> bool:
        """Whether a record may bring something; any sign can be written as an escape of JSON."""
        return value is None or self.sign in value or b"\\u" in value


VIEWS: Final[Mapping[str, View]] = {
    topics.CASE_STATUS: View(CASES, True, case),
    topics.CASE_HISTORY: View(HISTORY, False, history),
    topics.REPLIES: View(REPLIES, False, told),
    topics.NOTICES: View(NOTICES, False, told),
    topics.DEBTORS: View(DEBTORS, True, debtor),
    topics.COMMANDS: View(None, False, command),
    topics.PAYMENTS: View(None, False, payout, b"agency"),
    topics.BOOKINGS: View(None, False, settled, b"agency_settled"),
}
