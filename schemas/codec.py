"""Bytes to events and back: structured and binary CloudEvents, one validation from the bytes (`events.md`)."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, get_args

from pydantic import TypeAdapter, ValidationError

from schemas import topics
from schemas.billing import ChargebackEvent, ContractEvent, InvoiceEvent, PaymentEvent
from schemas.commands import CommandEvent
from schemas.debtors import DebtorEvent
from schemas.envelope import ContractEnvelope, Envelope
from schemas.fields import Moment
from schemas.instructions import InstructionEvent
from schemas.notices import BookingRecorded, NoticeEvent
from schemas.replies import ReplyEvent
from schemas.status import CaseHistory, CaseStatus
from schemas.timers import TimerEvent

EVENT_MAX_BYTES: Final = 256 * 1024
"""Largest event: an invoice is some hundred bytes, a list of allocations some thousand; what is larger is a mistake."""

EVENTS: Final[dict[str, Any]] = {
    topics.INVOICES: InvoiceEvent,
    topics.PAYMENTS: PaymentEvent,
    topics.CHARGEBACKS: ChargebackEvent,
    topics.CONTRACTS: ContractEvent,
    topics.DEBTORS: DebtorEvent,
    topics.INSTRUCTIONS: InstructionEvent,
    topics.REPLIES: ReplyEvent,
    topics.TIMERS: TimerEvent,
    topics.COMMANDS: CommandEvent,
    topics.OUTBOX: CommandEvent,
    topics.CASE_STATUS: CaseStatus,
    topics.CASE_HISTORY: CaseHistory,
    topics.NOTICES: NoticeEvent,
    topics.BOOKINGS: BookingRecorded,
}
"""What may stand on each topic."""

HeaderList: TypeAlias = Sequence[tuple[str, bytes]]


class Unreadable(ValueError):
    """A record that is not an event of its topic. `reason` is short and stable, `detail` names the field and what would be right."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UnknownType(Unreadable):
    """An envelope whose type this version does not know."""

    def __init__(self, topic: str, event_type: str) -> None:
        super().__init__("unknown type", f"{event_type[:100]!r} is no type of {topic}")
        self.event_type = event_type


@cache
def _adapter(topic: str) -> TypeAdapter[Any]:
    return TypeAdapter(EVENTS[topic])


@cache
def event_classes(topic: str) -> dict[str, type[Envelope]]:
    """The event classes of a topic by type."""
    union = EVENTS[topic]
    classes = [part for part in _members(union) if isinstance(part, type) and issubclass(part, Envelope)]
    return {str(get_args(cls.model_fields["type"].annotation)[0]): cls for cls in classes}


def _members(union: Any) -> tuple[Any, ...]:
    if isinstance(union, type):
        return (union,)
    inner = get_args(union)[0]
    return (inner,) if isinstance(inner, type) else get_args(inner)


def decode(topic: str, value: bytes | None, headers: HeaderList = (), key: bytes | None = None) -> Any:
    """Read one event of `topic`. Raises `UnknownType` or `Unreadable`.

    Binary mode (`ce_*` headers) is read where the headers carry `ce_specversion`. A `key` that is given must agree with the envelope.
    """
    if value is None:
        raise Unreadable("no value", f"a record of {topic} needs an event as its value")
    if len(value) > EVENT_MAX_BYTES:
        raise Unreadable("too large", f"{len(value)} bytes; an event has at most {EVENT_MAX_BYTES}")
    try:
        event = _read(topic, value, headers)
    except ValidationError as error:
        raise _explained(topic, error) from None
    if key is not None and isinstance(event, ContractEnvelope) and key != event.key.encode():
        raise Unreadable("wrong key", f"the record's key must be tenant/subject of its envelope ({event.key[:200]!r})")
    return event


def _read(topic: str, value: bytes, headers: HeaderList) -> Any:
    if headers and any(name == "ce_specversion" for name, _ in headers):
        return _read_binary(topic, value, headers)
    return _adapter(topic).validate_json(value)


def _read_binary(topic: str, value: bytes, headers: HeaderList) -> Any:
    attributes: dict[str, Any] = {}
    for name, content in headers:
        if name.startswith("ce_"):
            attributes[name[3:]] = _text(name, content)
    event_class = event_classes(topic).get(attributes.get("type", ""))
    if event_class is None:
        raise UnknownType(topic, attributes.get("type", ""))
    data = _data_adapter(event_class).validate_json(value)
    attributes["time"] = _moment().validate_json(_quoted(attributes.get("time", "")))
    return event_class.model_validate({**attributes, "data": data})


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unreadable("invalid", f"header {name}: not UTF-8") from None


@cache
def _data_adapter(event_class: type[Envelope]) -> TypeAdapter[Any]:
    return TypeAdapter(event_class.model_fields["data"].annotation)


@lru_cache(maxsize=1)
def _moment() -> TypeAdapter[Any]:
    return TypeAdapter(Moment)


def _quoted(text: str) -> bytes:
    return b'"' + text.replace("\\", "").replace('"', "").encode() + b'"'


def _explained(topic: str, error: ValidationError) -> Unreadable:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Unreadable("not JSON", first["msg"])
    if kind == "union_tag_invalid":
        return UnknownType(topic, str(first["ctx"]["tag"]))
    if kind == "union_tag_not_found":
        return Unreadable("invalid", "type: missing")
    if kind == "literal_error" and first["loc"][-1:] == ("type",):
        return UnknownType(topic, "")
    known = event_classes(topic)
    place = ".".join(str(part) for part in first["loc"] if part not in known) or "the envelope"
    return Unreadable("invalid", f"{place}: {first['msg']}")


def encode(event: Envelope) -> bytes:
    """The event as structured CloudEvents JSON. Optional fields that are not set are left out, but for case-status and case-history:
    a row always has all its columns."""
    return event.__pydantic_serializer__.to_json(event, by_alias=True, exclude_none=not isinstance(event, (CaseStatus, CaseHistory)))
