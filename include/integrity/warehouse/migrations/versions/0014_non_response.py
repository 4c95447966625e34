"""Releases state which reporting units and which cells are lacking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_RELEASES = """
    SELECT r.id AS release, r.dependency, r.supplier, r.period, r.submission_id AS submission, s.revision, s.sha256,
           r.verdict, r.rows, r.quarantined, r.released_at, r.superseded_at, r.run, r.waivers{columns}
    FROM register.release r JOIN register.submission s ON s.id = r.submission_id"""
_STATED = ", r.units_expected, r.units_missing, r.weight_missing, r.blanks"


def upgrade() -> None:
    op.add_column(
        "finding",
        sa.Column("weight", sa.Float(), nullable=True, comment="Part of the whole that failed, by its usual weight"),
        schema="register",
    )
    op.add_column(
        "judgement",
        sa.Column("blanks", postgresql.JSONB(), nullable=True, comment="Blank cells by column, of all rows read"),
        schema="register",
    )
    for name, kind, comment in (
        ("units_expected", sa.BigInteger(), "Reporting units of the period; null where no list says which"),
        ("units_missing", sa.BigInteger(), "Of these, those that no submission names"),
        ("weight_missing", sa.Float(), "The same as a part of the whole, by usual weight"),
        ("blanks", postgresql.JSONB(), "Blank cells by column, of all rows read; null where it was not counted"),
    ):
        op.add_column("release", sa.Column(name, kind, nullable=True, comment=comment), schema="register")
    op.execute(f"CREATE OR REPLACE VIEW register.releases AS {_RELEASES.format(columns=_STATED)}")


def downgrade() -> None:
    op.execute("DROP VIEW register.releases")
    op.execute(f"CREATE VIEW register.releases AS {_RELEASES.format(columns='')}")
    for name in ("units_expected", "units_missing", "weight_missing", "blanks"):
        op.drop_column("release", name, schema="register")
    op.drop_column("judgement", "blanks", schema="register")
    op.drop_column("finding", "weight", schema="register")
