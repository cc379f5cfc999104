"""What was claimed and paid of one contract: what a click on its amount shows. It is asked for when it is wanted, never with the table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from sqlalchemy import Engine, Row, select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from console.pages.drawing import Drawing
from console.views.tables import CASES, HANDOVERS, NOTICES, PAYMENTS

SHOWN_MAX: Final = 500
"""Payments and notes each: a contract of many years stays a page that can be read."""
KINDS: Final = ("reported", "direct", "payout")
NOTES: Final = ("notice.payment_offer", "notice.payment_confirmation", "notice.instalment_reminder", "notice.plan_broken")
"""Notices that are about paying."""
ON_ITS_WAY: Final = "payment_in_transit"


class Claimed(NamedTuple):
    """One handover: `parts` are its receivables as they were handed over; `paid` by kind, of which payouts name no handover."""

    account: str
    handed_on: str
    parts: list[dict[str, Any]]
    open_amount: int
    costs: int
    interest: int
    paid: dict[str, int]

    @property
    def amount(self) -> int:
        return self.open_amount + self.costs + self.interest


class Note(NamedTuple):
    """Something said about paying; `told` is the notice's data."""

    at: datetime
    type: str
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Money:
    """`sums` of all payments by kind, and `closed`: what the agency's close settled besides what it had reported. Amounts in minor units of
    the case's currency."""

    case: Row[Any]
    claimed: list[Claimed]
    payments: list[Row[Any]]
    sums: dict[str, int]
    closed: int
    notes: list[Note]

    @property
    def on_their_way(self) -> list[dict[str, Any]]:
        """Holds that stand for payments which were begun and have not come."""
        return [hold for hold in self.case.told["holds"] if hold["kind"] == ON_ITS_WAY]


def money(engine: Engine, tenant: str, name: str) -> Money | None:
    """None if there is no such case."""
    with engine.connect() as connection:
        case = connection.execute(select(CASES).where(CASES.c.tenant == tenant, CASES.c.contract == name)).first()
        if case is None:
            return None
        of_handovers = select(HANDOVERS).where(HANDOVERS.c.tenant == tenant, HANDOVERS.c.contract == name, HANDOVERS.c.account != "")
        handovers = connection.execute(of_handovers.order_by(HANDOVERS.c.handed_on.desc(), HANDOVERS.c.handover_id)).all()
        of_payments = select(PAYMENTS).where(PAYMENTS.c.tenant == tenant, PAYMENTS.c.contract == name)
        every = list(connection.execute(of_payments.order_by(PAYMENTS.c.value_date.desc(), PAYMENTS.c.kind, PAYMENTS.c.id)))
        of_notes = select(NOTICES).where(NOTICES.c.tenant == tenant, NOTICES.c.contract == name, NOTICES.c.type.in_(NOTES))
        notes = connection.execute(of_notes.order_by(NOTICES.c.time.desc(), NOTICES.c.offset.desc()).limit(SHOWN_MAX)).all()
    payments = [row for row in every if row.kind in KINDS]
    sums = {kind: sum(row.amount for row in every if row.kind == kind) for kind in (*KINDS, "settled")}
    return Money(
        case,
        [_claimed(row, payments) for row in handovers],
        payments[:SHOWN_MAX],
        sums,
        max(sums["settled"] - sums["reported"], 0),
        [Note(datetime.fromisoformat(row.time), row.type, row.told) for row in notes],
    )


def _claimed(row: Row[Any], payments: list[Row[Any]]) -> Claimed:
    mine = [each for each in payments if each.handover_id == row.handover_id]
    paid = {kind: sum(each.amount for each in mine if each.kind == kind) for kind in ("reported", "direct")}
    return Claimed(row.account, row.handed_on, row.claims, row.open_amount, row.costs, row.interest, paid)


class MoneyPages:
    def __init__(self, pages: Drawing, views: Engine) -> None:
        self._pages = pages
        self._views = views

    async def show(self, request: Request, tenant: str, name: str) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        found = await run_in_threadpool(money, self._views, tenant, name) if user.tenant in ("", tenant) else None
        if found is None:
            raise HTTPException(404)
        return await run_in_threadpool(self._pages.drawn, request, "money.html", user, found=found, case=found.case, told=found.case.told)
