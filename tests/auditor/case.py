"""One contract, the slow and obvious way: what an event or a tick makes of it (sections 1, 4 and 6).

`receive`, `poisoned` and `tick` are the only ways in. What is owed, who is overdue and what holds is worked out anew from the list of
facts each time; kept are only decisions that the rules say are taken once (steps, fees, closes, write-offs, handovers, attention).
"""

from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from schemas import billing, instructions, topics
from schemas.envelope import ContractEnvelope
from schemas.policy import HandOver, Policy, Remind
from tests.auditor import agency, days, ladder, money, outputs, readings
from tests.auditor import facts as known
from tests.auditor.attention import UNTIL_NEXT_STATUS, WAITING, Attention
from tests.auditor.days import Hold
from tests.auditor.facts import Fact, Facts, Receivable
from tests.auditor.handover import OPEN, Handover, Waiting
from tests.auditor.ladder import NextStep, StepTaken, View
from tests.auditor.outputs import Outputs, made_of
from tests.auditor.settings import Settings

WITHOUT_CASE = ("Clear", "Due", "Reminded", "Held")
EVALUATED_FIRST = (topics.INSTRUCTIONS, topics.REPLIES)
DeadLetter = tuple[str, str, str]
"""Topic, event id, reason."""


class Refused(Exception):
    """The event becomes a dead letter."""


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
        self.pinned: int | None = None
        self.status, self.level, self.cycle, self.begun, self.attempt = "Clear", 0, 1, False, 0
        self.attention = Attention()
        self.unapplied: set[tuple[str, str]] = set()
        self.steps: list[StepTaken] = []
        self.fees_decided: set[tuple[str, int]] = set()
        self.ladder_ended_told = False
        self.handovers: list[Handover] = []
        self.current: Handover | None = None
        self.exhausted: set[str] = set()
        self.waiting: dict[str, Waiting] = {}
        self.reopened_on: dict[str, date] = {}
        self._worked_out_for: object = None
        self._last_worked_out: tuple[dict[str, Receivable], list[Hold], money.Books]

    # --- what is true now

    def policy(self) -> Policy:
        if self.begun and self.pinned is not None:
            return self.settings.pinned(self.tenant, self.pinned)
        number = self.settings.newest(self.tenant, self.policy_in_use())
        assert number is not None, "the auditor's lives always have a policy"
        return self.settings.versions[number][1]

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
        here, holds, books = self._worked_out(policy.settlement == "principal_first")
        return View(day, policy, self.currency, here, books, holds, self.reopened_on, self._away(), self.cycle, self.steps)

    def _worked_out(self, principal_first: bool) -> tuple[dict[str, Receivable], list[Hold], money.Books]:
        """Worked out from the facts; kept only until there is another fact or decision, since ticks are many and bring none."""
        decided = self.decided
        counts = (len(decided.fees), len(decided.write_offs), len(decided.closes), len(decided.agency_payments))
        version = (len(self.facts.accepted), len(self.facts.of(billing.InvoiceIssued)), counts, principal_first)
        if version != self._worked_out_for:
            holds = days.holds(self.facts)
            books = money.books_now(self.facts, decided, holds, principal_first)
            self._worked_out_for, self._last_worked_out = version, (known.receivables(self.facts), holds, books)
        return self._last_worked_out

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
        before, touched = self.clock, False
        try:
            self.clock = event.time if not self.known else max(before, event.time)
            if self.known and (topic in EVALUATED_FIRST or isinstance(event, billing.PaymentReceived)):
                self._evaluate(self.today(), event.id, _by(event))
                touched = self._write_status(self.today(), only_ask=True)
            self._check_at_the_door(same, event)
            dropped = self._apply(topic, event)
        except Refused as refusal:
            self.clock = self.clock if touched else before
            if touched:
                self._write_status(self.today())
            self.poisoned(topic, event.id, event.source)
            return [(topic, event.id, str(refusal))]
        self._evaluate(self.today(), event.id, _by(event))
        self._write_status(self.today())
        return dropped

    def poisoned(self, topic: str, event_id: str, source: str | None = None) -> None:
        """A dead letter of a billing topic makes remind and hand_over wait, if the contract is known."""
        if topic not in topics.BILLING_INPUTS or not self.known:
            return
        if source is not None:
            self.unapplied.add((source, event_id))
        self.attention.raise_("unapplied_event")
        self.record(event_id, None)
        self._write_status(self.today())

    def tick(self, now: datetime) -> None:
        """Apply a tick: statuses, then at most one step. Without a change it leaves no trace."""
        before = self.clock
        self.clock = max(before, now)
        day = self.local(now)
        touched = self._evaluate(day, "tick", None)
        touched = self._take_step(now, day) or touched
        touched = self._write_status(day) or touched
        if not touched:
            self.clock = before

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
        self.facts.accepted.append(fact)
        self._came_after_all(event)
        dropped = self._learn_currency(event.data.currency) if isinstance(event, billing.InvoiceIssued) else []
        if topic == topics.REPLIES:
            agency.reply(self, event, fact)
            self.record(event.id, None)
        self._write_offs()
        if view is not None:
            self._reopen(view, fact)
            agency.tell(self, view, fact)
        return dropped

    def _obey(self, event: Any) -> None:
        """Configuration, and what people order."""
        if isinstance(event, billing.ContractConfigured):
            self._configure(event)
        elif isinstance(event, instructions.HandoverOrdered):
            self._order(event)
        elif isinstance(event, instructions.HandoverRecalled):
            if self.current is None or self.current.state != "open":
                raise Refused("no open case")
            agency.recall(self, self.current, "ordered")
        elif isinstance(event, instructions.AttentionCleared):
            self.attention.end(event.data.name)

    def _configure(self, event: billing.ContractConfigured) -> None:
        data = event.data
        self.zone = data.time_zone or self.zone
        self.account = data.agency_account or self.account
        if data.policy is None:
            return
        number = self.settings.newest(self.tenant, data.policy)
        self.attention.follow("policy_missing", {data.policy} if number is None else set())
        if number is not None:
            another = data.policy != self.policy_in_use()
            self.policy_name = data.policy
            self.pinned = number if another and self.begun else self.pinned

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
            self.facts.accepted.remove(fact)
            self.unapplied.add((fact.event.source, fact.event.id))
            self.attention.raise_("unapplied_event")
        return [(fact.topic, fact.event.id, "currency mismatch") for fact in dropped]

    def _write_offs(self) -> None:
        """What is open when a write-off and its receivable are both known is fixed."""
        for fact in self.facts.of(billing.InvoiceWrittenOff):
            data, cause = fact.event.data, fact.event.id
            if data.invoice_id in known.receivables(self.facts) and all(one.cause != cause for one in self.decided.write_offs):
                books = self.view(self.today()).books
                principal, costs = books.principal[data.invoice_id], books.open_costs(data.invoice_id)
                if data.amount is not None:
                    principal, costs = min(data.amount, principal), 0
                self.decided.write_offs.append(money.WriteOff(data.invoice_id, cause, fact.event.time, fact.day, principal, costs))

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

    def _evaluate(self, day: date, cause: str, by: str | None) -> bool:
        """Statuses and attention as of `day`; again whenever a cycle ended. Says whether anything was recorded."""
        version = self.out.version
        while True:
            self._cap_rungs()
            view = self.view(day)
            self.update_attention(view)
            end = self._end_of_cycle(view)
            if end == "reset":
                self._reset(view, cause, by)
            elif end == "over others":
                self._end_cycle(view)
            else:
                if self.status in WITHOUT_CASE:
                    self.status, self.level = ladder.standing(view)
                    self._begin()
                self.record(cause, by)
                self._ladder_end(view, cause, by)
                return self.out.version > version

    def _reset(self, view: View, cause: str, by: str | None) -> None:
        """The cycle ends in Clear. No change of status, no history record."""
        ended, status = self.cycle, self.status
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
        if self.status in ("Rejected", "UnsuccessfullyClosed"):
            assert self.current is not None
            if overdue and view.amount(overdue) >= view.minimum:
                return "over others"
            return "reset" if not overdue and agency.case_open_minor(view.books, self.current) == 0 else None
        return "reset" if self.status in WITHOUT_CASE and self.begun and not past_due else None

    def _cap_rungs(self) -> None:
        """Under a shorter ladder a rung is capped, and stays so under a longer one that comes after (section 4)."""
        length = len(self.policy().steps)
        for taken in self.steps:
            if taken.cycle == self.cycle:
                taken.rungs.update({invoice_id: min(rung, length) for invoice_id, rung in taken.rungs.items()})

    def _begin(self) -> None:
        if self.status != "Clear" and not self.begun:
            self.begun, self.pinned = True, self.settings.newest(self.tenant, self.policy_in_use())

    def _end_cycle(self, view: View) -> None:
        """Cycle + 1, not begun, rungs 0, attempt 0, attention empty but for what waits (section 6)."""
        self.cycle += 1
        self.begun, self.pinned, self.attempt, self.current = False, None, 0, None
        self.status, self.level, self.ladder_ended_told = "Clear", 0, False
        paid = {one for one in self.exhausted | set(self.waiting) if view.books.open(one) == 0}
        self.exhausted -= paid
        self.waiting = {one: waits for one, waits in self.waiting.items() if one not in paid}
        self.attention.names &= WAITING & {waits.why for waits in self.waiting.values()}

    def update_attention(self, view: View) -> None:
        attention = self.attention
        attention.follow("own_error", days.own_errors(self.facts, view.day))
        attention.follow("dispute_upheld", days.upheld_in_force(self.facts, view.day))
        attention.follow("payout_unmatched", {"balance"} if money.agency_balance(self.facts, self.decided) < 0 else set())
        waiting = WAITING - {"rejected"} if self.status == "Rejected" else WAITING
        attention.end(*(name for name in waiting if not self._still_wait(view, name)))
        if any(view.rung(one) < len(view.policy.steps) for one in view.overdue()):
            attention.end("ladder_ended")
        agency.watch_answers(self, view)

    def next_status(self, view: View) -> None:
        """What ends with the next change of status or attempt, but for what still waits."""
        self.attention.end(*(name for name in UNTIL_NEXT_STATUS if name not in WAITING or not self._still_wait(view, name)))

    def _still_wait(self, view: View, name: str) -> bool:
        return any(waits.why == name and view.books.open(one) > 0 for one, waits in self.waiting.items())

    def _ladder_end(self, view: View, cause: str, by: str | None) -> None:
        """Attention `ladder_ended` and its notice, once after each last step; a history record of its own."""
        taken, overdue = view.steps_of_cycle(), view.overdue()
        if self.status not in ("Due", "Reminded", "Held") or self.ladder_ended_told or not taken or not overdue:
            return
        if not view.policy.steps or any(view.rung(one) < len(view.policy.steps) for one in overdue):
            return
        self.ladder_ended_told = True
        self.attention.raise_("ladder_ended")
        self.record(cause, by)
        reason = "nothing_to_hand_over" if taken[-1].kind == "hand_over" else None
        self.out.add_notice(self, "notice.ladder_ended", {**outputs.notice(self, view, {}), "reason": reason})

    # --- steps (section 4)

    def waits_for(self, kind: str) -> list[str]:
        return ["unapplied"] if "unapplied_event" in self.attention.names and kind in ("remind", "hand_over") else []

    def _take_step(self, now: datetime, day: date) -> bool:
        """Take the next step if it is due on this tick."""
        view = self.view(day)
        upcoming = ladder.next_step(view) if self.status in ("Due", "Reminded") else None
        if upcoming is None or upcoming.on is None or day < upcoming.on or self.waits_for(upcoming.step.kind):
            return False
        if days.local_time(now, self.zone_name()).strftime("%H:%M") < view.policy.at or not ladder.working_day_for_steps(view):
            return False
        if any(taken.day == day for taken in self.steps):
            return False
        self._step(view, upcoming)
        self._evaluate(day, "tick", None)
        return True

    def _step(self, view: View, upcoming: NextStep) -> None:
        step, number = upcoming.step, upcoming.number
        rungs = ladder.climbed(view, number, upcoming.anchor)
        covered = ladder.handed_over(view, number, self.ever_reminded()) if isinstance(step, HandOver) else []
        level = step.level if isinstance(step, Remind) else 0
        self.steps.append(StepTaken(self.cycle, number, step.kind, level, view.day, rungs))
        self.ladder_ended_told = False
        if isinstance(step, Remind):
            self._charge(view, step, upcoming)
            self._remind(view.day, rungs, level)
        elif covered:
            self._hand_over(covered, self.account or _step_account(view.policy) or "main", self.view(view.day), "tick", None, number)

    def ever_reminded(self) -> set[str]:
        return {invoice_id for taken in self.steps if taken.kind == "remind" for invoice_id in taken.rungs}

    def _charge(self, view: View, step: Remind, upcoming: NextStep) -> None:
        """The fee of a step: decided once for ever, per number and step."""
        name = (view.receivables[upcoming.anchor].fee_name, upcoming.number)
        amount = (step.fee or {}).get(self.currency or "")
        undecided = name not in self.fees_decided
        self.fees_decided.add(name)
        if undecided and amount is not None:
            self.decided.fees.append(money.StepFee(upcoming.anchor, view.day, amount, upcoming.number))

    def _remind(self, day: date, rungs: dict[str, int], level: int) -> None:
        view = self.view(day)
        self.status, self.level = ladder.standing(view)
        self.record("tick", None)
        self.out.add_notice(self, "notice.reminder", {**outputs.notice(self, view, rungs), "level": level})

    # --- handover (section 6)

    def _hand_over(self, covered: list[str], account: str, view: View, cause: str, by: str | None, step: int | None = None) -> None:
        self.attempt += 1
        rung = outputs.rung(self, view) if step is None else step
        for invoice_id in covered:
            self.waiting.pop(invoice_id, None)
            self.exhausted.discard(invoice_id)
        self.current = Handover(made_of(self.key, self.cycle, self.attempt), self.cycle, account, tuple(covered), rung, view.day)
        agency.paid_before(self, self.current)
        view = self.view(view.day)
        self.current.reported = agency.already_counted(self, self.current, view)
        self.handovers.append(self.current)
        self.status = "ToBePassed"
        self._begin()
        self.next_status(view)
        self.attention.end(*(name for name in WAITING if not self._still_wait(view, name)))
        self.record(cause, by)
        self.out.add_command(self, "case.submit", outputs.submission(self, self.current, view))

    def _order(self, event: instructions.HandoverOrdered) -> None:
        """handover.ordered: a person hands over by hand."""
        if not self.known:
            raise Refused("nothing overdue")
        view = self.view(self.today())
        if self.status in OPEN:
            raise Refused("a case is open")
        if self.status == "Held" and not event.data.despite_hold:
            raise Refused("held")
        covered = self._coverable(view, event.data.despite_hold)
        if self.status == "Clear" and not any(one in self.waiting for one in covered):
            raise Refused("nothing overdue")
        if event.data.invoice_ids is not None:
            covered = [one for one in covered if one in event.data.invoice_ids]
        if not covered:
            raise Refused("nothing overdue")
        account = event.data.account or self.account or _step_account(view.policy) or "main"
        self._check_second_placement(account)
        self._hand_over(covered, account, view, event.id, _by(event))

    def _coverable(self, view: View, despite_hold: bool) -> list[str]:
        """What is overdue, what waits rejected or recalled, and after an unsuccessful case what was in it."""
        held_too = despite_hold and readings.DESPITE_HOLD_COVERS_WHAT_IS_HELD_BY_ITSELF
        overdue = view.past_due() if held_too else view.overdue()
        waiting = set(self.waiting)
        if self.status == "UnsuccessfullyClosed" and self.current is not None:
            waiting |= set(self.current.invoice_ids) & self.exhausted
        return [one for one in view.receivables if one in overdue or (one in waiting and view.books.open(one) > 0)]

    def _check_second_placement(self, account: str) -> None:
        """After an unsuccessful case: another account, unless it was recalled; never after these reasons."""
        case = self.current
        if self.status == "UnsuccessfullyClosed" and case is not None and case.close_reason != "recalled":
            if case.close_reason in ("deceased", "insolvency", "limitation"):
                raise Refused("no second placement after this reason")
            if account == case.account:
                raise Refused("a second placement needs another account")

    # --- telling

    def record(self, cause: str, by: str | None, cycle: int | None = None) -> None:
        """One case-history record for each change of (status, dunning_level, attention)."""
        self.out.add_history(self, cause, by, self.cycle if cycle is None else cycle)

    def _write_status(self, day: date, only_ask: bool = False) -> bool:
        """Write case-status if a field changed; says whether one did."""
        data = outputs.status(self, self.view(day))
        changed = self.out.status is None or self.out.status["data"] != data
        if changed and not only_ask:
            self.out.write_status(self, data)
        return changed


def _by(event: Any) -> str | None:
    return getattr(event.data, "by", None)


def _step_account(policy: Policy) -> str | None:
    return next((step.account for step in policy.steps if isinstance(step, HandOver)), None)
