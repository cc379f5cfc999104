"""What stands behind a transaction that somebody leaves open on an input: it can't be read, and a person should know.

Kafka ends a forgotten transaction after its publisher's timeout, a minute mostly, and the partition goes on by itself. A cluster of one
broker that stopped may forget an end that was promised (docs/guarantees.md); such a transaction stays open until a person ends it.
"""

import logging
from collections.abc import Mapping
from typing import Final

log = logging.getLogger(__name__)

TOLD_AFTER_S: Final = 30.0
"""Publishers commit within seconds: what stays open for longer was left open, or its end is lost."""


class Hidden:
    """Watches one partition's inputs."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._since: dict[str, tuple[int, float]] = {}
        self._told: set[tuple[str, int]] = set()

    def reason(self, begins: Mapping[str, int], now_s: float) -> str:
        """What a person must know; empty: nothing. `begins`: of each input of which nothing more can be read, the offset of the open
        transaction. Each is logged once."""
        self._since = {topic: self._first_seen(topic, offset, now_s) for topic, offset in begins.items()}
        long_open = {topic: offset for topic, (offset, since_s) in self._since.items() if now_s - since_s > TOLD_AFTER_S}
        for topic, offset in long_open.items() - self._told:
            log.warning("partition %d waits: %s", self._partition, self._words(topic, offset))
        self._told = set(long_open.items())
        return "; ".join(self._words(topic, offset) for topic, offset in long_open.items())

    def _first_seen(self, topic: str, offset: int, now_s: float) -> tuple[int, float]:
        known = self._since.get(topic)
        return known if known is not None and known[0] == offset else (offset, now_s)

    def _words(self, topic: str, offset: int) -> str:
        return (
            f"{topic}-{self._partition}: somebody's transaction is open since offset {offset} for more than {TOLD_AFTER_S:.0f} s, and "
            "nothing behind it can be read. It ends with its publisher, or after the publisher's transaction timeout; if it stays open, "
            "see it with `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort`. This partition goes on by "
            "itself then"
        )
