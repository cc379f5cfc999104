"""An order of its own for each tenant: who sees one tenant of several would else wait for all of its cases to be sorted."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in (
        *("contract", "status", "dunning_level", "open_amount", "overdue_amount", "costs", "interest"),
        *("agency", "case_id", "acts", "next_step_on", "changed_at"),
    ):
        op.create_index(f"cases_of_tenant_by_{name}", "cases", list(dict.fromkeys(("tenant", name, "contract"))))
