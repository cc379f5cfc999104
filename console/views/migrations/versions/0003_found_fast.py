"""What is found fast among a million contracts: totals, and the words that search looks for. The views begin anew, since `attention` now
names all that waits for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

VIEWS = ("view_positions", "cases", "case_history", "replies", "notices", "debtors")
WORDS = (
    """CREATE VIRTUAL TABLE case_words
         USING fts5(sought, content='cases', content_rowid='rowid', tokenize='trigram', detail='none', columnsize=0)""",
    """CREATE TRIGGER case_words_come AFTER INSERT ON cases BEGIN
         INSERT INTO case_words(rowid, sought) VALUES (new.rowid, new.sought); END""",
    """CREATE TRIGGER case_words_go AFTER DELETE ON cases BEGIN
         INSERT INTO case_words(case_words, rowid, sought) VALUES ('delete', old.rowid, old.sought); END""",
    """CREATE TRIGGER case_words_change AFTER UPDATE OF sought ON cases WHEN old.sought <> new.sought BEGIN
         INSERT INTO case_words(case_words, rowid, sought) VALUES ('delete', old.rowid, old.sought);
         INSERT INTO case_words(rowid, sought) VALUES (new.rowid, new.sought); END""",
)
"""SQLite's own index of every three letters, kept by the database as cases change; in which rows, not where in them: half the work."""


def upgrade() -> None:
    for name in VIEWS:
        op.execute(f"DELETE FROM {name}")
    op.create_table(
        "case_totals",
        *(sa.Column(name, sa.String(256), primary_key=True) for name in ("tenant", "status", "agency", "currency")),
        sa.Column("acts", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("contracts", "open_amount", "overdue_amount")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in WORDS:
            op.execute(statement)
    else:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for name in ("cases", "debtors"):
            op.execute(f"CREATE INDEX {name}_words ON {name} USING gin (sought gin_trgm_ops)")
