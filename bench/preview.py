"""`policy preview` of a cluster's worth of contracts, 90 days ahead: `python -m bench.preview` (part of `make bench`).

Every contract has a receivable that falls due in the weeks around the first day, so all of them climb the whole ladder within the 90 days:
the most that a preview can have to do. Writes `bench/results/preview.json`.
"""

import argparse
import json
import resource
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.layout import POLICY
from mahnlauf.policy_preview import ALONE_MAX, Group, Plan, preview
from schemas import topics
from schemas.policy import Policy
from streams.engine.protocol import Keyed, Record
from streams.processor import EscalationProcessor

RESULTS: Final = Path(__file__).parent / "results" / "preview.json"
CONTRACTS: Final = 100_000
DAYS: Final = 90
FIRST: Final = date(2026, 3, 2)
TARGET_S: Final = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    contracts: int = parser.parse_args().contracts
    groups = list(_groups(contracts))
    plan = Plan(Policy.model_validate_json(POLICY).model_copy(update={"policy": "standard"}), FIRST, DAYS, time(12))
    began, spent = perf_counter(), _cpu_s()
    found = preview(groups, plan, lambda done, total: None)
    figures = {
        "contracts": contracts,
        "days": DAYS,
        "seconds": perf_counter() - began,
        "cpu_seconds": _cpu_s() - spent,
        "target_seconds": TARGET_S,
        "sent": sum(found.sent.values()),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, figure in figures.items():
        print(f"{name}: {figure:,.1f}")


def _cpu_s() -> float:
    """Of this process and of those that ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _groups(contracts: int) -> Iterator[Group]:
    processor = EscalationProcessor()
    shared = processor.initial_shared()
    for begin in range(0, contracts, ALONE_MAX):
        numbers = range(begin, min(begin + ALONE_MAX, contracts))
        yield Group(processor.dump_shared(shared), tuple(_state(processor, number) for number in numbers))


def _state(processor: EscalationProcessor, number: int) -> tuple[bytes, bytes]:
    key = f"bench/C-{number:07d}"
    due = FIRST - timedelta(days=number % 40 - 10)
    data = {"invoice_id": f"I-{number}", "issued_on": str(due - timedelta(14)), "due_on": str(due), "amount": 4_990, "currency": "EUR"}
    at = datetime.combine(due - timedelta(days=14), time(9), UTC)
    value = {"specversion": "1.0", "id": f"e-{number}", "source": "/bench", "type": "invoice.issued", "subject": key.partition("/")[2]}
    text = json.dumps({**value, "time": at.isoformat(), "tenant": "bench", "data": data}).encode()
    record = Record(topics.INVOICES, 0, number, int(at.timestamp() * 1000), key.encode(), text)
    decoded = processor.decode(record)
    assert isinstance(decoded, Keyed), decoded
    state = processor.apply(processor.initial_shared(), key.encode(), None, decoded.event, record).state
    assert state is not None
    return key.encode(), processor.dump(state)


if __name__ == "__main__":
    main()
