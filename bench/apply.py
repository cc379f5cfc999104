"""One event through the rules, alone: `python -m bench.apply` (part of `make bench`).

The median of `decode` and of `apply` over the events of the benchmark, beside `json.loads` of the same events, in one process, each event
timed by all three in turn: so they share the machine's moment, and the ratio is worth more than the microseconds. `apply` is what the
engine calls: the rules, and what they tell as bytes. Writes `bench/results/apply.json`.
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
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.protocol import Keyed, Record

RESULTS: Final = Path(__file__).parent / "results" / "apply.json"
EVENTS: Final = 50_000
EVENTS_A_CONTRACT: Final = 5
TARGET_US: Final = 20.0
"""What one `apply` may take in the median."""


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
    loads_us, decode_us, apply_us = (median(column) / 1000 for column in taken_ns)
    return {"json_loads_us": loads_us, "decode_us": decode_us, "apply_us": apply_us, "apply_to_json_loads": apply_us / loads_us}


def _timed(events: int) -> Iterator[tuple[int, int, int]]:
    """Nanoseconds of `json.loads`, `decode` and `apply` of each event."""
    processor = core_processor(lambda: None)
    shared, states = processor.initial_shared(), dict[bytes, Any]()
    for number, made in enumerate(lives(events, events // EVENTS_A_CONTRACT)):
        record = Record(made.topic, 0, number, made.timestamp_ms, made.key, made.value)
        state = states.get(made.key)
        began = perf_counter_ns()
        json.loads(made.value)
        loaded = perf_counter_ns()
        decoded = processor.decode(record)
        read = perf_counter_ns()
        if not isinstance(decoded, Keyed):
            raise SystemExit(f"the workload holds a record that is no event: {decoded}")
        applying = perf_counter_ns()
        states[made.key] = processor.apply(shared, made.key, state, decoded.event, record).state
        yield loaded - began, read - loaded, perf_counter_ns() - applying


if __name__ == "__main__":
    main()
