"""The core inside quixstreams, exactly once: what a user of quixstreams would have who had our rules.

One stateful function over the billing topics, which quixstreams merges by time as our engine does; the state is the core's own bytes in
its RocksDB store, and every record the core tells is written, under its own topic and time. It has no ticks, journal and dead letters.
"""

from collections.abc import Callable
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models import Serializer

from bench.layout import core_processor
from bench.measuring import Run, settings
from schemas import topics
from streams.engine.protocol import Keyed, Output, Record
from streams.escalation import outputs
from streams.processor import EscalationProcessor

CONTRACT = "contract"


class Told(Serializer):
    """Writes what the core told: it is bytes already."""

    def __call__(self, *args: Any, **named: Any) -> bytes:
        told: bytes = args[0].value
        return told


def main() -> None:
    asked, run = settings(), Run()
    app = Application(
        broker_address=asked["bootstrap"],
        consumer_group=asked["app"],
        processing_guarantee="exactly-once",
        auto_offset_reset="earliest",
        state_dir=asked["state_folder"],
        loglevel="WARNING",
    )
    sources = [app.topic(name, value_deserializer="bytes", key_deserializer="bytes") for name in topics.BILLING_INPUTS]
    targets = {name: app.topic(name, value_serializer=Told(), key_serializer="bytes") for name in sorted(set(outputs.TOPICS.values()))}
    frames = [app.dataframe(source) for source in sources]
    merged = frames[0]
    for frame in frames[1:]:
        merged = merged.concat(frame)
    step = stepping(core_processor(run.begin), asked["events"], app.stop)
    told = merged.apply(step, stateful=True, expand=True, metadata=True)
    told = told.set_timestamp(lambda output, key, timestamp_ms, headers: output.timestamp_ms)
    told.to_topic(lambda output, key, timestamp_ms, headers: targets[output.topic])
    app.run()
    run.end(asked["events"])


def stepping(processor: EscalationProcessor, events: int, over: Callable[[], None]) -> Callable[..., list[Output]]:
    """The function of each event; calls `over` after the last one."""
    shared, done = processor.initial_shared(), 0

    def step(value: bytes, key: bytes, timestamp_ms: int, headers: Any, state: Any) -> list[Output]:
        nonlocal done
        where = message_context()
        record = Record(where.topic, where.partition, where.offset, timestamp_ms, key, value)
        decoded = processor.decode(record)
        if not isinstance(decoded, Keyed):
            raise SystemExit(f"the workload holds a record that is no event: {decoded}")
        kept = state.get_bytes(CONTRACT)
        before = None if kept is None else processor.load(kept, processor.state_version)
        applied = processor.apply(shared, key, before, decoded.event, record)
        if applied.state is None:
            state.delete(CONTRACT)
        elif applied.state is not before:
            state.set_bytes(CONTRACT, processor.dump(applied.state))
        done += 1
        if done == events:
            over()
        return list(applied.outputs)

    return step


if __name__ == "__main__":
    main()
