"""An agency account's payouts by statement: what the agency reported against what it remitted, and when it answered last.

Reported is what it said that was paid, and what a successful close settled besides. What was reported of a case is taken off by its
payouts in their order, as an account is settled: of a statement it says how much of it was reported, and what was reported and stands on
none is still to come.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, case, func, select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from console.pages.drawing import Drawing
from console.views.tables import HANDOVERS, PAYMENTS

STATEMENTS_MAX: Final = 50
PAYOUTS_MAX: Final = 20_000
"""Statements are shown, the newest first, until they hold so many payouts: more take longer than who looks at a page waits."""
SETTLES: Final = ("reported", "settled", "payout")
"""Kinds of payment that an account is settled from. What was reported is settled, but for what is too much; a close settles what is open
then: so what is reported comes to the larger of the two."""
_OF_ONE: Final = and_(HANDOVERS.c.tenant == PAYMENTS.c.tenant, HANDOVERS.c.contract == PAYMENTS.c.contract)


class Answer(NamedTuple):
    """The last that an account's agency said: `type` of the reply."""

    at: str
    type: str
    contract: str


@dataclass(slots=True)
class Statement:
    """Amounts in minor units; `reported` is what was reported of its payouts, fees that the agency kept included."""

    id: str
    currency: str
    day: str = ""
    contracts: set[str] = field(default_factory=set)
    remitted: int = 0
    withheld: int = 0
    reported: int = 0

    @property
    def unreported(self) -> int:
        """What was remitted or kept, and never reported."""
        return self.remitted + self.withheld - self.reported


class Outstanding(NamedTuple):
    """What was reported and is not remitted yet."""

    currency: str
    contracts: int
    amount: int


def answers(engine: Engine, accounts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
    """By (tenant, account); one whose agency never said anything is not there."""
    found = {}
    with engine.connect() as connection:
        for tenant, name in accounts:
            asked = select(HANDOVERS.c.answered_at, HANDOVERS.c.answer, HANDOVERS.c.contract)
            here = asked.where(HANDOVERS.c.tenant == tenant, HANDOVERS.c.account == name, HANDOVERS.c.answered_at != "")
            row = connection.execute(here.order_by(HANDOVERS.c.answered_at.desc()).limit(1)).first()
            if row is not None:
                found[tenant, name] = Answer(*row)
    return found


def statements(engine: Engine, tenant: str, account: str) -> list[Statement]:
    """The newest first. Payouts that name no statement are one without an id."""
    with engine.connect() as connection:
        names = _newest(connection, tenant)
        rows = _moves(connection, tenant, account, names) if names else []
    moves: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        moves[row.contract].append(row)
    found: dict[tuple[str, str], Statement] = {}
    for contract, mine in moves.items():
        _settle(found, contract, mine)
    shown = [each for each in found.values() if each.id in names]
    return sorted(shown, key=lambda each: (each.day, each.id, each.currency), reverse=True)


def _newest(connection: Connection, tenant: str) -> set[str]:
    newest = func.max(PAYMENTS.c.value_date)
    asked = select(PAYMENTS.c.statement_id, func.count()).where(PAYMENTS.c.tenant == tenant, PAYMENTS.c.kind == "payout")
    rows = connection.execute(asked.group_by(PAYMENTS.c.statement_id).order_by(newest.desc()).limit(STATEMENTS_MAX)).all()
    found, payouts = set[str](), 0
    for name, count in rows:
        payouts += count
        if found and payouts > PAYOUTS_MAX:
            break
        found.add(name)
    return found


def _account_then() -> ColumnElement[str]:
    """The account of a row of `case_payments`: that of its handover, or, where it names none, that of the latest handover before it, or of
    the first."""
    here = select(HANDOVERS.c.account).where(_OF_ONE, HANDOVERS.c.account != "").limit(1)
    before = here.where(func.substr(HANDOVERS.c.handed_on, 1, 10) <= PAYMENTS.c.value_date).order_by(HANDOVERS.c.handed_on.desc())
    latest = func.coalesce(*(each.correlate(PAYMENTS).scalar_subquery() for each in (before, here.order_by(HANDOVERS.c.handed_on))))
    its = here.where(HANDOVERS.c.handover_id == PAYMENTS.c.handover_id).correlate(PAYMENTS).scalar_subquery()
    return case((PAYMENTS.c.handover_id == "", latest), else_=its)


def _moves(connection: Connection, tenant: str, account: str, names: Iterable[str]) -> Sequence[Row[Any]]:
    """All reports and payouts of the contracts on these statements, as far as they are the account's."""
    payouts = PAYMENTS.alias()
    on_them = and_(payouts.c.tenant == tenant, payouts.c.kind == "payout", payouts.c.statement_id.in_(sorted(names)))
    asked = select(PAYMENTS).where(PAYMENTS.c.tenant == tenant, PAYMENTS.c.kind.in_(SETTLES))
    return connection.execute(
        asked.where(PAYMENTS.c.contract.in_(select(payouts.c.contract).where(on_them)), _account_then() == account)
    ).all()


def _settle(found: dict[tuple[str, str], Statement], contract: str, moves: Sequence[Row[Any]]) -> None:
    left = max(sum(row.amount for row in moves if row.kind == kind) for kind in ("reported", "settled"))
    for row in sorted((each for each in moves if each.kind == "payout"), key=lambda each: (each.value_date, each.statement_id, each.id)):
        statement = found.setdefault((row.statement_id, row.currency), Statement(row.statement_id, row.currency))
        covered = min(row.amount + row.withheld, max(left, 0))
        left -= covered
        statement.day = max(statement.day, row.value_date)
        statement.contracts.add(contract)
        statement.remitted += row.amount
        statement.withheld += row.withheld
        statement.reported += covered


def outstanding(engine: Engine, tenant: str, account: str) -> list[Outstanding]:
    """By currency."""
    reported, settled, paid = (
        func.sum(case((PAYMENTS.c.kind == kind, PAYMENTS.c.amount + PAYMENTS.c.withheld), else_=0)).label(kind) for kind in SETTLES
    )
    mine = (PAYMENTS.c.tenant == tenant, PAYMENTS.c.kind.in_(SETTLES), _account_then() == account)
    each = select(PAYMENTS.c.contract, reported, settled, paid).where(*mine).group_by(PAYMENTS.c.contract).subquery()
    left = case((each.c.reported > each.c.settled, each.c.reported), else_=each.c.settled) - each.c.payout
    its = select(HANDOVERS.c.currency).where(HANDOVERS.c.tenant == tenant, HANDOVERS.c.contract == each.c.contract)
    currency = its.where(HANDOVERS.c.account == account).limit(1).correlate(each).scalar_subquery()
    owed = select(currency.label("currency"), left.label("amount")).where(left > 0).subquery()
    asked = select(owed.c.currency, func.count(), func.sum(owed.c.amount)).group_by(owed.c.currency).order_by(owed.c.currency)
    with engine.connect() as connection:
        return [Outstanding(row[0], int(row[1]), int(row[2])) for row in connection.execute(asked)]


class Remitted:
    """The page of one account's statements."""

    def __init__(self, pages: Drawing, views: Engine) -> None:
        self._pages = pages
        self._views = views

    async def show(self, request: Request, tenant: str, account: str) -> Response:
        user = await self._pages.entered(request)
        if user is None:
            return self._pages.to_login()
        if user.tenant not in ("", tenant):
            raise HTTPException(404)
        shown = await run_in_threadpool(statements, self._views, tenant, account)
        left = await run_in_threadpool(outstanding, self._views, tenant, account)
        values: dict[str, Any] = {"tenant": tenant, "account": account, "statements": shown, "outstanding": left}
        return await run_in_threadpool(self._pages.drawn, request, "statements.html", user, **values)
