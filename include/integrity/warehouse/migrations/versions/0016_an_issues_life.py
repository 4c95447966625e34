"""Issues have a life: more states than open and closed, merging, and a log of their own within the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_AUDIT = """
    SELECT id AS event_number, at, actor, event, dependency, period, submission_id AS submission, details{column}
    FROM register.audit_event"""
_REFERENCE = ", 'IG-' || lpad(issue_id::text, 5, '0') AS issue"


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("issue_id", sa.BigInteger(), nullable=True), schema="register")
    op.execute("ALTER TABLE register.audit_event DISABLE TRIGGER append_only")
    op.execute(
        "UPDATE register.audit_event SET issue_id = substr(details ->> 'reference', 4)::bigint "
        "WHERE event IN ('issue opened', 'issue closed') AND details ->> 'reference' ~ '^IG-[0-9]+$'"
    )
    op.execute("ALTER TABLE register.audit_event ENABLE TRIGGER append_only")
    op.create_index(
        "audit_event_issue_idx",
        "audit_event",
        ["issue_id", "id"],
        schema="register",
        postgresql_where=sa.text("issue_id IS NOT NULL"),
    )
    op.execute(f"CREATE OR REPLACE VIEW register.audit AS {_AUDIT.format(column=_REFERENCE)}")
    op.add_column(
        "issue",
        sa.Column(
            "merged_into", sa.BigInteger(), nullable=True, comment="The issue that this one is part of from now on"
        ),
        schema="register",
    )
    op.create_foreign_key(
        op.f("issue_merged_into_fkey"),
        "issue",
        "issue",
        ["merged_into"],
        ["id"],
        source_schema="register",
        referent_schema="register",
    )
    _index("status <> 'closed'")


def downgrade() -> None:
    # Nobody knew of any state between these two.
    op.execute("UPDATE register.issue SET status = 'open' WHERE status <> 'closed'")
    _index("status = 'open'")
    op.drop_constraint(op.f("issue_merged_into_fkey"), "issue", schema="register")
    op.drop_column("issue", "merged_into", schema="register")
    op.execute("DROP VIEW register.audit")
    op.execute(f"CREATE VIEW register.audit AS {_AUDIT.format(column='')}")
    op.drop_index("audit_event_issue_idx", "audit_event", schema="register")
    op.drop_column("audit_event", "issue_id", schema="register")


def _index(where: str) -> None:
    op.drop_index("issue_open_key", "issue", schema="register")
    op.create_index(
        "issue_open_key",
        "issue",
        ["dependency", "rule", "supplier"],
        unique=True,
        schema="register",
        postgresql_where=sa.text(where),
    )
