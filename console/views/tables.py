"""The views as tables: what case-status, case-history, replies, notices, commands and payouts say, for questions that a log cannot answer.

All of it can be rebuilt from Kafka at any time. Amounts are integers in minor units, days `YYYY-MM-DD`, moments RFC 3339 in UTC with
six fractional digits: as text they sort as they should in every database. What is only shown, never searched, is JSON.
"""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text, column, table, text

METADATA: Final = MetaData()

POSITIONS: Final = Table(
    "view_positions",
    METADATA,
    Column("topic", String(100), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic_id", String(36), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("caught_up_ms", BigInteger, nullable=False),
)
"""How far each partition is in the views; changed in the transaction that changes them. `caught_up_ms`: wall clock, when its end was last
reached. `topic_id` tells a topic that was made anew."""

CASES: Final = Table(
    "cases",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("status", String(30), nullable=False),
    Column("dunning_level", Integer, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("open_amount", BigInteger, nullable=False),
    Column("overdue_amount", BigInteger, nullable=False),
    Column("costs", BigInteger, nullable=False),
    Column("interest", BigInteger, nullable=False),
    Column("agency", String(256), nullable=False),
    Column("agency_account", String(256), nullable=False),
    Column("case_id", String(256), nullable=False),
    Column("stage", String(30), nullable=False),
    Column("acts", Integer, nullable=False),
    Column("attention", String(1000), nullable=False),
    Column("next_step_on", String(10), nullable=False),
    Column("changed_at", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sought", Text, nullable=False),
    Column("told", JSON, nullable=False),
)
"""A row each contract, as case-status tells it. What is absent is the empty text, so that every column sorts alike in every database.
`acts`: see `Acts` in rows.py. `attention`: what waits for a person, between blanks: the flags of case-status, `rejected` and `approval`.
`sought` are the names that search looks through, in lower case. `told` is the event's data."""

SORTABLE: Final = (
    *("tenant", "contract", "status", "dunning_level", "open_amount", "overdue_amount", "costs", "interest"),
    *("agency", "case_id", "acts", "next_step_on", "changed_at"),
)
for _name in SORTABLE:
    if _name not in ("tenant", "contract"):  # that order is the primary key's
        Index(f"cases_of_tenant_by_{_name}", CASES.c.tenant, CASES.c[_name], CASES.c.contract)
FLAGGED: Final = text("attention <> ''")
"""Said with these words, or no index of flagged cases is used."""
Index("cases_flagged", CASES.c.tenant, CASES.c.attention, CASES.c.contract, sqlite_where=FLAGGED, postgresql_where=FLAGGED)

HISTORY: Final = Table(
    "case_history",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String(256), nullable=False),
    Column("contract", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("told", JSON, nullable=False),
    Index("case_history_by_contract", "tenant", "contract", "version"),
)
REPLIES: Final = Table(
    "replies",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String(256), nullable=False),
    Column("contract", String(256), nullable=False),
    Column("type", String(60), nullable=False),
    Column("time", String(32), nullable=False),
    Column("told", JSON, nullable=False),
    Index("replies_by_contract", "tenant", "contract", "time"),
)
NOTICES: Final = Table(
    "notices",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String(256), nullable=False),
    Column("contract", String(256), nullable=False),
    Column("type", String(60), nullable=False),
    Column("time", String(32), nullable=False),
    Column("told", JSON, nullable=False),
    Index("notices_by_contract", "tenant", "contract", "time"),
)
DEBTORS: Final = Table(
    "debtors",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("name", String(600), nullable=False),
    Column("sought", String(600), nullable=False),
)
"""Person data: filled only where the operator turned it on, and a row goes with its tombstone."""

HANDOVERS: Final = Table(
    "handovers",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("handover_id", String(256), primary_key=True),
    Column("account", String(256), nullable=False),
    Column("handed_on", String(32), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("open_amount", BigInteger, nullable=False),
    Column("costs", BigInteger, nullable=False),
    Column("interest", BigInteger, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("answered_at", String(32), nullable=False),
    Column("answer", String(60), nullable=False),
    Index("handovers_by_account", "tenant", "account", "answered_at"),
)
"""A row each handover to an agency: the claim as it was handed over, and what the agency said last of it (`answer` is the reply's type).
Without `account` no handover is known for what an agency said."""
PAYMENTS: Final = Table(
    "case_payments",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("id", String(256), primary_key=True),
    Column("handover_id", String(256), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("withheld", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("value_date", String(10), nullable=False),
    Column("statement_id", String(256), nullable=False),
    Index("case_payments_by_statement", "tenant", "kind", "statement_id", "value_date"),
)
"""Money since a handover, by `kind`: `reported` by the agency, `direct` to the creditor as the agency was told, `payout` remitted by it,
`settled` by what was reported and by successful closes, as the rules booked it. Payouts and bookings name no handover; a currency stands on
payouts alone, the others have the contract's."""

TOTALS: Final = Table(
    "case_totals",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("status", String(256), primary_key=True),
    Column("agency", String(256), primary_key=True),
    Column("currency", String(256), primary_key=True),
    Column("acts", Integer, primary_key=True, autoincrement=False),
    Column("attention", String(1000), primary_key=True),
    Column("contracts", BigInteger, nullable=False),
    Column("open_amount", BigInteger, nullable=False),
    Column("overdue_amount", BigInteger, nullable=False),
)
"""Sums of `cases`, changed with them in the same transaction."""
FLOW: Final = Table(
    "case_flow",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("step", String(30), primary_key=True),
    Column("contracts", BigInteger, nullable=False),
)
"""How often contracts went a step in a month (`YYYY-MM`, UTC), for how far they come; see flow.py for the steps."""
CASE_WORDS: Final = table("case_words", column("rowid"), column("sought"))
"""SQLite's index of every three letters of `cases.sought`; PostgreSQL has one on the column itself."""

CONTENTS: Final = (CASES, HISTORY, REPLIES, NOTICES, HANDOVERS, PAYMENTS, DEBTORS, TOTALS, FLOW)
