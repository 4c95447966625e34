"""The tables of the register."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=True),
        sa.Column("submission_id", sa.BigInteger(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_event_pkey")),
        schema="register",
    )
    op.create_table(
        "issue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("root_cause", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("closed_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column("slack_channel", sa.Text(), nullable=True),
        sa.Column("slack_thread", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("issue_pkey")),
        schema="register",
    )
    op.create_index(
        "issue_open_key",
        "issue",
        ["dependency", "rule", "supplier"],
        unique=True,
        schema="register",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("submission_pkey")),
        sa.UniqueConstraint(
            "dependency",
            "supplier",
            "period",
            "revision",
            name=op.f("submission_dependency_supplier_period_revision_key"),
        ),
        sa.UniqueConstraint(
            "dependency", "supplier", "period", "sha256", name=op.f("submission_dependency_supplier_period_sha256_key")
        ),
        schema="register",
    )
    op.create_index(op.f("submission_sha256_idx"), "submission", ["sha256"], unique=False, schema="register")
    op.create_table(
        "unidentified",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("unidentified_pkey")),
        sa.UniqueConstraint(
            "dependency", "supplier", "sha256", name=op.f("unidentified_dependency_supplier_sha256_key")
        ),
        schema="register",
    )
    op.create_table(
        "landing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["register.submission.id"], name=op.f("landing_submission_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("landing_pkey")),
        sa.UniqueConstraint("submission_id", "fingerprint", name=op.f("landing_submission_id_fingerprint_key")),
        schema="register",
    )
    op.create_table(
        "occurrence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Date(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["register.issue.id"], name=op.f("occurrence_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("occurrence_pkey")),
        sa.UniqueConstraint("issue_id", "period", name=op.f("occurrence_issue_id_period_key")),
        schema="register",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["register.issue.id"], name=op.f("outbox_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
        schema="register",
    )
    op.create_index(
        "outbox_waiting_idx",
        "outbox",
        ["id"],
        unique=False,
        schema="register",
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_table(
        "judgement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=True),
        sa.Column("landing_id", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("accepted", sa.BigInteger(), nullable=True),
        sa.Column("quarantined", sa.BigInteger(), nullable=True),
        sa.Column("units", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False, comment="Hash of what was judged: rules, rows, neighbours"),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["landing_id"], ["register.landing.id"], name=op.f("judgement_landing_id_fkey")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["register.submission.id"], name=op.f("judgement_submission_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("judgement_pkey")),
        schema="register",
    )
    op.create_index(
        "judgement_subject_key",
        "judgement",
        ["dependency", "period", "gate", sa.literal_column("coalesce(submission_id, 0)")],
        unique=True,
        schema="register",
    )
    op.create_table(
        "release",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["landing_id"], ["register.landing.id"], name=op.f("release_landing_id_fkey")),
        sa.ForeignKeyConstraint(["submission_id"], ["register.submission.id"], name=op.f("release_submission_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("release_pkey")),
        schema="register",
    )
    op.create_index(
        "release_current_key",
        "release",
        ["dependency", "supplier", "period"],
        unique=True,
        schema="register",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("release_landing_idx", "release", ["landing_id"], unique=False, schema="register")
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("judgement_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("limitations", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=True),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("rows", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("mend", sa.Text(), nullable=False),
        sa.Column("not_judged", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["judgement_id"], ["register.judgement.id"], name=op.f("finding_judgement_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("finding_pkey")),
        schema="register",
    )
    op.create_index(op.f("finding_judgement_id_idx"), "finding", ["judgement_id"], unique=False, schema="register")


def downgrade() -> None:

    op.drop_index(op.f("finding_judgement_id_idx"), table_name="finding", schema="register")
    op.drop_table("finding", schema="register")
    op.drop_index("release_landing_idx", table_name="release", schema="register")
    op.drop_index(
        "release_current_key",
        table_name="release",
        schema="register",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_table("release", schema="register")
    op.drop_index("judgement_subject_key", table_name="judgement", schema="register")
    op.drop_table("judgement", schema="register")
    op.drop_index(
        "outbox_waiting_idx", table_name="outbox", schema="register", postgresql_where=sa.text("delivered_at IS NULL")
    )
    op.drop_table("outbox", schema="register")
    op.drop_table("occurrence", schema="register")
    op.drop_table("landing", schema="register")
    op.drop_table("unidentified", schema="register")
    op.drop_index(op.f("submission_sha256_idx"), table_name="submission", schema="register")
    op.drop_table("submission", schema="register")
    op.drop_index("issue_open_key", table_name="issue", schema="register", postgresql_where=sa.text("status = 'open'"))
    op.drop_table("issue", schema="register")
    op.drop_table("audit_event", schema="register")
