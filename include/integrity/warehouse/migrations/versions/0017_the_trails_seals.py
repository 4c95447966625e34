"""The audit trail is a chain: each event is sealed by a hash that holds the one before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_LOCK = 7_143_502
"""As in ``register.sealing``."""


def upgrade() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["register.audit_event.id"], name=op.f("audit_seal_event_id_fkey")),
        sa.PrimaryKeyConstraint("position", name=op.f("audit_seal_pkey")),
        sa.UniqueConstraint("event_id", name=op.f("audit_seal_event_id_key")),
        schema="register",
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON register.audit_seal "
        "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()"
    )
    op.execute(
        f"""CREATE FUNCTION register.share_the_trail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared({_LOCK});
            RETURN NULL;
        END $$"""
    )
    op.execute(
        "CREATE TRIGGER shared BEFORE INSERT ON register.audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION register.share_the_trail()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER shared ON register.audit_event")
    op.execute("DROP FUNCTION register.share_the_trail()")
    op.drop_table("audit_seal", schema="register")
