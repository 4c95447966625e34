"""Large landings are written before they are registered; what a killed one leaves behind, and only that, is swept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_EACH_TABLE = """
    DO $$
    DECLARE landed regclass;
    BEGIN
        FOR landed IN SELECT tgrelid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                      WHERE t.tgname = 'append_only' AND c.relnamespace = 'landing'::regnamespace LOOP
            {}
        END LOOP;
    END $$"""
_GUARD = """
    EXECUTE format('DROP TRIGGER append_only ON %s', landed);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()', landed);
    EXECUTE format('CREATE TRIGGER landed_stays BEFORE DELETE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION register.refuse_deletion_of_landed()', landed);"""
_LEAN = """
    EXECUTE format('CREATE INDEX ON %s USING brin (_landing) '
                   'WITH (pages_per_range = 32, autosummarize = on)', landed);"""
_SEARCHED = """
    EXECUTE format('CREATE INDEX ON %s (_landing)', landed);"""
_DROP_INDEX = """
    DECLARE existing regclass;
    BEGIN
        FOR existing IN SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = landed LOOP
            EXECUTE format('DROP INDEX %s', existing);
        END LOOP;
    END;"""
_UNGUARD = """
    EXECUTE format('DROP TRIGGER landed_stays ON %s', landed);
    EXECUTE format('DROP TRIGGER append_only ON %s', landed);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()', landed);"""


def upgrade() -> None:
    op.create_table(
        "landing_attempt",
        sa.Column(
            "id", sa.BigInteger(), autoincrement=False, nullable=False, comment="What register.landing will have"
        ),
        sa.Column("dependency", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("abandoned", sa.Boolean(), nullable=False, comment="Being swept; can not be registered any more"),
        sa.PrimaryKeyConstraint("id", name=op.f("landing_attempt_pkey")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["register.submission.id"], name=op.f("landing_attempt_submission_id_fkey")
        ),
        schema="register",
    )
    op.execute(
        """CREATE FUNCTION register.refuse_deletion_of_landed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM register.landing_attempt WHERE id = OLD._landing AND abandoned)
               AND NOT EXISTS (SELECT FROM register.landing WHERE id = OLD._landing) THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP;
        END $$"""
    )
    # Rows of a landing lie together: an index of ranges finds them, and costs a tenth of one of rows when written.
    op.execute(_EACH_TABLE.format(_GUARD + _DROP_INDEX + _LEAN))


def downgrade() -> None:
    op.execute(_EACH_TABLE.format(_UNGUARD + _DROP_INDEX + _SEARCHED))
    op.execute("DROP FUNCTION register.refuse_deletion_of_landed()")
    op.drop_table("landing_attempt", schema="register")
