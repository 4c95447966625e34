"""Waivers, and releases that say by which of them they were let pass."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REVOCATION = "ARRAY['revoked_at', 'revoked_by', 'revoked_because']"

_SUBMISSIONS = """
    SELECT s.id AS submission, s.dependency, s.supplier, s.period, s.revision, s.file_name, s.sha256, s.size_bytes,
           s.received_at, j.verdict, j.rows, j.accepted, j.quarantined, j.judged_at,
           CASE WHEN r.id IS NOT NULL AND r.superseded_at IS NULL THEN 'released'
                WHEN r.id IS NOT NULL THEN 'superseded'
                WHEN j.id IS NULL THEN 'received'
                WHEN j.verdict IN ('FAIL', 'ERROR') THEN 'rejected'
                ELSE 'accepted' END AS status{column}
    FROM register.submission s
    LEFT JOIN register.judgement j ON j.submission_id = s.id AND j.gate = 'structure'
    LEFT JOIN LATERAL (
        SELECT id, superseded_at{lateral} FROM register.release
        WHERE submission_id = s.id ORDER BY superseded_at DESC NULLS FIRST LIMIT 1
    ) r ON true"""
_RELEASES = """
    SELECT r.id AS release, r.dependency, r.supplier, r.period, r.submission_id AS submission, s.revision, s.sha256,
           r.verdict, r.rows, r.quarantined, r.released_at, r.superseded_at, r.run{column}
    FROM register.release r JOIN register.submission s ON s.id = r.submission_id"""
_WAIVERS = """
    SELECT 'WV-' || lpad(w.id::text, 5, '0') AS reference, 'IG-' || lpad(w.issue_id::text, 5, '0') AS issue,
           w.dependency, w.rule, w.supplier, w.periods_from, w.periods_until, w.expires_on, w.reason, w.waived_by,
           w.created_at, w.revoked_at, w.revoked_by, w.revoked_because
    FROM register.waiver w"""


def upgrade() -> None:
    op.create_table(
        "waiver",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=True, comment="Null: of every supplier, or of the period as a whole"),
        sa.Column("periods_from", sa.Date(), nullable=False),
        sa.Column("periods_until", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False, comment="The last day on which it lets anything pass"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waived_by", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["register.issue.id"], name=op.f("waiver_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("waiver_pkey")),
        schema="register",
    )
    op.create_index("waiver_dependency_idx", "waiver", ["dependency", "expires_on"], unique=False, schema="register")
    op.execute(
        f"""CREATE FUNCTION register.refuse_change_but_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
               AND to_jsonb(NEW) - {_REVOCATION} = to_jsonb(OLD) - {_REVOCATION} THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '%.% can only be revoked, once: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP;
        END $$"""
    )
    op.execute(
        "CREATE TRIGGER only_revoked BEFORE UPDATE ON register.waiver "
        "FOR EACH ROW EXECUTE FUNCTION register.refuse_change_but_revocation()"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON register.waiver "
        "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()"
    )
    op.add_column(
        "release",
        sa.Column(
            "waivers",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="References of the waivers without which it would have been blocked",
        ),
        schema="register",
    )
    op.execute(
        f"CREATE OR REPLACE VIEW register.submissions AS "
        f"{_SUBMISSIONS.format(column=', r.waivers', lateral=', waivers')}"
    )
    op.execute(f"CREATE OR REPLACE VIEW register.releases AS {_RELEASES.format(column=', r.waivers')}")
    op.execute(f"CREATE VIEW register.waivers AS {_WAIVERS}")


def downgrade() -> None:
    for view in ("waivers", "releases", "submissions"):
        op.execute(f"DROP VIEW register.{view}")
    op.execute(f"CREATE VIEW register.submissions AS {_SUBMISSIONS.format(column='', lateral='')}")
    op.execute(f"CREATE VIEW register.releases AS {_RELEASES.format(column='')}")
    op.drop_column("release", "waivers", schema="register")
    op.drop_table("waiver", schema="register")
    op.execute("DROP FUNCTION register.refuse_change_but_revocation()")
