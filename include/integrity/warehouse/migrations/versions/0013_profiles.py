"""Profiles of landed submissions, and apart from them the secret under which their values are hashed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile",
        sa.Column("landing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashing", sa.Text(), nullable=False, comment="Those of another one are made anew"),
        sa.Column("digest", sa.Text(), nullable=False, comment="Hash of the profile"),
        sa.Column("profile", postgresql.JSONB(), nullable=False, comment="Figures that tell no cell"),
        sa.Column("profiled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["landing_id"], ["register.landing.id"], name=op.f("profile_landing_id_fkey")),
        sa.PrimaryKeyConstraint("landing_id", name=op.f("profile_pkey")),
        schema="register",
    )
    # Whoever is let in to read the register must not be able to try out values against the profiles.
    op.execute("CREATE SCHEMA secret")
    op.execute("REVOKE ALL ON SCHEMA secret FROM PUBLIC")
    op.create_table(
        "hashing_key",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("hashing_key_id_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("hashing_key_pkey")),
        schema="secret",
    )


def downgrade() -> None:
    op.drop_table("hashing_key", schema="secret")
    op.execute("DROP SCHEMA secret")
    op.drop_table("profile", schema="register")
