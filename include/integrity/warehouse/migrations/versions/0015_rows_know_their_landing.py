"""Landed rows carry their landing, which says whose submission and what period they are; they no longer repeat it."""

from __future__ import annotations

from alembic import op
from psycopg import sql
from sqlalchemy import text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'landing' ORDER BY tablename"
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'published' AND table_name = :name "
    "AND column_name NOT IN ('_supplier', '_submission', '_row', '_period') ORDER BY ordinal_position"
)
_TAGS = {
    "upgrade": "r.supplier AS _supplier, r.submission_id AS _submission, l._row, r.period AS _period",
    "downgrade": "r.supplier AS _supplier, l._submission, l._row, l._period",
}
_LEAVE = "DROP COLUMN _submission CASCADE, DROP COLUMN _period CASCADE"
_ON = {"upgrade": "", "downgrade": " AND l._period = r.period"}


def upgrade() -> None:
    for name in _tables():
        _show(name, "upgrade")
        # What a candidate of a run that was killed still shows of them goes with it.
        _run(
            sql.SQL("ALTER TABLE {} DROP COLUMN _submission CASCADE, DROP COLUMN _period CASCADE").format(
                _landing(name)
            )
        )


def downgrade() -> None:
    for name in _tables():
        table = _landing(name)
        _run(sql.SQL("ALTER TABLE {} ADD COLUMN _submission bigint, ADD COLUMN _period date").format(table))
        _run(sql.SQL("ALTER TABLE {} DISABLE TRIGGER append_only").format(table))
        _run(
            sql.SQL(
                "UPDATE {} l SET _submission = s.id, _period = s.period FROM register.submission s JOIN "
                "(SELECT id, submission_id FROM register.landing UNION SELECT id, submission_id "
                "FROM register.landing_attempt) AS known ON known.submission_id = s.id WHERE known.id = l._landing"
            ).format(table)
        )
        _run(sql.SQL("ALTER TABLE {} ENABLE TRIGGER append_only").format(table))
        _run(
            sql.SQL("ALTER TABLE {} ALTER COLUMN _submission SET NOT NULL, ALTER COLUMN _period SET NOT NULL").format(
                table
            )
        )
        _show(name, "downgrade")


def _tables() -> list[str]:
    return list(op.get_bind().execute(text(_TABLES)).scalars())


def _landing(name: str) -> sql.Identifier:
    return sql.Identifier("landing", name)


def _show(name: str, direction: str) -> None:
    """Have the view over a dependency's rows say the same from where it is now written."""
    columns: list[str] = list(op.get_bind().execute(text(_COLUMNS), {"name": name}).scalars())
    if not columns:
        return
    _run(
        sql.SQL(
            "CREATE OR REPLACE VIEW {view} AS SELECT {columns}, {tags} FROM register.release r "
            "JOIN {table} l ON l._landing = r.landing_id{on} WHERE r.dependency = {name} AND r.superseded_at IS NULL"
        ).format(
            view=sql.Identifier("published", name),
            columns=sql.SQL(", ").join([sql.Identifier("l", column) for column in columns]),
            tags=sql.SQL(_TAGS[direction]),
            table=_landing(name),
            on=sql.SQL(_ON[direction]),
            name=sql.Literal(name),
        )
    )


def _run(statement: sql.Composed) -> None:
    op.get_bind().exec_driver_sql(statement.as_string().replace("%", "%%"))
