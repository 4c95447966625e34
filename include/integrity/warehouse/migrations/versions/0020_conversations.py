"""News of several issues may be one message, by several routes; issues climb and have causes; trails may be long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None

_ROUTE = "How and where to, such as slack:#channel or email:address"


def upgrade() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column(
            "route", sa.Text(), nullable=False, comment="How and where to, such as slack:#channel or email:address"
        ),
        sa.Column("thread", sa.Text(), nullable=True, comment="Id of its first message, where the place gives one"),
        schema="register",
    )
    op.create_table(
        "told_in",
        sa.Column(
            "issue_id", sa.BigInteger(), sa.ForeignKey("register.issue.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("route", sa.Text(), primary_key=True),
        sa.Column("conversation_id", sa.BigInteger(), sa.ForeignKey("register.conversation.id"), nullable=False),
        schema="register",
    )
    op.create_index("told_in_conversation_id_idx", "told_in", ["conversation_id"], schema="register")
    op.add_column("outbox", sa.Column("route", sa.Text(), nullable=True), schema="register")
    op.add_column(
        "outbox",
        sa.Column("told_as", sa.BigInteger(), nullable=True, comment="The first of those that are told in one message"),
        schema="register",
    )
    op.alter_column("outbox", "next_try_at", comment="Not before; null: at once", schema="register")
    op.create_index("outbox_issue_id_idx", "outbox", ["issue_id"], schema="register")
    op.add_column(
        "issue",
        sa.Column(
            "escalated",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="Steps taken since its answer is overdue",
        ),
        schema="register",
    )
    op.add_column(
        "issue",
        sa.Column(
            "explained_by",
            sa.BigInteger(),
            sa.ForeignKey("register.issue.id"),
            nullable=True,
            comment="The issue that this one comes of, as far as the gates can tell",
        ),
        schema="register",
    )
    op.execute("UPDATE register.outbox SET route = 'slack:' || coalesce(content ->> 'channel', '')")
    op.alter_column("outbox", "route", nullable=False, schema="register")
    op.create_index(
        "audit_event_submission_idx",
        "audit_event",
        ["submission_id", "id"],
        schema="register",
        postgresql_where=sa.text("submission_id IS NOT NULL"),
    )
    op.create_index(
        "audit_event_configured_idx",
        "audit_event",
        ["dependency", "id"],
        schema="register",
        postgresql_where=sa.text("event = 'configured'"),
    )
    _keep_threads()
    op.drop_column("issue", "slack_thread", schema="register")
    op.drop_column("issue", "slack_channel", schema="register")


def _keep_threads() -> None:
    """Each thread that there is becomes the conversation of its issue."""
    op.execute(
        """
        DO $$
        DECLARE told record; number bigint;
        BEGIN
            FOR told IN SELECT id, slack_channel, slack_thread FROM register.issue WHERE slack_thread IS NOT NULL LOOP
                INSERT INTO register.conversation (route, thread)
                VALUES ('slack:' || told.slack_channel, told.slack_thread) RETURNING id INTO number;
                INSERT INTO register.told_in (issue_id, route, conversation_id)
                VALUES (told.id, 'slack:' || told.slack_channel, number);
            END LOOP;
        END $$
        """
    )


def downgrade() -> None:
    op.drop_index("audit_event_configured_idx", "audit_event", schema="register")
    op.drop_index("audit_event_submission_idx", "audit_event", schema="register")
    op.add_column("issue", sa.Column("slack_channel", sa.Text(), nullable=True), schema="register")
    op.add_column("issue", sa.Column("slack_thread", sa.Text(), nullable=True), schema="register")
    op.execute(
        """
        UPDATE register.issue SET slack_channel = substr(c.route, 7), slack_thread = c.thread
        FROM register.told_in t JOIN register.conversation c ON c.id = t.conversation_id
        WHERE t.issue_id = issue.id AND c.route LIKE 'slack:#%'
        """
    )
    op.drop_column("issue", "explained_by", schema="register")
    op.drop_column("issue", "escalated", schema="register")
    op.drop_index("outbox_issue_id_idx", "outbox", schema="register")
    op.alter_column("outbox", "next_try_at", comment=None, schema="register")
    op.drop_column("outbox", "told_as", schema="register")
    op.drop_column("outbox", "route", schema="register")
    op.drop_table("told_in", schema="register")
    op.drop_table("conversation", schema="register")
