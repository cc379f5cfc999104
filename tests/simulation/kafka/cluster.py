"""What all brokers of a cluster share: topics, groups, transactions, and which broker leads what. Nothing of it is ever lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from tests.simulation.kafka.groups import Groups
from tests.simulation.kafka.log import Log
from tests.simulation.kafka.transactions import Transactions

FIRST_PORT = 9_000


@dataclass
class Broker:
    """A node; `up` is False while it is away, and others lead what it led."""

    number: int
    up: bool = True

    @property
    def port(self) -> int:
        return FIRST_PORT + self.number


@dataclass
class Shares:
    """A cluster's whole state."""

    brokers: list[Broker]
    groups: Groups
    transactions: Transactions
    now_ms: Callable[[], int]
    topics: dict[str, list[Log]] = field(default_factory=dict)

    def log(self, topic: str, partition: int) -> Log:
        return self.topics[topic][partition]

    def create(self, topic: str, partitions: int) -> None:
        self.topics[topic] = [Log() for _ in range(partitions)]

    def leader(self, topic: str, partition: int) -> int:
        """The number of the broker that leads a partition, -1 if none is up."""
        return self._one_of(f"{topic}-{partition}")

    def coordinator(self, key: str) -> int:
        return self._one_of(key)

    def _one_of(self, name: str) -> int:
        """The first that is up, beginning at one that only the name decides."""
        count, first = len(self.brokers), crc32(name.encode())
        turns = ((first + turn) % count for turn in range(count))
        return next((number for number in turns if self.brokers[number].up), -1)


def shares(brokers: int, now_ms: Callable[[], int], marker_delay_s: Callable[[], float]) -> Shares:
    """A new cluster without topics."""
    groups = Groups()
    made = Shares([Broker(number) for number in range(brokers)], groups, None, now_ms)  # type: ignore[arg-type]  # set in the next line
    made.transactions = Transactions(made.log, groups, now_ms, marker_delay_s)
    return made
