"""What was fetched from suppliers' servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pulled",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="Kind, host and place; no credentials"),
        sa.Column("remote_name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False, comment="ETag, or time of change and size"),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "cleared_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was archived or deleted at the source",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pulled_pkey")),
        sa.UniqueConstraint(
            "dependency",
            "supplier",
            "source",
            "remote_name",
            "version",
            name=op.f("pulled_dependency_supplier_source_remote_name_version_key"),
        ),
        schema="register",
    )


def downgrade() -> None:
    op.drop_table("pulled", schema="register")
