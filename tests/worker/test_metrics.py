"""What is served to Prometheus: every name documented, every alert's name served, figures as the engine has them."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from connectors.delivery.metrics import Metrics as ConnectorMetrics
from connectors.delivery.metrics import WebhookMetrics
from streams.engine.changelog import Recovery
from streams.engine.engine import Health
from streams.engine.partition import Phase
from streams.worker import metrics
from streams.worker.census import Census, Standing, added
from tests.worker.stub_engine import StubEngine, part

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.findall(r"^\| `(mahnlauf_\w+)` \| (\w+) \| ?([\w, ]*?) ?\|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
NOW_S = 1_800_000_000.0


def _engine() -> StubEngine:
    parts = (
        part(0, lag=3, reason="behind a transaction", oldest_timestamp_ms=int(NOW_S * 1000) - 90_000),
        part(1, Phase.RECOVERING, recovery=Recovery(10, 30, 100)),
        part(2, Phase.STOPPED, reason="mend it"),
        part(3, oldest_timestamp_ms=int(NOW_S * 1000) + 500),
    )
    engine = StubEngine(health=Health(joined=True, ready=False, partitions=parts))
    counted = engine.metrics
    counted.events["billing.invoices", "invoice.issued"] = 7
    counted.skipped["billing.payments", "unknown type"] = 1
    counted.dead_letters["billing.payments", "not JSON"] = 2
    counted.refused["invoice.issued", "currency mismatch"] = 3
    counted.refused["payment.received", "currency mismatch"] = 8
    counted.rerouted["billing.payments"] = 4
    counted.outputs["debtor.notices", "notice.reminder"] = 5
    counted.transactions["committed"] = 6
    counted.failures["KeyError"] = 1
    counted.takes["taken"] = 4
    counted.last_tick_ms = 1_799_999_940_000
    for seconds in (0.003, 0.02, 0.02, 60.0):
        counted.batch_seconds.observe(seconds)
    return engine


class _Counted(Census):
    def __init__(self) -> None:
        super().__init__()
        self._counted[0] = added([Standing("Due", "EUR", 500), Standing("Due", "EUR", 250), Standing("Clear", "", 0)])
        self._counted[9] = added([Standing("Due", "EUR", 1_000_000)])  # held by another worker meanwhile


@pytest.fixture
def registry() -> CollectorRegistry:
    return metrics.registry(_engine(), _Counted(), wall=lambda: NOW_S)


def _ours(families: Iterable[Metric]) -> set[tuple[str, str, str]]:
    """(name as scraped, type, labels) of the families that have samples; histograms by their own name."""
    told = set()
    for family in families:
        if family.name.startswith("mahnlauf_"):
            labels = {label: None for sample in family.samples for label in sample.labels if label != "le"}
            name = family.name + ("_total" if family.type == "counter" else "")
            told.add((name, family.type, ", ".join(labels)))
    return told


def test_every_metric_is_documented_with_its_type_and_labels(registry: CollectorRegistry) -> None:
    connector, webhooks = ConnectorMetrics(), WebhookMetrics()
    for metric in (*vars(connector).values(), *vars(webhooks).values()):
        if getattr(metric, "_labelnames", ()):
            metric.labels(*("x" for _ in metric._labelnames))
    served = (registry, connector.registry, webhooks.registry)
    assert set().union(*(_ours(each.collect()) for each in served)) == set(DOCUMENTED)


def test_days_left_of_the_law_are_counted_from_the_ticks(registry: CollectorRegistry) -> None:
    """The base rate is known until 2026-12-31; the last tick was on 2027-01-15."""
    assert registry.get_sample_value("mahnlauf_law_days_left", {"table": "base rate"}) == -15
    before_the_first = metrics.registry(StubEngine(), Census(), wall=lambda: NOW_S)
    assert before_the_first.get_sample_value("mahnlauf_law_days_left", {"table": "base rate"}) is None


def test_every_alert_asks_for_a_metric_that_is_served() -> None:
    asked = set(re.findall(r"mahnlauf_\w+", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()))
    assert asked
    assert asked <= {name for name, _, _ in DOCUMENTED}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("mahnlauf_events_total", {"topic": "billing.invoices", "type": "invoice.issued"}, 7),
        ("mahnlauf_claims_dropped_total", {}, 3),
        ("mahnlauf_outputs_total", {"topic": "debtor.notices", "type": "notice.reminder"}, 5),
        ("mahnlauf_clock_timestamp_seconds", {}, 1_799_999_940),
        ("mahnlauf_batch_seconds_bucket", {"le": "0.005"}, 1),
        ("mahnlauf_batch_seconds_bucket", {"le": "0.025"}, 3),
        ("mahnlauf_batch_seconds_bucket", {"le": "10.0"}, 3),
        ("mahnlauf_batch_seconds_bucket", {"le": "+Inf"}, 4),
        ("mahnlauf_batch_seconds_count", {}, 4),
        ("mahnlauf_partitions", {"phase": "running"}, 2),
        ("mahnlauf_partitions", {"phase": "taking"}, 0),
        ("mahnlauf_partitions_stopped", {}, 1),
        ("mahnlauf_partitions_behind_open_transactions", {}, 1),
        ("mahnlauf_lag_records", {"partition": "0"}, 3),
        ("mahnlauf_lag_seconds", {"partition": "0"}, 90),
        ("mahnlauf_lag_seconds", {"partition": "3"}, 0),  # a publisher's clock ahead of ours
        ("mahnlauf_oldest_unapplied_seconds", {}, 90),
        ("mahnlauf_recovery_remaining_records", {"partition": "1"}, 70),
        ("mahnlauf_recovery_remaining_records", {"partition": "0"}, 0),
        ("mahnlauf_contracts", {"status": "Due"}, 2),
        ("mahnlauf_overdue_minor", {"status": "Due", "currency": "EUR"}, 750),
    ],
)
def test_figures(registry: CollectorRegistry, name: str, labels: dict[str, str], value: float) -> None:
    assert registry.get_sample_value(name, labels) == value


def test_a_worker_without_partitions_serves_no_ages() -> None:
    engine = StubEngine(health=Health(joined=True, ready=True, partitions=()))
    registry = metrics.registry(engine, Census(), wall=lambda: NOW_S)
    assert registry.get_sample_value("mahnlauf_oldest_unapplied_seconds") == 0
    assert registry.get_sample_value("mahnlauf_partitions", {"phase": "running"}) == 0
