"""What was delivered of suppliers' feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivered",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="Kind, connection and place; no credentials"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("delivered_pkey")),
        sa.UniqueConstraint(
            "dependency", "supplier", "place", "name", name=op.f("delivered_dependency_supplier_place_name_key")
        ),
        schema="register",
    )


def downgrade() -> None:
    op.drop_table("delivered", schema="register")
