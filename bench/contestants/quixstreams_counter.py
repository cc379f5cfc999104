"""quixstreams with the same counter, exactly once or with `guarantee`: a stateful function over one topic, its changelog on the broker,
into one topic."""

from typing import Any

from quixstreams import Application

from bench.counting import OUT_TOPIC, Counted, count, dump, load, read
from bench.layout import COUNTER_INPUT
from bench.measuring import Run, settings


def main() -> None:
    asked = settings()
    run = Run()
    app = Application(
        broker_address=asked["bootstrap"],
        consumer_group=asked["app"],
        processing_guarantee=asked.get("guarantee", "exactly-once"),
        auto_offset_reset="earliest",
        state_dir=asked["state_folder"],
        loglevel="WARNING",
    )
    source = app.topic(COUNTER_INPUT, value_deserializer="bytes", key_deserializer="bytes")
    target = app.topic(OUT_TOPIC, value_serializer="bytes", key_serializer="bytes")

    def step(value: bytes, state: Any) -> bytes:
        run.begin()
        event = read(value)
        kept = state.get_bytes("counted")
        before: Counted | None = None if kept is None else load(kept)
        after, told = count(before, event)
        state.set_bytes("counted", dump(after))
        return told

    frame = app.dataframe(source).apply(step, stateful=True)
    frame.to_topic(target)
    app.run(count=asked["events"])
    run.end(asked["events"])


if __name__ == "__main__":
    main()
