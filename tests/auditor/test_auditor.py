"""The auditor itself against cases worked out by hand from `escalation.md`: who audits must have been right at least once alone."""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.auditor import charges, interest, money
from tests.auditor.auditor import Auditor
from tests.auditor.case import Contract
from tests.auditor.life import KEY, Life

POLICY: dict[str, Any] = {
    "policy": "standard",
    "time_zone": "Europe/Berlin",
    "calendar": {"country": "DE", "subdivision": "HE"},
    "minimum_open": {"EUR": 500},
    "steps": [
        {"kind": "remind", "day": 5, "level": 1},
        {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}},
        {"kind": "hand_over", "day": 30},
    ],
}
FINES = Path(__file__).parents[3] / "shared" / "data" / "fines" / "fines.jsonl.gz"
FINES_POLICY: dict[str, Any] = {
    "policy": "standard",
    "time_zone": "Europe/Rome",
    "minimum_open": {"EUR": 100},
    "steps": [{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 20, "level": 2}, {"kind": "hand_over", "day": 40}],
}


class Story:
    """Events and daily ticks at noon UTC, told in few words."""

    def __init__(self, **changed: Any) -> None:
        self.auditor = Auditor()
        self.count = 0
        content = POLICY | changed
        self._timer("policy.applied", "2025-12-01T00:00:00Z", {"tenant": "acme", "policy": "standard", "version": 1, "content": content})

    def event(self, time: str, type_: str, topic: str = "billing.invoices", **data: Any) -> None:
        self.count += 1
        time = time if "T" in time else f"{time}T09:00:00Z"
        value = self._value(type_, time, data) | {"subject": "C-1", "tenant": "acme"}
        self.auditor.apply({"topic": topic, "key": KEY, "value": value})

    def invoice(self, time: str, name: str, due_on: str, amount: int) -> None:
        self.event(time, "invoice.issued", invoice_id=name, issued_on=time, due_on=due_on, amount=amount, currency="EUR")

    def pays(self, time: str, name: str, amount: int, **more: Any) -> None:
        data = {"payment_id": name, "amount": amount, "currency": "EUR", "value_date": time} | more
        self.event(time, "payment.received", "billing.payments", **data)

    def replies(self, time: str, kind: str, **data: Any) -> None:
        handover_id = self.contract.handovers[-1].handover_id
        moment = f"{time}T09:00:00Z"
        self.event(time, kind, "collection.replies", handover_id=handover_id, occurred_at=moment, **data)

    def days(self, first: str, last: str) -> None:
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            self.tick(f"{day}T12:00:00Z")
            day += timedelta(days=1)

    def tick(self, now: str) -> None:
        self._timer("clock.ticked", now, {"now": now, "skew": 0})

    def _timer(self, kind: str, time: str, data: dict[str, Any]) -> None:
        self.count += 1
        self.auditor.apply({"topic": "escalation.timers", "key": None, "value": self._value(kind, time, data)})

    def _value(self, kind: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"specversion": "1.0", "id": f"e{self.count}", "source": "/test", "type": kind, "time": time, "data": data}

    @property
    def contract(self) -> Contract:
        return self.auditor.contracts[KEY]

    @property
    def status(self) -> dict[str, Any]:
        assert self.contract.out.status is not None
        return dict(self.contract.out.status["data"])

    def path(self) -> list[tuple[str, str]]:
        return [(str(one["data"]["changed_at"].date()), one["data"]["to"]) for one in self.contract.out.history]


def test_the_ladder_of_one_invoice_step_by_step() -> None:
    """Due Friday 2026-01-09: overdue on the 10th; reminders after 5 and 14 days (14 January, 23 January), handover after 30 (8 February,
    a Sunday, so the 9th)."""
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.days("2026-01-02", "2026-02-20")
    assert story.path() == [
        ("2026-01-10", "Due"),
        ("2026-01-14", "Reminded"),
        ("2026-01-23", "Reminded"),
        ("2026-02-09", "ToBePassed"),
        ("2026-02-17", "ToBePassed"),  # six working days without an answer
    ]
    assert story.status["attention"] == ["not_passed"]
    assert (story.status["rung"], story.status["dunning_level"], story.status["costs"]) == (3, 2, 250)
    [submit] = story.contract.out.commands
    assert (submit["data"]["open_amount"], submit["data"]["costs"]) == (10_000, 250)


def test_no_step_on_the_weekend_and_due_moves_to_the_next_working_day() -> None:
    """Due Saturday 2026-01-10 moves to Monday the 12th; overdue on the 13th; 5 days after the 12th is Saturday the 17th, so the 19th."""
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-10", 10_000)
    story.days("2026-01-10", "2026-01-12")
    assert story.status["status"] == "Clear"
    story.days("2026-01-13", "2026-01-13")
    assert (story.status["status"], story.status["next_step_on"]) == ("Due", date(2026, 1, 19))


def test_held_days_do_not_count() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    hold = {"hold_id": "H-1", "kind": "manual", "from": "2026-01-12", "until": "2026-01-15"}
    story.event("2026-01-11", "hold.placed", "billing.contracts", **hold)
    assert story.status["next_step_on"] == date(2026, 1, 19)  # 17 January is a Saturday
    story.days("2026-01-12", "2026-01-15")
    assert story.path()[-2:] == [("2026-01-12", "Held"), ("2026-01-15", "Due")]


def test_a_payment_resets_and_costs_come_first() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.days("2026-01-02", "2026-01-23")
    story.pays("2026-01-24", "P-1", 10_000)
    assert (story.status["open_amount"], story.status["costs"], story.status["status"]) == (250, 0, "Clear")  # 250 is below the minimum
    story.pays("2026-01-25", "P-2", 300)
    assert (story.status["cycle"], story.status["credit"], story.status["open_amount"]) == (2, 50, 0)


def test_the_others_climb_behind_the_anchor() -> None:
    story = Story(working_days_only=False, calendar=None)
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.invoice("2026-01-02", "I-2", "2026-01-16", 10_000)
    story.days("2026-01-02", "2026-01-23")
    assert {one["invoice_id"]: one["rung"] for one in story.status["receivables"]} == {"I-1": 2, "I-2": 1}
    story.pays("2026-01-24", "P-1", 10_250, invoice_id="I-1")
    story.days("2026-01-24", "2026-01-31")
    assert (story.status["rung"], story.status["next_step"], story.status["next_step_on"]) == (1, 2, date(2026, 2, 1))


def test_direct_payment_during_the_case_is_reported_and_taken_back() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.days("2026-01-02", "2026-02-09")
    story.replies("2026-02-10", "case.accepted", agency="atriga")
    story.pays("2026-02-11", "P-1", 4_000)
    story.event("2026-02-12", "payment.failed", "billing.payments", payment_id="P-1")
    story.replies("2026-02-13", "case.closed", outcome="successful", reason="paid")
    told = [(one["type"], one["data"].get("amount")) for one in story.contract.out.commands]
    assert told == [("case.submit", None), ("case.report_payment", 4_000), ("case.report_payment", -4_000)]
    assert [status for _, status in story.path()][-3:] == ["Accepted", "SuccessfullyClosed", "Clear"]
    assert (story.status["agency_balance"], story.status["open_amount"], story.status["cycle"]) == (10_250, 0, 2)


def test_full_payment_before_the_agency_accepted_recalls() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.days("2026-01-02", "2026-02-09")
    story.pays("2026-02-10", "P-1", 10_250)
    assert [one["data"].get("reason") for one in story.contract.out.commands] == [None, "paid"]
    assert story.status["status"] == "ToBePassed"


def test_a_fee_is_not_owed_if_the_principal_was_paid_by_value_date() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.days("2026-01-02", "2026-01-23")
    assert story.status["costs"] == 250
    story.pays("2026-01-24", "P-1", 10_000, value_date="2026-01-22")
    assert (story.status["costs"], story.status["credit"], story.status["open_amount"]) == (0, 0, 0)


def test_the_same_fact_again_changes_nothing_and_another_amount_is_refused() -> None:
    story = Story()
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    story.invoice("2026-01-02", "I-1", "2026-01-09", 10_000)
    assert story.auditor.dead_letters == []
    story.invoice("2026-01-02", "I-1", "2026-01-09", 9_000)
    assert [one["reason"] for one in story.auditor.dead_letters] == ["conflicting fact"]
    assert story.status["attention"] == ["unapplied_event"]


@pytest.mark.parametrize("seed", range(20))
def test_money_sums_to_the_cent_in_every_life(seed: int) -> None:
    """Section 2: money in = money settled + credit."""
    contract = Life(seed).auditor.contracts[KEY]
    view = contract.view(contract.today())
    terms = interest.terms(contract, contract.policy(), view.holds)
    charged = charges.costs(contract.facts, contract.decided, view.holds, terms)
    owed = {one: receivable.principal for one, receivable in view.receivables.items()}
    costs = sum(cost.amount for cost in charged if cost.invoice_id in owed and not view.receivables[cost.invoice_id].cancelled)
    came_in = sum(source.amount for source in money.sources(contract.facts, contract.decided) if source.interest_of is None)
    came_in += sum(close.total for close in contract.decided.closes)
    settled = sum(owed.values()) - sum(view.books.principal.values()) + costs - sum(view.books.open_costs(one) for one in owed)
    settled += sum(view.books.interest_paid.values())
    assert came_in + view.books.written_off == settled + view.books.credit


@pytest.mark.skipif(not FINES.exists(), reason="../shared/data/fines is not there")
def test_real_fines_go_where_they_should() -> None:
    """Some of the municipality's cases: the paid ones end Clear, the unpaid ones at the agency."""
    with gzip.open(FINES, "rt") as file:
        lines = [json.loads(line) for line in file]
    keys = sorted({line["key"] for line in lines})[::40]
    ends: Counter[str] = Counter()
    for key in keys:
        ends[_fate([line for line in lines if line["key"] == key])] += 1
    assert ends["ToBePassed"] > ends["Clear"] > 0
    assert set(ends) <= {"ToBePassed", "Clear", "Held", "Due", "Reminded"}


def _fate(lines: list[dict[str, Any]]) -> str:
    auditor = Auditor()
    applied = {"tenant": "comune", "policy": "standard", "version": 1, "content": FINES_POLICY}
    for line in [_timer("policy.applied", lines[0]["value"]["time"], applied), *lines]:
        now = datetime.fromisoformat(line["value"]["time"])
        if auditor.contracts:
            auditor.apply(_timer("clock.ticked", now.isoformat(), {"now": now.isoformat()}))
        auditor.apply(line)
    day = datetime.fromisoformat(lines[-1]["value"]["time"]).astimezone(UTC).replace(hour=12)
    for _ in range(150):
        day += timedelta(days=1)
        auditor.apply(_timer("clock.ticked", day.isoformat(), {"now": day.isoformat()}))
    [contract] = auditor.contracts.values()
    return contract.status


def _timer(kind: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
    value = {"specversion": "1.0", "id": f"{kind} {time}", "source": "/clock", "type": kind, "time": time, "data": data}
    return {"topic": "escalation.timers", "key": None, "value": value}
