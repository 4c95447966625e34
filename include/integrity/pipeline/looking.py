"""Looking at rows that were set aside. They hold a supplier's cells: who looks is on record before they see one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.register import audit
from integrity.register.sealing import seal
from integrity.reports.cells import csv_text
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction

VIEWED, EXPORTED = "viewed rows set aside", "exported rows set aside"


@dataclass(frozen=True)
class SetAside:
    """One row that is kept and not released.

    Attributes:
        table: Of which it is a row.
        rules: Those that it breaks.
        record: Its cells as text, by dictionary column.
    """

    supplier: str
    submission: int
    table: str
    row: int
    rules: tuple[str, ...]
    record: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"rules": list(self.rules)}


def look_at_set_aside(
    settings: Settings,
    dependency: str,
    period: date,
    *,
    supplier: str | None = None,
    most: int | None = None,
    into: str | None = None,
) -> list[SetAside]:
    """Rows of a period's latest submissions that were set aside, in order; that somebody looked is on record then.

    Args:
        supplier: Only this one's.
        most: At most so many; all where None.
        into: The file that they are written to, for the record; None where they are only shown.
    """
    engine = open_engine(settings)
    with transaction(engine) as session:
        found = _rows(session, dependency, period, supplier, most)
        audit.note(
            session,
            EXPORTED if into else VIEWED,
            dependency=dependency,
            period=period,
            rows=len(found),
            supplier=supplier,
            to=into,
        )
    seal(engine)
    return found


def _rows(session: Session, dependency: str, period: date, supplier: str | None, most: int | None) -> list[SetAside]:
    query = text(
        """
        SELECT s.supplier, s.id AS submission, q.dependency AS "table", q._row AS row, q.rules, q.record
        FROM register.submission s
        JOIN register.judgement j ON j.dependency = s.dependency AND j.period = s.period AND j.gate = 'structure'
             AND j.submission_id = s.id
        JOIN landing.quarantined q ON q._landing = j.landing_id
        WHERE s.dependency = :dependency AND s.period = :period AND (:supplier = '' OR s.supplier = :supplier)
          AND NOT EXISTS (SELECT FROM register.submission n WHERE n.dependency = s.dependency
                          AND n.supplier = s.supplier AND n.period = s.period AND n.revision > s.revision)
        ORDER BY s.supplier, q.dependency, q._row LIMIT :most
        """
    )
    asked = {"dependency": dependency, "period": period, "supplier": supplier or "", "most": most}
    return [
        SetAside(row.supplier, row.submission, row.table, row.row, tuple(row.rules), row.record)
        for row in session.execute(query, asked)
    ]


def as_csv(rows: Sequence[SetAside]) -> str:
    """Rows as a file that a spreadsheet program may open: none of its cells is taken for a formula."""
    columns = list(dict.fromkeys(name for row in rows for name in row.record))
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(["supplier", "table", "row", "rules", *columns])
    for row in rows:
        cells = ["" if row.record.get(name) is None else csv_text(str(row.record[name])) for name in columns]
        writer.writerow([row.supplier, row.table, row.row, ", ".join(row.rules), *cells])
    return written.getvalue()
