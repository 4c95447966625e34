"""Check: judge files as the gates would, with no database and no Airflow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from integrity.errors import Misconfigured, Rejected
from integrity.findings import Finding, GateResult
from integrity.gates.coverage import SUPPLIER_REPORTED, judge_coverage
from integrity.gates.linked import Readings, judge_tables, read_tables
from integrity.gates.rules import IDENTIFIED
from integrity.gates.structure import StructureResult
from integrity.pipeline.office import Office
from integrity.submissions.identifying import identify_periods, reading_of_period
from integrity.submissions.layouts import choose_layout
from integrity.submissions.reading import Reading
from integrity.verdicts import Verdict, worst


@dataclass(frozen=True)
class CheckedFile:
    path: Path
    sha256: str
    supplier: str
    period: date | None
    judged: StructureResult

    def to_json(self) -> dict[str, Any]:
        judged = self.judged
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "supplier": self.supplier,
            "period": self.period.isoformat() if self.period else None,
            "revision": None,
            "rows": judged.rows,
            "accepted": judged.accepted.height if judged.is_landable else 0,
            "quarantined": judged.quarantined.height if judged.is_landable else 0,
            "verdict": str(judged.verdict),
            "findings": [f.to_json() for f in judged.result.failures],
        }


@dataclass(frozen=True)
class Checked:
    """Files that were checked together.

    Attributes:
        coverage: Of each period that the files are for, what can be said without the other suppliers' files.
        not_judged: Rules that need other days or data sets, or suppliers that were not given.
    """

    dependency: str
    files: tuple[CheckedFile, ...]
    coverage: tuple[GateResult, ...]
    not_judged: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> Verdict:
        period = [f.verdict for result in self.coverage for f in result.failures]
        return worst([*(file.judged.verdict for file in self.files), *period])

    def to_json(self) -> dict[str, Any]:
        periods = {file.period for file in self.files}
        only = next(iter(periods)) if len(periods) == 1 else None
        return {
            "dependency": self.dependency,
            "period": only.isoformat() if only else None,
            "verdict": str(self.verdict),
            "submissions": [file.to_json() for file in self.files],
            "findings": [f.to_json() for result in self.coverage for f in result.failures],
            "not_judged": [{"rule": rule, "because": why} for rule, why in self.not_judged],
        }


def check(office: Office, paths: list[Path]) -> Checked:
    """Judge files against a dependency's schema and population.

    A supplier is told from the file's folder, or is the only one there is.

    Raises:
        Misconfigured: A file is not there.
    """
    files = tuple(checked for path in paths for checked in _check_file(office, path))
    not_judged = {
        relation.rule.name: f"it needs {'other days or data sets' if relation.neighbours else 'the warehouse'}"
        for relation in office.registered.relations
    }
    coverage = []
    for period in sorted({file.period for file in files if file.period}):
        units = {f.supplier: f.judged.units if f.judged.layout else None for f in files if f.period == period}
        result = judge_coverage(
            office.registered,
            period=period,
            units=units,
            policy=office.policy,
            rows_of_units={f.supplier: _rows_of_units(office, f.judged) for f in files if f.period == period},
        )
        kept = [f for f in result.findings if f.rule.name != SUPPLIER_REPORTED.name]
        coverage.append(GateResult(gate="coverage", verdict=result.verdict, findings=tuple(kept)))
        not_judged[SUPPLIER_REPORTED.name] = "only the given files are known"
        not_judged.update({f.rule.name: f.not_judged for f in kept if f.not_judged})
    for file in files:
        not_judged.update({f.rule.name: f.not_judged for f in file.judged.result.not_judged})
    return Checked(office.name, files, tuple(coverage), tuple(not_judged.items()))


def _rows_of_units(office: Office, judged: StructureResult) -> dict[str, int]:
    """Rows of each reporting unit, those set aside among them."""
    stated = office.registered.dependency.population
    if stated is None or not judged.layout:
        return {}
    units = pl.concat([rows.select(stated.column) for rows in (judged.accepted, judged.quarantined)])
    return dict(units.drop_nulls().group_by(stated.column).len().iter_rows())


def _check_file(office: Office, path: Path) -> list[CheckedFile]:
    """Judge one file, once for each period that it is for."""
    if not path.is_file():
        raise Misconfigured(f"There is no file {path}.")
    dependency = office.registered.dependency
    supplier = _supplier(office, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    today = dependency.reporting.today(datetime.now(UTC))
    readings = read_tables(path, path.name, office.tables, supplier)
    try:
        periods: tuple[date | None, ...] = identify_periods(
            dependency,
            path.name,
            lambda: _only_one(readings),
            supplier=supplier,
            dictionary=office.tables[0].schema.names,
        )
        unplaced = ""
    except Rejected as refusal:
        periods, unplaced = (None,), str(refusal)
    checked = []
    for period in periods:
        judged = judge_tables(
            parts_for(readings, office, supplier, period, periods),
            office.tables,
            period=period or today,
            as_of=today,
            policy=office.policy,
            supplier=supplier,
        )
        if unplaced and judged.verdict is not Verdict.ERROR:
            finding = Finding(rule=IDENTIFIED, verdict=Verdict.FAIL, evaluated=1, failed=1, detail=unplaced)
            judged = replace(judged, result=GateResult.of("structure", [finding]))
        checked.append(CheckedFile(path, sha256, supplier, period, judged))
    return checked


def _supplier(office: Office, path: Path) -> str:
    """Who sent a file: its folder says so, or there is only one who could."""
    dependency = office.registered.dependency
    named = dependency.supplier(path.resolve().parent.name)
    if named:
        return named.code
    return dependency.suppliers[0].code if len(dependency.suppliers) == 1 else ""


def _only_one(readings: Readings) -> Reading:
    reading = readings[""]
    if isinstance(reading, Rejected):
        raise reading
    return reading


def parts_for(
    readings: Readings, office: Office, supplier: str, period: date | None, covered: Sequence[date | None]
) -> Readings:
    """What of a file is its submission for a period, where it covers several; only files of one table do."""
    known = tuple(each for each in covered if each)
    if period is None or len(known) < 2:
        return readings
    table = office.table()
    reading = readings[table.name]
    if isinstance(reading, Rejected):
        return readings
    fit = choose_layout(reading.headings, table.dependency.layouts, table.schema.names, supplier)
    return {table.name: reading_of_period(reading, table.dependency, fit.layout, period, known)}
