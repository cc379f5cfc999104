"""What people ordered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.String(256), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(100), nullable=False),
        sa.Column("tenant", sa.String(256), nullable=False),
        sa.Column("contract", sa.String(256), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("partition", sa.Integer),
        sa.Column("offset", sa.BigInteger),
        sa.Column("fate", sa.Text),
    )
    op.create_index("orders_by_contract", "orders", ["tenant", "contract", "at_ms"])
