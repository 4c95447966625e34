"""The rules of a schema, asked of one submission's rows batch by batch, as these become known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Protocol

import pandera.polars as pa
import polars as pl

from integrity.findings import Finding, GateResult, Rule
from integrity.gates import rules
from integrity.gates.batches import Batches
from integrity.gates.departures import Departures, type_rule_of
from integrity.gates.judged import JudgedRows, Reasons, Tally
from integrity.gates.questions import Checked, Coded, Decimals, OfAll, Question, Required, Typed, Unasked
from integrity.gates.schema import Column, Schema
from integrity.inventory.policy import Policy
from integrity.submissions.drift import Shape, shape_of
from integrity.submissions.layouts import LayoutFit
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict

_BLOCKING = ("block", "quarantine")


class Sink(Protocol):
    """Takes typed rows (``_row`` and the dictionary's columns) that nothing speaks against so far."""

    def accept(self, batch: pl.DataFrame, /) -> None:
        """Take some more of them."""


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
        blanks: Blank cells of each column that the file brings, of all rows that could be read.
        tables: Each table's own result, where the submission is several: rows are found there, and only counted here.
        is_nil: It says that there is nothing to report, so that there are no rows.
        withdrawn: Numbers of rows that a sink was given and that are set aside after all; None where it was given
            nothing, or where what it was given does not hold.
    """

    result: GateResult
    accepted: JudgedRows
    quarantined: JudgedRows
    units: frozenset[str]
    rows: int
    layout: str | None
    shape: Shape | None = None
    blanks: dict[str, int] = field(default_factory=dict)
    is_nil: bool = False
    tables: Mapping[str, StructureResult] = field(default_factory=dict)
    withdrawn: pl.Series | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict

    def of(self, table: str) -> StructureResult:
        """What was decided on one of its tables; '' is the only one."""
        return self.tables[table] if table else self

    @property
    def is_landable(self) -> bool:
        blocked = (f for f in self.result.findings if f.verdict is Verdict.FAIL and f.rule.severity == "block")
        return (self.rows > 0 or self.is_nil) and self.verdict is not Verdict.ERROR and next(blocked, None) is None


class Judging:
    """What every rule says of one submission, batch by batch.

    Args:
        headings: Of the file.
        columns: For each heading the column of its parts that holds it.
        latest: The last day that can be reported.
        supplier: Whose file it is; '' where nobody knows.
        has_more: Whether there may be more than one batch.
        unit_column: Column of the reporting units, which are gathered.
        sink: Is given rows as soon as those rules that look at one row at a time have nothing against them.
    """

    def __init__(
        self,
        schema: Schema,
        fit: LayoutFit,
        *,
        headings: tuple[str, ...],
        columns: dict[str, str],
        period: date,
        latest: date,
        supplier: str,
        has_more: bool,
        unit_column: str | None,
        sink: Sink | None = None,
    ) -> None:
        self.schema, self.fit, self.layout = schema, fit, fit.layout
        self.missing = set(fit.missing)
        self.batches = Batches(headings, columns, fit, schema, period=period, latest=latest, supplier=supplier)
        self.findings: list[Finding] = []
        self.units: set[str] = set()
        self.blanks = {name: 0 for name in schema.names if name in fit.brought}
        self._has_more, self._unit_column, self._sink = has_more, unit_column, sink
        self._aside: list[tuple[str, Tally]] = []
        self._amounts = [column.name for column in schema.columns.values() if self._is_amount(column)]
        self._below_nought = dict.fromkeys(self._amounts, 0)
        self._questions = self._asked()
        self._numbers: list[pl.Series] = []
        self._kept_back: list[pl.Series | None] = []
        self._has_departed = False

    @property
    def height(self) -> int:
        """Rows that were asked of so far."""
        return sum(numbers.len() for numbers in self._numbers)

    def ask(self, part: pl.DataFrame | Path) -> None:
        """Ask every rule that looks at one row at a time of the next rows."""
        text, cast = self.batches.add(part, is_held=self._sink is None)
        self._numbers.append(text[ROW])
        for question in self._questions:
            question.ask(text, cast)
        for name, count in text.select(*self.blanks).null_count().row(0, named=True).items():
            self.blanks[name] += count
        if self._unit_column:
            self.units.update(text[self._unit_column].drop_nulls().unique().to_list())
        for name in self._amounts:
            self._below_nought[name] += int((cast[name] < 0).sum())
        if self._sink:
            self._hand_on(self._sink, cast)

    def _hand_on(self, sink: Sink, cast: pl.DataFrame) -> None:
        kept_back: pl.Series | None = None
        for tally in (question.tally for question in self._questions):
            if tally.error or (tally.failed and tally.rule.severity == "block"):
                self._sink = None  # The file will not be landed.
                return
            failing = tally.masks[-1] if len(tally.masks) == len(self._numbers) else None
            if failing is not None and tally.rule.severity in _BLOCKING:
                kept_back = failing if kept_back is None else kept_back | failing
        self._kept_back.append(kept_back)
        sink.accept((cast if kept_back is None else cast.filter(~kept_back)).select(ROW, *self.schema.names))

    def conclude(self, reading: Reading, rows: int, policy: Policy, before: Shape | None) -> None:
        """Ask the rules that look at all rows at once, and find what every rule found.

        Args:
            reading: Of which all rows were asked.
            rows: Records in the file, bad ones included.
            before: Shape of the supplier's last accepted file.
        """
        self.reading, self.rows, self.policy, self.before = reading, rows, policy, before
        for question in self._questions:
            question.ask_whole(self.batches, self._numbers)
        self._conclude()

    def shape(self) -> Shape:
        """What the file looks like; shares are those of all its rows, all else is told by the first."""
        text, cast = self.batches.head()
        dtypes = {column.name: column.dtype for column in self.schema.columns.values()}
        shape = shape_of(self.reading, self.fit, dtypes, text=text, cast=cast)
        rows = max(self.height, 1)
        return replace(
            shape, below_nought={name: round(self._below_nought[name] / rows, 4) for name in shape.below_nought}
        )

    def result(self, findings: list[Finding], shape: Shape) -> StructureResult:
        count, names = len(self.batches), self.schema.names
        reasons = Reasons(self._aside, count)
        unparsed = pl.DataFrame(
            {
                ROW: [bad.number for bad in self.reading.bad_rows],
                "rules": [[rules.ROW_SHAPE.name]] * len(self.reading.bad_rows),
                **dict.fromkeys(names),
            },
            schema=columns_aside(self.schema),
        )
        set_aside = reasons.count()

        def accepted(batch: int) -> pl.DataFrame:
            aside, cast = reasons.aside(batch), self.batches.typed(batch)
            return (cast if aside is None else cast.filter(~aside)).select(ROW, *names)

        def quarantined(batch: int) -> pl.DataFrame:
            aside = reasons.aside(batch)
            if aside is None:
                return pl.DataFrame(schema=columns_aside(self.schema))
            return self.batches.text(batch).filter(aside).select(ROW, reasons.of(batch), *names)

        return StructureResult(
            GateResult.of("structure", findings),
            accepted=JudgedRows(
                self.height - set_aside,
                columns_accepted(self.schema),
                tuple(partial(accepted, batch) for batch in range(count)),
            ),
            quarantined=JudgedRows(
                set_aside + unparsed.height,
                columns_aside(self.schema),
                (*(partial(quarantined, batch) for batch in range(count)), lambda: unparsed),
            ),
            units=frozenset(self.units),
            rows=self.rows,
            layout=self.layout.name,
            shape=shape,
            blanks=self.blanks,
            withdrawn=self._withdrawn(reasons),
        )

    def _withdrawn(self, reasons: Reasons) -> pl.Series | None:
        if self._sink is None or self._has_departed:
            return None
        withdrawn = [pl.Series(ROW, [], dtype=pl.Int64)]
        for batch, (numbers, kept_back) in enumerate(zip(self._numbers, self._kept_back, strict=True)):
            aside = reasons.aside(batch)
            if aside is not None:
                withdrawn.append(numbers.filter(aside if kept_back is None else aside & ~kept_back))
        return pl.concat(withdrawn)

    def _is_amount(self, column: Column) -> bool:
        return column.dtype == pl.Float64() or column.name in self.layout.turn_sign

    def _asked(self) -> list[Question]:
        """A question for each rule and column, in the order of the findings."""
        asked: list[Question] = []
        for column in self.schema.columns.values():
            if column.name not in self.missing:
                asked += self._asked_of(column)
        for row_rule in self.schema.row_rules:
            unread = self.missing.intersection(row_rule.columns)
            if unread:
                asked.append(Unasked(row_rule.rule, row_rule.columns[0], unread))
            else:
                asked.append(self._checked(row_rule.rule, row_rule.check, row_rule.columns, None, row_rule.among))
        for of_all in self.schema.submission_rules:
            if unread := self.missing.intersection(of_all.columns):
                asked.append(Unasked(of_all.rule, of_all.columns[0], unread))
            else:
                asked.append(OfAll(of_all.rule, of_all.check, of_all.columns, self.schema.path))
        return asked

    def _asked_of(self, column: Column) -> Iterator[Question]:
        """A question for each rule of a column."""
        if type_rule := type_rule_of(column, self.layout):
            yield Typed(type_rule, column)
        if column.required:
            yield Required(column.required_rule, column)
        if column.missing_codes:
            yield Coded(column.coded_rule, column)
        if column.decimals is not None:
            yield Decimals(column.decimals_rule, column)
        for rule, check in column.checks:
            yield self._checked(rule, check, (column.name,), column.name)

    def _checked(
        self, rule: Rule, check: pa.Check, columns: tuple[str, ...], key: str | None, among: tuple[str, ...] = ()
    ) -> Checked:
        return Checked(rule, check, columns, key, self.schema.path, has_more=self._has_more, among=among)

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
            elif isinstance(question, OfAll) and question.unsaid:
                self._not_asked(tally, question.unsaid)
            elif isinstance(question, OfAll):
                self._find(tally.rule, tally, question.told if tally.failed else "")
            elif isinstance(question, Typed):
                self._conclude_type(question, departures)
            else:
                self._note(tally.rule, tally)

    def _conclude_type(self, question: Typed, departures: Departures) -> None:
        tally = question.tally
        heights = [numbers.len() for numbers in self._numbers]
        failing = _joined(tally.masks, heights) if tally.failed else pl.Series(dtype=pl.Boolean)
        departure = departures.of(question.column, failing, tally.failed, tally.evaluated)
        if departure is None:
            self._note(tally.rule, tally)
            return
        self._has_departed = True
        # One mistake is one finding: what is wrong with the column is not told once more for each of its cells.
        self._note(departure.rule, tally, departure.detail)
        self._not_asked(tally, f"the column as a whole is amiss, see {departure.rule.name}")

    def _not_asked(self, tally: Tally, why: str) -> None:
        self.findings.append(
            Finding(rule=tally.rule, verdict=Verdict.PASS, evaluated=0, failed=0, column=tally.column, not_judged=why)
        )

    def _note(self, rule: Rule, tally: Tally, detail: str = "") -> None:
        if tally.failed and rule.severity in _BLOCKING:
            self._aside.append((rule.name, tally))
        self._find(rule, tally, detail)

    def _find(self, rule: Rule, tally: Tally, detail: str) -> None:
        verdict = rules.verdict_of(
            rule, failed=tally.failed, evaluated=tally.evaluated, rows=self.rows, policy=self.policy
        )
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


def columns_accepted(schema: Schema) -> pl.Schema:
    return pl.Schema({ROW: pl.Int64(), **{name: column.dtype for name, column in schema.columns.items()}})


def columns_aside(schema: Schema) -> pl.Schema:
    return pl.Schema({ROW: pl.Int64(), "rules": pl.List(pl.String()), **dict.fromkeys(schema.names, pl.String())})
