"""Submissions as the tables that they consist of: read table by table, judged table by table, one answer.

Most dependencies have one table; then its reading and its answer are the submission's as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from integrity.errors import Rejected
from integrity.findings import Finding, GateResult
from integrity.gates import rules
from integrity.gates.controlling import judge_totals, read_totals
from integrity.gates.judged import JudgedRows
from integrity.gates.schema import Table
from integrity.gates.structure import JudgedWhileRead, StructureResult, judge_structure
from integrity.inventory.dependency import qualified
from integrity.inventory.policy import Policy
from integrity.submissions.drift import Shape
from integrity.submissions.fitting import read_fitting
from integrity.submissions.isolation import Follower
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict

Readings = Mapping[str, Reading | Rejected]
"""What the reader understood of each table, or its refusal; and of the control totals, where some are declared."""

TOTALS = "control totals"
"""Where these are among readings; no table has this name."""


def read_tables(
    path: Path, name: str, tables: Sequence[Table], supplier: str, follower: Follower | None = None
) -> Readings:
    """Read every table of a file; one that cannot be read keeps no other from being read.

    Args:
        name: What its supplier called it.
        supplier: Who sent it; '' where nobody knows.
        follower: Is told of a large file's rows while it is read, where it is one table.
    """
    found: dict[str, Reading | Rejected] = {}
    for table in tables:
        try:
            found[table.name] = read_fitting(
                path, name, table.dependency, supplier, table.schema.names, follower if len(tables) == 1 else None
            )
        except Rejected as refusal:
            found[table.name] = refusal
    if stated := tables[0].dependency.control_totals:
        declared = read_totals(path, name, stated, list(found.values()))
        found |= {TOTALS: declared} if declared else {}
    return found


def judge_tables(
    readings: Readings,
    tables: Sequence[Table],
    *,
    period: date,
    as_of: date,
    policy: Policy,
    supplier: str = "",
    before: Shape | None = None,
    ahead: JudgedWhileRead | None = None,
) -> StructureResult:
    """Judge every table of a submission; findings name the table, and all of them together decide.

    Args:
        period, as_of, policy, supplier: As ``judge_structure``'s.
        before: Shape of the supplier's last accepted file.
        ahead: What was judged while the file was read, where it is one table.
    """
    shapes = before.tables if before else {}
    results = {
        table.name: judge_structure(
            readings[table.name],
            table.schema,
            table.dependency,
            period=period,
            as_of=as_of,
            policy=policy,
            supplier=supplier,
            before=shapes.get(table.name) if table.name else before,
            ahead=ahead,
        )
        for table in tables
    }
    first, read = tables[0], {table.name: readings[table.name] for table in tables}
    findings = []
    if stated := first.dependency.control_totals:
        findings.append(judge_totals(readings.get(TOTALS), stated, tables, read, supplier))
    if first.name:
        return _as_one(results, [_parts_known(readings, tables), *findings])
    alone = results[first.name]
    return replace(alone, result=GateResult.of("structure", [*alone.result.findings, *findings])) if findings else alone


def _parts_known(readings: Readings, tables: Sequence[Table]) -> Finding:
    """Whether the submission has files, or sheets, that nobody asks for."""
    found = {name for reading in readings.values() if isinstance(reading, Reading) for name in reading.beside}
    totals = tables[0].dependency.control_totals
    known = [str(table.dependency.layouts[0].reading.part) for table in tables] + ([totals.file] if totals else [])
    strange = sum(not any(re.search(pattern, name) for pattern in known) for name in found)
    verdict = Verdict.WARN if strange else Verdict.PASS
    detail = f"{strange} of them." if strange else ""
    return Finding(rule=rules.PARTS_KNOWN, verdict=verdict, evaluated=len(tables), failed=strange, detail=detail)


def _as_one(results: Mapping[str, StructureResult], of_all: Sequence[Finding]) -> StructureResult:
    findings = [*of_all]
    for table, result in results.items():
        findings += [replace(found, column=qualified(table, found.column)) for found in result.result.findings]
    judged = [result for result in results.values() if result.layout]
    shapes = {table: result.shape for table, result in results.items() if result.shape}
    return StructureResult(
        GateResult.of("structure", findings),
        accepted=_counted(result.accepted for result in results.values()),
        quarantined=_counted(result.quarantined for result in results.values()),
        units=frozenset(),
        rows=sum(result.rows for result in results.values()),
        layout=judged[0].layout if judged else None,
        shape=Shape.of_tables(shapes) if shapes else None,
        blanks={f"{t}.{column}": count for t, result in results.items() for column, count in result.blanks.items()},
        tables=results,
    )


def _counted(fates: Iterable[JudgedRows]) -> JudgedRows:
    """Rows of all tables, counted; each table's own are its own result's."""
    return JudgedRows(sum(rows.height for rows in fates), pl.Schema({ROW: pl.Int64()}))
