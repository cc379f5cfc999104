"""What an agency said or what became of a command, as events of `collection.replies`.

Ids follow from the handover and what happened, so the same thing is the same reply whenever and by whatever way it is told. `time` is
calendar time: the latest tick's, not before the command's.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid5

from pydantic import ValidationError

from connectors.delivery.agency import (
    Accepted,
    Change,
    Closed,
    DocumentAdded,
    MessageReceived,
    Passed,
    PaymentReceived,
    PhaseChanged,
    QuestionAsked,
    Rejected,
    Unmapped,
    What,
)
from connectors.delivery.errors import Reason
from connectors.delivery.ledger import Handover
from schemas import codec, topics
from schemas.ids import NAMESPACE, contract_key
from streams.engine.protocol import Output

PASSED: Final = "case.passed"
CHANGE_ID_MAX: Final = 200
"""Characters; as any id of the contract. It becomes part of what the ledger remembers."""
REASONS_MAX: Final = 50
REASON_TEXT_MAX: Final = 200
"""Of a rejection's reasons, and characters of each: an event has at most 256 KiB, and a person reads the first few."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reply to be written once. `name` says what happened, among all that can happen to one handover."""

    name: str
    type: str
    data: dict[str, Any]

    @property
    def closes(self) -> bool:
        """Whether the case is over with it."""
        return self.type in ("case.closed", "case.rejected")


def of_change(change: Change, agency: str) -> Told | Unmapped:
    """The reply that tells a change, or why there is none."""
    if isinstance(change.what, Unmapped):
        return change.what
    if len(change.change_id) > CHANGE_ID_MAX:
        return Unmapped("change_id", {"type": change.what.type, "reference": change.reference})
    name = PASSED if isinstance(change.what, Passed) else f"{change.what.type}/{change.change_id}"
    data = {**_said(change.what, agency), **_common(change.reference, change.occurred_at, change.case_id)}
    return _checked(Told(name, change.what.type, data))


def passed(handover_id: str, case_id: str, agency: str, received_at: datetime) -> Told:
    """The agency has the data."""
    return Told(PASSED, PASSED, {"agency": agency, **_common(handover_id, received_at, case_id)})


def rejected(handover_id: str, command_id: str, reasons: tuple[Reason, ...], at: datetime) -> Told:
    """The agency did not take the handover."""
    data = {**_rejected(Rejected(reasons)), **_common(handover_id, at, None)}
    return Told(f"case.rejected/{command_id}", "case.rejected", data)


def recalled(handover_id: str, at: datetime) -> Told:
    """Taken back before it was sent."""
    data = {"outcome": "unsuccessful", "reason": "recalled", **_common(handover_id, at, None)}
    return Told("case.closed/unsent", "case.closed", data)


def failed(handover_id: str, command_id: str, reason: str, at: datetime, text: str | None = None) -> Told:
    """It can't be done; a person must see to it."""
    return _trouble("case.failed", handover_id, command_id, reason, at, text)


def unknown(handover_id: str, command_id: str, reason: str, at: datetime) -> Told:
    """Whether the agency has it can't be found out; a person must."""
    return _trouble("case.submission_unknown", handover_id, command_id, reason, at, None)


def output(handover: Handover, told: Told, agency: str, at_ms: int) -> Output:
    """The record of a reply, written at calendar time `at_ms`."""
    event_class = codec.event_classes(topics.REPLIES)[told.type]
    event = event_class.model_validate(
        {
            "id": str(uuid5(NAMESPACE, f"{told.data['handover_id']}/{told.name}")),
            "source": f"/mahnlauf/connector/{agency}",
            "time": moment(at_ms),
            "subject": handover.contract,
            "tenant": handover.tenant,
            "type": told.type,
            "data": told.data,
        }
    )
    return Output(topics.REPLIES, contract_key(handover.tenant, handover.contract).encode(), codec.encode(event), at_ms)


def moment(at_ms: int) -> datetime:
    """Milliseconds since 1970 as a moment."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


def milliseconds(at: datetime) -> int:
    """A moment as milliseconds since 1970, cut."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _checked(told: Told) -> Told | Unmapped:
    """An agency may say what our language can't (a day in the year 3000): kept for a person instead of ending the feed."""
    data_class = codec.event_classes(topics.REPLIES)[told.type].model_fields["data"].annotation
    try:
        data_class.model_validate(told.data)  # type: ignore[union-attr]
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_url=False, include_input=False)[0]["loc"])
        return Unmapped(field, {"type": told.type, "name": told.name, "reference": told.data["handover_id"]})
    return told


def _common(handover_id: str, occurred_at: datetime, case_id: str | None) -> dict[str, Any]:
    common = {"handover_id": handover_id, "occurred_at": occurred_at}
    return common if case_id is None else {**common, "case_id": case_id}


def _trouble(event_type: str, handover_id: str, command_id: str, reason: str, at: datetime, text: str | None) -> Told:
    return Told(f"{event_type}/{command_id}", event_type, {"reason": reason, "text": text, **_common(handover_id, at, None)})


def _said(what: What, agency: str) -> dict[str, Any]:
    if isinstance(what, Passed | Accepted):
        return {"agency": agency}
    return _SAID[type(what)](what)


def _rejected(what: Rejected) -> dict[str, Any]:
    return {"reasons": tuple({"code": reason.code, "text": _cut(reason.text)} for reason in what.reasons[:REASONS_MAX])}


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:REASON_TEXT_MAX]


def _payment(what: PaymentReceived) -> dict[str, Any]:
    return {"payment_id": what.payment_id, "amount": what.amount_minor, "value_date": what.value_date}


_SAID: dict[type, Callable[[Any], dict[str, Any]]] = {
    Rejected: _rejected,
    PaymentReceived: _payment,
    PhaseChanged: asdict,
    Closed: asdict,
    DocumentAdded: asdict,
    MessageReceived: asdict,
    QuestionAsked: asdict,
}
