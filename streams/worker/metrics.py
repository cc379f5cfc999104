"""What Prometheus reads of a worker: names and labels as in `docs/metrics.md`. Everything is taken from the engine when it is asked for.

Labels are bounded: topics, types, reasons, partitions; never a contract, never a tenant.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streams.engine.engine import PartitionHealth
from streams.engine.metrics import Histogram
from streams.engine.partition import Phase
from streams.escalation.intake import CURRENCY_MISMATCH
from streams.escalation.law import base_rate
from streams.worker.census import Census
from streams.worker.observed import ObservedEngine

DROPPED = ("invoice.issued", CURRENCY_MISMATCH)
"""`escalation.md` 1: a claim in another currency than its contract's."""
Kind: TypeAlias = type[CounterMetricFamily] | type[GaugeMetricFamily]


def registry(engine: ObservedEngine, census: Census, wall: Callable[[], float] = time.time) -> CollectorRegistry:
    """A registry of the worker's own, with the process's CPU and memory beside the engine's figures."""
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    own.register(WorkerCollector(engine, census, wall))
    return own


class WorkerCollector(Collector):
    """The engine's counters, the condition of its partitions, the census. `wall` tells the time in seconds since 1970."""

    def __init__(self, engine: ObservedEngine, census: Census, wall: Callable[[], float]) -> None:
        self._engine = engine
        self._census = census
        self._wall = wall

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._gauges(self._engine.health().partitions)
        yield from self._totals()
        yield from self._law()

    def _counters(self) -> Iterator[Metric]:
        counted = self._engine.metrics
        yield _by_two("events", "Events applied", ("topic", "type"), counted.events)
        yield _by_two("skipped", "Records passed over as none of our business", ("topic", "type"), counted.skipped)
        yield _by_two("dead_letters", "Records that could not be read or applied", ("topic", "reason"), counted.dead_letters)
        yield _plain("claims_dropped", "Invoices in another currency than their contract's: nobody claims them", counted.refused[DROPPED])
        yield _by_one("rerouted", "Misplaced records forwarded, by the topic they were published to", "topic", counted.rerouted)
        yield _by_two("outputs", "Records written", ("topic", "type"), counted.outputs)
        yield _by_one("transactions", "Transactions", "outcome", counted.transactions)
        yield _by_one("failures", "Unexpected exceptions of our own code", "error", counted.failures)
        yield _by_one("takes", "Partitions taken", "outcome", counted.takes)
        yield _plain("recovered_records", "Changelog offsets read back", counted.recovered)
        yield _plain("visited_contracts", "Contracts visited by ticks", counted.keys_visited)
        yield _plain("failed_visits", "Visits at which our own code failed", counted.visits_failed)
        yield _plain("ticks", "Ticks applied, counted for each partition", counted.ticks)
        yield _plain("ticks_ignored", "Ticks older than one applied before them", counted.ticks_ignored)
        yield _gauge("clock_timestamp_seconds", "Time of the latest tick applied; 0 before the first", counted.last_tick_ms / 1000)
        yield _plain("tick_wait_seconds", "Time ticks waited for records behind an open transaction", counted.tick_wait_seconds)
        yield _histogram("batch_seconds", "From a transaction's first record to its commit", counted.batch_seconds)

    def _gauges(self, parts: Sequence[PartitionHealth]) -> Iterator[Metric]:
        ages_s = {part.partition: self._age_s(part) for part in parts}
        phases = Counter(part.phase for part in parts)
        yield _by_phase(phases)
        yield _gauge("partitions_stopped", "Partitions that stand still until a person acts", phases[Phase.STOPPED])
        hidden = sum(part.phase is Phase.RUNNING and bool(part.reason) for part in parts)
        yield _gauge("partitions_behind_open_transactions", "Partitions that can't read an input behind a transaction left open", hidden)
        yield _by_partition("lag_records", "Records known to the broker and not applied", {part.partition: part.lag for part in parts})
        yield _by_partition("lag_seconds", "Age of the oldest event not applied", ages_s)
        yield _gauge("oldest_unapplied_seconds", "Age of the oldest event not applied, of all partitions", max(ages_s.values(), default=0))
        left = {part.partition: _left_to_recover(part) for part in parts}
        yield _by_partition("recovery_remaining_records", "Changelog offsets still to be read back", left)

    def _totals(self) -> Iterator[Metric]:
        totals = self._census.totals(self._engine.partitions)
        yield _by_labels(GaugeMetricFamily, "contracts", "Contracts", ("status",), [((name,), n) for name, n in totals.contracts.items()])
        labels, told = ("status", "currency"), "What is overdue, in minor units"
        yield _by_labels(GaugeMetricFamily, "overdue_minor", told, labels, totals.overdue_minor.items())

    def _law(self) -> Iterator[Metric]:
        """By the clock of ticks, as the rules ask the tables; nothing before the first."""
        now_ms = self._engine.metrics.last_tick_ms
        if now_ms:
            left = base_rate.days_left(datetime.fromtimestamp(now_ms / 1000, UTC).date())
            told = "Days for which a table of the law still has an answer"
            yield _by_labels(GaugeMetricFamily, "law_days_left", told, ("table",), [((base_rate.TABLE.name,), left)])

    def _age_s(self, part: PartitionHealth) -> float:
        return 0.0 if part.oldest_timestamp_ms is None else max(0.0, self._wall() - part.oldest_timestamp_ms / 1000)


def _left_to_recover(part: PartitionHealth) -> int:
    if part.phase is not Phase.RECOVERING or part.recovery is None:
        return 0
    return max(0, part.recovery.end - part.recovery.position)


def _by_phase(counts: Mapping[Phase, int]) -> Metric:
    family = GaugeMetricFamily("mahnlauf_partitions", "Partitions held, by how they stand", labels=("phase",))
    for phase in Phase:
        family.add_metric((phase.name.lower(),), counts.get(phase, 0))
    return family


def _by_partition(name: str, told: str, values: Mapping[int, float]) -> Metric:
    return _by_labels(GaugeMetricFamily, name, told, ("partition",), [((str(number),), values[number]) for number in sorted(values)])


def _by_one(name: str, told: str, label: str, counts: Mapping[str, float]) -> Metric:
    return _by_labels(CounterMetricFamily, name, told, (label,), [((value,), count) for value, count in counts.items()])


def _by_two(name: str, told: str, labels: tuple[str, str], counts: Mapping[tuple[str, str], float]) -> Metric:
    return _by_labels(CounterMetricFamily, name, told, labels, counts.items())


def _by_labels(kind: Kind, name: str, told: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = kind(f"mahnlauf_{name}", told, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _plain(name: str, told: str, count: float) -> Metric:
    return CounterMetricFamily(f"mahnlauf_{name}", told, value=count)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mahnlauf_{name}", told, value=value)


def _histogram(name: str, told: str, observed: Histogram) -> Metric:
    cumulated, total = [], 0
    for bound in (*observed.bounds, float("inf")):
        total += observed.counts[bound]
        cumulated.append(("+Inf" if bound == float("inf") else str(bound), total))
    return HistogramMetricFamily(f"mahnlauf_{name}", told, buckets=cumulated, sum_value=observed.total)
