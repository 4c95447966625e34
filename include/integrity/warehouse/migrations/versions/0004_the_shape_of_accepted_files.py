"""What a submission's file looked like, so that the next one can be held against it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "judgement",
        sa.Column(
            "shape",
            postgresql.JSONB(),
            nullable=True,
            comment="What the file looks like; no text of the supplier's",
        ),
        schema="register",
    )


def downgrade() -> None:
    op.drop_column("judgement", "shape", schema="register")
