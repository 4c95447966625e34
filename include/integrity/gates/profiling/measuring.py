"""Profiling typed rows, batch by batch, in bounded memory: the order and the size of the batches change nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from integrity.gates.profiling import numbers
from integrity.gates.profiling.hashing import Key, Sample
from integrity.gates.profiling.numbers import NumberTally
from integrity.gates.profiling.profile import LEAST_CELLS, ColumnProfile, HashedSet, Profile, TextFigures
from integrity.submissions.reading import ROW

_SLICE_ROWS = 1 << 17
_FIRST_ROWS = 1 << 13
"""A first small slice tells how thin the samples have to be, so that no large one is grouped in full."""
_VALUES = 1024
"""Distinct values of a column that are counted in full; a column with more is no list of categories."""
_KEPT_VALUES = 256
_KEPT_ROWS = 128
_SAMPLED_ROWS = 1 << 15
"""Rows of which quantiles and digits are told, where there are more: a share is then off by 0.3 % at most."""
_HASH = "_hash"
HASHING = f"polars {pl.__version__}"
"""Hashes of rows are polars' own: another release of it may make others."""


def profile_of(
    batches: pl.DataFrame | Iterable[pl.DataFrame],
    columns: Mapping[str, pl.DataType],
    *,
    key: Key,
    identifying: Collection[str] = (),
) -> Profile:
    """Profile an accepted submission.

    Args:
        batches: Its typed rows, as `JudgedRows.batches()` gives them: `_row` and the dictionary's columns.
        columns: The data dictionary's, with their types: String, Int64, Float64 or Datetime.
        key: Under which values are hashed; the same for all submissions of a dependency.
        identifying: The dependency's key columns.
    """
    profiler = Profiler(columns, key=key, identifying=identifying)
    for batch in [batches] if isinstance(batches, pl.DataFrame) else batches:
        profiler.add(batch)
    return profiler.profile()


class Profiler:
    """What is known so far of a submission's rows; two of them, of parts of one submission, can be merged."""

    def __init__(self, columns: Mapping[str, pl.DataType], *, key: Key, identifying: Collection[str] = ()) -> None:
        self._key = key
        self._columns = dict(columns)
        self._content = [name for name, dtype in columns.items() if not isinstance(dtype, pl.Datetime)]
        self._identifying = [name for name in self._content if name in set(identifying)]
        self._rows = 0
        self._nulls = dict.fromkeys(columns, 0)
        self._values = {name: Sample(_VALUES) for name in columns}
        self._numbers = {name: NumberTally() for name, dtype in columns.items() if dtype.is_numeric()}
        self._lengths = {name: _Lengths() for name, dtype in columns.items() if dtype == pl.String()}
        self._records, self._keys = Sample(_KEPT_ROWS), Sample(_KEPT_ROWS)
        self._row_sum = _Sum()
        self._cell_sums = {name: _Sum() for name in columns}
        self._sampled = _SampledRows(list(self._numbers), key.seed("sampled rows"))

    def add(self, batch: pl.DataFrame) -> None:
        """Take in some more rows."""
        for part in _slices(batch, self._rows):
            self._add(part)

    def merge(self, other: Profiler) -> None:
        """Take in what another profiler has seen, of other rows of the same submission."""
        self._rows += other._rows
        for name in self._columns:
            self._cell_sums[name].merge(other._cell_sums[name])
            self._nulls[name] += other._nulls[name]
            self._values[name].merge(other._values[name])
        for name, tallied in self._numbers.items():
            tallied.add(other._numbers[name])
        for name, lengths in self._lengths.items():
            lengths.add(other._lengths[name])
        self._records.merge(other._records)
        self._keys.merge(other._keys)
        self._row_sum.merge(other._row_sum)
        self._sampled.merge(other._sampled)

    def profile(self) -> Profile:
        """What may be told of the rows so far."""
        return Profile(
            rows=self._rows,
            columns={name: self._column(name) for name in self._columns},
            hashing=HASHING,
            content=self._key.whole([self._rows, *self._row_sum.halves]) if self._content else "",
            records=self._kept_rows(self._records),
            keys=self._kept_rows(self._keys) if self._identifying else None,
        )

    def _add(self, part: pl.DataFrame) -> None:
        self._rows += part.height
        for name in self._columns:
            cells = part[name]
            self._nulls[name] += cells.null_count()
            filled = cells.drop_nulls()
            is_text = name in self._lengths
            hashes = filled.hash(self._key.seed(name))
            self._cell_sums[name].add(hashes)
            self._values[name].add(hashes, filled if is_text else None)
            if is_text:
                self._lengths[name].add(_Lengths.of(filled))
            elif name in self._numbers:
                self._numbers[name].add(numbers.tally(filled))
        if self._content:
            hashes = part.select(self._content).hash_rows(self._key.seed("rows"))
            self._row_sum.add(hashes)
            self._records.add(hashes)
        if self._identifying:
            self._keys.add(part.select(self._identifying).hash_rows(self._key.seed("keys")))
        self._sampled.add(part)

    def _column(self, name: str) -> ColumnProfile:
        values = self._values[name]
        return ColumnProfile(
            nulls=self._nulls[name],
            content=self._key.whole([self._rows, self._nulls[name], *self._cell_sums[name].halves]),
            values=self._kept_values(name),
            text=_text_figures(values, self._lengths[name]) if name in self._lengths else None,
            number=numbers.figures(self._numbers[name], self._sampled.column(name)) if name in self._numbers else None,
        )

    def _kept_values(self, name: str) -> HashedSet:
        values = self._values[name]
        if name not in self._lengths:
            return values.kept({}, 0)
        return values.kept({found: self._key.name(name, text) for found, text in values.shown.items()}, _KEPT_VALUES)

    def _kept_rows(self, rows: Sample) -> HashedSet:
        return rows.kept({found: self._key.name("row", str(found)) for found in rows.counts}, _KEPT_ROWS)


class _Sum:
    """Sum of 64-bit hashes, in halves that cannot run over: the same whatever their order and their batches."""

    def __init__(self) -> None:
        self.halves = [0, 0]

    def add(self, hashes: pl.Series) -> None:
        self.halves[0] += int((hashes & 0xFFFF_FFFF).sum())
        self.halves[1] += int((hashes // (1 << 32)).sum())

    def merge(self, other: _Sum) -> None:
        self.halves = [ours + theirs for ours, theirs in zip(self.halves, other.halves, strict=True)]


def _slices(batch: pl.DataFrame, before: int) -> Iterator[pl.DataFrame]:
    """The batch in parts of bounded size, each with the numbers of its rows."""
    if ROW not in batch.columns:
        batch = batch.with_row_index(ROW, offset=before)
    start = 0
    while start < batch.height:
        size = _FIRST_ROWS if before + start == 0 else _SLICE_ROWS
        yield batch.slice(start, size)
        start += size


@dataclass
class _Lengths:
    """Lengths of texts, in characters."""

    cells: int = 0
    characters: int = 0
    shortest: int | None = None
    longest: int | None = None

    @classmethod
    def of(cls, cells: pl.Series) -> _Lengths:
        lengths = cells.str.len_chars()
        if lengths.is_empty():
            return cls()
        shortest, longest = pl.DataFrame({"": lengths}).select(low=pl.min(""), high=pl.max("")).row(0)
        return cls(cells=lengths.len(), characters=int(lengths.sum()), shortest=shortest, longest=longest)

    def add(self, other: _Lengths) -> None:
        self.cells += other.cells
        self.characters += other.characters
        self.shortest = min((x for x in (self.shortest, other.shortest) if x is not None), default=None)
        self.longest = max((x for x in (self.longest, other.longest) if x is not None), default=None)


class _SampledRows:
    """Numbers of some rows, chosen by the rows' own numbers, so that no order or batch decides."""

    def __init__(self, names: list[str], seed: int) -> None:
        self._names, self._seed, self._level = names, seed, 0
        self._frame: pl.DataFrame | None = None

    def add(self, part: pl.DataFrame) -> None:
        if self._names:
            self._take(part.select(*self._names, pl.col(ROW).cast(pl.Int64).hash(self._seed).alias(_HASH)))

    def merge(self, other: _SampledRows) -> None:
        self._level = max(self._level, other._level)
        if other._frame is not None:
            self._take(other._frame)

    def column(self, name: str) -> pl.Series:
        return pl.Series(name, [], pl.Float64) if self._frame is None else self._frame[name].drop_nulls()

    def _take(self, part: pl.DataFrame) -> None:
        known = part if self._frame is None else pl.concat([self._frame, self._thinned(part)])
        known = self._thinned(known)
        while known.height > _SAMPLED_ROWS:
            self._level += 1
            known = self._thinned(known)
        self._frame = known

    def _thinned(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col(_HASH) < (1 << (64 - self._level))) if self._level else rows


def _text_figures(values: Sample, lengths: _Lengths) -> TextFigures:
    is_many = lengths.cells >= LEAST_CELLS
    counts: dict[str, int] = {}
    if values.shown:
        frame = pl.DataFrame({"value": list(values.shown.values()), "cells": [values.counts[h] for h in values.shown]})
        formats = frame.group_by(format_of("value").alias("format")).agg(pl.col("cells").sum())
        counts = dict(formats.sort("cells", "format", descending=[True, False]).iter_rows())
    return TextFigures(
        shortest=lengths.shortest if is_many else None,
        longest=lengths.longest if is_many else None,
        mean_length=round(lengths.characters / lengths.cells, 2) if is_many else None,
        formats={name: cells for name, cells in counts.items() if cells >= LEAST_CELLS},
        formatted=sum(counts.values()),
    )


_LONGEST_FORMAT = 12


def format_of(name: str) -> pl.Expr:
    """Sequence of kinds of characters: `A&E 12` is LPLSD."""
    kinds = (
        pl.col(name)
        .str.replace_all(r"\p{L}+", "L")
        .str.replace_all(r"\p{N}+", "D")
        .str.replace_all(r"\s+", "S")
        .str.replace_all(r"[^LDS]+", "P")
    )
    return kinds.str.slice(0, _LONGEST_FORMAT)
