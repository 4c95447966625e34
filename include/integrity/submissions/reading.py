"""Reading a submission as text: every cell exactly as received, every row with its place in the file.

Casting is the gates' business: a cell that is no number is a finding about that row there,
never a parser's error here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from integrity.submissions.delimited import ROW
from integrity.submissions.records import BadRow
from integrity.submissions.tables import Skipped

__all__ = ["ROW", "BadRow", "Reading", "Rows"]


@dataclass(frozen=True)
class Rows:
    """The rows of a submission in parts, in memory or in Arrow files, so that a large file never has to be held whole.

    Each part has ``_row`` (Int64) and the text columns ``0``, ``1``, …

    Attributes:
        columns: For each heading, in order, the column that holds it.
    """

    parts: tuple[pl.DataFrame | Path, ...]
    columns: dict[str, str]
    height: int

    def raw(self) -> pl.DataFrame:
        """All parts at once, under their own column names."""
        frames = [part if isinstance(part, pl.DataFrame) else pl.read_ipc(part) for part in self.parts]
        schema = {ROW: pl.Int64, **dict.fromkeys(self.columns.values(), pl.String)}
        return pl.concat(frames, rechunk=False) if frames else pl.DataFrame(schema=schema)

    def batches(self) -> Iterator[pl.DataFrame]:
        """The parts in order, under their headings."""
        for part in self.parts:
            frame = part if isinstance(part, pl.DataFrame) else pl.read_ipc(part)
            yield frame.select(ROW, *[pl.col(column).alias(heading) for heading, column in self.columns.items()])

    def column(self, heading: str) -> pl.Series:
        """One column of all parts."""
        name = self.columns[heading]
        parts = [part.lazy() if isinstance(part, pl.DataFrame) else pl.scan_ipc(part) for part in self.parts]
        empty = pl.LazyFrame(schema={name: pl.String})
        return pl.concat([empty, *(part.select(name) for part in parts)]).collect().to_series().alias(heading)

    def frame(self) -> pl.DataFrame:
        """All of them at once, under their headings."""
        return self.raw().select(ROW, *[pl.col(column).alias(heading) for heading, column in self.columns.items()])


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the reader understood.

    Attributes:
        rows: The sound rows.
        header: The headings as found, '' where blank; empty where the file has none.
        headings: A name of its own for each column: the heading, or ``column 3`` where it is blank.
        columns: Physical number of each column, from 1.
        header_rows: Physical numbers of the rows of headings; empty where there are none.
        format: ``csv``, ``xlsx``, ``xlsb``, ``xls``, ``ods``, ``json``, ``jsonl`` or ``parquet``.
        containers: What the file was wrapped in, from the outside in, such as ``zip: april.csv``.
        beside: Other data files of its archive, or sheets of its workbook, where only a part was asked for.
        skipped: Rows that are no part of the table, with the reason.
        bad_rows: Rows that could not be taken as they stand; these are not in ``rows``.
        notes: What was decided or noticed, for people; never a cell's value.
        problem: Why the table cannot be trusted although it could be read; '' if nothing speaks against it.
    """

    rows: Rows
    header: tuple[str, ...]
    headings: tuple[str, ...]
    columns: tuple[int, ...]
    header_rows: tuple[int, ...]
    header_why: str
    format: str
    encoding: str | None = None
    encoding_why: str = ""
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    line_ends: str | None = None
    dialect_why: str = ""
    containers: tuple[str, ...] = ()
    sheet: str | None = None
    beside: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    _frame: list[pl.DataFrame] = field(default_factory=list, repr=False, compare=False)

    @property
    def frame(self) -> pl.DataFrame:
        """Shape (rows, headings + 1): ``_row`` (Int64) and each heading as text; blank cells are null."""
        if not self._frame:
            self._frame.append(self.rows.frame())
        return self._frame[0]

    def column(self, heading: str) -> pl.Series:
        """One column of all rows, as text; nothing else is loaded of a large file."""
        if self._frame:
            return self._frame[0][heading]
        return self.rows.column(heading)

    def understood(self) -> pl.DataFrame:
        """The sound rows, and among them the likeliest reading of the others: for people, never for the gates."""
        mended = [(bad.number, *(cell.strip() or None for cell in bad.mended)) for bad in self.bad_rows if bad.mended]
        if not mended:
            return self.frame
        told = pl.DataFrame(
            mended, schema=dict.fromkeys([ROW, *self.rows.columns], pl.String), orient="row", strict=False
        )
        return pl.concat([self.frame, told.with_columns(pl.col(ROW).cast(pl.Int64))]).sort(ROW)


def named(
    header: Sequence[str], width: int, is_filled: Sequence[bool], numbers: Sequence[int]
) -> tuple[list[int], list[str], str]:
    """A name of its own for every column that holds anything.

    Args:
        header: Headings as found; empty where there are none.
        is_filled: Whether any row has a cell in the column.
        numbers: Physical number of each column.

    Returns:
        Positions of the columns to keep, their names, and what is wrong with the headings ('' if nothing).
    """
    kept = [i for i in range(width) if not header or is_filled[i] or header[i]]
    names: list[str] = []
    problem = ""
    for i in kept:
        name = header[i] if header and header[i] and header[i] != ROW else f"column {numbers[i]}"
        if name in names:
            problem = problem or f"columns {numbers[kept[names.index(name)]]} and {numbers[i]} have the same heading"
            name = f"{name} (column {numbers[i]})"
        names.append(name)
    return kept, names, problem
