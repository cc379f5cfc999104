"""Every topic of the product: its name, who keeps what for how long, and the order in which inputs are applied (`events.md`, Topics)."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

INVOICES = "billing.invoices"
PAYMENTS = "billing.payments"
CHARGEBACKS = "billing.chargebacks"
CONTRACTS = "billing.contracts"
DEBTORS = "billing.debtors"
INSTRUCTIONS = "escalation.instructions"
REPLIES = "collection.replies"
REROUTED = "escalation.rerouted"
TIMERS = "escalation.timers"

COMMANDS = "collection.commands"
CASE_STATUS = "case-status"
CASE_HISTORY = "case-history"
NOTICES = "debtor.notices"
BOOKINGS = "receivable.bookings"

CHANGELOG = "escalation.changelog"
JOURNAL = "escalation.journal"

OUTBOX = "agency.outbox"
INBOX = "agency.inbox"
AGENCY_CASES = "agency.cases"
LEDGER = "collection.ledger"
DEBTOR_KEYS = "debtor.keys"

TENANTS = "escalation.tenants"
POLICIES = "escalation.policies"
ACCOUNTS = "agency.accounts"

DEAD_LETTERS_SUFFIX = ".dead-letters"

BILLING_INPUTS = (INVOICES, PAYMENTS, CHARGEBACKS, CONTRACTS)
INPUTS = (*BILLING_INPUTS, INSTRUCTIONS, REPLIES, REROUTED, TIMERS)
"""Inputs of the processor, in the order in which records of the same millisecond are applied."""

Cleanup: TypeAlias = Literal["kept", "compacted"]
Group: TypeAlias = Literal["in", "between", "out", "internal", "configuration", "dead letters"]


_DAY_MS = 24 * 3600 * 1000
_FOREVER = "-1"
_LONG_MAX = str(2**63 - 1)
SEGMENT_MS_KEPT = 3650 * _DAY_MS
"""Ten years, so that segments roll by size: with old event times, rolling by time would make a segment of nearly each record."""
SEGMENT_BYTES_COMPACTED = 64 << 20
"""The segment being written is never compacted; a smaller one leaves less to read again on recovery."""
TOMBSTONE_MS = 7 * _DAY_MS
"""How long a deletion stays readable. A store that was away for longer must be rebuilt, or it would keep what was deleted."""
ERASURE_MS = 7 * _DAY_MS
"""An erased debtor's data is gone from the log at most this long after (and a segment of at most a day, so that it can be)."""
CLOCK_AHEAD_MS = 60_000
"""A tick from the future would let steps happen early: the broker refuses it."""
PUBLISHED_AHEAD_MS = 3600 * 1000
"""Kafka's default for everything else: a publisher's clock may be wrong, not by years."""
PUBLISHED_BYTES_MAX = 1_048_588
"""Kafka's default for a batch of records: what others publish."""
WRITTEN_BYTES_MAX = 2 << 20
"""For what we write: a dead letter is the original with its reason beside it, so it needs more than the original did."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be like. `partitioned` topics share the number of partitions that is chosen once for a cluster."""

    name: str
    group: Group
    cleanup: Cleanup
    partitioned: bool = True
    person_data: bool = False

    def settings(self, min_insync_replicas: int) -> dict[str, str]:
        """Kafka's names and values for everything that must not be left to a cluster's defaults."""
        return {
            "min.insync.replicas": str(min_insync_replicas),
            "unclean.leader.election.enable": "false",
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": _LONG_MAX,
            "message.timestamp.after.max.ms": str(CLOCK_AHEAD_MS if self.name == TIMERS else PUBLISHED_AHEAD_MS),
            "max.message.bytes": str(PUBLISHED_BYTES_MAX if self.group == "in" else WRITTEN_BYTES_MAX),
            **(self._kept() if self.cleanup == "kept" else self._compacted()),
        }

    def _kept(self) -> dict[str, str]:
        return {
            "cleanup.policy": "delete",
            "retention.ms": _FOREVER,
            "retention.bytes": _FOREVER,
            "segment.ms": str(SEGMENT_MS_KEPT),
        }

    def _compacted(self) -> dict[str, str]:
        return {
            "cleanup.policy": "compact",
            "delete.retention.ms": str(TOMBSTONE_MS),
            "segment.bytes": str(SEGMENT_BYTES_COMPACTED),
            "segment.ms": str(_DAY_MS if self.person_data else SEGMENT_MS_KEPT),
            **({"max.compaction.lag.ms": str(ERASURE_MS)} if self.person_data else {}),
        }


def dead_letters(topic: str) -> str:
    """Name of the topic for what could not be read from or applied of `topic`."""
    return topic + DEAD_LETTERS_SUFFIX


_DEAD_LETTERED = (*BILLING_INPUTS, DEBTORS, INSTRUCTIONS, REPLIES, REROUTED, TIMERS, COMMANDS)

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(INVOICES, "in", "kept"),
    TopicSpec(PAYMENTS, "in", "kept"),
    TopicSpec(CHARGEBACKS, "in", "kept"),
    TopicSpec(CONTRACTS, "in", "kept"),
    TopicSpec(DEBTORS, "in", "compacted", person_data=True),
    TopicSpec(INSTRUCTIONS, "in", "kept"),
    TopicSpec(REPLIES, "between", "kept"),
    TopicSpec(REROUTED, "internal", "kept"),
    TopicSpec(TIMERS, "between", "kept"),
    TopicSpec(COMMANDS, "between", "kept"),
    TopicSpec(CASE_STATUS, "out", "compacted"),
    TopicSpec(CASE_HISTORY, "out", "kept"),
    TopicSpec(NOTICES, "out", "kept"),
    TopicSpec(BOOKINGS, "out", "kept"),
    TopicSpec(CHANGELOG, "internal", "compacted"),
    TopicSpec(JOURNAL, "internal", "kept"),
    TopicSpec(OUTBOX, "internal", "kept"),
    TopicSpec(INBOX, "internal", "kept"),
    TopicSpec(AGENCY_CASES, "internal", "compacted"),
    TopicSpec(LEDGER, "internal", "compacted"),
    TopicSpec(DEBTOR_KEYS, "internal", "compacted", person_data=True),
    TopicSpec(TENANTS, "configuration", "compacted", partitioned=False),
    TopicSpec(POLICIES, "configuration", "compacted", partitioned=False),
    TopicSpec(ACCOUNTS, "configuration", "compacted", partitioned=False),
    *(TopicSpec(dead_letters(topic), "dead letters", "kept") for topic in _DEAD_LETTERED),
)
