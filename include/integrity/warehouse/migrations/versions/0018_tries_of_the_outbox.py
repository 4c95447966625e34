"""Messages that were not taken are tried again after a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True), schema="register")


def downgrade() -> None:
    op.drop_column("outbox", "next_try_at", schema="register")
