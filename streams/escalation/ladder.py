"""The ladder: which receivables are overdue, where they stand, and when the next step is to be taken (`escalation.md` 3 and 4)."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from schemas.policy import Step
from streams.escalation import start
from streams.escalation.accounts import Account
from streams.escalation.calendar import ONE_DAY, after_unheld_days
from streams.escalation.holds import Span, covers_contract, covers_receivable, held_for
from streams.escalation.ledger import Books
from streams.escalation.settings import Rules
from streams.escalation.state import FREE, Contract, Standing

_NEW = Standing("")


class Position(Struct, frozen=True, eq=False):
    """A receivable on the ladder. `due` is its due day moved to a working day, and to the day it was reopened."""

    account: Account
    due: date
    rung: int

    @property
    def invoice_id(self) -> str:
        return self.account.invoice.invoice_id

    @property
    def order(self) -> tuple[date, date, str]:
        """The anchor is the smallest."""
        return (self.due, self.account.invoice.issued_on, self.account.invoice.invoice_id)


class View(Struct, frozen=True, eq=False):
    """A contract on one local day. `held` are the receivables that would be overdue but for a hold of their own; both in order."""

    day: date
    books: Books
    spans: tuple[Span, ...]
    overdue: tuple[Position, ...]
    held: tuple[Position, ...]
    overdue_amount: int
    """Principal overdue, minor units."""
    upcoming: date | None
    """The earliest day on which something that is open becomes overdue."""
    starts_on: date | None = None
    """The day before which the policy takes no step."""

    @property
    def active(self) -> tuple[Position, ...]:
        """What counts for rung and dunning level: the overdue ones; if there are none, those held by themselves."""
        return self.overdue or self.held

    @property
    def held_day(self) -> bool:
        """Whether a hold covers the whole contract on this day."""
        return covers_contract(self.spans, self.day)


def view(key: str, contract: Contract, books: Books, spans: tuple[Span, ...], rules: Rules, day: date) -> View:
    """Look at a contract on a local day."""
    standings = {standing.invoice_id: standing for standing in contract.standings}
    overdue: list[Position] = []
    held: list[Position] = []
    overdue_amount = 0
    upcoming: date | None = None
    for invoice_id, account in books.accounts.items():
        standing = standings.get(invoice_id, _NEW)
        if account.open <= 0 or standing.place != FREE:
            continue
        due = due_day(account, standing, rules)
        if due >= day:
            upcoming = due + ONE_DAY if upcoming is None or due < upcoming else upcoming
        else:
            position = Position(account, due, standing.rung)
            if spans and covers_receivable(spans, invoice_id, day):
                held.append(position)
            else:
                overdue.append(position)
                overdue_amount += account.open
    if len(overdue) > 1:
        overdue.sort(key=lambda position: position.order)
    if len(held) > 1:
        held.sort(key=lambda position: position.order)
    starts_on = start.first_step_on(rules, key, (position.due for position in overdue)) if rules.policy.starts_on else None
    return View(day, books, spans, tuple(overdue), tuple(held), overdue_amount, upcoming, starts_on)


def due_day(account: Account, standing: Standing, rules: Rules) -> date:
    """`due*`: the due day, or the day it was reopened if that is later, moved to the next working day (BGB 193)."""
    day = account.due_on
    if standing.reopened_on is not None and standing.reopened_on > day:
        day = standing.reopened_on
    return rules.working_days.next(day)


def anchor(positions: Sequence[Position], steps: int) -> Position | None:
    """The oldest receivable that has a step left; if none has one, the oldest."""
    for position in positions:
        if position.rung < steps:
            return position
    return positions[0] if positions else None


def level(contract: Contract, positions: Sequence[Position]) -> int:
    """Highest level of a reminder of this cycle that covered one of these receivables; 0 if there was none."""
    if not contract.reminders:
        return 0
    ids = {position.invoice_id for position in positions}
    return max(
        (
            reminder.level
            for reminder in contract.reminders
            if reminder.cycle == contract.cycle and not reminder.skipped and not ids.isdisjoint(reminder.covered)
        ),
        default=0,
    )


class NextStep(Struct, frozen=True):
    """The step that comes next. `on` None: not reachable, because a hold has no end."""

    number: int
    step: Step
    anchor: Position
    on: date | None


def next_step(contract: Contract, seen: View, rules: Rules) -> NextStep | None:
    """The next step of a contract that climbs, or None if no step is left."""
    first = anchor(seen.active, len(rules.steps))
    if first is None or first.rung >= len(rules.steps):
        return None
    number = first.rung + 1
    return NextStep(number, rules.steps[number - 1], first, _step_on(contract, seen, rules, first, number))


def _step_on(contract: Contract, seen: View, rules: Rules, first: Position, number: int) -> date | None:
    held = held_for(seen.spans, first.invoice_id) if seen.spans else ()
    on = after_unheld_days(first.due, rules.day(number), held)
    if on is not None and contract.stepped_on is not None:
        spaced = after_unheld_days(contract.stepped_on, rules.day(number) - rules.day(number - 1), held)
        on = None if spaced is None else max(on, spaced)
    if on is None:
        return None
    if seen.starts_on is not None:
        on = max(on, seen.starts_on)
    return rules.working_days.next(on) if rules.working_days_only else on


def climbed(
    contract: Contract, positions: Sequence[Position], first: Position, number: int
) -> tuple[tuple[Standing, ...], tuple[str, ...]]:
    """The standings after a step: the anchor's rung is its number, every other one climbs one rung, at most to it. And who climbed."""
    rungs = {position.invoice_id: min(position.rung + 1, number) for position in positions if position.rung < number}
    rungs[first.invoice_id] = number
    raised = tuple(position.invoice_id for position in positions if position.invoice_id in rungs)
    return with_rungs(contract.standings, rungs), raised


def with_rungs(standings: tuple[Standing, ...], rungs: dict[str, int]) -> tuple[Standing, ...]:
    """The standings with these rungs."""
    known = {standing.invoice_id for standing in standings}
    changed = [replace(one, rung=rungs[one.invoice_id]) if one.invoice_id in rungs else one for one in standings]
    return (*changed, *(Standing(invoice_id, rung=rung) for invoice_id, rung in rungs.items() if invoice_id not in known))


def with_standing(standings: tuple[Standing, ...], changed: Standing) -> tuple[Standing, ...]:
    """The standings with one put in place of the present one of its receivable."""
    others = tuple(one for one in standings if one.invoice_id != changed.invoice_id)
    return (*others, changed)


def ended(seen: View, rules: Rules) -> bool:
    """Whether something is overdue and none of it has a step left."""
    return bool(seen.overdue) and bool(rules.steps) and all(position.rung >= len(rules.steps) for position in seen.overdue)
