"""One event through the rules, alone: `python -m bench.apply` (part of `make bench`).

The median of `decode` and of `apply` over the events of the benchmark, beside `json.loads` of the same events, in one process, each event
timed by all in turn: so they share the machine's moment, and the ratios are worth more than the microseconds. `apply` is what the engine
calls: the rules, and what they tell as bytes; under the policy of the other benchmarks, and under one that asks for everything there is.
Writes `bench/results/apply.json`.
"""

import argparse
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

from bench.layout import core_processor
from bench.workload import lives
from schemas.policy import Policy
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.protocol import Keyed, Record
from streams.processor import EscalationProcessor

RESULTS: Final = Path(__file__).parent / "results" / "apply.json"
EVENTS: Final = 50_000
EVENTS_A_CONTRACT: Final = 5
TARGET_US: Final = 20.0
"""What one `apply` may take in the median."""
ALL_FEATURES: Final = {
    "policy": "bench",
    "time_zone": "Europe/Berlin",
    "calendar": {"country": "DE", "subdivision": "HE"},
    "minimum_open": {"EUR": 500},
    "default": "due_date",
    "interest": {"kind": "statutory"},
    "breathing_space": {"days": 14, "from": "first_step"},
    "instalment_reminder": {"days_before": 3},
    "confirm_payments": True,
    "win_back": {"days_after": 14},
    "payment_link": "https://pay.example/{tenant}/{contract}/{cycle}",
    "starts_on": "2025-01-01",
    "ramp": {"days": 10},
    "forget_after": 36,
    "fresh_payments": 3,
    "steps": [
        {"kind": "remind", "day": 5, "level": 1},
        {"kind": "remind", "day": 14, "level": 2, "fee": {"EUR": 250}},
        {"kind": "offer_payment", "day": 20, "methods": ["link", "qr", "barcode"]},
        {"kind": "call", "day": 24, "max_attempts": 3, "every_days": 2},
        {"kind": "signal", "day": 26, "name": "block", "minimum": {"EUR": 1000}},
        {"kind": "hand_over", "day": 30, "approval": "required", "accounts": [{"account": "main", "when": {"amount_from": 2000}}]},
    ],
}
"""A policy with every key."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    events: int = parser.parse_args().events
    gc.set_threshold(*GC_THRESHOLDS)
    figures = {"events": events, "target_us": TARGET_US, **_figures(events)}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, figure in figures.items():
        print(f"{name}: {figure:,.1f}")


def _figures(events: int) -> dict[str, float]:
    taken_ns = list(zip(*_timed(events), strict=True))
    loads_us, decode_us, apply_us, all_us = (median(column) / 1000 for column in taken_ns)
    summed = [sum(column) for column in taken_ns]
    return {
        "json_loads_us": loads_us,
        "decode_us": decode_us,
        "apply_us": apply_us,
        "apply_to_json_loads": apply_us / loads_us,
        "apply_all_features_us": all_us,
        "all_features_to_few_median": all_us / apply_us,
        "all_features_to_few_mean": summed[3] / summed[2],
    }


def _timed(events: int) -> Iterator[tuple[int, ...]]:
    """Nanoseconds of `json.loads`, `decode`, `apply` and `apply` with all features, of each event."""
    few, everything = core_processor(lambda: None), EscalationProcessor((Policy.model_validate_json(json.dumps(ALL_FEATURES)),))
    known: tuple[dict[bytes, Any], ...] = ({}, {})
    for number, made in enumerate(lives(events, events // EVENTS_A_CONTRACT)):
        record = Record(made.topic, 0, number, made.timestamp_ms, made.key, made.value)
        began = perf_counter_ns()
        json.loads(made.value)
        loaded = perf_counter_ns()
        decoded = few.decode(record)
        read = perf_counter_ns()
        if not isinstance(decoded, Keyed):
            raise SystemExit(f"the workload holds a record that is no event: {decoded}")
        applied = [_apply_ns(processor, states, decoded.event, record) for processor, states in zip((few, everything), known, strict=True)]
        yield loaded - began, read - loaded, *applied


def _apply_ns(processor: EscalationProcessor, states: dict[bytes, Any], event: Any, record: Record) -> int:
    assert record.key is not None
    shared, state = processor.initial_shared(), states.get(record.key)
    began = perf_counter_ns()
    states[record.key] = processor.apply(shared, record.key, state, event, record).state
    return perf_counter_ns() - began


if __name__ == "__main__":
    main()
