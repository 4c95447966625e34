"""A submission in its supplier's own terms: own headings, sheet, column letters and rows; what feedback points at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from integrity.gates.schema import Schema
from integrity.inventory.dependency import Dependency
from integrity.reports.cells import column_letter
from integrity.reports.rows import ranges
from integrity.submissions.layouts import choose_layout
from integrity.submissions.reading import ROW, Reading, Rows

_WITHOUT_LETTERS = ("json", "jsonl", "parquet")
"""Formats whose columns have names and no place that a person would count to."""


@dataclass(frozen=True)
class OwnColumn:
    """A column of the supplier's file.

    Attributes:
        name: Its name in the data dictionary; None where the dictionary does not know it.
        heading: The supplier's own heading.
        number: Its place in the file, from 1; 0 where the format knows no places.
    """

    name: str | None
    heading: str
    number: int

    @property
    def letter(self) -> str | None:
        return column_letter(self.number) if self.number else None


@dataclass(frozen=True, kw_only=True)
class Received:
    """A file as it was read, and why which of its rows failed.

    Attributes:
        path: The file as received; its name is that of the archive and tells nothing.
        format: ``csv``, ``xlsx``, ``ods``…, as the reader names it.
        is_packed: Whether the file lay within an archive, so that ``path`` is that archive.
        rows: The sound rows under their headings.
        columns: Every column of the file, in order.
        missing: Headings that the supplier's layout promises and the file lacks.
        unknown: Columns that neither the dictionary nor the layout knows.
        header_row: Physical number of the last row of headings; 0 where the format has none.
        read_by: Columns of the dictionary that each rule over several columns reads.
        reasons: ``_row`` and ``rules`` (list of names) of every row that was set aside.
        bad_rows: Reason of each row that could not be parsed, by its number.
        mended: The likeliest reading of some of those, a cell for each column.
        skipped: Rows that are no part of the table, with the reason.
        notes: What the reader decided or noticed.
    """

    path: Path
    format: str
    rows: Rows
    columns: tuple[OwnColumn, ...]
    header_row: int
    reasons: pl.DataFrame
    missing: tuple[str, ...] = ()
    unknown: tuple[OwnColumn, ...] = ()
    sheet: str | None = None
    delimiter: str | None = None
    is_packed: bool = False
    read_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bad_rows: Mapping[int, str] = field(default_factory=dict)
    mended: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        path: Path,
        reading: Reading,
        aside: pl.DataFrame,
        schema: Schema,
        dependency: Dependency,
        supplier: str,
    ) -> Received:
        """Put what was read and how it was judged in the supplier's terms.

        Args:
            path: The file as received.
            reading: What the reader understood of it.
            aside: ``_row`` and ``rules`` of every row that the structure gate set aside.
            supplier: Code of the supplier; '' where it is not known.
        """
        fit = choose_layout(reading.headings, dependency.layouts, schema.names, supplier)
        names = {heading: name for name, heading in fit.brought.items()}
        columns = tuple(
            OwnColumn(names.get(heading), heading, 0 if reading.format in _WITHOUT_LETTERS else place)
            for heading, place in zip(reading.headings, reading.columns, strict=True)
        )
        expected = {name: heading for heading, name in fit.layout.rename.items()}
        return cls(
            path=path,
            format=reading.format,
            rows=reading.rows,
            columns=columns,
            header_row=max(reading.header_rows, default=0),
            reasons=aside.select(ROW, "rules"),
            missing=tuple(expected.get(name, name) for name in fit.missing),
            unknown=tuple(column for column in columns if column.heading in fit.unknown),
            sheet=reading.sheet,
            delimiter=reading.delimiter,
            is_packed=bool(reading.containers),
            read_by={entry.rule.name: entry.columns for entry in (*schema.row_rules, *schema.submission_rules)},
            bad_rows={bad.number: bad.reason for bad in reading.bad_rows},
            mended={bad.number: bad.mended for bad in reading.bad_rows if bad.mended},
            skipped=tuple(f"{ranges(range(s.first, s.last + 1))}: {s.why}" for s in reading.skipped),
            notes=reading.notes,
        )

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def at(self, numbers: Sequence[int]) -> pl.DataFrame:
        """The sound rows of these numbers, in order; a large file is gone through part by part."""
        wanted = pl.Series(numbers, dtype=pl.Int64)
        empty = pl.DataFrame(schema={ROW: pl.Int64, **dict.fromkeys(self.headings, pl.String)})
        return pl.concat([empty, *(part.filter(pl.col(ROW).is_in(wanted.implode())) for part in self.rows.batches())])

    def columns_of(self, rule: str, column: str | None) -> tuple[OwnColumn, ...]:
        """The supplier's columns that a finding is about, the finding's own first; none if it is about the file."""
        if column is None:
            return ()
        read = self.read_by.get(rule, ())
        wanted = dict.fromkeys((column, *read) if column in read else (column,))
        own = {entry.name: entry for entry in self.columns if entry.name}
        return tuple(own[name] for name in wanted if name in own)
