"""The first gate: one submission against its schema. Text first, then a cast on purpose, then pandera's checks.

Rows are judged in the batches in which they were read, and findings do not depend on where these begin and end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import pandera.polars as pa
import polars as pl

from integrity.errors import Rejected
from integrity.findings import SAMPLE_ROWS, Finding, GateResult, Rule
from integrity.gates import rules
from integrity.gates.batches import Batches
from integrity.gates.departures import Departures, drift_findings, header_findings, type_rule_of
from integrity.gates.judged import JudgedRows, Reasons, Tally
from integrity.gates.questions import Checked, Question, Required, Typed, Unasked
from integrity.gates.schema import Column, Schema
from integrity.inventory.dependency import Dependency
from integrity.inventory.policy import Policy
from integrity.submissions.drift import Shape, shape_of
from integrity.submissions.layouts import LayoutFit, choose_layout
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict

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
    accepted: JudgedRows
    quarantined: JudgedRows
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
    if rows == 0:
        finding = Finding(
            rule=rules.HAS_ROWS, verdict=Verdict.ERROR, evaluated=0, failed=1, detail="No row could be judged."
        )
        return _nothing_judged(schema, [*findings, finding])
    findings += [_passed(rules.HAS_ROWS, rows), _row_shape(reading, rows, policy)]
    judging = _Judging(schema, reading, fit, rows=rows, policy=policy, period=period, as_of=as_of, before=before)
    judging.run(dependency.population.column if dependency.population else None)
    shape = judging.shape()
    findings += judging.findings
    findings += drift_findings(before, shape, findings, rows, policy)
    return judging.result(findings, shape)


class _Judging:
    """What every rule says of one submission, batch by batch."""

    def __init__(
        self,
        schema: Schema,
        reading: Reading,
        fit: LayoutFit,
        *,
        rows: int,
        policy: Policy,
        period: date,
        as_of: date,
        before: Shape | None,
    ) -> None:
        self.schema, self.reading, self.fit, self.layout = schema, reading, fit, fit.layout
        self.missing, self.rows, self.policy, self.before = set(fit.missing), rows, policy, before
        self.batches = Batches(reading, fit, schema, period=period, latest=min(period, as_of))
        self.findings: list[Finding] = []
        self.units: set[str] = set()
        self.aside: list[tuple[str, Tally]] = []
        self.below_nought: dict[str, int] = {}
        self._questions = self._asked()
        self._heights: list[int] = []

    def run(self, unit_column: str | None) -> None:
        """Ask every rule of every row.

        Args:
            unit_column: Column of the reporting units, which are gathered.
        """
        numbers = []
        amounts = [column.name for column in self.schema.columns.values() if self._is_amount(column)]
        for text, cast in self.batches:
            numbers.append(text[ROW])
            self._heights.append(text.height)
            for question in self._questions:
                question.ask(text, cast)
            if unit_column:
                self.units.update(text[unit_column].drop_nulls().unique().to_list())
            for name in amounts:
                self.below_nought[name] = self.below_nought.get(name, 0) + int((cast[name] < 0).sum())
        for question in self._questions:
            question.ask_whole(self.batches, numbers)
        self._conclude()

    def shape(self) -> Shape:
        """What the file looks like; shares are those of all its rows, all else is told by the first."""
        text, cast = self.batches.head()
        dtypes = {column.name: column.dtype for column in self.schema.columns.values()}
        shape = shape_of(self.reading, self.fit, dtypes, text=text, cast=cast)
        rows = max(sum(self._heights), 1)
        return replace(
            shape, below_nought={name: round(self.below_nought[name] / rows, 4) for name in shape.below_nought}
        )

    def result(self, findings: list[Finding], shape: Shape) -> StructureResult:
        count, names = len(self.batches), self.schema.names
        reasons = Reasons(self.aside, count)
        unparsed = pl.DataFrame(
            {
                ROW: [bad.number for bad in self.reading.bad_rows],
                "rules": [[rules.ROW_SHAPE.name]] * len(self.reading.bad_rows),
                **dict.fromkeys(names),
            },
            schema=_columns_aside(self.schema),
        )
        set_aside = reasons.count()

        def accepted(batch: int) -> pl.DataFrame:
            aside, cast = reasons.aside(batch), self.batches.typed(batch)
            return (cast if aside is None else cast.filter(~aside)).select(ROW, *names)

        def quarantined(batch: int) -> pl.DataFrame:
            aside = reasons.aside(batch)
            if aside is None:
                return pl.DataFrame(schema=_columns_aside(self.schema))
            return self.batches.text(batch).filter(aside).select(ROW, reasons.of(batch), *names)

        return StructureResult(
            GateResult.of("structure", findings),
            accepted=JudgedRows(
                sum(self._heights) - set_aside,
                _columns_accepted(self.schema),
                tuple(partial(accepted, batch) for batch in range(count)),
            ),
            quarantined=JudgedRows(
                set_aside + unparsed.height,
                _columns_aside(self.schema),
                (*(partial(quarantined, batch) for batch in range(count)), lambda: unparsed),
            ),
            units=frozenset(self.units),
            rows=self.rows,
            layout=self.layout.name,
            shape=shape,
        )

    def _is_amount(self, column: Column) -> bool:
        return column.dtype == pl.Float64() or column.name in self.layout.turn_sign

    def _asked(self) -> list[Question]:
        """A question for each rule and column, in the order of the findings."""
        asked: list[Question] = []
        for column in self.schema.columns.values():
            if column.name in self.missing:
                continue
            if type_rule := type_rule_of(column, self.layout):
                asked.append(Typed(type_rule, column))
            if column.required:
                asked.append(Required(rules.REQUIRED, column))
            for rule, check in column.checks:
                asked.append(self._checked(rule, check, (column.name,), column.name))
        for row_rule in self.schema.row_rules:
            unread = self.missing.intersection(row_rule.columns)
            if unread:
                asked.append(Unasked(row_rule.rule, row_rule.columns[0], unread))
            else:
                asked.append(self._checked(row_rule.rule, row_rule.check, row_rule.columns, None, row_rule.among))
        return asked

    def _checked(
        self, rule: Rule, check: pa.Check, columns: tuple[str, ...], key: str | None, among: tuple[str, ...] = ()
    ) -> Checked:
        return Checked(rule, check, columns, key, self.schema.path, has_more=len(self.batches) > 1, among=among)

    def _conclude(self) -> None:
        departures = Departures(
            self.schema,
            self.fit,
            text=_WholeColumns(self.batches.text_column),
            cast=_WholeColumns(self.batches.typed_column),
            before=self.before,
        )
        for question in self._questions:
            tally = question.tally
            if isinstance(question, Unasked):
                self._not_asked(tally, question.why)
            elif tally.error:
                self.findings.append(rules.could_not_check(tally.rule, tally.error, tally.column))
            elif isinstance(question, Typed):
                self._conclude_type(question, departures)
            else:
                self._note(tally.rule, tally)

    def _conclude_type(self, question: Typed, departures: Departures) -> None:
        tally = question.tally
        failing = _joined(tally.masks, self._heights) if tally.failed else pl.Series(dtype=pl.Boolean)
        departure = departures.of(question.column, failing, tally.failed, tally.evaluated)
        if departure is None:
            self._note(tally.rule, tally)
            return
        # One mistake is one finding: what is wrong with the column is not told once more for each of its cells.
        self._note(departure.rule, tally, departure.detail)
        self._not_asked(tally, f"the column as a whole is amiss, see {departure.rule.name}")

    def _not_asked(self, tally: Tally, why: str) -> None:
        self.findings.append(
            Finding(rule=tally.rule, verdict=Verdict.PASS, evaluated=0, failed=0, column=tally.column, not_judged=why)
        )

    def _note(self, rule: Rule, tally: Tally, detail: str = "") -> None:
        if tally.failed and rule.severity in _BLOCKING:
            self.aside.append((rule.name, tally))
        verdict = rules.verdict_of(rule, failed=tally.failed, rows=self.rows, policy=self.policy)
        self.findings.append(
            Finding(
                rule=rule,
                verdict=verdict,
                evaluated=tally.evaluated,
                failed=tally.failed,
                column=tally.column,
                rows=tuple(tally.numbers),
                detail=detail,
            )
        )


class _WholeColumns:
    """Columns of a submission, each loaded as a whole when it is asked for."""

    def __init__(self, load: Callable[[str], pl.Series]) -> None:
        self._load = load

    def __getitem__(self, name: str) -> pl.Series:
        return self._load(name)


def _joined(masks: list[pl.Series | None], heights: list[int]) -> pl.Series:
    """A mask of all rows from those of the batches."""
    return pl.concat(
        [
            pl.repeat(False, height, dtype=pl.Boolean, eager=True) if mask is None else mask.rename("")
            for mask, height in zip(masks, heights, strict=True)
        ]
    )


def _columns_accepted(schema: Schema) -> pl.Schema:
    return pl.Schema({ROW: pl.Int64(), **{name: column.dtype for name, column in schema.columns.items()}})


def _columns_aside(schema: Schema) -> pl.Schema:
    return pl.Schema({ROW: pl.Int64(), "rules": pl.List(pl.String()), **dict.fromkeys(schema.names, pl.String())})


def _passed(rule: Rule, evaluated: int) -> Finding:
    return Finding(rule=rule, verdict=Verdict.PASS, evaluated=evaluated, failed=0)


def _row_shape(reading: Reading, rows: int, policy: Policy) -> Finding:
    failed = len(reading.bad_rows)
    verdict = rules.verdict_of(rules.ROW_SHAPE, failed=failed, rows=rows, policy=policy)
    numbers = tuple(bad.number for bad in reading.bad_rows[:SAMPLE_ROWS])
    return Finding(rule=rules.ROW_SHAPE, verdict=verdict, evaluated=rows, failed=failed, rows=numbers)


def _nothing_judged(schema: Schema, findings: list[Finding], rows: int = 0) -> StructureResult:
    return StructureResult(
        GateResult.of("structure", findings),
        accepted=JudgedRows(0, _columns_accepted(schema)),
        quarantined=JudgedRows(0, _columns_aside(schema)),
        units=frozenset(),
        rows=rows,
        layout=None,
    )
