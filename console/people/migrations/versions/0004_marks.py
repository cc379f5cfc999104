"""What people mark: coloured flags of their own, and what each has read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "flags",
        *(sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "contract")),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("colour", sa.String(10), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("flags_by_name", "flags", ["name", "tenant", "contract"])
    op.create_table(
        "reads",
        sa.Column("user", sa.String(100), primary_key=True),
        *(sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "contract")),
        sa.Column("version", sa.Integer, nullable=False),
    )
