"""The bare fold: the same events through the same processor, one after another, without a broker. What is left of a worker's CPU when
this is taken away is what exactly-once processing costs."""

import gc
from typing import Any

from bench.layout import COUNTER_INPUT, core_processor, counter_processor
from bench.measuring import Run, settings
from bench.workload import counted, lives
from streams.engine.limits import GC_THRESHOLDS
from streams.engine.protocol import Keyed, Record


def main() -> None:
    asked, run = settings(), Run()
    size = asked["events"], asked["contracts"]
    core = asked["processor"] == "core"
    made = lives(*size) if core else counted(COUNTER_INPUT, *size)
    records = [Record(event.topic, 0, number, event.timestamp_ms, event.key, event.value) for number, event in enumerate(made)]
    processor: Any = core_processor(run.begin) if core else counter_processor(asked["processor"], run.begin)
    shared, states = processor.initial_shared(), dict[bytes, Any]()
    for record in records:
        decoded = processor.decode(record)
        if not isinstance(decoded, Keyed) or record.key is None:
            raise SystemExit(f"the workload holds a record that is no event: {decoded}")
        states[record.key] = processor.apply(shared, record.key, states.get(record.key), decoded.event, record).state
    run.end(len(records))


if __name__ == "__main__":
    gc.set_threshold(*GC_THRESHOLDS)
    main()
