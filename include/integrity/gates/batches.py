"""A submission in the dictionary's terms, batch by batch: as text and typed; whole only for the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from integrity.gates.schema import Column, Schema
from integrity.submissions.layouts import LayoutFit, in_dictionary_terms
from integrity.submissions.notations import typed
from integrity.submissions.reading import ROW

PERIOD = "_period"
LATEST = "_latest"
SUPPLIER = "_supplier"
_HEAD_ROWS = 10_000
_HELD_BYTES = 288 << 20
"""Typed rows up to this size are kept from judging to landing; those of a larger file are cast a second time."""


class Batches:
    """The parts of a reading, in order; a small file is one.

    Args:
        headings: Of the file.
        columns: For each heading the column of the parts that holds it.
        latest: The last day that can be reported.
        supplier: Whose file it is; '' where nobody knows.
    """

    def __init__(
        self,
        headings: tuple[str, ...],
        columns: dict[str, str],
        fit: LayoutFit,
        schema: Schema,
        *,
        period: date,
        latest: date,
        supplier: str,
    ) -> None:
        self._headings, self._columns = headings, columns
        self._parts: list[pl.DataFrame | Path] = []
        self._layout, self._names = fit.layout, schema.names
        self._cast = [self._value(column).alias(column.name) for column in schema.columns.values()]
        sender = pl.lit(supplier or None, pl.String)
        self._tags = [pl.lit(period).alias(PERIOD), pl.lit(latest).alias(LATEST), sender.alias(SUPPLIER)]
        self._held: dict[int, pl.DataFrame] = {}
        self._held_bytes = 0

    def _value(self, column: Column) -> pl.Expr:
        """A column's typed value; null where its cell is a code that says that there is none."""
        value = typed(column.name, column.dtype, self._layout)
        if not column.missing_codes:
            return value
        return pl.when(~pl.col(column.name).is_in(list(column.missing_codes))).then(value)

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, part: pl.DataFrame | Path, *, is_held: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The next batch as text and typed, both with ``_row`` and the dictionary's columns, the latter with its days.

        Args:
            is_held: Whether its typed rows will be asked for again.
        """
        self._parts.append(part)
        text = self.text(len(self._parts) - 1)
        cast = self._typed(text.lazy()).collect()
        if is_held:
            self._hold(cast)
        return text, cast

    def _hold(self, cast: pl.DataFrame) -> None:
        self._held_bytes += int(cast.estimated_size())
        if self._held_bytes <= _HELD_BYTES:
            self._held[len(self._parts) - 1] = cast
        else:
            self._held.clear()

    def text(self, index: int) -> pl.DataFrame:
        """A batch as received."""
        part = self._parts[index]
        return self._terms((part if isinstance(part, pl.DataFrame) else pl.read_ipc(part)).lazy()).collect()

    def typed(self, index: int) -> pl.DataFrame:
        """A batch with every cell cast; null where a cell is not written as its layout says."""
        held = self._held.get(index)
        return held if held is not None else self._typed(self.text(index).lazy()).collect()

    def whole(self) -> pl.LazyFrame:
        """All rows, typed. Nothing is loaded but the columns that a query on it asks for."""
        return pl.concat([self._typed(part) for part in self._lazy()])

    def head(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The first rows, as text and typed, however the file is cut into batches."""
        if len(self) == 1:
            text = self.text(0)
            return text.head(_HEAD_ROWS), self.typed(0).head(_HEAD_ROWS)
        texts: list[pl.DataFrame] = []
        for index in range(len(self)):
            texts.append(self.text(index))
            if sum(text.height for text in texts) >= _HEAD_ROWS:
                break
        text = pl.concat(texts).head(_HEAD_ROWS)
        return text, self._typed(text.lazy()).collect()

    def text_column(self, name: str) -> pl.Series:
        """A whole column as received."""
        return pl.concat([part.select(name) for part in self._lazy()]).collect().to_series()

    def typed_column(self, name: str) -> pl.Series:
        """A whole column, typed."""
        return self.whole().select(name).collect().to_series()

    def _lazy(self) -> Iterator[pl.LazyFrame]:
        for part in self._parts:
            yield self._terms(part.lazy() if isinstance(part, pl.DataFrame) else pl.scan_ipc(part))

    def _terms(self, part: pl.LazyFrame) -> pl.LazyFrame:
        named = part.select(ROW, *[pl.col(column).alias(heading) for heading, column in self._columns.items()])
        return in_dictionary_terms(named, self._headings, self._layout, self._names)

    def _typed(self, text: pl.LazyFrame) -> pl.LazyFrame:
        return text.select(ROW, *self._cast).with_columns(*self._tags)
