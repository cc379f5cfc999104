"""What one event costs as what it meets grows: contracts, receivables of a contract, past events of a contract. The fold as the engine
has it, with decoding and with encoding the new state, without a broker.

Sizes take turns, so that they share the machine's moment. The CPU of a round is of `events` events, each for another contract than the
one before it.
"""

import gc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Final

from bench.layout import core_processor
from bench.measuring import cpu_s, settings, tell
from bench.workload import made
from schemas import topics
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.protocol import Keyed, Record
from streams.processor import EscalationProcessor

FIRST: Final = date(2025, 1, 1)
LATER: Final = FIRST + timedelta(days=10 * 365)
"""When everything is measured: behind the longest history."""
ALIKE: Final = 50
"""Contracts of one size where a contract's own size is what grows."""


class Fold:
    """Contracts of one size, ready to be measured."""

    def __init__(self, contracts: int, receivables: int, history: int) -> None:
        self._processor: EscalationProcessor = core_processor(lambda: None)
        self._shared = self._processor.initial_shared()
        self._states: dict[bytes, Any] = {}
        self._numbers = count()
        self._paid = count()
        for contract in range(contracts):
            self._prepare(contract, receivables, history)
        self._contracts = contracts

    def measure(self, events: int) -> float:
        """Seconds of CPU that `events` payments of one cent take, of contracts that take turns."""
        step = max(1, self._contracts // events)
        turns = [number * step % self._contracts for number in range(events)]
        records = [self._payment(contract, f"M-{next(self._paid):09d}", 1, LATER) for contract in turns]
        gc.collect()
        began_s = cpu_s()
        for record in records:
            self._apply(record)
        return cpu_s() - began_s

    def state_bytes(self) -> float:
        """Encoded, in the mean of up to `ALIKE` contracts."""
        some = [self._processor.dump(state) for _, state in zip(range(ALIKE), self._states.values(), strict=False)]
        return sum(map(len, some)) / len(some)

    def _prepare(self, contract: int, receivables: int, history: int) -> None:
        """Past events are receivables and their payments, one after the other, evenly spread; what is open is issued last."""
        for past in range(history // 2):
            day = FIRST + timedelta(days=past * 3_600 // max(1, history // 2))
            self._apply(self._invoice(contract, f"H-{contract}-{past}", day))
            self._apply(self._payment(contract, f"H-{contract}-{past}", 4990, day + timedelta(days=1)))
        for number in range(receivables):
            self._apply(self._invoice(contract, f"R-{contract}-{number}", LATER - timedelta(days=1)))

    def _invoice(self, contract: int, name: str, day: date) -> Record:
        due_on = str(day + timedelta(14))
        data = {"invoice_id": name, "number": name, "issued_on": str(day), "due_on": due_on, "amount": 4990, "currency": "EUR"}
        return self._record(topics.INVOICES, "invoice.issued", contract, day, data)

    def _payment(self, contract: int, name: str, amount_minor: int, day: date) -> Record:
        data = {"payment_id": name, "amount": amount_minor, "currency": "EUR", "value_date": str(day)}
        return self._record(topics.PAYMENTS, "payment.received", contract, day, data)

    def _record(self, topic: str, kind: str, contract: int, day: date, data: dict[str, object]) -> Record:
        number = next(self._numbers)
        event = made(topic, kind, contract, number, datetime(day.year, day.month, day.day, 12, tzinfo=UTC), data)
        return Record(event.topic, 0, number, event.timestamp_ms, event.key, event.value)

    def _apply(self, record: Record) -> None:
        decoded, key = self._processor.decode(record), record.key
        if not isinstance(decoded, Keyed) or key is None:
            raise SystemExit(f"the workload holds a record that is no event: {decoded}")
        applied = self._processor.apply(self._shared, key, self._states.get(key), decoded.event, record)
        if applied.refused is not None or applied.state is None:
            raise SystemExit(f"an event of the workload was refused: {applied.refused}")
        self._states[key] = applied.state
        self._processor.dump(applied.state)


def folds(asked: dict[str, Any]) -> Iterator[tuple[int, Fold]]:
    """By size: what is measured."""
    for size in asked["sizes"]:
        contracts, receivables, history = {
            "contracts": (size, 1, 0),
            "receivables": (ALIKE, size, 0),
            "history": (ALIKE, 1, size),
        }[asked["of"]]
        yield size, Fold(contracts, receivables, history)


def main() -> None:
    asked = settings()
    ready = dict(folds(asked))
    rounds = [{size: fold.measure(asked["events"]) for size, fold in ready.items()} for _ in range(asked["rounds"])]
    sizes = [
        {"size": size, "cpu_us": 1e6 * min(one[size] for one in rounds) / asked["events"], "state_bytes": fold.state_bytes()}
        for size, fold in ready.items()
    ]
    tell(of=asked["of"], sizes=sizes)


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    main()
