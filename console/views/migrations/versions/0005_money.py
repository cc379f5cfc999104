"""What was claimed and paid at agencies, and when they answered last: from commands and payouts, and from the replies, which are read anew
for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "handovers",
        *(sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "contract", "handover_id")),
        sa.Column("account", sa.String(256), nullable=False),
        sa.Column("handed_on", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("open_amount", "costs", "interest")),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("answered_at", sa.String(32), nullable=False),
        sa.Column("answer", sa.String(60), nullable=False),
    )
    op.create_index("handovers_by_account", "handovers", ["tenant", "account", "answered_at"])
    op.create_table(
        "case_payments",
        *(sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "contract")),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("id", sa.String(256), primary_key=True),
        sa.Column("handover_id", sa.String(256), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("amount", "withheld")),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("value_date", sa.String(10), nullable=False),
        sa.Column("statement_id", sa.String(256), nullable=False),
    )
    op.create_index("case_payments_by_statement", "case_payments", ["tenant", "kind", "statement_id", "value_date"])
    op.execute("DELETE FROM replies")
    op.execute("DELETE FROM view_positions WHERE topic = 'collection.replies'")
