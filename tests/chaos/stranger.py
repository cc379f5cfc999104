"""A publisher that is none of ours: librdkafka with its own partitioner, which places keys by CRC32."""

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Producer

from streams.engine.placing import partition_of
from tests.chaos.cases import Line

FLUSH_WITHIN_S = 60.0


class Stranger:
    """A context. `misplaced` counts by topic the records it has put where murmur2 would not."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._partitions = partitions
        self._failed: list[str] = []
        self.misplaced: Counter[str] = Counter()
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._producer.flush(FLUSH_WITHIN_S)

    def publish(self, lines: Iterable[Line]) -> None:
        """Returns once all are acknowledged."""
        for line in lines:
            self.sent += 1
            self._producer.produce(
                line.content["topic"], line.value, line.key, timestamp=line.time_ms, on_delivery=self._delivered
            )  # no partition: where it belongs is its own affair
        left = self._producer.flush(FLUSH_WITHIN_S)
        assert left == 0, f"{left} records are not acknowledged"
        assert not self._failed, self._failed[:3]

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(str(error))
        elif message.partition() != partition_of(message.key(), self._partitions):
            self.misplaced[message.topic()] += 1
