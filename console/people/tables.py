"""Users and their sessions: not on Kafka and in no view, so no rebuild touches them. Moments are milliseconds since 1970.

Of everything that opens a door only a digest is kept: whoever reads this database enters nowhere with it.
"""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

METADATA: Final = MetaData()

USERS: Final = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("password", String(200), nullable=False),
    Column("role", String(10), nullable=False),
    Column("tenant", String(256), nullable=False),
)
"""`role`: read, work or admin. `tenant`: the only one whose cases the user sees; empty: all."""

SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
INVITATIONS: Final = Table(
    "invitations",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("role", String(10), nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
FAILED_LOGINS: Final = Table(
    "failed_logins",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("who", String(200), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("failed_logins_by_who", "who", "at_ms"),
)
TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
)
"""What other systems show to the API; role and tenant as of users. `until_ms` none: until it is removed."""

ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("id", String(256), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("user", String(100), nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("contract", String(256), nullable=False),
    Column("type", String(64), nullable=False),
    Column("told", JSON, nullable=False),
    Column("partition", Integer),
    Column("offset", BigInteger),
    Column("fate", Text),
    Index("orders_by_contract", "tenant", "contract", "at_ms"),
)
"""What a person ordered, by the id of its event. `partition`, `offset`: where it stands on escalation.instructions; none: Kafka did not
take it. `fate`: none while nothing is known of it, empty: applied, else why not."""

FLAGS: Final = Table(
    "flags",
    METADATA,
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("colour", String(10), nullable=False),
    Column("by", String(100), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("flags_by_name", "name", "tenant", "contract"),
)
"""What people stick on contracts, for their own use: no rule knows of it."""

READS: Final = Table(
    "reads",
    METADATA,
    Column("user", String(100), primary_key=True),
    Column("tenant", String(256), primary_key=True),
    Column("contract", String(256), primary_key=True),
    Column("version", Integer, nullable=False),
)
"""Up to which version each user has opened a contract's history."""

PROPOSALS: Final = Table(
    "proposals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("tenant", String(256), nullable=False),
    Column("policy", String(256), nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(100), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("decided_by", String(100), nullable=False),
    Column("outcome", String(10), nullable=False),
)
"""Policies that somebody wants to count; `decided_by` empty while they wait."""

LETTERS: Final = Table(
    "letters",
    METADATA,
    Column("topic", String(256), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", String(10), nullable=False),
    Column("by", String(100), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
"""Dead letters that were put back or set aside, by where they stand on Kafka."""
