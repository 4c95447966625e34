"""The questions that a schema asks of a submission's rows: can a cell be read, is it there, does it keep its rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from integrity.errors import CouldNotCheck, place_within
from integrity.findings import Rule
from integrity.gates.batches import Batches
from integrity.gates.judged import Tally
from integrity.gates.row_by_row import columns_read, is_row_by_row
from integrity.gates.schema import Column
from integrity.submissions.reading import ROW

_LOADED_ROWS = 2_000_000
"""Rows of a file that are loaded at once where their rule says which can matter to each other."""
_ALONE_ROWS = 200_000
"""Rows up to which parting them costs more than it saves."""
_GROUPS = 32
"""Groups into which these are parted: comparing few rows costs much less than a small share of comparing many."""
_GROUPS_AT_ONCE = 2
_GROUP, _PLACE = "_group", "_place"


class Question:
    """A rule, and what it has said so far."""

    def __init__(self, rule: Rule, column: str) -> None:
        self.tally = Tally(rule, column)

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        """Ask it of a batch."""
        raise NotImplementedError

    def ask_whole(self, batches: Batches, numbers: list[pl.Series]) -> None:
        """Ask it of all rows at once, where it could not be asked of each batch."""


class Unasked(Question):
    def __init__(self, rule: Rule, column: str, missing: set[str]) -> None:
        super().__init__(rule, column)
        self.why = f"column {', '.join(sorted(missing))} is missing"

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        """Nothing can be asked without the column."""


class Typed(Question):
    """Whether what is filled can be read."""

    def __init__(self, rule: Rule, column: Column) -> None:
        super().__init__(rule, column.name)
        self.column = column

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        filled = text[self.column.name].is_not_null()
        if self.column.missing_codes:
            filled &= ~_coded(text, self.column)
        self.tally.add(text[ROW], filled & cast[self.column.name].is_null(), int(filled.sum()))


class Required(Question):
    def __init__(self, rule: Rule, column: Column) -> None:
        super().__init__(rule, column.name)

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        self.tally.add(text[ROW], text[self.tally.column].is_null(), text.height)


class Coded(Question):
    """Cells that say by a code that their value is missing; asked of those that are not blank."""

    def __init__(self, rule: Rule, column: Column) -> None:
        super().__init__(rule, column.name)
        self.column = column

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        self.tally.add(text[ROW], _coded(text, self.column), int(text[self.column.name].is_not_null().sum()))


def _coded(text: pl.DataFrame, column: Column) -> pl.Series:
    """Mask of the cells that hold one of the column's codes for a missing value."""
    return text[column.name].is_in(list(column.missing_codes)).fill_null(value=False)


_OFF = 1e-9
"""A number is as near to its rounded self as this, in parts of itself, or it has more decimals."""


class Decimals(Question):
    """Whether a number has more decimals than agreed."""

    def __init__(self, rule: Rule, column: Column) -> None:
        super().__init__(rule, column.name)
        self._most = column.decimals or 0

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        numbers = cast[self.tally.column]
        failing = (numbers.round(self._most) - numbers).abs() > _OFF * numbers.abs().clip(lower_bound=1)
        self.tally.add(text[ROW], failing.fill_null(value=False), int(numbers.is_not_null().sum()))


class Checked(Question):
    """Pandera's own check, which gives true where the row holds.

    Args:
        columns: A row that is blank in one of them is not evaluated.
        key: The column that a built-in check is on; None for a rule over whole rows.
        schema: Where the rule is written.
        has_more: Whether there is more than one batch, so that it matters which rows the rule looks at.
        among: Columns in which rows must be the same to matter to each other; empty where any may.
    """

    def __init__(
        self,
        rule: Rule,
        check: pa.Check,
        columns: tuple[str, ...],
        key: str | None,
        schema: Path,
        *,
        has_more: bool,
        among: tuple[str, ...] = (),
    ) -> None:
        super().__init__(rule, columns[0])
        self._check, self._columns, self._key, self._schema = check, columns, key, schema
        self._has_more, self._among = has_more, among
        self._is_whole: bool | None = None if key is None else False

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        if self._is_whole is None:
            self._is_whole = self._has_more and not is_row_by_row(cast.schema, self.planned)
        if not self._is_whole and not self.tally.error:
            evaluated = reduce(and_, (cast[name].is_not_null() for name in self._columns))
            self._add(cast.lazy(), evaluated, [text[ROW]])

    def ask_whole(self, batches: Batches, numbers: list[pl.Series]) -> None:
        if self._is_whole:
            filled = pl.all_horizontal([pl.col(name).is_not_null() for name in self._columns])
            self._add(batches.whole(), batches.whole().select(filled).collect(engine="streaming").to_series(), numbers)

    def _in_groups(self, rows: pl.LazyFrame, height: int) -> pl.Series:
        """The answer on rows that are judged in groups, none of which matters to another."""
        loads = -(-height // _LOADED_ROWS)
        read = columns_read(rows.collect_schema(), self.planned)
        hashed = pl.struct(self._among).hash()
        numbered = rows.with_row_index(_PLACE).with_columns((hashed % (loads * _GROUPS)).cast(pl.UInt32).alias(_GROUP))
        answers = pl.repeat(None, height, dtype=pl.Boolean, eager=True)
        for load in range(loads):
            part = numbered.filter(pl.col(_GROUP) % loads == load).select(_PLACE, _GROUP, *read)
            groups = part.collect(engine="streaming").partition_by(_GROUP, include_key=False)
            with ThreadPoolExecutor(_GROUPS_AT_ONCE) as pool:
                answered = pool.map(lambda group: self._answer(group.drop(_PLACE).lazy()).collect(), groups)
                for group, answer in zip(groups, answered, strict=True):
                    if answer.height != group.height:
                        raise CouldNotCheck("A rule did not give one answer for each row.")
                    answers = answers.scatter(group[_PLACE], answer.to_series())
        return answers

    def planned(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rule's own answer before pandera collects it."""
        backend = self._check.get_backend(rows)(self._check)
        answer: pl.LazyFrame = backend.apply(PolarsData(rows, "*"))  # type: ignore[no-untyped-call]
        return answer

    def _answer(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        answer: pl.LazyFrame = self._check(rows, self._key).check_output
        return answer

    def _add(self, rows: pl.LazyFrame, evaluated: pl.Series, numbers: list[pl.Series]) -> None:
        """Ask it of rows, of one batch or of all.

        Args:
            evaluated: Mask of the rows in which nothing that it reads is blank.
            numbers: Physical row numbers, batch by batch.
        """
        try:
            if self._is_whole and self._among and evaluated.len() > _ALONE_ROWS:
                output = self._in_groups(rows, evaluated.len())
            else:
                output = self._answer(rows).collect().to_series()
            if output.len() != evaluated.len() or output.dtype != pl.Boolean:
                # A rule that answers for another number of rows must not pass for the first ones.
                raise CouldNotCheck("A rule did not give one answer for each row.")  # noqa: TRY301
            failing = evaluated & ~output
        except Exception as error:  # noqa: BLE001 - a rule's author may have written anything; whatever it is, it blocks
            self.tally.error = _where(error, self._schema)
            return
        start = 0
        for part in numbers:
            asked = evaluated.slice(start, part.len())
            self.tally.add(part, failing.slice(start, part.len()), int(asked.sum()))
            start += part.len()


class OfAll(Question):
    """A rule over the submission as a whole, which is one answer.

    Attributes:
        told: The share by which it was decided, in words; '' where the rule gives none.
        unsaid: Why it cannot be said; '' if it can.
    """

    def __init__(self, rule: Rule, check: pa.Check, columns: tuple[str, ...], schema: Path) -> None:
        super().__init__(rule, columns[0])
        self._check, self._schema = check, schema
        self.told = self.unsaid = ""

    def ask(self, text: pl.DataFrame, cast: pl.DataFrame) -> None:
        """It is asked of all rows, once they are there."""

    def ask_whole(self, batches: Batches, numbers: list[pl.Series]) -> None:
        try:
            rows = batches.whole()
            # The method itself: pandera would fold the share into the answer.
            backend: Any = self._check.get_backend(rows)(self._check)
            answer = backend.check_fn(PolarsData(rows, "*")).collect(engine="streaming")
            if answer.height != 1 or answer.width not in (1, 2) or answer.dtypes[0] != pl.Boolean:
                raise CouldNotCheck("A rule over a submission did not give one answer.")  # noqa: TRY301
            holds, *share = answer.row(0)
            self.told = f"It is {share[0] * 100:.3g} %." if share and share[0] is not None else ""
        except Exception as error:  # noqa: BLE001 - as above
            self.tally.error = _where(error, self._schema)
            return
        if holds is None:
            self.unsaid = "there is too little to say it of"
            return
        self.tally.evaluated, self.tally.failed = 1, int(not holds)


def _where(error: Exception, schema: Path) -> str:
    """Where a rule broke. Never the error's own text: libraries quote the cells they stumble over."""
    place = place_within(schema.parent.parent, error)
    told = ", ".join(filter(None, [type(error).__name__, place]))
    return f"The rule could not be evaluated ({told}); an engineer must mend it."
