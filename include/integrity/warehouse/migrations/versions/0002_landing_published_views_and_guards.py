"""Landing, published, the views that readers use, and the guards that keep history as it was."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VIEWS = {
    "submissions": """
        SELECT s.id AS submission, s.dependency, s.supplier, s.period, s.revision, s.file_name, s.sha256, s.size_bytes,
               s.received_at, j.verdict, j.rows, j.accepted, j.quarantined, j.judged_at,
               CASE WHEN r.id IS NOT NULL AND r.superseded_at IS NULL THEN 'released'
                    WHEN r.id IS NOT NULL THEN 'superseded'
                    WHEN j.id IS NULL THEN 'received'
                    WHEN j.verdict IN ('FAIL', 'ERROR') THEN 'rejected'
                    ELSE 'accepted' END AS status
        FROM register.submission s
        LEFT JOIN register.judgement j ON j.submission_id = s.id AND j.gate = 'structure'
        LEFT JOIN LATERAL (
            SELECT id, superseded_at FROM register.release
            WHERE submission_id = s.id ORDER BY superseded_at DESC NULLS FIRST LIMIT 1
        ) r ON true""",
    "findings": """
        SELECT j.dependency, j.period, j.gate, coalesce(f.supplier, s.supplier) AS supplier,
               j.submission_id AS submission,
               f.rule, f.kind, f.dimension, f.limitations, f.severity, f."column", f.verdict, f.evaluated, f.failed,
               f.rows, f.message, f.mend, nullif(f.not_judged, '') AS not_judged, j.judged_at, j.run
        FROM register.finding f
        JOIN register.judgement j ON j.id = f.judgement_id
        LEFT JOIN register.submission s ON s.id = j.submission_id""",
    "issues": """
        SELECT 'IG-' || lpad(i.id::text, 5, '0') AS reference, i.dependency, i.rule, nullif(i.supplier, '') AS supplier,
               i.dimension, i.impact, i.status, i.owner, i.description, i.raised_on, i.raised_by, i.due_on,
               (SELECT count(*) FROM register.occurrence o WHERE o.issue_id = i.id) AS occurrences,
               i.root_cause, i.resolution, i.closed_on
        FROM register.issue i""",
    "releases": """
        SELECT r.id AS release, r.dependency, r.supplier, r.period, r.submission_id AS submission, s.revision, s.sha256,
               r.verdict, r.rows, r.quarantined, r.released_at, r.superseded_at, r.run
        FROM register.release r JOIN register.submission s ON s.id = r.submission_id""",
    "audit": """
        SELECT id AS event_number, at, actor, event, dependency, period, submission_id AS submission, details
        FROM register.audit_event""",
}


def upgrade() -> None:
    for schema in ("landing", "published", "marts"):
        op.execute(f"CREATE SCHEMA {schema}")
    op.execute(
        """CREATE TABLE landing.quarantined (
            _landing bigint NOT NULL, _submission bigint NOT NULL, _row bigint NOT NULL, _period date NOT NULL,
            dependency text NOT NULL, rules text[] NOT NULL, record jsonb NOT NULL)"""
    )
    op.execute(
        "COMMENT ON TABLE landing.quarantined IS 'Rows set aside, as text in dictionary terms, with their rules'"
    )
    op.execute("CREATE INDEX quarantined_landing_idx ON landing.quarantined (_landing)")
    op.execute(
        """CREATE FUNCTION register.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP;
        END $$"""
    )
    for table in ("landing.quarantined", "register.audit_event", "register.submission", "register.landing"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()"
        )
    for name, query in _VIEWS.items():
        op.execute(f"CREATE VIEW register.{name} AS {query}")


def downgrade() -> None:
    for name in reversed(_VIEWS):
        op.execute(f"DROP VIEW register.{name}")
    for table in ("register.landing", "register.submission", "register.audit_event"):
        op.execute(f"DROP TRIGGER append_only ON {table}")
    for schema in ("marts", "published", "landing"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
    op.execute("DROP FUNCTION register.refuse_change()")
