"""Policies that wait for a second person."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant", sa.String(256), nullable=False),
        sa.Column("policy", sa.String(256), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
    )
