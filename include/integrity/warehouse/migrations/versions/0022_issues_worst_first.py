"""The list of what needs somebody now is read off an index, however many issues there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0020"
branch_labels = None
depends_on = None

_PLACE = """
    CASE status WHEN 'closed' THEN 20 WHEN 'resolved' THEN 10 ELSE 0 END
    + CASE WHEN explained_by IS NULL THEN 0 ELSE 5 END
    + CASE impact WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END"""


def upgrade() -> None:
    op.add_column(
        "issue",
        sa.Column(
            "place",
            sa.SmallInteger(),
            sa.Computed(_PLACE, persisted=True),
            nullable=False,
            comment="In a list that begins with the worst: what is closed last, what comes of another after its cause",
        ),
        schema="register",
    )
    op.create_index("issue_place_idx", "issue", ["place", "due_on", "id"], schema="register")
    op.create_index("issue_explained_by_idx", "issue", ["explained_by"], schema="register")


def downgrade() -> None:
    op.drop_index("issue_explained_by_idx", "issue", schema="register")
    op.drop_index("issue_place_idx", "issue", schema="register")
    op.drop_column("issue", "place", schema="register")
