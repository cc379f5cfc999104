"""What agencies were told and told, put into the views as the projector puts it: events as they are on Kafka, without one."""

import json
from typing import Any

from sqlalchemy import Engine, insert

from console.database import writing
from console.views.rows import VIEWS, storable
from console.views.store import Piece, Store
from console.views.tables import POSITIONS
from schemas import codec, topics


def told(
    views: Engine, topic: str, contract: str, kind: str, *, at: str = "2026-02-01T09:00:00Z", tenant: str = "acme", **data: Any
) -> None:
    """One record. Its id is drawn from its place."""
    store = Store(views)
    if (topic, 0) not in store.positions():
        with writing(views).begin() as connection:
            connection.execute(insert(POSITIONS), {"topic": topic, "partition": 0, "topic_id": "t", "next_offset": 0, "caught_up_ms": 0})
    offset = store.positions()[topic, 0]
    event = {
        "specversion": "1.0",
        "id": f"{topic}-{offset}",
        "source": "/t",
        "type": kind,
        "subject": contract,
        "tenant": tenant,
        "time": at,
    }
    value, view = json.dumps({**event, "data": data}).encode(), VIEWS[topic]
    row = view.row(codec.decode(topic, value)) if view.is_for(value) else None
    rows = [(offset, (tenant, contract), None if row is None else storable(row))]
    store.apply({(topic, 0): Piece(offset, offset + 1, rows)})


def handed(
    views: Engine,
    contract: str,
    handover_id: str,
    *,
    account: str = "main",
    open_amount: int = 4_990,
    at: str = "2026-02-01T09:00:00Z",
    **more: Any,
) -> None:
    """A handover of one receivable."""
    claim = {"invoice_id": f"I-{contract}", "issued_on": "2026-01-01", "due_on": "2026-01-15", "amount": open_amount, "open": open_amount}
    sums: dict[str, Any] = {"open_amount": open_amount, "costs": 250, "interest": 10}
    claims = [{**claim, "costs": 250, "interest": 10}]
    data: dict[str, Any] = {
        "handover_id": handover_id,
        "attempt": 1,
        "agency_account": account,
        "currency": "EUR",
        "claims": claims,
        **sums,
        **more,
    }
    told(views, topics.COMMANDS, contract, "case.submit", at=at, **data)


def reported(views: Engine, contract: str, handover_id: str, payment_id: str, amount: int, day: str, **more: Any) -> None:
    """What the agency says that it was paid."""
    data: dict[str, Any] = {"occurred_at": f"{day}T08:00:00Z", "payment_id": payment_id, "amount": amount, "value_date": day}
    told(views, topics.REPLIES, contract, "case.payment_received", handover_id=handover_id, **data, **more)


def remitted(
    views: Engine, contract: str, payment_id: str, amount: int, withheld: int, statement: str | None, day: str, **more: Any
) -> None:
    """What the agency pays out."""
    data: dict[str, Any] = {
        "payment_id": payment_id,
        "amount": amount,
        "currency": "EUR",
        "value_date": day,
        "via": "agency",
        "withheld": withheld,
    }
    told(views, topics.PAYMENTS, contract, "payment.received", **data, **({"statement_id": statement} if statement else {}), **more)


def booked(views: Engine, contract: str, amount: int, day: str, booking: str = "agency_settled", **more: Any) -> None:
    """What the rules settled through an agency."""
    data: dict[str, Any] = {"booking": booking, "invoice_id": "I", "component": "principal", "amount": amount, "dated": day, "cause": "e"}
    told(views, topics.BOOKINGS, contract, "booking.recorded", **data, **more)
