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


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be like. `partitioned` topics share the number of partitions that is chosen once for a cluster."""

    name: str
    group: Group
    cleanup: Cleanup
    partitioned: bool = True


def dead_letters(topic: str) -> str:
    """Name of the topic for what could not be read from or applied of `topic`."""
    return topic + DEAD_LETTERS_SUFFIX


_DEAD_LETTERED = (*BILLING_INPUTS, DEBTORS, INSTRUCTIONS, REPLIES, TIMERS, COMMANDS)

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(INVOICES, "in", "kept"),
    TopicSpec(PAYMENTS, "in", "kept"),
    TopicSpec(CHARGEBACKS, "in", "kept"),
    TopicSpec(CONTRACTS, "in", "kept"),
    TopicSpec(DEBTORS, "in", "compacted"),
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
    TopicSpec(DEBTOR_KEYS, "internal", "compacted"),
    TopicSpec(TENANTS, "configuration", "compacted", partitioned=False),
    TopicSpec(POLICIES, "configuration", "compacted", partitioned=False),
    TopicSpec(ACCOUNTS, "configuration", "compacted", partitioned=False),
    *(TopicSpec(dead_letters(topic), "dead letters", "kept") for topic in _DEAD_LETTERED),
)
