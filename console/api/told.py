"""The answers of the API: what other systems may rely on. Amounts are minor units of `currency`; moments RFC 3339 in UTC."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel
from sqlalchemy import Row

from console.people.orders import Order
from schemas.status import CaseHistoryData, CaseStatusData

Acts = Literal["nobody", "debtor", "agency", "person"]
_ACTS: tuple[Acts, ...] = ("nobody", "debtor", "agency", "person")


class Problem(BaseModel):
    """Why it was not done."""

    detail: str


class Case(BaseModel):
    """A contract as it stands. `acts`: who must act on it; `status` is the data of its case-status (docs/contract.md)."""

    tenant: str
    contract: str
    acts: Acts
    status: CaseStatusData

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            tenant=row.tenant, contract=row.contract, acts=_ACTS[row.acts], status=CaseStatusData.model_validate(row.told, strict=False)
        )


class Cases(BaseModel):
    """A page of them; `after` and `before` are the places of the neighbouring ones, absent where there is none."""

    cases: list[Case]
    before: str | None = None
    after: str | None = None


class Change(BaseModel):
    """A change of a contract's status, dunning level or attention."""

    tenant: str
    contract: str
    change: CaseHistoryData

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(tenant=row.tenant, contract=row.contract, change=CaseHistoryData.model_validate(row.told, strict=False))


class ChangesTold(BaseModel):
    """Changes in order; ask again with `after` for those that follow."""

    changes: list[Change]
    after: str

    @classmethod
    def of(cls, rows: Sequence[Row[Any]], after: str) -> Self:
        return cls(changes=[Change.of(row) for row in rows], after=after)


class Entry(BaseModel):
    """Something that happened. `kind` change, reply or notice; `type` and `told` of its event."""

    at: str
    kind: str
    type: str
    told: dict[str, Any]


class History(BaseModel):
    """Newest first."""

    entries: list[Entry]


class Handed(BaseModel):
    """An order that Kafka took. What becomes of it is told among the orders of its contract."""

    tenant: str
    contract: str
    order_id: str


class HandedMany(BaseModel):
    """`not_offered`: contracts of which it can't be ordered as they stand, or that there are not."""

    ordered: list[Handed]
    not_offered: list[str]


class OrderTold(BaseModel):
    """`state` pending: the processor has not come to it; unconfirmed: it is not known that Kafka took it. `why` it was refused."""

    order_id: str
    ordered_at_ms: int
    by: str
    type: str
    state: Literal["pending", "applied", "refused", "unconfirmed"]
    why: str | None = None

    @classmethod
    def of(cls, order: Order) -> Self:
        state: Literal["pending", "applied", "refused", "unconfirmed"] = "pending"
        if order.sent is None:
            state = "unconfirmed"
        elif order.fate is not None:
            state = "refused" if order.fate else "applied"
        return cls(order_id=order.id, ordered_at_ms=order.at_ms, by=order.user, type=order.type, state=state, why=order.fate or None)


class Orders(BaseModel):
    """Newest first."""

    orders: list[OrderTold]
