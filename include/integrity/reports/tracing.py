"""Where a row came from, and what became of a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency, Registered, relation_of
from integrity.warehouse.landing import raw


@dataclass(frozen=True)
class Origin:
    """The line of a file that a published row or mart row comes from."""

    role: str
    dependency: str
    supplier: str
    period: date
    submission: int
    revision: int
    file_name: str
    row: int
    sha256: str
    archived_at: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "period": self.period.isoformat()}


def trace_submission(session: Session, query: str) -> list[dict[str, Any]]:
    """Fate of each submission that matches a number, a file's name or the beginning of its hash.

    Raises:
        Rejected: None matches.
    """
    found = session.execute(
        text(
            "SELECT * FROM register.submissions WHERE submission::text = :q OR file_name = :q "
            "OR (length(:q) >= 8 AND starts_with(sha256, lower(:q))) ORDER BY submission"
        ),
        {"q": query},
    ).mappings()
    fates = [dict(row) for row in found]
    if not fates:
        raise Rejected(f"No submission has the number, file name or hash '{query}'.")
    return fates


def trace_row(session: Session, registered: Registered, key: list[str], archive: str) -> list[Origin]:
    """Origin of a published row, by the values of its table's key in order (a moment by its day).

    Args:
        key: Where the dependency has several tables, the table's name before the values.

    Raises:
        Rejected: There is no such table, the key has another number of parts, or nothing published carries it.
    """
    name, columns, key = _keyed(registered.dependency, key)
    if len(key) != len(columns):
        raise Rejected(f"{name} is keyed by {', '.join(columns)}: give {len(columns)} value(s).")
    period_column = registered.dependency.file.period_from_column
    conditions = sql.SQL(" AND ").join(
        sql.SQL("{}::text = {}").format(
            sql.SQL("_period") if column == period_column else sql.Identifier(column), sql.Literal(value)
        )
        for column, value in zip(columns, key, strict=True)
    )
    rows = raw(session).execute(
        sql.SQL("SELECT 'published row', _submission, _row FROM {} WHERE {}").format(
            sql.Identifier("published", name), conditions
        )
    )
    return _origins(session, rows.fetchall(), archive, f"published.{name}")


def _keyed(dependency: Dependency, key: list[str]) -> tuple[str, list[str], list[str]]:
    """Relation that is asked, the columns of its key, and their values."""
    tables = {table.name: table for table in dependency.tables}
    if not tables:
        return dependency.name, dependency.key, key
    if not key or key[0] not in tables:
        raise Rejected(f"{dependency.name} has several tables: give one, then its key. It has {', '.join(tables)}.")
    return relation_of(dependency.name, key[0]), tables[key[0]].key, key[1:]


def trace_mart_row(session: Session, mart: str, key: list[str], archive: str) -> list[Origin]:
    """Origins of a mart's row, by its primary key's values in order: each ``<role>_submission`` and ``<role>_row``.

    Raises:
        Rejected: The key has another number of parts, or the mart has no such row.
    """
    described = (
        raw(session)
        .execute(
            "SELECT a.attname, i.indrelid IS NOT NULL AND a.attnum = ANY(i.indkey) FROM pg_attribute a "
            "LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary "
            "WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (f"marts.{mart}",),
        )
        .fetchall()
    )
    columns = [name for name, is_key in described if is_key]
    if not described:
        raise Rejected(f"The mart {mart} has not been built yet.")
    if len(key) != len(columns):
        raise Rejected(f"{mart} is keyed by {', '.join(columns)}: give {len(columns)} value(s).")
    roles = [name.removesuffix("_submission") for name, _ in described if name.endswith("_submission")]
    where = sql.SQL(" AND ").join(
        sql.SQL("{}::text = {}").format(sql.Identifier(c), sql.Literal(v)) for c, v in zip(columns, key, strict=True)
    )
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, {}, {} FROM {} WHERE {}").format(
            sql.Literal(role.replace("_", " ")),
            sql.Identifier(f"{role}_submission"),
            sql.Identifier(f"{role}_row"),
            sql.Identifier("marts", mart),
            where,
        )
        for role in roles
    )
    return _origins(session, raw(session).execute(query).fetchall(), archive, f"marts.{mart}")


def _origins(session: Session, rows: list[Any], archive: str, what: str) -> list[Origin]:
    if not rows:
        raise Rejected(f"{what} has no row with this key.")
    origins = []
    for role, submission, row in rows:
        if submission is None:
            continue
        found = session.execute(
            text(
                "SELECT dependency, supplier, period, revision, file_name, sha256 "
                "FROM register.submission WHERE id = :id"
            ),
            {"id": submission},
        ).one()
        origins.append(
            Origin(
                role=role,
                dependency=found.dependency,
                supplier=found.supplier,
                period=found.period,
                submission=submission,
                revision=found.revision,
                file_name=found.file_name,
                row=row,
                sha256=found.sha256,
                archived_at=f"{archive}/{found.sha256[:2]}/{found.sha256}",
            )
        )
    return origins
