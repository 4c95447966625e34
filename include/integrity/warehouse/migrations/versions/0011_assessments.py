"""Assessments: what came of planting errors, kept as evidence that the controls work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("importance", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("per", sa.Integer(), nullable=False, comment="Submissions in which each error was planted"),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="Hash of all that decides a verdict"),
        sa.Column("origin", sa.Text(), nullable=False, comment="Where the submissions came from"),
        sa.Column("planted", sa.Integer(), nullable=False),
        sa.Column("caught", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False, comment="Of the kinds that a gate at work could see"),
        sa.Column("controls", sa.Integer(), nullable=False, comment="Files in which nothing was wrong"),
        sa.Column("false_alarms", sa.Integer(), nullable=False),
        sa.Column("shortfalls", postgresql.ARRAY(sa.Text()), nullable=False, comment="Targets missed, in sentences"),
        sa.Column(
            "report",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Counts by dimension, limitation and kind of error; what was missed; no cell's value",
        ),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("assessed_by", sa.Text(), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("assessment_pkey")),
        schema="register",
    )
    op.create_index("assessment_dependency_idx", "assessment", ["dependency", "id"], unique=False, schema="register")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON register.assessment "
        "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()"
    )
    op.execute(
        """CREATE VIEW register.assessments AS
        SELECT 'AS-' || lpad(id::text, 5, '0') AS reference, dependency, importance, verdict, planted, caught, missed,
               controls, false_alarms, shortfalls, seed, per, fingerprint, origin, run, assessed_by, assessed_at,
               report -> 'dimensions' AS dimensions, report -> 'limitations' AS limitations,
               report -> 'corruptions' AS corruptions
        FROM register.assessment"""
    )


def downgrade() -> None:
    op.execute("DROP VIEW register.assessments")
    op.drop_table("assessment", schema="register")
