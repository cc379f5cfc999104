"""Random lives: what may happen to one contract, in a plausible but nasty mixture. The same seed gives the same life.

A life is a list of input lines `{"topic", "key", "value"}` in the order in which they are applied, settings and ticks included.
The generator asks the auditor how things stand, so that replies find a handover and orders come at likely and unlikely moments.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from schemas import topics
from tests.auditor.answers import Answers
from tests.auditor.handover import OPEN
from tests.auditor.orders import Orders
from tests.auditor.policies import CALENDARS, policy
from tests.auditor.telling import KEY, Line, written
from tests.auditor.upstream import Upstream

__all__ = ["KEY", "Life", "Line"]

CREDITOR = {"name": "Acme", "address": "Ringstr. 1, Berlin", "iban": "DE02120300000000202051"}
TEMPERS = (0, 0.2, 0.2, 0.5, 1, 1, 2)
"""How much of what happens in general happens in this life: most lives are about a few things."""


class Life(Upstream, Orders, Answers):
    """A life of about `events` events, ticks not counted."""

    def __init__(self, seed: int, events: int = 50) -> None:
        super().__init__(seed)
        self._grow(events)

    # --- time and settings

    def _grow(self, events: int) -> None:
        self._apply_policy("standard")
        if self.rng.random() < 0.3:
            self._apply_policy("gentle")
        if self.rng.random() < 0.15:
            self._take_over()
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
            if self.forgets and self.rng.random() < 0.4:
                self.now += timedelta(days=self.rng.randint(380, 450))
                self._tick(self.now)
        else:
            self._tick(self.now + timedelta(hours=self.rng.choice((-50, -1, 0, 1, 5))))

    def _tick_next_day(self) -> None:
        self.now = (self.now + timedelta(days=1)).replace(hour=self.tick_hour, minute=self.rng.choice((0, 0, 0, 30)), second=0)
        self._tick(self.now)
        if self.rng.random() < 0.1:
            self._tick(self.now + timedelta(hours=3))

    def _tick(self, now: datetime) -> None:
        self._timer("clock.ticked", {"now": written(now), "skew": 0}, now)

    def _apply_policy(self, name: str) -> None:
        content = policy(self.rng, name, self.zone, self.settlement, self.now.date())
        self.forgets |= "forget_after" in content
        if self.count and self.rng.random() < 0.5:
            content["applies"] = "at_once"
        version = self._next("version-" + name)
        data = {"tenant": "acme", "policy": name, "version": int(version.rsplit("-", 1)[1]), "content": content}
        self._timer("policy.applied", data, self.now)

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
            self._configure: 1.5,
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
            self._skip: 1.5,
            self._notice_failed: 1,
            **self._rarer_weights(in_case),
        }

    def _rarer_weights(self, in_case: bool) -> dict[Callable[[], None], float]:
        return {
            self._initiate: 3,
            self._insolvency: 0.5,
            self._death: 0.5,
            self._plan: 2,
            self._cancel_plan: 0.5,
            self._balance: 1.5,
            self._take_over: 0.7,
            self._approve: 3,
            self._attempt: 3,
            self._wish: 2 if in_case else 0.3,
            self._imported: 2,
        }

    def _imported(self) -> None:
        self._timer("payments.imported", {"tenant": "acme", "until": str(self._day(-5, 1))}, self.now)

    def _again(self) -> None:
        """The same once more: the line itself, its fact in another envelope, or its fact with another amount or date."""
        line = json.loads(json.dumps(self.rng.choice(self.lines)))
        if line["topic"] == topics.TIMERS:
            return
        kind, data = self.rng.random(), line["value"]["data"]
        if kind > 0.4:
            line["value"]["id"] = self._next("e")
            line["value"]["time"] = written(self.now)
        if kind > 0.8:
            for name in ("amount", "value_date", "due_on", "until", "booked_on"):
                if name in data and self.rng.random() < 0.5:
                    data[name] = data[name] + 1 if isinstance(data[name], int) else str(self._day())
        self._add(line)

    def _policy_version(self) -> None:
        self._apply_policy(self.rng.choice(("standard", "standard", "gentle")))

    def _tenant(self) -> None:
        known = [name for name in (None, "standard", "gentle") if self.auditor.settings.newest("acme", name or "standard") is not None]
        self._timer(
            "tenant.configured",
            {
                "tenant": "acme",
                "default_policy": self.rng.choice(known),
                "creditor": self.rng.choice((None, CREDITOR)),
                "calendar": self.rng.choice(CALENDARS),
            },
            self.now,
        )
