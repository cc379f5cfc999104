"""What the engine counts. Plain counters, changed once a batch; the worker exports them to Prometheus.

Labels are bounded: topics, partitions and what a processor calls kinds and reasons, at most `METRIC_LABELS` of each; never a key.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.engine.limits import METRIC_LABELS

BATCH_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """Observations by upper bound, as Prometheus counts them (not cumulated)."""

    bounds: tuple[float, ...] = BATCH_SECONDS_BUCKETS
    counts: Counter[float] = field(default_factory=Counter)
    total: float = 0.0

    def observe(self, value: float) -> None:
        self.counts[next((bound for bound in self.bounds if value <= bound), float("inf"))] += 1
        self.total += value


@dataclass(slots=True)
class Metrics:
    """Counters of one engine since its process began."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events applied, by (topic, kind)."""
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records passed over as none of our business, by (topic, kind)."""
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (topic, reason)."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of these the events that could be read and the processor refused, by (kind, reason)."""
    rerouted: Counter[str] = field(default_factory=Counter)
    """Misplaced records forwarded, by the topic whose publisher should be told."""
    outputs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records written, by (topic, kind); without changelog and journal."""
    transactions: Counter[str] = field(default_factory=Counter)
    """By outcome: committed, aborted, fenced."""
    failures: Counter[str] = field(default_factory=Counter)
    """Unexpected exceptions of our own code, by class."""
    takes: Counter[str] = field(default_factory=Counter)
    """Partitions taken, by outcome: taken, refused."""
    recovered: int = 0
    """Changelog offsets read back."""
    keys_visited: int = 0
    visits_failed: int = 0
    """Visits at which our own code failed; of a run of them for one key the first is a dead letter."""
    ticks: int = 0
    ticks_ignored: int = 0
    """Ticks older than one applied before them: a second source of ticks."""
    last_tick_ms: int = 0
    """Time of the latest tick applied; 0 before the first."""
    tick_wait_seconds: float = 0.0
    """Time ticks stood at their barrier for records behind a publisher's open transaction."""
    batch_seconds: Histogram = field(default_factory=Histogram)

    def add(
        self,
        events: Mapping[tuple[str, str], int],
        skipped: Mapping[tuple[str, str], int],
        dead_letters: Mapping[tuple[str, str], int],
        refused: Mapping[tuple[str, str], int],
        rerouted: Mapping[str, int],
        outputs: Mapping[tuple[str, str], int],
        visited: int,
    ) -> None:
        """Add what one committed transaction did."""
        _add_bounded(self.events, events)
        _add_bounded(self.skipped, skipped)
        _add_bounded(self.dead_letters, dead_letters)
        _add_bounded(self.refused, refused)
        _add_bounded(self.outputs, outputs)
        self.rerouted.update(rerouted)
        self.keys_visited += visited


def _add_bounded(counter: Counter[tuple[str, str]], counts: Mapping[tuple[str, str], int]) -> None:
    for (first, second), count in counts.items():
        known = (first, second) in counter or len(counter) < METRIC_LABELS
        counter[first, second if known else "other"] += count
