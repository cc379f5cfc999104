"""A life told by hand, and what the auditor and the core each make of it: both must come to the values that were worked out on paper.

Every day counts (`working_days_only: false`, no calendar) unless a tale says otherwise; times are UTC, ticks at noon.
"""

from datetime import date, timedelta
from typing import Any

from schemas import codec, topics
from streams.processor import EscalationProcessor
from tests.auditor.compare import Line, Told, actual, expected
from tests.auditor.ids import made_of
from tests.auditor.life import KEY

LADDER: dict[str, Any] = {
    "policy": "standard",
    "time_zone": "Europe/Berlin",
    "working_days_only": False,
    "steps": [
        {"kind": "remind", "day": 5, "level": 1},
        {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}},
        {"kind": "hand_over", "day": 30},
    ],
}
"""R1 of a tale is due 2026-01-19: reminders on 24 January and 2 February, handover on 18 February."""
JUDGES = ("auditor", "core")


class Tale:
    """Lines in the order in which they are applied."""

    def __init__(self, **changes: Any) -> None:
        self.lines: list[Line] = []
        content = LADDER | changes
        data = {"tenant": "acme", "policy": content["policy"], "version": 1, "content": content}
        self._timer("policy.applied", "2025-01-01T00:00:00Z", data)

    def event(self, kind: str, at: str, /, **data: Any) -> None:
        """At 09:00 of a day, or at a moment."""
        value = self._value(kind, at if "T" in at else f"{at}T09:00:00Z", data) | {"subject": "C-1", "tenant": "acme"}
        self.lines.append({"topic": _topic(kind), "key": KEY, "value": value})

    def invoice(self, name: str = "R1", at: str = "2026-01-05", due: str = "2026-01-19", amount: int = 10_000, **more: Any) -> None:
        data = {"invoice_id": name, "issued_on": at, "due_on": due, "amount": amount, "currency": "EUR"} | more
        self.event("invoice.issued", at, **data)

    def pays(self, name: str, at: str, amount: int, **more: Any) -> None:
        data = {"payment_id": name, "amount": amount, "currency": "EUR", "value_date": at} | more
        self.event("payment.received", at, **data)

    def orders(self, kind: str, at: str, /, **data: Any) -> None:
        self.event(kind, at, by="ann", **data)

    def replies(self, kind: str, at: str, /, attempt: int = 1, **data: Any) -> None:
        """To the handover of this attempt in cycle 1."""
        self.event(kind, at, handover_id=made_of(KEY, 1, attempt), occurred_at=f"{at}T08:00:00Z", **data)

    def tick(self, at: str) -> None:
        """One tick, at noon UTC unless `at` is a moment."""
        now = f"{at}T12:00:00Z" if len(at) == 10 else at
        self._timer("clock.ticked", now, {"now": now, "skew": 0})

    def days(self, first: str, last: str) -> None:
        """A tick at noon of each day, both included."""
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            self.tick(str(day))
            day += timedelta(days=1)

    def by(self, judge: str) -> "Verdict":
        return Verdict(expected(self.lines) if judge == "auditor" else actual(self.lines, EscalationProcessor()))

    def _timer(self, kind: str, time: str, data: dict[str, Any]) -> None:
        self.lines.append({"topic": topics.TIMERS, "key": None, "value": self._value(kind, time, data)})

    def _value(self, kind: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
        name = f"e{len(self.lines)}"
        return {"specversion": "1.0", "id": name, "source": "/hand", "type": kind, "time": time, "data": data}


class Verdict:
    """What one of the two says, in short."""

    def __init__(self, told: Told) -> None:
        self.told = told

    @property
    def status(self) -> Any:
        """The row case-status, None once it was forgotten."""
        row = self.told.status[KEY]
        return None if row is None else row["data"]

    def now(self, *names: str) -> list[Any]:
        return [self.status[name] for name in names]

    @property
    def history(self) -> list[tuple[str, str]]:
        """(day, status) of each change of status."""
        rows = [record["data"] for record in self.told.lists["case-history"]]
        return [(row["changed_at"][:10], row["to"]) for row in rows if row["from"] != row["to"]]

    def notices(self, kind: str, *names: str) -> list[Any]:
        """Day of each notice of this kind, with these of its fields."""
        rows = [one for one in self.told.lists["notices"] if one["type"] == f"notice.{kind}"]
        return [(one["time"][:10], *(one["data"][name] for name in names)) if names else one["time"][:10] for one in rows]

    def commands(self, *names: str) -> list[Any]:
        """Day and type of each command, with these of its fields where it has them."""
        rows = self.told.lists["commands"]
        return [(one["time"][:10], one["type"], *(one["data"][name] for name in names if name in one["data"])) for one in rows]

    @property
    def refused(self) -> list[str]:
        return [str(letter["id"]) for letter in self.told.lists["dead-letters"]]


def _topic(kind: str) -> str:
    return next(one for one in (*topics.BILLING_INPUTS, topics.INSTRUCTIONS, topics.REPLIES) if kind in codec.event_classes(one))
