"""A contract as a state machine: events of every type, told once, told again or told otherwise, and ticks forward and back, in any order.

After each of them the sums hold to the cent, no amount is below zero, ids are new, history is a chain, and nothing went to the debtor that
must not: no reminder while held, no notice of the ladder from an event, none at all under insolvency or after a death.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.escalation.drawn import (
    FIRST,
    OWN_ID,
    Event,
    agreements,
    amounts,
    changes,
    conserved,
    dated,
    days,
    euro,
    holds,
    invoice_ids,
    moments,
    orders,
    payment_ids,
    replies,
    settings_told,
)
from tests.escalation.harness import LADDER, Out, world

LADDERS: tuple[list[dict[str, Any]], ...] = (
    LADDER["steps"],
    [
        {"kind": "offer_payment", "day": 2, "methods": ["barcode"]},
        {"kind": "call", "day": 4, "max_attempts": 2},
        {"kind": "signal", "day": 6, "name": "block"},
        {"kind": "remind", "day": 8, "level": 1, "fee": {"EUR": 100}, "approval": "required"},
    ],
    [{"kind": "hand_over", "day": 1, "accounts": [{"account": "old", "when": {"overdue_days_from": 9}}]}],
    [],
)
BEARING: tuple[dict[str, Any], ...] = (
    {},
    {"interest": {"kind": "statutory"}},
    {"interest": {"kind": "fixed", "percent": "120"}, "default": "due_date", "breathing_space": {"days": 5, "from": "first_step"}},
)
invoices = dated("invoice.issued", invoice_id=invoice_ids, issued_on=days, due_on=days, amount=amounts, currency=euro)
payments = dated("payment.received", payment_id=payment_ids, amount=amounts, currency=euro, value_date=days)
struck = st.one_of(dated("debtor.deceased", occurred_on=days), dated("insolvency.opened", occurred_on=days))
events = st.one_of(invoices, payments, payments, struck, changes, holds, moments, orders, replies, agreements, settings_told)
BY_TICKS_ALONE = ("notice.reminder", "notice.payment_offer", "notice.call_request", "notice.win_back", "notice.instalment_reminder")
TO_THE_DEBTOR = (*BY_TICKS_ALONE, "notice.plan_broken", "notice.payment_confirmation")


DATES = ("due_on", "value_date", "booked_on", "occurred_on", "expected_on", "until", "as_of", "refunded_on")


def near(data: dict[str, Any], day: str) -> dict[str, Any]:
    """With its dates about now, where they matter."""
    moved = {name: day if name in DATES else value for name, value in data.items()}
    return moved | ({"instalments": [one | {"due_on": day} for one in data["instalments"]]} if "instalments" in data else {})


class Life(RuleBasedStateMachine):
    """One contract; its clock only goes forward, its events may be late."""

    @initialize(
        steps=st.sampled_from(LADDERS), settlement=st.sampled_from(("costs_first", "principal_first")), bearing=st.sampled_from(BEARING)
    )
    def begin(self, steps: list[dict[str, Any]], settlement: str, bearing: dict[str, Any]) -> None:
        more: dict[str, Any] = {"confirm_payments": True, "win_back": {"days_after": 3}, "instalment_reminder": {"days_before": 2}}
        more |= bearing
        self.one = world(steps=steps, settlement=settlement, **more)
        self.now = datetime.combine(FIRST, time(9), UTC)
        self.told: list[Event] = []
        self.seen, self.ids, self.standing, self.version = 0, set[str](), "Clear", 0
        self.one.invoice("R1", at=str(FIRST), due=str(FIRST + timedelta(days=2)))

    @rule(event=events, late=st.sampled_from((0, 0, 0, 1, 30)), about=st.integers(-6, 9))
    def tell(self, event: Event, late: int, about: int) -> None:
        """Something happens, or is told late; sometimes it is a fact that is known, with other contents."""
        _, kind, name, data = event
        data = near(data, str((self.now + timedelta(days=about)).date()))
        if kind.startswith("case."):
            submitted = self.one.of("case.submit")
            data = data | {"handover_id": submitted[-1].data["handover_id"] if submitted else name, "occurred_at": self.now.isoformat()}
        self.now += timedelta(seconds=1)
        refused, outs = len(self.one.refused), self.one.event(kind, self.now - timedelta(days=late), id=name, **data)
        if len(self.one.refused) == refused:
            self.told.append((str(self.now - timedelta(days=late)), kind, name, data))
        assert not [out.type for out in outs if out.type in BY_TICKS_ALONE]

    @precondition(lambda self: self.told)
    @rule(data=st.data(), another=st.booleans())
    def tell_again(self, data: st.DataObject, another: bool) -> None:
        """The same once more, in its envelope or, if it has an id of its own, in another: nothing changes."""
        at, kind, name, content = data.draw(st.sampled_from(self.told))
        before = self.one.state
        envelope = "again-" + name if another and kind in OWN_ID else name
        assert self.one.event(kind, at, id=envelope, **content) == []
        assert self.one.state is before

    @rule(ahead=st.sampled_from((0, 1, 1, 2, 5, 5, 40)), hour=st.sampled_from((0, 7, 12, 23)))
    def tick(self, ahead: int, hour: int) -> None:
        self.now = max(self.now, (self.now + timedelta(days=ahead)).replace(hour=hour, minute=0))
        self.one.tick(self.now)

    @rule()
    def tick_back(self) -> None:
        self.one.tick(self.now)
        assert self.one.tick(self.now - timedelta(hours=1)) == []

    @invariant()
    def sums_hold(self) -> None:
        if hasattr(self, "one"):
            conserved(self.one)

    @invariant()
    def what_came_out_is_in_order(self) -> None:
        if hasattr(self, "one"):
            for position in range(self.seen, len(self.one.outs)):
                self._check(self.one.outs[position], self.one.outs[position:])
            self.seen = len(self.one.outs)

    def _check(self, out: Out, rest: list[Out]) -> None:
        assert out.id not in self.ids
        self.ids.add(out.id)
        if out.type == "case_history.recorded":
            assert (out.data["from"], out.data["version"]) == (self.standing, self.version + 1)
            self.standing, self.version = out.data["to"], self.version + 1
        if out.type == "case_status.changed":
            names = ("open_amount", "overdue_amount", "costs", "interest", "credit", "agency_balance", "written_off")
            assert min(out.data[name] for name in names) >= 0
        if out.type in TO_THE_DEBTOR:
            self._check_notice(out, [later for later in rest if later.type == "case_status.changed"])

    def _check_notice(self, out: Out, rows: list[Out]) -> None:
        held = rows[0].data["holds"] if rows else self.one.status["holds"]
        assert not [hold for hold in held if hold["kind"] in ("insolvency", "deceased") and hold["invoice_id"] is None]
        if out.type == "notice.reminder":
            assert not [hold for hold in held if hold["invoice_id"] is None]


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
