"""The views as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _words(*names: str, length: int = 256) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _key() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "contract")]


def _place() -> list[sa.Column[int]]:
    return [
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
    ]


def upgrade() -> None:
    op.create_table(
        "view_positions",
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        *_words("topic_id", length=36),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("caught_up_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "cases",
        *_key(),
        *_words("status", length=30),
        *_numbers("dunning_level", "rung", "cycle"),
        *_words("currency", length=3),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("open_amount", "overdue_amount", "costs", "interest")),
        *_words("agency", "agency_account", "case_id"),
        *_words("stage", length=30),
        *_numbers("acts"),
        *_words("attention", length=1000),
        *_words("next_step_on", length=10),
        *_words("changed_at", length=32),
        *_numbers("version"),
        sa.Column("sought", sa.Text, nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
    )
    for name in (
        *("tenant", "contract", "status", "dunning_level", "open_amount", "overdue_amount", "costs", "interest"),
        *("agency", "case_id", "acts", "next_step_on", "changed_at"),
    ):
        op.create_index(f"cases_by_{name}", "cases", list(dict.fromkeys((name, "tenant", "contract"))))
    for table in ("replies", "notices"):
        op.create_table(
            table,
            *_place(),
            *_words("tenant", "contract"),
            *_words("type", length=60),
            *_words("time", length=32),
            sa.Column("told", sa.JSON, nullable=False),
        )
        op.create_index(f"{table}_by_contract", table, ["tenant", "contract", "time"])
    op.create_table(
        "case_history", *_place(), *_words("tenant", "contract"), *_numbers("version"), sa.Column("told", sa.JSON, nullable=False)
    )
    op.create_index("case_history_by_contract", "case_history", ["tenant", "contract", "version"])
    op.create_table("debtors", *_key(), *_words("name", "sought", length=600))
