"""Suppliers and periods as a grid: what came, when, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered, Supplier
from integrity.pages.strips import Mark

STATES = {
    "released": "released",
    "exceptions": "released with exceptions",
    "older": "released in an older revision; the latest is blocked",
    "failed": "failed",
    "received": "received, not released",
    "missing": "missing",
    "awaited": "not due yet",
    "none": "not expected",
}
"""Every look of a cell, with its meaning."""
_TROUBLE = ("missing", "failed", "older")


@dataclass(frozen=True)
class Deliveries:
    """A supplier's line in the grid."""

    code: str
    name: str
    cells: tuple[Mark, ...]

    @property
    def trouble(self) -> int:
        return sum(cell.kind in _TROUBLE for cell in self.cells)


def deliveries(
    session: Session, registered: Registered, labels: Mapping[date, str], moment: datetime
) -> list[Deliveries]:
    """A line for each supplier that is registered or has sent anything, those with the most trouble first.

    Args:
        labels: Periods as people write them.
        moment: By which it is told what is missing.
    """
    known = {(row.supplier, row.period): row for row in _known(session, registered.name, list(labels))}
    declared = {supplier.code: supplier for supplier in registered.dependency.suppliers}
    codes = [*declared, *sorted({code for code, _ in known} - set(declared))]
    lines = []
    for code in codes:
        supplier = declared.get(code)
        cells = tuple(
            _cell(registered, supplier, period, label, known.get((code, period)), moment)
            for period, label in labels.items()
        )
        lines.append(Deliveries(code, supplier.name if supplier else "not registered", cells))
    return sorted(lines, key=lambda line: -line.trouble)


def _cell(
    registered: Registered, supplier: Supplier | None, period: date, label: str, row: Any, moment: datetime
) -> Mark:
    missed_at = registered.dependency.reporting.missed_after(period, supplier.timezone if supplier else None)
    if row is None:
        if supplier is None or not supplier.reports_for(period):
            return Mark(label, "none", STATES["none"])
        kind = "awaited" if missed_at and moment <= missed_at else "missing"
        return Mark(label, kind, STATES[kind])
    is_late = missed_at is not None and row.first_received_at > missed_at
    kind = _state(row)
    said = [STATES[kind], "late" if is_late else "", f"revision {row.revision}" if row.revision > 1 else ""]
    if row.quarantined and kind == "exceptions":
        said.append(f"{row.quarantined:,} rows set aside")
    return Mark(label, f"{kind} late" if is_late else kind, ", ".join(filter(None, said)))


def _state(row: Any) -> str:
    if row.released_revision is None:
        return "failed" if row.verdict in ("FAIL", "ERROR") else "received"
    if row.released_revision < row.revision:
        return "older"
    return "exceptions" if row.quarantined or row.is_waived or row.released_as != "PASS" else "released"


def _known(session: Session, dependency: str, periods: list[date]) -> list[Any]:
    """Of each supplier and period the latest revision, and what is released."""
    query = text(
        """
        SELECT DISTINCT ON (s.supplier, s.period) s.supplier, s.period, s.revision, j.verdict,
               min(s.received_at) OVER (PARTITION BY s.supplier, s.period) AS first_received_at,
               rs.revision AS released_revision, r.quarantined, r.verdict AS released_as,
               cardinality(r.waivers) > 0 AS is_waived
        FROM register.submission s
        LEFT JOIN register.judgement j ON j.dependency = s.dependency AND j.period = s.period
             AND j.gate = 'structure' AND j.submission_id = s.id
        LEFT JOIN register.release r ON r.dependency = s.dependency AND r.supplier = s.supplier
             AND r.period = s.period AND r.superseded_at IS NULL
        LEFT JOIN register.submission rs ON rs.id = r.submission_id
        WHERE s.dependency = :dependency AND s.period = ANY(:periods)
        ORDER BY s.supplier, s.period, s.revision DESC
        """
    )
    return list(session.execute(query, {"dependency": dependency, "periods": periods}))
