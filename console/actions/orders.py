"""What a person can order of a contract, and the event that it becomes (`events.md`, escalation.instructions). Nothing here decides whether
it will be done: that is the processor's, and what it refuses it says why.
"""

from collections.abc import Mapping
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
KINDS: Final = tuple(kind for kind in HOLD_KINDS if kind not in ("payment_plan", "payment_in_transit"))
"""Holds that a person places and ends; the others follow from a plan or a payment and end with it."""
_EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(InstructionEvent)


class NoOrder(ValueError):
    """The form names nothing that can be ordered; the message says which field is wrong."""


class Offer(NamedTuple):
    """Something that can be ordered now. `fixed` stands already; `asks` are fields that the person fills in."""

    type: str
    fixed: Mapping[str, Any] = {}
    asks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Tells it from the others of one page."""
        return "/".join([self.type, *(str(value) for value in self.fixed.values())])

    @property
    def about(self) -> str:
        """What it is about, where there may be several of its type: a hold, an attention."""
        return str(self.fixed.get("kind") or self.fixed.get("name") or "")


def offers(told: Mapping[str, Any], can: frozenset[str], nonce: str) -> list[Offer]:
    """What can be ordered of a contract whose case-status is `told`; `can` are the commands its agency takes. A hold placed by the form
    that `nonce` was drawn for is named after it."""
    found: list[Offer] = []
    status = told["status"]
    if status in OPEN:
        found.append(Offer("case.refresh_ordered"))
        if RECALL in can:
            found.append(Offer("handover.recalled", asks=("reason",)))
        if MONITOR in can:
            found.append(Offer("case.monitoring_ordered"))
    elif told["overdue_amount"]:
        found.append(Offer("handover.ordered"))
    if status in CLIMBS and told["next_step"] is not None:
        if "approval" in told["waiting_for"]:
            found.append(Offer("step.approved", {"step": told["next_step"]}))
        found.append(Offer("step.skipped", {"step": told["next_step"]}))
    if status not in OPEN:
        found.append(Offer("hold.placed", {"hold_id": f"console-{nonce}"}, ("kind", "until", "reason")))
    found += [Offer("hold.released", {"hold_id": hold["hold_id"], "kind": hold["kind"]}) for hold in _released_by_hand(told["holds"])]
    return found + [Offer("attention.cleared", {"name": name}) for name in told["attention"]]


def _released_by_hand(holds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({hold["hold_id"]: hold for hold in holds if hold["kind"] in KINDS}.values())


def event_of(offer: Offer, fields: Mapping[str, str], *, by: str, tenant: str, contract: str, nonce: str, now: datetime) -> Any:
    """The event of an order. The nonce was drawn when the form was shown, so that a form sent twice is one event. Raises NoOrder."""
    if "kind" in offer.asks and fields.get("kind") not in KINDS:
        raise NoOrder(f"kind: must be one of {', '.join(KINDS)}")
    asked = {name: text for name in offer.asks if (text := fields.get(name, "").strip())}
    fixed = {name: value for name, value in offer.fixed.items() if name != "kind"}
    order_id = f"console/{uuid5(NAMESPACE, f'{nonce}/{offer.key}/{tenant}/{contract}')}"
    told = {"type": offer.type, "id": order_id, "source": SOURCE, "time": now, "subject": contract, "tenant": tenant}
    try:
        return _EVENTS.validate_python({**told, "data": {**fixed, **asked, "by": by}}, strict=False)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise NoOrder(f"{'.'.join(str(part) for part in wrong['loc'][1:])}: {wrong['msg']}") from None
