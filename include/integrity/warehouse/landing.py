"""Landing: accepted rows, written once; and the views over them that readers and dbt see."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from integrity.errors import Misconfigured
from integrity.gates.judged import JudgedRows
from integrity.gates.schema import Schema
from integrity.submissions.reading import ROW
from integrity.warehouse.attempts import join_attempt
from integrity.warehouse.connection import lock, transaction

APART_ROWS = 100_000
"""Rows from which a landing is worth two connections, and so transactions of its own."""
_CONNECTIONS = 2
_SLICE_ROWS = 50_000
"""Rows encoded and sent at a time, so that memory does not grow with the file."""

_TYPES: dict[pl.DataType, str] = {
    pl.String(): "text",
    pl.Int64(): "bigint",
    pl.Float64(): "double precision",
    pl.Datetime(): "timestamp without time zone",
}
_TAGS = {"_landing": "bigint", "_submission": "bigint", ROW: "bigint", "_period": "date"}


def ensure_tables(session: Session, name: str, schema: Schema) -> None:
    """Create ``landing.<name>`` and ``published.<name>``, or add the columns that the schema has gained.

    Raises:
        Misconfigured: A column changed its type; landed rows never change, so it needs a new name.
    """
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
                f"{name}/schema.py:1: column '{column}' was landed as {kind} and is now {wanted[column]}. "
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
            "CREATE VIEW {} AS SELECT {}, r.supplier AS _supplier, l._submission, l._row, l._period "
            "FROM register.release r JOIN {} l ON l._landing = r.landing_id AND l._period = r.period "
            "WHERE r.dependency = {} AND r.superseded_at IS NULL"
        ).format(
            sql.Identifier("published", name),
            sql.SQL(", ").join(sql.SQL("l.{}").format(sql.Identifier(c)) for c in schema.names),
            table,
            sql.Literal(name),
        )
    )


@dataclass(frozen=True)
class LandingRows:
    """What is written of a submission.

    Attributes:
        landing: Id in ``register.landing`` that the rows carry.
        accepted: Typed rows: ``_row`` and the dictionary's columns.
        quarantined: Rows set aside, as text: ``_row``, ``rules``, the dictionary's columns.
    """

    name: str
    schema: Schema
    landing: int
    submission: int
    period: date
    accepted: JudgedRows
    quarantined: JudgedRows

    def tables(self) -> Iterator[tuple[tuple[str, str], Iterator[pl.DataFrame]]]:
        """Each table that gets rows, and these in its terms, batch by batch."""
        if self.accepted.height:
            yield ("landing", self.name), map(self._accepted, self.accepted.batches())
        if self.quarantined.height:
            yield ("landing", "quarantined"), map(self._aside, self.quarantined.batches())

    def _accepted(self, batch: pl.DataFrame) -> pl.DataFrame:
        return batch.select(*self._tags(), *self.schema.names)

    def _aside(self, batch: pl.DataFrame) -> pl.DataFrame:
        return batch.select(
            *self._tags(),
            pl.lit(self.name).alias("dependency"),
            ("{" + pl.col("rules").list.join(",") + "}").alias("rules"),
            pl.struct(self.schema.names).struct.json_encode().alias("record"),
        )

    def _tags(self) -> list[pl.Expr]:
        return [
            pl.lit(self.landing).alias("_landing"),
            pl.lit(self.submission).alias("_submission"),
            pl.col(ROW),
            pl.lit(self.period.isoformat()).alias("_period"),
        ]


def land(session: Session, rows: LandingRows) -> None:
    """Write a submission's rows by ``COPY``, within the caller's transaction."""
    for table, batches in rows.tables():
        _copy(session, table, _slices(batches))


def land_apart(engine: Engine, rows: LandingRows) -> None:
    """Write a submission's rows over several connections at once, each in a transaction of its own.

    Until somebody registers the landing they are nobody's; it must be an attempt that is under way.
    """
    for table, batches in rows.tables():
        shared = _Shared(_slices(batches))

        def write(table: tuple[str, str] = table, shared: _Shared = shared) -> None:
            with transaction(engine) as session:
                join_attempt(session, rows.landing)
                _copy(session, table, shared)

        with ThreadPoolExecutor(_CONNECTIONS) as connections:
            for written in [connections.submit(write) for _ in range(_CONNECTIONS)]:
                written.result()


def create_candidate(
    session: Session, candidate_schema: str, name: str, schema: Schema, *, period: date, landings: dict[str, int]
) -> None:
    """Create ``<candidate_schema>.<name>``: what ``published`` would show if this period were released.

    Args:
        landings: Landing of each supplier's candidate for the period.
    """
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in [*schema.names, "_submission", ROW, "_period"])
    raw(session).execute(
        sql.SQL(
            "CREATE VIEW {view} AS SELECT {columns} FROM {published} "
            "WHERE NOT (_period = {period} AND _supplier = ANY({suppliers})) "
            "UNION ALL SELECT {columns} FROM {landing} WHERE _landing = ANY({landings}) AND _period = {period}"
        ).format(
            view=sql.Identifier(candidate_schema, name),
            columns=columns,
            published=sql.Identifier("published", name),
            landing=sql.Identifier("landing", name),
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


def _columns(session: Session, schema: str, table: str) -> dict[str, str]:
    query = text(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position"
    )
    rows = session.execute(query, {"schema": schema, "table": table}).all()
    return {str(row[0]): str(row[1]) for row in rows}


class _Shared:
    """Slices that several threads take in turns."""

    def __init__(self, slices: Iterator[pl.DataFrame]) -> None:
        self._slices, self._lock = slices, threading.Lock()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return self

    def __next__(self) -> pl.DataFrame:
        with self._lock:
            return next(self._slices)


def _slices(batches: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for batch in batches:
        yield from batch.iter_slices(_SLICE_ROWS)


def _copy(session: Session, table: tuple[str, str], slices: Iterator[pl.DataFrame]) -> None:
    first = next(slices, None)
    if first is None:
        return
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in first.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(*table), columns)
    with raw(session).copy(statement) as copy:
        copy.write(_encoded(first))
        for part in slices:
            copy.write(_encoded(part))


def _encoded(rows: pl.DataFrame) -> memoryview:
    moments = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    encoded = io.BytesIO()
    rows.with_columns(_written(rows[name]) for name in moments).write_csv(encoded, include_header=False)
    return encoded.getbuffer()


def _written(moments: pl.Series) -> pl.Series:
    """Moments as text. To write one costs as much as a row of numbers, and most rows share theirs with others."""
    known = moments.unique()
    if known.len() > moments.len() // 10:
        return moments
    return moments.replace_strict(known, known.cast(pl.String), return_dtype=pl.String)
