"""What a person can order of a contract, and the event that it becomes (`events.md`, escalation.instructions). Nothing here decides whether
it will be done: that is the processor's, and what it refuses it says why.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid5

from pydantic import TypeAdapter, ValidationError

from schemas.fields import HOLD_KINDS
from schemas.ids import NAMESPACE
from schemas.instructions import InstructionEvent

SOURCE: Final = "/mahnlauf/console"
OPEN: Final = frozenset({"ToBePassed", "Passed", "Accepted", "FirstDunningPhase", "SecondDunningPhase", "DebtCollection"})
"""Statuses in which an agency works on the claim."""
CLIMBS: Final = frozenset({"Due", "Reminded", "Held"})
FOR_MANY: Final = ("step.approved", "handover.ordered", "handover.recalled", "case.refresh_ordered")
"""What can be ordered of many contracts at once."""
MONITOR: Final = "case.monitor"
RECALL: Final = "case.recall"
MESSAGE: Final = "case.send_message"
ANSWER: Final = "case.answer"
WORDS: Final = ("text", "answer")
"""Fields in which a person writes freely: they go to Kafka sealed."""
KINDS: Final = tuple(kind for kind in HOLD_KINDS if kind not in ("payment_plan", "payment_in_transit"))
"""Holds that a person places and ends; the others follow from a plan or a payment and end with it."""
_EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(InstructionEvent)


class NoOrder(ValueError):
    """The form names nothing that can be ordered; the message says which field is wrong."""


class Offer(NamedTuple):
    """Something that can be ordered now. `fixed` stands already; `asks` are fields that a form shows to be
    filled in, `takes` what other systems may give besides."""

    type: str
    fixed: Mapping[str, Any] = {}
    asks: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Tells it from the others of one page."""
        return "/".join([self.type, *(str(value) for value in self.fixed.values())])

    def is_meant(self, fields: Mapping[str, Any]) -> bool:
        """Whether what is given of its fixed fields is what stands."""
        return all(fields.get(name, value) == value for name, value in self.fixed.items() if name != "kind")

    @property
    def about(self) -> str:
        """What it is about, where there may be several of its type: a hold, an attention."""
        return str(self.fixed.get("kind") or self.fixed.get("name") or "")


def offers(told: Mapping[str, Any], can: frozenset[str], nonce: str, questions: Sequence[str] = ()) -> list[Offer]:
    """What can be ordered of a contract whose case-status is `told`; `can` are the commands its agency takes, `questions` the ids of those
    it waits for an answer to. What is placed or written by the form that `nonce` was drawn for is named after it."""
    found: list[Offer] = []
    status = told["status"]
    if status in OPEN:
        found.append(Offer("case.refresh_ordered", takes=("reason",)))
        if RECALL in can:
            found.append(Offer("handover.recalled", asks=("reason",)))
        if MONITOR in can:
            found.append(Offer("case.monitoring_ordered", takes=("reason",)))
        if ANSWER in can:
            found += [Offer("case.question_answered", {"question_id": each}, ("answer",)) for each in questions]
        if MESSAGE in can:
            found.append(Offer("case.message_written", {"message_id": f"console-{nonce}"}, ("text",)))
    elif told["overdue_amount"] or _waits_for_a_handover(told):
        asks = ("account",) if _needs_another_account(told) else ()
        found.append(Offer("handover.ordered", asks=asks, takes=("invoice_ids", "account", "despite_hold")))
    if status in CLIMBS and told["next_step"] is not None:
        if "approval" in told["waiting_for"]:
            found.append(Offer("step.approved", {"step": told["next_step"]}))
        found.append(Offer("step.skipped", {"step": told["next_step"]}))
    if status not in OPEN:
        found.append(Offer("hold.placed", {"hold_id": f"console-{nonce}"}, ("kind", "until", "reason"), ("from", "invoice_id")))
    found += [Offer("hold.released", {"hold_id": hold["hold_id"], "kind": hold["kind"]}) for hold in _released_by_hand(told["holds"])]
    return found + [Offer("attention.cleared", {"name": name}) for name in told["attention"]]


def _waits_for_a_handover(told: Mapping[str, Any]) -> bool:
    """What an agency has given back is not overdue, and nothing but a person hands it over again (escalation.md 6)."""
    given_back = told["status"] in ("Rejected", "UnsuccessfullyClosed") and told["open_amount"] > 0
    return given_back or not {"rejected", "recalled"}.isdisjoint(told["attention"])


def _needs_another_account(told: Mapping[str, Any]) -> bool:
    """A second placement goes to another agency, unless the first one was called back."""
    return told["status"] == "UnsuccessfullyClosed" and "recalled" not in told["attention"]


def _released_by_hand(holds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({hold["hold_id"]: hold for hold in holds if hold["kind"] in KINDS}.values())


def order_id(nonce: str, what: str, tenant: str, contract: str) -> str:
    """The id of an order and of its event. The nonce was drawn when the form was shown, so that a form sent twice is one event."""
    return f"console/{uuid5(NAMESPACE, f'{nonce}/{what}/{tenant}/{contract}')}"


def event_of(offer: Offer, fields: Mapping[str, Any], *, event_id: str, by: str, tenant: str, contract: str, now: datetime) -> Any:
    """The event of an order. Raises NoOrder."""
    if "kind" in offer.asks and fields.get("kind") not in KINDS:
        raise NoOrder(f"kind: must be one of {', '.join(KINDS)}")
    asked = {name: value for name in (*offer.asks, *offer.takes) if (value := _typed(fields.get(name))) is not None}
    fixed = {name: value for name, value in offer.fixed.items() if name != "kind"}
    told = {"type": offer.type, "id": event_id, "source": SOURCE, "time": now, "subject": contract, "tenant": tenant}
    try:
        return _EVENTS.validate_python({**told, "data": {**fixed, **asked, "by": by}}, strict=False)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise NoOrder(f"{'.'.join(str(part) for part in wrong['loc'][1:])}: {wrong['msg']}") from None


def _typed(value: Any) -> Any:
    """A field left empty is one that is not given."""
    return (value.strip() or None) if isinstance(value, str) else value
