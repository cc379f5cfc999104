"""The ladder: where a contract without a case stands on a day, and what its next step is (section 4)."""

from dataclasses import dataclass
from datetime import date
from uuid import uuid5

from schemas.policy import Policy, Remind, Step
from tests.auditor import readings
from tests.auditor.days import ONE_DAY, Hold, day_after_unheld, is_working_day, moved
from tests.auditor.facts import Receivable
from tests.auditor.ids import NAMESPACE
from tests.auditor.money import Books
from tests.auditor.plans import Plan


@dataclass(frozen=True)
class StepTaken:
    """A step of the ladder as it was taken. `rungs`: the rung of each receivable that it raised, after it."""

    cycle: int
    step: int
    kind: str
    level: int
    day: date
    rungs: dict[str, int]
    notice_id: str | None = None
    taken_over: bool = False


@dataclass
class View:
    """A contract as of one local day: everything that the rules of the ladder look at. `away`: in a case, exhausted or waiting."""

    key: str

    day: date
    policy: Policy
    currency: str | None
    receivables: dict[str, Receivable]
    books: Books
    holds: list[Hold]
    reopened_on: dict[str, date]
    away: set[str]
    cycle: int
    steps: list[StepTaken]
    plans: list[Plan]
    stepped_elsewhere: list[date]

    @property
    def minimum(self) -> int:
        return self.policy.minimum_open.get(self.currency or "", 1)

    def due_day(self, invoice_id: str) -> date:
        """`due*` (section 3)."""
        due_on = self.receivables[invoice_id].due_on
        return moved(max(due_on, self.reopened_on.get(invoice_id, due_on)), self.policy.calendar)

    def rung(self, invoice_id: str) -> int:
        """Steps that covered the receivable in the present cycle."""
        rung = 0
        for taken in self.steps:
            if taken.cycle == self.cycle:
                rung = taken.rungs.get(invoice_id, rung)
        return rung

    def past_due(self) -> list[str]:
        """Overdue but for a hold of its own."""
        here = {invoice_id: one for invoice_id, one in self.receivables.items() if invoice_id not in self.away and not one.cancelled}
        return [one for one in here if self.books.principal[one] > 0 and self.due_day(one) < self.day]

    def overdue(self) -> list[str]:
        own = {hold.invoice_id for hold in self.holds if hold.covers(self.day)}
        return [invoice_id for invoice_id in self.past_due() if invoice_id not in own]

    def counted(self) -> list[str]:
        """Whose rung and level count: the overdue ones; are there none, those that only a hold of their own keeps from it."""
        return self.overdue() or self.past_due()

    def amount(self, invoice_ids: list[str]) -> int:
        return sum(self.books.principal[invoice_id] for invoice_id in invoice_ids)

    def silenced(self, by_step: bool) -> bool:
        """No notice to the debtor under insolvency or after a death (section 5)."""
        silent = [hold for hold in self.holds if hold.covers(self.day) and hold.kind in ("insolvency", "deceased")]
        return any(hold.invoice_id is None or (readings.A_HOLD_OF_ONE_RECEIVABLE_SILENCES and not by_step) for hold in silent)

    def silenced_since(self, day: date) -> bool:
        """Whether on that day or later nobody might be written to."""
        silent = [hold for hold in self.holds if hold.kind in ("insolvency", "deceased") and hold.start < hold.end]
        return any(hold.start <= self.day and hold.end > day for hold in silent) and readings.WHAT_DEATH_DELAYED_IS_NEVER_SAID

    def contract_held(self) -> bool:
        return any(hold.covers(self.day) and hold.invoice_id is None for hold in self.holds)

    def level(self) -> int:
        """Highest level of a remind step that covered one of the receivables that count, in this cycle."""
        counted = self.counted()
        return max((taken.level for taken in self._reminders() if any(one in taken.rungs for one in counted)), default=0)

    def reminded(self) -> bool:
        overdue = self.overdue()
        return any(one in taken.rungs for taken in self._reminders() for one in overdue)

    def _reminders(self) -> list[StepTaken]:
        return [taken for taken in self.steps if taken.cycle == self.cycle and taken.kind == "remind"]

    def anchor(self) -> str | None:
        candidates = self.counted()
        with_step_left = [one for one in candidates if self.rung(one) < len(self.policy.steps)]
        order = sorted(with_step_left or candidates, key=lambda one: (self.due_day(one), self.receivables[one].issued_on, one))
        return order[0] if order else None

    def steps_of_cycle(self) -> list[StepTaken]:
        return [taken for taken in self.steps if taken.cycle == self.cycle]


@dataclass(frozen=True)
class NextStep:
    number: int
    step: Step
    anchor: str
    on: date | None


def standing(view: View) -> tuple[str, int]:
    """Status and dunning level without a case (evaluation 1 to 5)."""
    overdue = view.overdue()
    if view.past_due() and not overdue:
        return "Held", view.level()
    if not overdue or view.amount(overdue) < view.minimum:
        return "Clear", 0
    if view.contract_held():
        return "Held", view.level()
    return ("Reminded", view.level()) if view.reminded() else ("Due", 0)


def next_step(view: View) -> NextStep | None:
    """The next step by the facts known now; for a contract that is Due or Reminded."""
    anchor = view.anchor()
    if anchor is None or view.rung(anchor) >= len(view.policy.steps):
        return None
    number = view.rung(anchor) + 1
    step = view.policy.steps[number - 1]
    return NextStep(number, step, anchor, _step_on(view, anchor, number))


def _step_on(view: View, anchor: str, number: int) -> date | None:
    day = view.policy.steps[number - 1].day
    before = view.policy.steps[number - 2].day if number > 1 else 0
    days = [day_after_unheld(view.due_day(anchor), day, anchor, view.holds)]
    taken = [one.day for one in view.steps_of_cycle() if not one.taken_over] or view.stepped_elsewhere
    if taken:
        days.append(day_after_unheld(max(taken), day - before, anchor, view.holds))
    if None in days:
        return None
    reached = [one for one in [*days, view.policy.starts_on, _ramp_day(view)] if one is not None]
    return moved(max(reached), view.policy.calendar) if view.policy.working_days_only else max(reached)


def _ramp_day(view: View) -> date | None:
    """For a contract already overdue on `starts_on`: its working day number after it, before which no first step is taken."""
    policy = view.policy
    if policy.ramp is None or policy.starts_on is None:
        return None
    stepped = any(taken.day >= policy.starts_on for taken in view.steps)
    if stepped and readings.A_SKIPPED_STEP_ENDS_THE_RAMP:
        return None
    if not any(view.due_day(one) < policy.starts_on for one in view.overdue()):
        return None
    day = policy.starts_on
    for _ in range(uuid5(NAMESPACE, view.key).int % policy.ramp.days):
        day = moved(day + ONE_DAY, policy.calendar)
    return day


def working_day_for_steps(view: View) -> bool:
    return not view.policy.working_days_only or is_working_day(view.day, view.policy.calendar)


def climbed(view: View, number: int, anchor: str) -> dict[str, int]:
    """The rungs that taking step `number` raises: the anchor to it, every other overdue receivable by one, at most to it."""
    rungs = {}
    for invoice_id in view.counted():
        rung = view.rung(invoice_id)
        raised = number if invoice_id == anchor else max(rung, min(rung + 1, number))
        if raised > rung:
            rungs[invoice_id] = raised
    return rungs


def handed_over(view: View, number: int, ever_reminded: set[str]) -> list[str]:
    """What the hand_over step covers: overdue receivables that a remind step ever covered (if the ladder has one before it) and whose
    payment method is in the step's list (section 6)."""
    step = view.policy.steps[number - 1]
    chosen = view.overdue()
    if any(isinstance(earlier, Remind) for earlier in view.policy.steps[: number - 1]):
        chosen = [one for one in chosen if one in ever_reminded]
    methods = getattr(step, "payment_methods", None)
    if methods is not None:
        chosen = [one for one in chosen if view.receivables[one].payment_method in methods]
    return chosen
