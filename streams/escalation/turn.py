"""One event or tick being applied to one contract.

A `Turn` holds the contract as it becomes, what is told on the way, and what was worked out from it so far (the fold, the view of the day),
so that nothing is worked out twice while nothing changed. It lives for one application and is the only thing here that changes.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from streams.escalation import holds, interest, ladder, plans, settlement
from streams.escalation.accrual import Interest
from streams.escalation.calendar import local_day
from streams.escalation.facts import Invoice, Payment
from streams.escalation.holds import Span
from streams.escalation.ladder import NextStep, View
from streams.escalation.ledger import Books, Ledger
from streams.escalation.outputs import Told, counted, output_id
from streams.escalation.plans import Course
from streams.escalation.settings import Rules, Shared, policy_versions, terms
from streams.escalation.state import Case, Contract, Reminder, Unpriced
from streams.escalation.statuses import CLIMBING

_DECIDES_MONEY = frozenset({"facts", "fixed"})
_BEGINS_INTEREST = frozenset({"reminders", "breathing_spaces", "standings"})
"""When a receivable falls due, the standings tell."""


def _charged(contract: Contract) -> list[Reminder]:
    return [reminder for reminder in contract.reminders if reminder.charged]


class Refused(Exception):
    """The event cannot be applied. `reason` is short and stable, `detail` says what was wrong and what would be right."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Turn:
    """See the module. `key` is "tenant/contract", `cause` the id of the event or `tick`, `by` the person who ordered it.

    What is decided is dated with `moment_us`, the contract clock, and decided as of its local day, `day`; on a tick, too: one whose `now`
    is behind the contract (live, by the clock's skew) must not put it back to the day before. So d on a tick (`escalation.md` 1) is the
    later of the two days. Who only asks, and tells nothing, may ask as of another moment (`as_of_us`).
    """

    def __init__(
        self,
        shared: Shared,
        key: str,
        contract: Contract,
        moment_us: int,
        cause: str,
        by: str | None = None,
        as_of_us: int | None = None,
    ) -> None:
        self.key = key
        self.tenant, self.contract_id = key.split("/", 1)
        self.contract = replace(contract, clock_us=moment_us) if moment_us != contract.clock_us else contract
        self.cause = cause
        self.by = by
        self.reason: str | None = None
        """Reason of the next change in the history."""
        self.told: list[Told] = []
        self.returned: list[tuple[Unpriced, str, str]] = []
        """Records kept so far that turned out to be dead letters, with reason and detail."""
        self.noted = (contract.status, contract.level, contract.attention)
        self._shared = shared
        self._as_of_us = moment_us if as_of_us is None else as_of_us
        self.bind()

    def bind(self) -> None:
        """Go on under the terms that count now."""
        self.terms = terms(self._shared, self.tenant, self.contract)
        self.rules: Rules = self.terms.rules
        self.day: date = local_day(self._as_of_us, self.terms.place)
        self._stated: tuple[Span, ...] | None = None
        self._courses: tuple[Course, ...] | None = None
        self._spans: tuple[Span, ...] | None = None
        self._books: Books | None = None
        self._view: View | None = None
        self._coming: NextStep | None = None
        self._coming_known = False

    def policy_known(self, name: str) -> bool:
        """Whether a cycle of this tenant may begin with the policy of that name."""
        return policy_versions(self._shared, self.tenant, name) is not None

    @property
    def case(self) -> Case | None:
        """The case in which the contract stands."""
        return self.contract.case

    def set(self, **changes: Any) -> None:
        """Change fields of the contract, and forget what was worked out from them."""
        before, self.contract = self.contract, replace(self.contract, **changes)
        self._coming_known = False
        if self._decide_money(before, changes):
            self._books = self._view = self._courses = self._spans = None
        if "facts" in changes:
            self._stated = None
        if "standings" in changes:
            self._view = None

    def _decide_money(self, before: Contract, changes: Mapping[str, Any]) -> bool:
        """Whether the books may come out otherwise: a reminder decides by its fee, a case by what was paid to its agency."""
        if not _DECIDES_MONEY.isdisjoint(changes):
            return True
        if self.rules.policy.interest is not None and not _BEGINS_INTEREST.isdisjoint(changes):
            return True
        if "reminders" in changes and _charged(before) != _charged(self.contract):
            return True
        return "cases" in changes and bool(self.contract.facts.agency_payments)

    def receive(self, payment: Payment) -> None:
        """Add a payment to the facts."""
        going_on = None if self._books is None else settlement.with_payment(self.ledger, self._books, payment)
        facts = self.contract.facts
        self.set(facts=replace(facts, payments=(*facts.payments, payment)))
        self._books = going_on

    def issue(self, invoice: Invoice) -> None:
        """Add a receivable to the facts."""
        going_on = None if self._books is None else settlement.with_invoice(self.ledger, self._books, invoice)
        facts = self.contract.facts
        self.set(facts=replace(facts, invoices=(*facts.invoices, invoice)))
        self._books = going_on

    def set_case(self, number: int, **changes: Any) -> None:
        """Change fields of a case, but for its receivables: nothing that was worked out depends on the others."""
        cases = list(self.contract.cases)
        cases[number] = replace(cases[number], **changes)
        self.contract = replace(self.contract, cases=tuple(cases))

    def local_day(self, time_us: int) -> date:
        """The contract's local day of a moment."""
        return local_day(time_us, self.terms.place)

    @property
    def stated(self) -> tuple[Span, ...]:
        """What holds whatever is owed: everything but payment plans."""
        if self._stated is None:
            self._stated = holds.spans(self.contract.facts, self.local_day, self.rules.policy.transit_days)
        return self._stated

    @property
    def courses(self) -> tuple[Course, ...]:
        """The payment plans as they stand on the day of the turn."""
        if self._courses is None:
            facts = self.contract.facts
            grace_days = self.rules.policy.plan_grace_days
            self._courses = plans.courses(facts, self.books, self.local_day, grace_days, self.day) if facts.plans else ()
        return self._courses

    @property
    def spans(self) -> tuple[Span, ...]:
        """What holds."""
        if self._spans is None:
            self._spans = self.stated
            if self.contract.facts.plans:
                self._spans += tuple(span for course in self.courses for span in course.spans)
        return self._spans

    @property
    def books(self) -> Books:
        """What is owed."""
        if self._books is None:
            self._books = settlement.books(self.ledger)
        return self._books

    @property
    def ledger(self) -> Ledger:
        """What the fold is made of."""
        kept = self.contract
        first, borne = self.rules.principal_first, self.interest
        return Ledger(kept.facts, kept.reminders, kept.cases, kept.fixed, self.local_day, first, self._fee_free, borne)

    @property
    def interest(self) -> Interest | None:
        """What the policy asks for, reckoned up to the local day of the clock."""
        if self.rules.policy.interest is None:
            return None
        return interest.asked(self.terms, self.contract, self.stated, self.local_day(self.contract.clock_us))

    def _fee_free(self, invoice_id: str, day: date) -> bool:
        return holds.fee_free(self.stated, invoice_id, day)

    @property
    def view(self) -> View:
        """The contract on the day of the turn."""
        if self._view is None:
            self._view = ladder.view(self.key, self.contract, self.books, self.spans, self.rules, self.day)
        return self._view

    @property
    def coming(self) -> NextStep | None:
        """The step that comes next for a contract that climbs; None if it does not, or no step is left."""
        if not self._coming_known:
            climbs = self.contract.status in CLIMBING
            self._coming = ladder.next_step(self.contract, self.view, self.rules) if climbs else None
            self._coming_known = True
        return self._coming

    def next_ordinal(self, kind: str) -> int:
        """Count one more output of this kind in the cycle."""
        ordinals, ordinal = counted(self.contract.ordinals, kind)
        self.contract = replace(self.contract, ordinals=ordinals)
        return ordinal

    def tell(self, kind: str, data: dict[str, Any], ordinal: int | None = None) -> None:
        """Say something, numbered within the present cycle."""
        number = self.next_ordinal(kind) if ordinal is None else ordinal
        self.told.append(Told(kind, self.id_of(kind, number), self.contract.clock_us, data))

    def id_of(self, kind: str, ordinal: int) -> str:
        """Id of an output of the present cycle."""
        return output_id(self.key, self.contract.cycle, kind, ordinal)
