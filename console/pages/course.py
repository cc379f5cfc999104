"""How far contracts come, and what agencies bring back: the steps from falling due to a closed case, recovery rates, days to payment."""

from collections import Counter, defaultdict
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Engine, Select, and_, case, func, select

from console.views.tables import FLOW, HANDOVERS, PAYMENTS

FIRST: Final = ("fell_due",)
AFTER_REMINDERS: Final = ("settled_before", "handed_over", "not_taken", "closed_successful", "closed_unsuccessful")
MONTHS: Final = 12
WIDEST: Final = 100.0
"""Width of the longest bar."""


class Step(NamedTuple):
    """`name` as flow.py has it; how often it was gone in the latest twelve months and ever. `share`: percent of those that fell due, ever;
    `bar`: its length beside the others."""

    name: str
    lately: int
    ever: int
    share: float | None
    bar: float


class Recovered(NamedTuple):
    """An account in one currency: how many handovers, over how much, and what the debtors paid since, in minor units. `rate`: percent;
    `days`: after which half of what was paid had been, from the handover on; None: nothing with a day was."""

    tenant: str
    account: str
    currency: str
    handovers: int
    claimed: int
    paid: int
    days: int | None

    @property
    def rate(self) -> float:
        return round(100 * self.paid / self.claimed, 1) if self.claimed else 0.0

    @property
    def bar(self) -> float:
        return max(0.0, min(self.rate, WIDEST))


def steps(engine: Engine, tenant: str) -> list[Step]:
    """In the order in which a contract goes them; none before the first. `tenant` empty: of all."""
    asked = select(FLOW.c.month, FLOW.c.step, func.sum(FLOW.c.contracts)).group_by(FLOW.c.month, FLOW.c.step)
    with engine.connect() as connection:
        rows = [(row[0], row[1], int(row[2])) for row in connection.execute(_of(asked, FLOW, tenant))]
    latest = sorted({month for month, _, _ in rows})
    since = _months_before(latest[-1], MONTHS - 1) if latest else ""
    ever, lately = Counter[str](), Counter[str]()
    for month, step, count in rows:
        ever[step] += count
        lately[step] += count if month >= since else 0
    reminders = sorted((step for step in ever if step.startswith("reminded_")), key=lambda step: int(step.removeprefix("reminded_")))
    names = [name for name in (*FIRST, *reminders, *AFTER_REMINDERS) if ever[name]]
    most, due = max(ever.values(), default=1), ever[FIRST[0]]
    return [
        Step(name, lately[name], ever[name], round(100 * ever[name] / due, 1) if due else None, round(WIDEST * ever[name] / most, 1))
        for name in names
    ]


def recovered(engine: Engine, tenant: str) -> list[Recovered]:
    """By account. What was paid counts for the account that had the contract last; days, for the handover they are told of."""
    with engine.connect() as connection:
        paid = {tuple(row[:3]): int(row[3]) for row in connection.execute(_of(_paid(), HANDOVERS, tenant))}
        days = _days(connection, tenant)
        handed = _of(_handed(), HANDOVERS, tenant)
        rows = [tuple(row) for row in connection.execute(handed.order_by(*_ACCOUNT))]
    return [
        Recovered(tenant, account, currency, count, int(claimed), paid.get(key, 0), days.get(key))
        for tenant, account, currency, count, claimed in rows
        for key in [(tenant, account, currency)]
    ]


def _of(asked: Select[Any], table: Any, tenant: str) -> Select[Any]:
    return asked.where(table.c.tenant == tenant) if tenant else asked


_ACCOUNT: Final[tuple[Column[Any], ...]] = (HANDOVERS.c.tenant, HANDOVERS.c.account, HANDOVERS.c.currency)


def _handed() -> Select[Any]:
    claim = HANDOVERS.c.open_amount + HANDOVERS.c.costs + HANDOVERS.c.interest
    return select(*_ACCOUNT, func.count(), func.sum(claim)).where(HANDOVERS.c.account != "").group_by(*_ACCOUNT)


def _paid() -> Select[Any]:
    """What was reported, or what closes settled where that is more, and what was paid to the creditor."""
    by_kind = {kind: func.sum(case((PAYMENTS.c.kind == kind, PAYMENTS.c.amount), else_=0)) for kind in ("reported", "settled", "direct")}
    sums = select(PAYMENTS.c.tenant, PAYMENTS.c.contract, *(each.label(kind) for kind, each in by_kind.items()))
    of_contract = sums.group_by(PAYMENTS.c.tenant, PAYMENTS.c.contract).subquery()
    last = select(HANDOVERS.c.tenant, HANDOVERS.c.contract, func.max(HANDOVERS.c.handed_on).label("handed_on"))
    latest = last.where(HANDOVERS.c.account != "").group_by(HANDOVERS.c.tenant, HANDOVERS.c.contract).subquery()
    agency = case((of_contract.c.settled > of_contract.c.reported, of_contract.c.settled), else_=of_contract.c.reported)
    return (
        select(*_ACCOUNT, func.sum(agency + of_contract.c.direct))
        .join(latest, _same(HANDOVERS, latest, "tenant", "contract", "handed_on"))
        .join(of_contract, _same(HANDOVERS, of_contract, "tenant", "contract"))
        .group_by(*_ACCOUNT)
    )


def _days(connection: Connection, tenant: str) -> dict[tuple[str, ...], int]:
    """Until when half of the money had come, by account."""
    handed = func.substr(HANDOVERS.c.handed_on, 1, 10)
    asked = (
        select(*_ACCOUNT, handed, PAYMENTS.c.value_date, func.sum(PAYMENTS.c.amount))
        .join(PAYMENTS, _same(HANDOVERS, PAYMENTS, "tenant", "contract", "handover_id"))
        .where(HANDOVERS.c.account != "", PAYMENTS.c.kind.in_(("reported", "direct")))
        .group_by(*_ACCOUNT, handed, PAYMENTS.c.value_date)
    )
    came: dict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
    for *account, handed_on, value_date, amount in connection.execute(_of(asked, HANDOVERS, tenant)):
        came[tuple(account)][max((date.fromisoformat(value_date) - date.fromisoformat(handed_on)).days, 0)] += int(amount)
    return {account: _half(amounts) for account, amounts in came.items() if sum(amounts.values()) > 0}


def _half(amounts: Counter[int]) -> int:
    """The first day by which half of the whole is there."""
    there, whole = 0, sum(amounts.values())
    for days, amount in sorted(amounts.items()):
        there += amount
        if 2 * there >= whole:
            return days
    return max(amounts)


def _same(one: Any, other: Any, *names: str) -> Any:
    return and_(*(one.c[name] == other.c[name] for name in names))


def _months_before(month: str, count: int) -> str:
    years, months = divmod(int(month[:4]) * 12 + int(month[5:7]) - 1 - count, 12)
    return f"{years:04}-{months + 1:02}"
