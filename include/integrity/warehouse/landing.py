"""Landing: accepted rows, written once; and the views over them that readers and dbt see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import polars as pl
import psycopg
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringViewEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import errors, sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.errors import Misconfigured
from integrity.gates.judged import JudgedRows
from integrity.gates.schema import Schema, Table
from integrity.submissions.reading import ROW
from integrity.warehouse.connection import lock

APART_ROWS = 100_000
"""Rows from which a landing is worth two connections, and so transactions of its own."""
SLICE_ROWS = 10_000
"""Rows encoded and sent at a time, so that memory does not grow with the file."""

_TYPES: dict[pl.DataType, str] = {
    pl.String(): "text",
    pl.Int64(): "bigint",
    pl.Float64(): "double precision",
    pl.Datetime(): "timestamp without time zone",
}
_RECORD = "record"
_ARROW = pl.CompatLevel.newest()
"""Text as polars holds it, so that no cell is copied before it is encoded."""
_TAGS = {"_landing": "bigint", ROW: "bigint"}
"""What each landed row carries beside its cells: its landing, which is of one submission and so of one supplier and
period, and its physical row."""


def ensure_tables(session: Session, tables: Iterable[Table]) -> None:
    """Create ``landing.<name>`` and ``published.<name>``, or add the columns that the schema has gained.

    Raises:
        Misconfigured: A column changed its type; landed rows never change, so it needs a new name. Or the login may not
            create what is missing.
    """
    for table in tables:
        try:
            _ensure_table(session, table.relation, table.dependency.name, table.schema)
        except errors.InsufficientPrivilege as error:
            raise Misconfigured(
                f"The warehouse lacks tables of {table.dependency.name}, or columns that its schema has gained, and "
                "this login may not create them. Whoever owns the warehouse types: integrity migrate"
            ) from error


def _ensure_table(session: Session, name: str, dependency: str, schema: Schema) -> None:
    wanted = {**_TAGS, **{column.name: _TYPES[column.dtype] for column in schema.columns.values()}}
    existing = _columns(session, "landing", name)
    view = [*schema.names, "_supplier", "_submission", ROW, "_period"]
    if existing == wanted and list(_columns(session, "published", name)) == view:
        return
    lock(session, "tables", name)
    existing = _columns(session, "landing", name)
    for column, kind in existing.items():
        if column in wanted and wanted[column] != kind:
            raise Misconfigured(
                f"{dependency}/schema.py:1: column '{column}' was landed as {kind} and is now {wanted[column]}. "
                "Landed rows never change: give the new column a new name."
            )
    cursor = raw(session)
    table = sql.Identifier("landing", name)
    if not existing:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}{}").format(sql.Identifier(c), sql.SQL(k), sql.SQL(" NOT NULL" if c in _TAGS else ""))
            for c, k in wanted.items()
        )
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        cursor.execute(
            sql.SQL("CREATE INDEX ON {} USING brin (_landing) WITH (pages_per_range = 32, autosummarize = on)").format(
                table
            )
        )
        cursor.execute(
            sql.SQL(
                "CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON {} "
                "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()"
            ).format(table)
        )
        cursor.execute(
            sql.SQL(
                "CREATE TRIGGER landed_stays BEFORE DELETE ON {} "
                "FOR EACH ROW EXECUTE FUNCTION register.refuse_deletion_of_landed()"
            ).format(table)
        )
    for column in [c for c in wanted if existing and c not in existing]:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(table, sql.Identifier(column), sql.SQL(wanted[column]))
        )
    cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier("published", name)))
    cursor.execute(
        sql.SQL(
            "CREATE VIEW {} AS SELECT {}, r.supplier AS _supplier, r.submission_id AS _submission, l._row, "
            "r.period AS _period FROM register.release r JOIN {} l ON l._landing = r.landing_id "
            "WHERE r.dependency = {} AND r.superseded_at IS NULL"
        ).format(
            sql.Identifier("published", name),
            sql.SQL(", ").join(sql.SQL("l.{}").format(sql.Identifier(c)) for c in schema.names),
            table,
            sql.Literal(dependency),
        )
    )


@dataclass(frozen=True)
class LandingRows:
    """What rows of one submission look like in landing.

    Attributes:
        landing: Id in ``register.landing`` that the rows carry.
    """

    table: Table
    landing: int

    @property
    def accepted_table(self) -> tuple[str, str]:
        return "landing", self.table.relation

    @property
    def set_aside_table(self) -> tuple[str, str]:
        return "landing", "quarantined"

    def accepted(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Typed rows (``_row`` and the dictionary's columns) as their table has them."""
        return batch.select(*self._tags(), *self.table.schema.names)

    def set_aside(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Rows as text (``_row``, ``rules``, the dictionary's columns) as the one table of all of these has them."""
        return batch.select(
            *self._tags(),
            pl.lit(self.table.relation).alias("dependency"),
            "rules",
            pl.struct(self.table.schema.names).struct.json_encode().alias(_RECORD),
        )

    def _tags(self) -> list[pl.Expr]:
        return [pl.lit(self.landing, pl.Int64).alias("_landing"), pl.col(ROW)]


def land(session: Session, rows: LandingRows, accepted: JudgedRows, quarantined: JudgedRows) -> None:
    """Write a submission's rows by ``COPY``, within the caller's transaction."""
    copy_rows(session, rows.accepted_table, _slices(map(rows.accepted, accepted.batches())))
    copy_rows(session, rows.set_aside_table, _slices(map(rows.set_aside, quarantined.batches())))


def create_candidate(
    session: Session, candidate_schema: str, table: Table, *, period: date, landings: dict[str, int]
) -> None:
    """Create ``<candidate_schema>.<relation>``: what ``published`` would show if this period were released.

    Args:
        landings: Landing of each supplier's candidate for the period.
    """
    raw(session).execute(
        sql.SQL(
            "CREATE VIEW {view} AS SELECT {columns}, _supplier, _submission, _row, _period FROM {published} "
            "WHERE NOT (_period = {period} AND _supplier = ANY({suppliers})) "
            "UNION ALL SELECT {landed}, s.supplier, s.id, l._row, {period} FROM {landing} l JOIN register.landing of "
            "ON of.id = l._landing JOIN register.submission s ON s.id = of.submission_id "
            "WHERE l._landing = ANY({landings}) AND of.id = ANY({landings})"
        ).format(
            view=sql.Identifier(candidate_schema, table.relation),
            columns=sql.SQL(", ").join(map(sql.Identifier, table.schema.names)),
            landed=sql.SQL(", ").join(sql.Identifier("l", name) for name in table.schema.names),
            published=sql.Identifier("published", table.relation),
            landing=sql.Identifier("landing", table.relation),
            period=sql.Literal(period),
            suppliers=sql.Literal(list(landings)),
            landings=sql.Literal(list(landings.values())),
        )
    )


def raw(session: Session) -> psycopg.Cursor[Any]:
    """A cursor of the driver on the session's own connection and transaction."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the one driver that open_engine uses
    return connection.cursor()


def streamed(
    session: Session, statement: sql.Composed, arguments: Sequence[object], batch: int
) -> Iterator[list[tuple[Any, ...]]]:
    """What a query gives, in batches of so many rows, without holding more of it than one."""
    with raw(session).connection.cursor(name="streamed") as cursor:
        cursor.execute(statement, arguments)
        while rows := cursor.fetchmany(batch):
            yield rows


def _columns(session: Session, schema: str, table: str) -> dict[str, str]:
    query = text(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position"
    )
    rows = session.execute(query, {"schema": schema, "table": table}).all()
    return {str(row[0]): str(row[1]) for row in rows}


def _slices(batches: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for batch in batches:
        yield from batch.iter_slices(SLICE_ROWS)


def copy_rows(session: Session, table: tuple[str, str], slices: Iterator[pl.DataFrame]) -> None:
    """Write rows in PostgreSQL's binary notation, of which the server need not parse a single number."""
    first = next((part for part in slices if part.height), None)
    if first is None:
        return
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in first.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(*table), columns)
    encoder = _encoder(first)
    with raw(session).copy(statement) as copy:
        copy.write(encoder.write_header())
        for part in chain([first], slices):
            for batch in part.to_arrow(compat_level=_ARROW).to_batches():
                copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


def _encoder(rows: pl.DataFrame) -> ArrowToPostgresBinaryEncoder:
    """An encoder of rows like these; a record set aside is JSON, all else is known by its type."""
    schema = rows.clear().to_arrow(compat_level=_ARROW).schema
    encoders = {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in schema}
    if _RECORD in encoders:
        encoders[_RECORD] = StringViewEncoderBuilder.new_with_output(schema.field(_RECORD), Jsonb())
    return ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)
