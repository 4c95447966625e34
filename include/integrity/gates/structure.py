"""The first gate: one submission against its schema. Text first, then a cast on purpose, then pandera's checks."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandera.polars as pa
import polars as pl

from integrity.errors import Rejected
from integrity.findings import SAMPLE_ROWS, Finding, GateResult, Rule
from integrity.gates import rules
from integrity.gates.departures import Departures, drift_findings, header_findings, type_rule_of
from integrity.gates.schema import Column, Schema
from integrity.inventory.dependency import Dependency
from integrity.inventory.policy import Policy
from integrity.submissions.drift import Shape, shape_of
from integrity.submissions.layouts import LayoutFit, apply_layout, choose_layout
from integrity.submissions.notations import typed
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict

PERIOD = "_period"
_LATEST = "_latest"
_BLOCKING = ("block", "quarantine")


@dataclass(frozen=True)
class StructureResult:
    """What the structure gate decided on one submission.

    Attributes:
        accepted: Typed rows that may go on: ``_row``, then the dictionary's columns. Empty if nothing was readable.
        quarantined: Rows set aside: ``_row``, ``rules`` (list of rule names), then the dictionary's columns as text.
        units: Reporting units that the submission names, in any state; judged as coverage.
        rows: Records in the file, bad ones included.
        is_landable: Whether the rows may be kept in landing: false once a ``block`` rule failed.
        shape: What the file looks like, for the next one to be held against; None if nothing was readable.
    """

    result: GateResult
    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    units: frozenset[str]
    rows: int
    layout: str | None
    shape: Shape | None = None

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict

    @property
    def is_landable(self) -> bool:
        blocked = (f for f in self.result.findings if f.verdict is Verdict.FAIL and f.rule.severity == "block")
        return self.rows > 0 and self.verdict is not Verdict.ERROR and next(blocked, None) is None


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
    """
    if isinstance(reading, Rejected) or reading.problem:
        detail = str(reading) if isinstance(reading, Rejected) else reading.problem
        finding = Finding(rule=rules.READABLE, verdict=Verdict.ERROR, evaluated=0, failed=1, detail=detail)
        return _nothing_judged(schema, [finding])
    fit = choose_layout(reading.headings, dependency.layouts, schema.names, supplier)
    findings = [_passed(rules.READABLE, 1), *header_findings(reading, fit, schema, before, policy)]
    rows = reading.frame.height + len(reading.bad_rows)
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
    if rows == 0:
        finding = Finding(
            rule=rules.HAS_ROWS, verdict=Verdict.ERROR, evaluated=0, failed=1, detail="No row could be judged."
        )
        return _nothing_judged(schema, [*findings, finding])
    findings += [_passed(rules.HAS_ROWS, rows), _row_shape(reading, rows, policy)]
    text = apply_layout(reading, fit.layout, schema.names)
    judging = _Judging(schema, text, fit, rows=rows, policy=policy, period=period, as_of=as_of, before=before)
    judging.run()
    dtypes = {column.name: column.dtype for column in schema.columns.values()}
    shape = shape_of(reading, fit, dtypes, text=text, cast=judging.typed)
    findings += judging.findings
    findings += drift_findings(before, shape, findings, rows, policy)
    return replace(_result(judging, reading, findings, dependency), shape=shape)


class _Judging:
    """Row masks of every rule on one submission: a mask is true where the row fails."""

    def __init__(
        self,
        schema: Schema,
        text: pl.DataFrame,
        fit: LayoutFit,
        *,
        rows: int,
        policy: Policy,
        period: date,
        as_of: date,
        before: Shape | None,
    ) -> None:
        self.schema, self.text, self.layout = schema, text, fit.layout
        self.missing, self.rows, self.policy = set(fit.missing), rows, policy
        self.findings: list[Finding] = []
        self.masks: dict[str, pl.Series] = {}
        cast = [typed(column.name, column.dtype, self.layout).alias(column.name) for column in schema.columns.values()]
        self.typed = text.select(ROW, *cast).with_columns(
            pl.lit(period).alias(PERIOD), pl.lit(min(period, as_of)).alias(_LATEST)
        )
        self.departures = Departures(schema, fit, text=text, cast=self.typed, before=before)
        self.lazy = self.typed.lazy()

    def run(self) -> None:
        for column in self.schema.columns.values():
            if column.name not in self.missing:
                self._judge_column(column)
        for row_rule in self.schema.row_rules:
            unread = self.missing.intersection(row_rule.columns)
            if unread:
                why = f"column {', '.join(sorted(unread))} is missing"
                self.findings.append(
                    Finding(
                        rule=row_rule.rule,
                        verdict=Verdict.PASS,
                        evaluated=0,
                        failed=0,
                        column=row_rule.columns[0],
                        not_judged=why,
                    )
                )
            else:
                self._judge_check(row_rule.rule, row_rule.check, row_rule.columns, None)

    def _judge_column(self, column: Column) -> None:
        given, cast = self.text[column.name], self.typed[column.name]
        filled = given.is_not_null()
        type_rule = type_rule_of(column, self.layout)
        if type_rule:
            self._judge_type(type_rule, column, filled & cast.is_null(), int(filled.sum()))
        if column.required:
            self._note(rules.REQUIRED, column.name, ~filled, given.len())
        for rule, check in column.checks:
            self._judge_check(rule, check, (column.name,), column.name)

    def _judge_type(self, type_rule: Rule, column: Column, failing: pl.Series, filled: int) -> None:
        departure = self.departures.of(column, failing, int(failing.sum()), filled)
        if departure is None:
            self._note(type_rule, column.name, failing, filled)
            return
        # One mistake is one finding: what is wrong with the column is not told once more for each of its cells.
        self._note(departure.rule, column.name, failing, filled, departure.detail)
        why = f"the column as a whole is amiss, see {departure.rule.name}"
        self.findings.append(
            Finding(rule=type_rule, verdict=Verdict.PASS, evaluated=0, failed=0, column=column.name, not_judged=why)
        )

    def _judge_check(self, rule: Rule, check: pa.Check, columns: tuple[str, ...], key: str | None) -> None:
        """Ask pandera's own check, which gives true where the row holds."""
        try:
            output = check(self.lazy, key).check_output.collect().to_series()
            evaluated = self.typed.select(pl.all_horizontal([pl.col(c).is_not_null() for c in columns])).to_series()
            # A rule that answers for another number of rows breaks here, and must not pass for the first ones.
            failing = pl.DataFrame({"evaluated": evaluated, "output": output}).select(
                pl.col("evaluated") & ~pl.col("output")
            )
        except Exception as error:  # noqa: BLE001 - a rule's author may have written anything; whatever it is, it blocks
            self.findings.append(rules.could_not_check(rule, _where(error, self.schema), columns[0]))
            return
        self._note(rule, columns[0], failing.to_series(), int(evaluated.sum()))

    def _note(self, rule: Rule, column: str, failing: pl.Series, evaluated: int, detail: str = "") -> None:
        failed = int(failing.sum())
        numbers: tuple[int, ...] = ()
        if failed:
            numbers = tuple(self.text[ROW].filter(failing).head(SAMPLE_ROWS).to_list())
            if rule.severity in _BLOCKING:
                known = self.masks.get(rule.name)
                self.masks[rule.name] = failing if known is None else known | failing
        verdict = rules.verdict_of(rule, failed=failed, rows=self.rows, policy=self.policy)
        self.findings.append(
            Finding(
                rule=rule,
                verdict=verdict,
                evaluated=evaluated,
                failed=failed,
                column=column,
                rows=numbers,
                detail=detail,
            )
        )


def _where(error: Exception, schema: Schema) -> str:
    """Where a rule broke. Never the error's own text: libraries quote the cells they stumble over."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(schema.path)]
    place = f", {schema.path.parent.name}/schema.py line {lines[-1]}" if lines else ""
    return f"The rule could not be evaluated ({type(error).__name__}{place}); an engineer must mend it."


def _passed(rule: Rule, evaluated: int) -> Finding:
    return Finding(rule=rule, verdict=Verdict.PASS, evaluated=evaluated, failed=0)


def _row_shape(reading: Reading, rows: int, policy: Policy) -> Finding:
    failed = len(reading.bad_rows)
    verdict = rules.verdict_of(rules.ROW_SHAPE, failed=failed, rows=rows, policy=policy)
    numbers = tuple(bad.number for bad in reading.bad_rows[:SAMPLE_ROWS])
    return Finding(rule=rules.ROW_SHAPE, verdict=verdict, evaluated=rows, failed=failed, rows=numbers)


def _nothing_judged(schema: Schema, findings: list[Finding], rows: int = 0) -> StructureResult:
    empty = pl.DataFrame(schema={ROW: pl.Int64, **{name: column.dtype for name, column in schema.columns.items()}})
    aside = pl.DataFrame(schema={ROW: pl.Int64, "rules": pl.List(pl.String), **dict.fromkeys(schema.names, pl.String)})
    return StructureResult(
        GateResult.of("structure", findings),
        accepted=empty,
        quarantined=aside,
        units=frozenset(),
        rows=rows,
        layout=None,
    )


def _result(judging: _Judging, reading: Reading, findings: list[Finding], dependency: Dependency) -> StructureResult:
    text, masks = judging.text, judging.masks
    aside = pl.Series([False] * text.height, dtype=pl.Boolean)
    for mask in masks.values():
        aside = aside | mask
    names: dict[str, Any] = {name: mask.filter(aside) for name, mask in masks.items()}
    reasons = (
        pl.DataFrame(names).select(
            pl.concat_list([pl.when(pl.col(n)).then(pl.lit(n)) for n in names]).list.drop_nulls().alias("rules")
        )
        if names
        else pl.DataFrame(schema={"rules": pl.List(pl.String)})
    )
    quarantined = text.filter(aside).select(ROW, reasons["rules"], *judging.schema.names)
    unparsed = pl.DataFrame(
        {ROW: [bad.number for bad in reading.bad_rows], "rules": [[rules.ROW_SHAPE.name]] * len(reading.bad_rows)},
        schema={ROW: pl.Int64, "rules": pl.List(pl.String)},
    )
    units = (
        frozenset(text[dependency.population.column].drop_nulls().to_list()) if dependency.population else frozenset()
    )
    return StructureResult(
        GateResult.of("structure", findings),
        accepted=judging.typed.filter(~aside).select(ROW, *judging.schema.names),
        quarantined=pl.concat([quarantined, unparsed], how="diagonal"),
        units=units,
        rows=judging.rows,
        layout=judging.layout.name,
    )
