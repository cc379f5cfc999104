"""One contract, the slow and obvious way: what an event or a tick makes of it (sections 1, 4 and 6).

`receive`, `poisoned` and `tick` are the only ways in. What is owed, who is overdue and what holds is worked out anew from the list of
facts each time; kept are only decisions that the rules say are taken once (steps, fees, closes, write-offs, handovers, attention).
"""

from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from schemas import billing, topics
from schemas.envelope import ContractEnvelope
from schemas.policy import Policy
from tests.auditor import (
    agency,
    balance,
    beside,
    bookings,
    breathing,
    charges,
    climb,
    configuring,
    days,
    interest,
    ladder,
    money,
    moving_in,
    outputs,
    people,
    plans,
    readings,
    waits,
)
from tests.auditor import facts as known
from tests.auditor.attention import UNTIL_NEXT_STATUS, WAITING, Attention
from tests.auditor.days import Hold
from tests.auditor.facts import Fact, Facts, Receivable
from tests.auditor.handover import OPEN, Handover, Refused, Waiting
from tests.auditor.ladder import StepTaken, View
from tests.auditor.outputs import Outputs
from tests.auditor.settings import Settings

WITHOUT_CASE = ("Clear", "Due", "Reminded", "Held")
EVALUATED_FIRST = (topics.INSTRUCTIONS, topics.REPLIES)
DeadLetter = tuple[str, str, str]
"""Topic, event id, reason."""


class Contract:
    """All that is known and decided of one contract."""

    def __init__(self, key: str, settings: Settings) -> None:
        self.key, self.settings = key, settings
        self.tenant = key.split("/", 1)[0]
        self.facts, self.decided, self.out = Facts(), money.Decided(), Outputs(key)
        self.clock: datetime = datetime.min
        self.currency: str | None = None
        self.zone: str | None = None
        self.account: str | None = None
        self.policy_name: str | None = None
        self.configured: list[billing.ContractConfigured] = []
        self.unknown_policies: set[str] = set()
        self.pinned: int | None = None
        self.status, self.level, self.cycle, self.begun, self.attempt = "Clear", 0, 1, False, 0
        self.attention = Attention()
        self.unapplied: set[tuple[str, str]] = set()
        self.steps: list[StepTaken] = []
        self.fees_decided: set[tuple[str, int]] = set()
        self.spaces: list[breathing.Space] = []
        self.waiting_fees: list[money.StepFee] = []
        self.moved_in: list[moving_in.MovedIn] = []
        self.stepped_elsewhere: list[tuple[int, date]] = []
        self.ladder_ended_told = False
        self.handovers: list[Handover] = []
        self.current: Handover | None = None
        self.exhausted: set[str] = set()
        self.waiting: dict[str, Waiting] = {}
        self.reopened_on: dict[str, date] = {}
        self.country: str | None = None
        self.debtor_kind = "consumer"
        self.plans_told: set[str] = set()
        self.instalments_told: set[tuple[str, int]] = set()
        self.approvals: list[waits.Approval] = []
        self.signals: dict[str, set[str]] = {}
        self.calling: beside.Calling | None = None
        self.reset_on: date | None = None
        self.reset_policy: Policy | None = None
        self.booked: dict[bookings.Entry, int] = {}
        self._worked_out_for: object = None
        self._last_worked_out: tuple[dict[str, Receivable], list[Hold], money.Books, list[plans.Plan]]

    # --- what is true now

    def policy(self) -> Policy:
        if self.begun and self.pinned is not None:
            return self.settings.with_calendar(self.tenant, self.settings.pinned(self.tenant, self.pinned))
        number = self.settings.newest(self.tenant, self.policy_in_use())
        assert number is not None, "the auditor's lives always have a policy"
        return self.settings.with_calendar(self.tenant, self.settings.versions[number][1])

    def policy_in_use(self) -> str:
        return self.policy_name or self.settings.default_name(self.tenant)

    def zone_name(self) -> str:
        return self.zone or self.policy().time_zone

    def local(self, moment: datetime) -> date:
        return days.local_day(moment, self.zone_name())

    def today(self) -> date:
        return self.local(self.clock)

    def view(self, day: date) -> View:
        policy = self.policy()
        here, holds, books, agreed = self._worked_out(policy)
        reopened, away = self.reopened_on, self._away()
        elsewhere = [stepped_on for cycle, stepped_on in self.stepped_elsewhere if cycle == self.cycle]
        return View(self.key, day, policy, self.currency, here, books, holds, reopened, away, self.cycle, self.steps, agreed, elsewhere)

    def _worked_out(self, policy: Policy) -> tuple[dict[str, Receivable], list[Hold], money.Books, list[plans.Plan]]:
        """Worked out from the facts; kept only until there is another fact or decision, since ticks are many and bring none."""
        decided = self.decided
        counts = (len(decided.fees), len(decided.write_offs), len(decided.closes), len(decided.agency_payments))
        asked = (policy.settlement, policy.transit_days, policy.plan_grace_days, self.zone)
        bearing = None if policy.interest is None else interest.terms(self, policy, days.holds(self.facts, policy.transit_days))
        version = (len(self.facts.accepted), len(self.facts.of(billing.InvoiceIssued)), counts, asked, bearing)
        if version != self._worked_out_for:
            ledger, holds = self.ledger(), days.holds(self.facts, policy.transit_days)
            agreed = plans.all_plans(ledger, policy.plan_grace_days)
            holds = sorted(
                [*holds, *(hold for plan in agreed for hold in plan.holds())],
                key=lambda hold: (hold.start, hold.hold_id, hold.invoice_id or ""),
            )
            self._worked_out_for = version
            self._last_worked_out = (known.receivables(self.facts), holds, ledger.on(days.NEVER), agreed)
        return self._last_worked_out

    def ledger(self) -> plans.Ledger:
        policy = self.policy()
        holds = days.holds(self.facts, policy.transit_days)
        terms = interest.terms(self, policy, holds)
        return plans.Ledger(self.facts, self.decided, tuple(charges.costs(self.facts, self.decided, holds, terms)), terms)

    def _away(self) -> set[str]:
        in_case = {invoice_id for one in self.handovers if one.state == "open" for invoice_id in one.invoice_ids}
        return in_case | self.exhausted | set(self.waiting)

    @property
    def known(self) -> bool:
        return self.out.status is not None

    # --- the ways in

    def receive(self, topic: str, event: ContractEnvelope) -> list[DeadLetter]:
        """Apply an event. Returns the dead letters that came of it: itself, or what was kept in another currency."""
        same = self.facts.same(event)
        if same is not None and not known.conflicts(same.event, event):
            return []
        before, touched, given = self.clock, False, self.out.given()
        try:
            self.clock = event.time if not self.known else max(before, event.time)
            if self.known and (topic in EVALUATED_FIRST or isinstance(event, billing.PaymentReceived)):
                self.evaluate(self.today(), event.id, _by(event))
                touched = self._write_status(self.today(), event.id, only_ask=True) or self.out.given() != given
            status_before = self.status
            self._check_at_the_door(same, event)
            dropped = self._apply(topic, event)
        except Refused as refusal:
            self.clock = self.clock if touched else before
            if touched:
                self._write_status(self.today(), event.id)
            self.poisoned(topic, event.id, event.source)
            return [(topic, event.id, str(refusal))]
        if isinstance(event, billing.PaymentReceived):
            beside.confirm(self, event, status_before)
        self.evaluate(self.today(), event.id, _by(event))
        beside.signals_off(self, self.view(self.today()))
        self._write_status(self.today(), event.id)
        return dropped

    def poisoned(self, topic: str, event_id: str, source: str | None = None) -> None:
        """A dead letter of a billing topic makes remind and hand_over wait, if the contract is known."""
        if topic not in topics.BILLING_INPUTS or not self.known:
            return
        if source is not None:
            self.unapplied.add((source, event_id))
        if "unapplied_event" not in self.attention.names:  # else nothing changes: a newer policy waits for an event that counts
            self.attention.raise_("unapplied_event")
            self.record(event_id, None)
            self._write_status(self.today(), event_id)

    def tick(self, now: datetime) -> bool:
        """Apply a tick: statuses, then at most one step. Without a change it leaves no trace. Says whether the contract is forgotten."""
        before, given = self.clock, self.out.given()
        self.clock = max(before, now)
        day = self.local(self.clock)
        breathing.decide(self, self.local(now))
        self.evaluate(day, "tick", None)
        if self.local(now) == day:  # one behind the contract's day decides nothing else
            climb.take_step(self, now, day)
            beside.after_tick(self, now, day)
        if not self._write_status(day, "tick") and self.out.given() == given:
            self.clock = before
        return self._forgotten(day)

    def _forgotten(self, day: date) -> bool:
        """Nothing open, no credit, no agency balance, no case, and no fact for `forget_after` months (section 1)."""
        months = self.policy().forget_after
        if months is None or any(case.state == "open" for case in self.handovers):
            return False
        books = self.view(day).books
        left = any(books.open(one) for one in books.receivables) or books.credit
        last = max(fact.arrived_on for fact in self.facts.accepted)
        return not left and not money.agency_balance(self.facts, self.decided) and days.months_after(last, months) <= day

    # --- an event is applied

    def _check_at_the_door(self, same: Fact[Any] | None, event: Any) -> None:
        if same is not None:
            raise Refused("conflicting fact")
        currency, zone = getattr(event.data, "currency", None), getattr(event.data, "time_zone", None)
        if currency is not None and self.currency is not None and currency != self.currency:
            raise Refused("currency mismatch")
        if zone is not None and zone not in available_timezones():
            raise Refused("invalid")

    def _apply(self, topic: str, event: Any) -> list[DeadLetter]:
        """Let an accepted event count. Raises `Refused` before anything changed."""
        self._obey(event)
        view = self.view(self.today()) if self.known else None
        fact = Fact(topic, event, self.local(event.time), self.today())
        self.facts.add(fact)
        self._came_after_all(event)
        dropped = self._learn_currency(event.data.currency) if isinstance(event, billing.InvoiceIssued) else []
        if topic == topics.REPLIES:
            agency.reply(self, event, fact)
            self.record(event.id, None)
        if isinstance(event, billing.ContractTakenOver):
            moving_in.adopted(self, event)
        self._write_offs()
        if isinstance(event, billing.BalanceStated):
            balance.compare(self, event.data)
        if view is not None:
            self._reopen(view, fact)
            agency.tell(self, view, fact)
        return dropped

    def _obey(self, event: Any) -> None:
        """Configuration, and what people order."""
        if isinstance(event, billing.ContractConfigured):
            configuring.configure(self, event)
        elif isinstance(event, billing.ContractTakenOver):
            moving_in.take_over(self, event)
        else:
            people.obey(self, event)

    def _came_after_all(self, event: ContractEnvelope) -> None:
        """A dead letter that was replayed."""
        if (event.source, event.id) in self.unapplied:
            self.unapplied.discard((event.source, event.id))
            if not self.unapplied:
                self.attention.end("unapplied_event")

    def _learn_currency(self, currency: str) -> list[DeadLetter]:
        """What was kept in another currency is dead-lettered now."""
        if self.currency is not None:
            return []
        self.currency = currency
        dropped = [fact for fact in self.facts.accepted if getattr(fact.event.data, "currency", None) not in (None, currency)]
        for fact in dropped:
            self.facts.remove(fact)
            self.unapplied.add((fact.event.source, fact.event.id))
            self.attention.raise_("unapplied_event")
        return [(fact.topic, fact.event.id, "currency mismatch") for fact in dropped]

    def _write_offs(self) -> None:
        """What is open when a write-off and its receivable are both known is fixed."""
        for fact in self.facts.of(billing.InvoiceWrittenOff):
            data, cause = fact.event.data, fact.event.id
            if data.invoice_id in known.receivables(self.facts) and all(one.cause != cause for one in self.decided.write_offs):
                books, one = self.view(self.today()).books, data.invoice_id
                parts = books.principal[one], books.open_costs(one), books.open_interest(one)
                if data.amount is not None:
                    parts = min(data.amount, books.principal[one]), 0, 0
                self.decided.write_offs.append(money.WriteOff(one, cause, fact.event.time, fact.day, *parts))

    def _reopen(self, before: View, fact: Fact[Any]) -> None:
        """`due*` of what stood at 0, is reopened by this fact and has rung 0 in the present cycle (section 3)."""
        if isinstance(fact.event, billing.PaymentReceived) and not readings.A_PAYMENT_MAY_REOPEN:
            return
        books = self.view(before.day).books
        day = getattr(fact.event.data, "booked_on", None) or getattr(fact.event.data, "refunded_on", None) or fact.day
        for invoice_id, principal in before.books.principal.items():
            at_zero = principal == 0 and (not readings.STOOD_AT_ZERO_COUNTS_COSTS or before.books.open_costs(invoice_id) == 0)
            if at_zero and books.principal[invoice_id] > 0 and before.rung(invoice_id) == 0:
                self.reopened_on[invoice_id] = day

    # --- evaluation (section 4)

    def evaluate(self, day: date, cause: str, by: str | None) -> None:
        """Statuses and attention as of `day`; again whenever a cycle ended."""
        while True:
            self._cap_rungs()
            view = self.view(day)
            beside.plan_broken(self, view)
            self.reset_on = None if view.overdue() or self.current is not None else self.reset_on  # an adopted case was overdue, too
            end = self._end_of_cycle(view)
            if end == "reset":
                self._reset(view, cause, by)
            elif end == "over others":
                self._end_cycle(view)
            else:
                self.update_attention(view)
                if self.status in WITHOUT_CASE:
                    self.status, self.level = ladder.standing(view)
                    self.begin()
                self.record(cause, by)
                climb.ladder_end(self, view, cause, by)
                return

    def _reset(self, view: View, cause: str, by: str | None) -> None:
        """The cycle ends in Clear. No change of status, no history record."""
        ended, status = self.cycle, self.status
        written = any(taken.kind == "remind" for taken in view.steps_of_cycle()) or any(one.cycle == ended for one in self.handovers)
        self.reset_on, self.reset_policy = (view.day, view.policy) if written else (None, None)
        self._end_cycle(view)
        if status == "Clear":
            self.out.forget_change(self)
        else:
            self.record(cause, by, ended)

    def _end_of_cycle(self, view: View) -> str | None:
        """Whether the cycle ends here: by a reset, or over others that are overdue."""
        overdue, past_due = view.overdue(), view.past_due()
        if self.status == "SuccessfullyClosed":
            return "over others" if past_due else "reset"
        if self.status in OPEN and self.current is not None and self.current.stage == "long_term_monitoring":
            return "over others" if overdue and view.amount(overdue) >= view.minimum else None
        if self.status in ("Rejected", "UnsuccessfullyClosed"):
            assert self.current is not None
            if overdue and view.amount(overdue) >= view.minimum:
                return "over others"
            return "reset" if not overdue and agency.case_open_minor(view.books, self.current) == 0 else None
        return "reset" if self.status in WITHOUT_CASE and self.begun and not past_due else None

    def _cap_rungs(self) -> None:
        """Under a shorter ladder a rung is capped, and stays so under a longer one that comes after (section 4)."""
        if not self.begun:
            return
        length = len(self.policy().steps)
        for taken in self.steps:
            if taken.cycle == self.cycle:
                taken.rungs.update({invoice_id: min(rung, length) for invoice_id, rung in taken.rungs.items()})

    def begin(self) -> None:
        if self.status != "Clear" and not self.begun:
            self.begun, self.pinned = True, self.settings.newest(self.tenant, self.policy_in_use())
            self._cap_rungs()

    def _end_cycle(self, view: View) -> None:
        """Cycle + 1, not begun, rungs 0, attempt 0, attention empty but for what waits (section 6)."""
        self.cycle += 1
        self.begun, self.pinned, self.attempt, self.current = False, None, 0, None
        self.status, self.level, self.ladder_ended_told, self.calling = "Clear", 0, False, None
        paid = {one for one in self.exhausted | set(self.waiting) if view.books.open(one) == 0}
        self.exhausted -= paid
        self.waiting = {one: waits for one, waits in self.waiting.items() if one not in paid}
        self.attention.names &= WAITING & {waits.why for waits in self.waiting.values()}
        self.unapplied.clear()

    def update_attention(self, view: View) -> None:
        attention = self.attention
        attention.follow("own_error", days.own_errors(self.facts, view.day))
        attention.follow("dispute_upheld", days.upheld_in_force(self.facts, view.day))
        attention.follow("rate_missing", {"rate"} if view.books.rate_missing else set())
        attention.follow("payout_unmatched", {"balance"} if money.agency_balance(self.facts, self.decided) < 0 else set())
        self.follow_recalled(view)
        if self.status != "Rejected" and not self.still_wait(view, "rejected"):
            attention.end("rejected")
        if any(view.rung(one) < len(view.policy.steps) for one in view.overdue()):
            attention.end("ladder_ended")
        agency.watch_answers(self, view)

    def follow_recalled(self, view: View) -> None:
        """`recalled` as long as they wait (section 6): again, too, when what was paid is open again."""
        self.attention.follow("recalled", {"recalled"} if self.still_wait(view, "recalled") else set())

    def next_status(self, view: View) -> None:
        """What ends with the next change of status or attempt, but for what still waits."""
        self.attention.end(*(name for name in UNTIL_NEXT_STATUS if name not in WAITING or not self.still_wait(view, name)))

    def still_wait(self, view: View, name: str) -> bool:
        return any(waits.why == name and view.books.open(one) > 0 for one, waits in self.waiting.items())

    # --- telling

    def record(self, cause: str, by: str | None, cycle: int | None = None) -> None:
        """One case-history record for each change of (status, dunning_level, attention)."""
        self.out.add_history(self, cause, by, self.cycle if cycle is None else cycle)

    def _write_status(self, day: date, cause: str, only_ask: bool = False) -> bool:
        """Write what accounting books, and case-status if a field changed; says whether anything did."""
        booked = bookings.write(self, self.view(day), cause, only_ask)
        data = outputs.status(self, self.view(day))
        changed = self.out.status is None or outputs.without_interest(self.out.status["data"]) != outputs.without_interest(data)
        if changed and not only_ask:
            self.out.write_status(self, data)
        return changed or booked


def _by(event: Any) -> str | None:
    return getattr(event.data, "by", None)
