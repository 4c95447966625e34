"""The first gate: one submission against its schema. Text first, then a cast on purpose, then pandera's checks.

Rows are judged in the batches in which they were read, and findings do not depend on where these begin and end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from integrity.errors import Rejected
from integrity.findings import SAMPLE_ROWS, Finding, GateResult, Rule
from integrity.gates import rules
from integrity.gates.asking import Judging, Sink, StructureResult, columns_accepted, columns_aside
from integrity.gates.departures import drift_findings, header_findings
from integrity.gates.judged import JudgedRows
from integrity.gates.schema import Schema
from integrity.inventory.dependency import Dependency
from integrity.inventory.policy import Policy
from integrity.submissions.drift import Shape
from integrity.submissions.isolation import Begun
from integrity.submissions.layouts import LayoutFit, choose_layout
from integrity.submissions.reading import Reading, Rows
from integrity.verdicts import Verdict

__all__ = ["JudgedWhileRead", "Sink", "StructureResult", "judge_structure"]


def judge_structure(
    reading: Reading | Rejected,
    schema: Schema,
    dependency: Dependency,
    *,
    period: date,
    as_of: date,
    policy: Policy,
    supplier: str = "",
    before: Shape | None = None,
    ahead: JudgedWhileRead | None = None,
) -> StructureResult:
    """Judge the shape and values of one submission against its schema.

    Collects every failure before returning, so that a supplier gets one complete list instead of one
    error per resubmission.

    Args:
        reading: The submission as text, or the reader's refusal.
        period: The reporting period that the submission is for.
        as_of: The day it was received, where the dependency reports; with the period's own day it bounds
            what can be known. Passed in, never read from the clock, so that a rerun gives the same verdict.
        policy: Thresholds of the dependency's class.
        supplier: Whose file it is, where that is known; decides which layouts describe it.
        before: Shape of the supplier's last accepted file, to say what changed since; None where there is none.
        ahead: What was judged while the file was read.
    """
    if isinstance(reading, Rejected) or reading.problem:
        detail = str(reading) if isinstance(reading, Rejected) else reading.problem
        finding = Finding(rule=rules.READABLE, verdict=Verdict.ERROR, evaluated=0, failed=1, detail=detail)
        return _nothing_judged(schema, [finding])
    fit = choose_layout(reading.headings, dependency.layouts, schema.names, supplier)
    findings = [_passed(rules.READABLE, 1), *header_findings(reading, fit, schema, before, policy)]
    rows = reading.rows.height + len(reading.bad_rows)
    if not fit.brought:
        verdict = Verdict.ERROR
        findings = [f for f in findings if f.rule not in (rules.COLUMNS_PRESENT, rules.COLUMNS_KNOWN)]
        findings.append(
            Finding(
                rule=rules.COLUMNS_PRESENT,
                verdict=verdict,
                evaluated=1,
                failed=1,
                detail="None of the expected columns is there, so no rule could be judged.",
            )
        )
        return _nothing_judged(schema, findings, rows)
    if rows == 0 and dependency.reporting.nil_returns:
        why = "a nil return: the supplier has nothing to report"
        nil = Finding(rule=rules.HAS_ROWS, verdict=Verdict.PASS, evaluated=0, failed=0, not_judged=why)
        return replace(_nothing_judged(schema, [*findings, nil]), layout=fit.layout.name, is_nil=True)
    if rows == 0:
        finding = Finding(
            rule=rules.HAS_ROWS, verdict=Verdict.ERROR, evaluated=0, failed=1, detail="No row could be judged."
        )
        return _nothing_judged(schema, [*findings, finding])
    findings += [_passed(rules.HAS_ROWS, rows), _row_shape(reading, rows, policy)]
    judging = ahead.of(reading) if ahead else None
    if judging is None:
        judging = _judging(
            schema,
            dependency,
            fit,
            reading.rows,
            headings=reading.headings,
            period=period,
            as_of=as_of,
            supplier=supplier,
        )
        for part in reading.rows.parts or (reading.rows.raw(),):
            judging.ask(part)
    judging.conclude(reading, rows, policy, before)
    shape = judging.shape()
    findings += judging.findings
    findings += drift_findings(before, shape, findings, rows, policy)
    return judging.result(findings, shape)


class JudgedWhileRead:
    """The structure gate at work on a large file while the rest of it is still being read.

    Args:
        period, as_of, supplier: As ``judge_structure``'s.
        sink: Is given rows as soon as those rules that look at one row at a time have nothing against them.
    """

    def __init__(
        self, schema: Schema, dependency: Dependency, *, period: date, as_of: date, supplier: str, sink: Sink
    ) -> None:
        self._schema, self._dependency, self._supplier, self._sink = schema, dependency, supplier, sink
        self._period, self._as_of = period, as_of
        self._judging: Judging | None = None
        self._parts: list[Path] = []

    def __call__(self, begun: Begun) -> None:
        """Judge one more part."""
        if not self._parts:
            self._judging = self._begin(begun)
        self._parts.append(begun.part)
        if self._judging:
            self._judging.ask(begun.part)

    def _begin(self, begun: Begun) -> Judging | None:
        fit = choose_layout(begun.headings, self._dependency.layouts, self._schema.names, self._supplier)
        if not fit.brought:
            return None
        rows = Rows((), begun.columns, 0)
        return _judging(
            self._schema,
            self._dependency,
            fit,
            rows,
            headings=begun.headings,
            period=self._period,
            as_of=self._as_of,
            supplier=self._supplier,
            sink=self._sink,
        )

    def of(self, reading: Reading) -> Judging | None:
        """What was judged of a reading: all of its rows, or nothing."""
        is_all = self._judging is not None and reading.rows.parts == tuple(self._parts)
        return self._judging if is_all else None


def _judging(
    schema: Schema,
    dependency: Dependency,
    fit: LayoutFit,
    rows: Rows,
    *,
    headings: tuple[str, ...],
    period: date,
    as_of: date,
    supplier: str,
    sink: Sink | None = None,
) -> Judging:
    return Judging(
        schema,
        fit,
        headings=headings,
        columns=rows.columns,
        period=period,
        latest=min(dependency.reporting.last_day(period), as_of),
        supplier=supplier,
        has_more=sink is not None or len(rows.parts) > 1,
        unit_column=dependency.population.column if dependency.population else None,
        sink=sink,
    )


def _passed(rule: Rule, evaluated: int) -> Finding:
    return Finding(rule=rule, verdict=Verdict.PASS, evaluated=evaluated, failed=0)


def _row_shape(reading: Reading, rows: int, policy: Policy) -> Finding:
    failed = len(reading.bad_rows)
    verdict = rules.verdict_of(rules.ROW_SHAPE, failed=failed, evaluated=rows, rows=rows, policy=policy)
    numbers = tuple(bad.number for bad in reading.bad_rows[:SAMPLE_ROWS])
    return Finding(rule=rules.ROW_SHAPE, verdict=verdict, evaluated=rows, failed=failed, rows=numbers)


def _nothing_judged(schema: Schema, findings: list[Finding], rows: int = 0) -> StructureResult:
    return StructureResult(
        GateResult.of("structure", findings),
        accepted=JudgedRows(0, columns_accepted(schema)),
        quarantined=JudgedRows(0, columns_aside(schema)),
        units=frozenset(),
        rows=rows,
        layout=None,
    )
