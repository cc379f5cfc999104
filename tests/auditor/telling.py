"""How a random life is told: its lines, its clock, and how names, amounts and days are drawn."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from schemas import topics
from tests.auditor.auditor import Auditor
from tests.auditor.case import Contract

Line: TypeAlias = dict[str, Any]

KEY = "acme/C-1"
ZONES = ("Europe/Berlin", "Europe/Berlin", "Europe/Rome", "America/New_York")
CODES = ("AM04", "AM04", "MD06", "MS03", "AC04", "MD01", "MD07", "AM05", None)
HARMLESS = ("AM04", "MD06", "MS03", "AC04", None)


class Telling:
    """A life as it grows. `lines` is what has happened; `auditor` has seen it all."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.lines: list[Line] = []
        self.auditor = Auditor()
        self.count = 0
        self.invoices: list[dict[str, Any]] = []
        self.payments: list[dict[str, Any]] = []
        self.initiated: list[str] = []
        self.ids: dict[str, list[str]] = {}
        self.temper: dict[str, float] = {"_invoice": 1, "_reply": self.rng.choice((1, 2, 4))}
        self.exact = self.rng.choice((0.05, 0.2, 0.5))
        self.codes = self.rng.choice((CODES, HARMLESS, HARMLESS))
        self.zone = self.rng.choice(ZONES)
        self.settlement = self.rng.choice(("costs_first", "costs_first", "principal_first"))
        self.now = datetime(self.rng.randint(2023, 2025), self.rng.randint(1, 12), self.rng.randint(1, 28), 6, tzinfo=UTC)
        self.forgets = False
        self.tick_hour = self.rng.choice((5, 7, 12, 23))

    def _timer(self, kind: str, data: dict[str, Any], time: datetime) -> None:
        value = {"specversion": "1.0", "id": self._next("timer"), "source": "/clock", "type": kind, "time": written(time), "data": data}
        self._add({"topic": topics.TIMERS, "key": None, "value": value})

    def _event(self, topic: str, kind: str, data: dict[str, Any]) -> None:
        late = timedelta(days=self.rng.choice((1, 2, 5, 20, 60))) if self.rng.random() < 0.12 else timedelta()
        self.now += timedelta(seconds=1)
        value = {
            "specversion": "1.0",
            "id": self._next("e"),
            "source": "/billing",
            "type": kind,
            "subject": "C-1",
            "time": written(self.now - late),
            "tenant": "acme",
            "data": {name: content for name, content in data.items() if content is not None},
        }
        self._add({"topic": topic, "key": KEY, "value": value})

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


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
