"""Random lives: what may happen to one contract, in a plausible but nasty mixture. The same seed gives the same life.

A life is a list of input lines `{"topic", "key", "value"}` in the order in which they are applied, settings and ticks included.
The generator asks the auditor how things stand, so that replies find a handover and orders come at likely and unlikely moments.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from schemas import topics
from tests.auditor.auditor import Auditor
from tests.auditor.case import Contract
from tests.auditor.handover import OPEN

Line: TypeAlias = dict[str, Any]

KEY = "acme/C-1"
CALENDARS = (None, {"country": "DE", "subdivision": "HE"}, {"country": "DE", "subdivision": "BY"}, {"country": "IT"})
ZONES = ("Europe/Berlin", "Europe/Berlin", "Europe/Rome", "America/New_York")
CODES = ("AM04", "AM04", "MD06", "MS03", "AC04", "MD01", "MD07", "AM05", None)
HARMLESS = ("AM04", "MD06", "MS03", "AC04", None)
TEMPERS = (0, 0.2, 0.2, 0.5, 1, 1, 2)
"""How much of what happens in general happens in this life: most lives are about a few things."""
CLOSES = ("paid", "settlement", "partial", "recalled", "insolvency", "uncollectible")


def policy(rng: Random, name: str, zone: str, settlement: str) -> dict[str, Any]:
    """A random policy of the features that the auditor knows."""
    content: dict[str, Any] = {
        "policy": name,
        "time_zone": zone,
        "settlement": settlement,
        "steps": _steps(rng),
        "working_days_only": rng.random() < 0.5,
        "at": rng.choice(("08:00", "08:00", "00:00", "13:30")),
        "answer_days": rng.choice((5, 5, 3, 20)),
        "default": rng.choice(("first_reminder", "due_date", "thirty_days")),
    }
    calendar = rng.choice(CALENDARS)
    if calendar is not None:
        content["calendar"] = calendar
    if rng.random() < 0.6:
        content["minimum_open"] = {"EUR": rng.choice((1, 500, 1000, 3000))}
    return content


def _steps(rng: Random) -> list[dict[str, Any]]:
    day, steps = 0, []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        day += rng.choice((1, 2, 3, 5, 9))
        step: dict[str, Any] = {"kind": "remind", "day": day, "level": rng.randint(1, 4)}
        if rng.random() < 0.5:
            step["fee"] = {rng.choice(("EUR", "EUR", "EUR", "USD")): rng.choice((0, 250, 400))}
        steps.append(step)
    if rng.random() < 0.8:
        steps.append({"kind": "hand_over", "day": day + rng.choice((1, 2, 3, 5, 9))})
        if rng.random() < 0.3:
            steps[-1]["account"] = "second"
        if rng.random() < 0.3:
            steps[-1]["payment_methods"] = rng.choice((["direct_debit"], ["direct_debit", "transfer"], ["cash"]))
    return steps


class Life:
    """A life as it grows. `lines` is what has happened; `auditor` has seen it all."""

    def __init__(self, seed: int, events: int = 50) -> None:
        self.rng = Random(seed)
        self.lines: list[Line] = []
        self.auditor = Auditor()
        self.count = 0
        self.invoices: list[dict[str, Any]] = []
        self.payments: list[dict[str, Any]] = []
        self.ids: dict[str, list[str]] = {}
        self.temper: dict[str, float] = {"_invoice": 1, "_reply": self.rng.choice((1, 2, 4))}
        self.exact = self.rng.choice((0.05, 0.2, 0.5))
        self.codes = self.rng.choice((CODES, HARMLESS, HARMLESS))
        self.zone = self.rng.choice(ZONES)
        self.settlement = self.rng.choice(("costs_first", "costs_first", "principal_first"))
        self.now = datetime(self.rng.randint(2023, 2025), self.rng.randint(1, 12), self.rng.randint(1, 28), 6, tzinfo=UTC)
        self.tick_hour = self.rng.choice((5, 7, 12, 23))
        self._grow(events)

    # --- time and settings

    def _grow(self, events: int) -> None:
        self._apply_policy("standard")
        if self.rng.random() < 0.3:
            self._apply_policy("gentle")
        self._invoice()
        while self.count < events:
            self._pass_time()
            self._happen()
        for _ in range(self.rng.randint(0, 40)):
            self._tick_next_day()

    def _pass_time(self) -> None:
        kind = self.rng.random()
        if kind < 0.45:
            self.now += timedelta(minutes=self.rng.randint(1, 600))
        elif kind < 0.9:
            in_case = (contract := self.auditor.contracts.get(KEY)) is not None and contract.current is not None
            for _ in range(self.rng.choice((1, 1, 2) if in_case else (1, 1, 2, 3, 5, 9, 14))):
                self._tick_next_day()
        elif kind < 0.95:
            self.now += timedelta(days=self.rng.randint(5, 40))
            self._tick(self.now)
        else:
            self._tick(self.now + timedelta(hours=self.rng.choice((-50, -1, 0, 1, 5))))

    def _tick_next_day(self) -> None:
        self.now = (self.now + timedelta(days=1)).replace(hour=self.tick_hour, minute=self.rng.choice((0, 0, 0, 30)), second=0)
        self._tick(self.now)
        if self.rng.random() < 0.1:
            self._tick(self.now + timedelta(hours=3))

    def _tick(self, now: datetime) -> None:
        self._timer("clock.ticked", {"now": _written(now), "skew": 0}, now)

    def _apply_policy(self, name: str) -> None:
        content = policy(self.rng, name, self.zone, self.settlement)
        if self.count and self.rng.random() < 0.5:
            content["applies"] = "at_once"
        version = self._next("version-" + name)
        data = {"tenant": "acme", "policy": name, "version": int(version.rsplit("-", 1)[1]), "content": content}
        self._timer("policy.applied", data, self.now)

    def _timer(self, kind: str, data: dict[str, Any], time: datetime) -> None:
        value = {"specversion": "1.0", "id": self._next("timer"), "source": "/clock", "type": kind, "time": _written(time), "data": data}
        self._add({"topic": topics.TIMERS, "key": None, "value": value})

    # --- what happens

    def _happen(self) -> None:
        if self.lines and self.rng.random() < 0.1:
            return self._again()
        weights = self._weights()
        drawn = [weight * self.temper.setdefault(what.__name__, self.rng.choice(TEMPERS)) for what, weight in weights.items()]
        chosen: Callable[[], None] = self.rng.choices(list(weights), drawn)[0]
        return chosen()

    def _weights(self) -> dict[Callable[[], None], float]:
        contract = self.auditor.contracts.get(KEY)
        in_case = contract is not None and contract.status in (*OPEN, "Rejected", "UnsuccessfullyClosed")
        return {
            self._invoice: 6,
            self._payment: 9,
            self._correction: 3,
            self._cancel: 1,
            self._write_off: 1,
            self._credit_note: 2,
            self._cancel_credit_note: 1,
            self._fail: 2,
            self._refund: 2,
            self._chargeback: 4,
            self._reverse: 2,
            self._configure: 1,
            self._dispute: 1.5,
            self._resolve: 1.5,
            self._hold: 3,
            self._release: 2,
            self._order: 3,
            self._recall: 2 if in_case else 0.5,
            self._clear: 1,
            self._reply: 40 if in_case else 0.5,
            self._policy_version: 0.7,
            self._tenant: 0.3,
            self._broken: 0.5,
        }

    def _again(self) -> None:
        """The same once more: the line itself, its fact in another envelope, or its fact with another amount or date."""
        line = json.loads(json.dumps(self.rng.choice(self.lines)))
        if line["topic"] == topics.TIMERS:
            return
        kind, data = self.rng.random(), line["value"]["data"]
        if kind > 0.4:
            line["value"]["id"] = self._next("e")
            line["value"]["time"] = _written(self.now)
        if kind > 0.8:
            for name in ("amount", "value_date", "due_on", "until", "booked_on"):
                if name in data and self.rng.random() < 0.5:
                    data[name] = data[name] + 1 if isinstance(data[name], int) else str(self._day())
        self._add(line)

    def _event(self, topic: str, kind: str, data: dict[str, Any]) -> None:
        late = timedelta(days=self.rng.choice((1, 2, 5, 20, 60))) if self.rng.random() < 0.12 else timedelta()
        self.now += timedelta(seconds=1)
        value = {
            "specversion": "1.0",
            "id": self._next("e"),
            "source": "/billing",
            "type": kind,
            "subject": "C-1",
            "time": _written(self.now - late),
            "tenant": "acme",
            "data": {name: content for name, content in data.items() if content is not None},
        }
        self._add({"topic": topic, "key": KEY, "value": value})

    def _invoice(self) -> None:
        number = self._next("I")
        issued = self._day(-20, 5)
        data = {
            "invoice_id": number,
            "number": self.rng.choice((None, number, "N-shared")),
            "issued_on": str(issued),
            "due_on": str(issued + timedelta(days=self.rng.choice((0, 7, 14, 14, 30)))),
            "amount": self._amount(),
            "currency": self._currency(),
            "payment_method": self.rng.choice((None, "direct_debit", "transfer")),
        }
        self.invoices.append(data)
        self._event(topics.INVOICES, "invoice.issued", data)

    def _correction(self) -> None:
        amount = self._amount() if self.rng.random() < 0.7 else None
        due_on = str(self._day(-10, 20)) if amount is None or self.rng.random() < 0.3 else None
        self._event(topics.INVOICES, "invoice.corrected", {"invoice_id": self._some_invoice(), "amount": amount, "due_on": due_on})

    def _cancel(self) -> None:
        self._event(topics.INVOICES, "invoice.cancelled", {"invoice_id": self._some_invoice()})

    def _write_off(self) -> None:
        amount = self._amount() if self.rng.random() < 0.5 else None
        self._event(topics.INVOICES, "invoice.written_off", {"invoice_id": self._some_invoice(), "amount": amount})

    def _credit_note(self) -> None:
        named = self._some_invoice() if self.rng.random() < 0.6 else None
        data = {"credit_note_id": self._new("N"), "invoice_id": named, "amount": self._amount(), "currency": "EUR"}
        self._event(topics.INVOICES, "credit_note.issued", data)

    def _cancel_credit_note(self) -> None:
        self._event(topics.INVOICES, "credit_note.cancelled", {"credit_note_id": self._known("N")})

    def _payment(self) -> None:
        amount = self._amount()
        data: dict[str, Any] = {"payment_id": self._new("P"), "amount": amount, "currency": self._currency()}
        data["value_date"] = str(self._money_day())
        way = self.rng.random()
        if way < 0.25:
            data["invoice_id"] = self._some_invoice()
        elif way < 0.4:
            named = sorted({self._some_invoice() for _ in range(2)})
            data["allocations"] = [{"invoice_id": one, "amount": self.rng.randint(0, amount // len(named))} for one in named]
        elif way < 0.5:
            data |= {"via": "agency", "withheld": self.rng.choice((0, 100))}
        self.payments.append(data)
        self._event(topics.PAYMENTS, "payment.received", data)

    def _fail(self) -> None:
        self._event(topics.PAYMENTS, "payment.failed", {"payment_id": self._known("P")})

    def _refund(self) -> None:
        day = str(self._day(-3, 0)) if self.rng.random() < 0.7 else None
        data = {"payment_id": self._known("P"), "refund_id": self._new("R"), "amount": self._amount(), "refunded_on": day}
        self._event(topics.PAYMENTS, "payment.refunded", data)

    def _chargeback(self) -> None:
        paid = self.rng.choice(self.payments) if self.payments else {"payment_id": "P-9", "amount": 500}
        data = {
            "chargeback_id": self._new("B"),
            "payment_id": paid["payment_id"],
            "amount": paid["amount"] if self.rng.random() < 0.7 else self._amount(),
            "fee": self.rng.choice((None, 300)),
            "reason_code": self.rng.choice(self.codes),
            "booked_on": str(self._day(-3, 1)),
        }
        self._event(topics.CHARGEBACKS, "chargeback.received", data)

    def _reverse(self) -> None:
        data = {"chargeback_id": self._known("B"), "booked_on": str(self._day(-2, 0))}
        self._event(topics.CHARGEBACKS, "chargeback.reversed", data)

    def _configure(self) -> None:
        data = {
            "policy": self.rng.choice((None, "standard", "gentle", "gentle", "nobody")),
            "agency_account": self.rng.choice((None, "third")),
        }
        self._event(topics.CONTRACTS, "contract.configured", data)

    def _dispute(self) -> None:
        named = self._some_invoice() if self.rng.random() < 0.5 else None
        self._event(topics.CONTRACTS, "dispute.opened", {"dispute_id": self._new("D"), "invoice_id": named})

    def _resolve(self) -> None:
        data = {"dispute_id": self._known("D"), "outcome": self.rng.choice(("upheld", "rejected"))}
        self._event(topics.CONTRACTS, "dispute.resolved", data)

    def _hold(self) -> None:
        start = self._day(-30, 20) if self.rng.random() < 0.7 else None
        until = (start or self._day()) + timedelta(days=self.rng.randint(-2, 20)) if self.rng.random() < 0.7 else None
        named = self._some_invoice() if self.rng.random() < 0.4 else None
        kind = self.rng.choice(("manual", "manual", "statutory_moratorium", "insolvency", "deceased", "on a whim"))
        data = {"hold_id": self._new("H"), "kind": kind, "invoice_id": named, "from": start and str(start), "until": until and str(until)}
        self._by_either("hold.placed", data)

    def _release(self) -> None:
        self._by_either("hold.released", {"hold_id": self._known(self.rng.choice("HHHDB"))})

    def _by_either(self, kind: str, data: dict[str, Any]) -> None:
        if self.rng.random() < 0.3:
            self._event(topics.INSTRUCTIONS, kind, {**data, "by": "anna"})
        else:
            self._event(topics.CONTRACTS, kind, data)

    def _order(self) -> None:
        named = sorted({self._some_invoice() for _ in range(2)}) if self.rng.random() < 0.3 else None
        data: dict[str, Any] = {"by": "anna", "invoice_ids": named, "account": self.rng.choice((None, None, "fourth"))}
        data["despite_hold"] = True if self.rng.random() < 0.3 else None
        self._event(topics.INSTRUCTIONS, "handover.ordered", data)

    def _recall(self) -> None:
        self._event(topics.INSTRUCTIONS, "handover.recalled", {"by": "anna"})

    def _clear(self) -> None:
        contract = self.auditor.contracts.get(KEY)
        names = sorted(contract.attention.names) if contract is not None and contract.attention.names else ["rejected", "nothing"]
        self._event(topics.INSTRUCTIONS, "attention.cleared", {"by": "anna", "name": self.rng.choice(names)})

    def _policy_version(self) -> None:
        self._apply_policy(self.rng.choice(("standard", "standard", "gentle")))

    def _tenant(self) -> None:
        known = [name for name in (None, "standard", "gentle") if self.auditor.settings.newest("acme", name or "standard") is not None]
        self._timer("tenant.configured", {"tenant": "acme", "default_policy": self.rng.choice(known)}, self.now)

    def _broken(self) -> None:
        kind = self.rng.random()
        if kind < 0.5:
            self._event(topics.PAYMENTS, "payment.received", {"payment_id": self._new("P"), "amount": -5, "currency": "EUR"})
        elif kind < 0.8:
            self._event(topics.INVOICES, "invoice.dreamed", {"invoice_id": "I-1"})
        else:
            self._event(topics.CONTRACTS, "dispute.resolved", {"dispute_id": self._known("D"), "outcome": "forgotten"})

    # --- what an agency answers

    def _reply(self) -> None:
        data: dict[str, Any] = {"handover_id": self._handover(), "occurred_at": _written(self.now - self._before())}
        data["case_id"] = "case-1" if self.rng.random() < 0.7 else None
        kinds = {
            "case.passed": 6,
            "case.accepted": 6,
            "case.rejected": 3,
            "case.phase_changed": 6,
            "case.payment_received": 8,
            "case.closed": 7,
            "case.submission_unknown": 1,
            "case.failed": 1,
            "case.message_received": 1,
            "case.question_asked": 1,
            "case.document_added": 1,
        }
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        self._event(topics.REPLIES, kind, data | self._reply_data(kind))

    def _reply_data(self, kind: str) -> dict[str, Any]:
        if kind == "case.phase_changed":
            phase = self.rng.choice(("first_dunning", "second_dunning", "collection"))
            stage = self.rng.choice((None, "extrajudicial", "enforcement", "moon"))
            return {"phase": phase, "stage": stage, "dunning_level": self.rng.choice((None, 1, 5))}
        if kind == "case.payment_received":
            amount = self._amount() if self.rng.random() < 0.8 else -self._amount()
            return {"payment_id": self._new("A"), "amount": amount, "value_date": str(self._money_day())}
        if kind == "case.closed":
            return {"outcome": self.rng.choice(("successful", "unsuccessful")), "reason": self.rng.choice(CLOSES)}
        fixed: dict[str, dict[str, Any]] = {
            "case.passed": {"agency": "atriga"},
            "case.accepted": {"agency": "atriga"},
            "case.rejected": {"reasons": [{"code": "address"}]},
            "case.submission_unknown": {"reason": "timeout"},
            "case.failed": {"reason": "debtor_missing"},
            "case.message_received": {"message_id": "m", "text": "hello"},
            "case.question_asked": {"question_id": "q", "text": "?", "answer_type": "text"},
            "case.document_added": {"document_id": "d", "kind": "letter", "link": "https://agency.example/d"},
        }
        return fixed[kind]

    def _handover(self) -> str:
        contract = self.auditor.contracts.get(KEY)
        known = [] if contract is None else [one.handover_id for one in contract.handovers]
        if not known or self.rng.random() < 0.05:
            return "00000000-0000-4000-8000-000000000000"
        return known[-1] if self.rng.random() < 0.8 else self.rng.choice(known)

    def _before(self) -> timedelta:
        return timedelta(days=self.rng.choice((1, 3, 10))) if self.rng.random() < 0.15 else timedelta(minutes=5)

    # --- odds and ends

    def _next(self, kind: str) -> str:
        numbers = self.ids.setdefault("#" + kind, [])
        numbers.append(kind)
        return f"{kind}-{len(numbers)}"

    def _new(self, kind: str) -> str:
        name = self._next(kind)
        self.ids.setdefault(kind, []).append(name)
        return name

    def _known(self, kind: str) -> str:
        """Mostly one that is known; sometimes the one that comes next."""
        names = self.ids.get(kind, [])
        if not names or self.rng.random() < 0.1:
            return f"{kind}-{len(names) + 1}"
        return self.rng.choice(names[-4:])

    def _some_invoice(self) -> str:
        if self.rng.random() < 0.05:
            return f"I-{len(self.invoices) + 1}"
        return str(self.rng.choice(self.invoices[-4:])["invoice_id"])

    def _amount(self) -> int:
        """Round amounts meet the open amounts; odd ones do not."""
        contract: Contract | None = self.auditor.contracts.get(KEY)
        status = None if contract is None else contract.out.status
        if status is not None and self.rng.random() < self.exact:
            exact = self.rng.choice(("open_amount", "overdue_amount"))
            return int(status["data"][exact]) + (int(status["data"]["costs"]) if self.rng.random() < 0.5 else 0)
        return self.rng.choice((0, 1, 400, 500, 999, 1000, 1000, 1234, 2000, 5000, 9000))

    def _currency(self) -> str:
        return "USD" if len(self.invoices) > 1 and self.rng.random() < 0.03 else "EUR"

    def _day(self, low: int = 0, high: int = 0) -> date:
        return (self.now + timedelta(days=self.rng.randint(low, high))).date()

    def _money_day(self) -> date:
        """Around today, or around a due date."""
        if self.rng.random() < 0.3:
            due_on = date.fromisoformat(self.rng.choice(self.invoices)["due_on"])
            return due_on + timedelta(days=self.rng.randint(-1, 1))
        return self._day(*self.rng.choice(((0, 0), (-2, 0), (-20, 0), (0, 4))))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self.auditor.apply(line)
        self.count += line["topic"] != topics.TIMERS


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
