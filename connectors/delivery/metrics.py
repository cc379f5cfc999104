"""What the connector counts, on a registry of its own. Labels are agencies, operations, reasons and types: bounded, never a contract."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mahnlauf_agency_requests", "Requests to agencies", ["agency", "operation", "outcome"], registry=self.registry
        )
        self.commands = Counter(
            "mahnlauf_connector_commands", "Commands by what became of them", ["type", "outcome"], registry=self.registry
        )
        self.written = Counter("mahnlauf_connector_records", "Records written by topic", ["topic"], registry=self.registry)
        self.transactions = Counter("mahnlauf_connector_transactions", "Transactions by outcome", ["outcome"], registry=self.registry)
        self.dead_letters = Counter(
            "mahnlauf_connector_dead_letters", "Commands that can't be delivered", ["reason"], registry=self.registry
        )
        self.unmatched = Counter(
            "mahnlauf_agency_unmatched", "What an agency said and nobody here understands", ["agency", "why"], registry=self.registry
        )
        self.upstream = Counter(
            "mahnlauf_upstream_events", "Events of upstreams by what became of them", ["upstream", "outcome"], registry=self.registry
        )
        self.errors = Counter("mahnlauf_connector_errors", "Unexpected exceptions of our own code", ["exception"], registry=self.registry)
        self.parked = Gauge("mahnlauf_connector_parked", "Handovers that wait, by account", ["account"], registry=self.registry)
        self.waiting = Gauge(
            "mahnlauf_upstream_waiting",
            "Deliveries of upstreams that wait, by account",
            ["account"],
            registry=self.registry,
        )
        self.unfinished = Gauge("mahnlauf_connector_unfinished", "Commands read and not finished", registry=self.registry)
        self.halted = Gauge("mahnlauf_connector_halted", "Partitions that stand still until a person has acted", registry=self.registry)
        self.account_unusable = Gauge(
            "mahnlauf_agency_account_unusable",
            "1: what the account is configured with can't be read or used, so it stands still",
            ["account"],
            registry=self.registry,
        )
        self.gate_open = Gauge(
            "mahnlauf_agency_gate_open", "1: requests can go, 0: agency away or account paused", ["account"], registry=self.registry
        )


class WebhookMetrics:
    """What the receiver of webhooks counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.webhooks = Counter("mahnlauf_webhooks", "Webhooks by what became of them", ["agency", "outcome"], registry=self.registry)
