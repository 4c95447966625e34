"""The table within a sheet of cells: from a workbook, or any other source that has cells before it has rows."""

from __future__ import annotations

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.delimited import ROW
from integrity.submissions.encodings import is_garbled, ungarbled
from integrity.submissions.grids import Grid
from integrity.submissions.limits import Limits
from integrity.submissions.records import BadRow
from integrity.submissions.tables import Header, Skipped, find_header, footer_length

_TAIL_ROWS = 200


class Sheet:
    """A grid whose table has been found; attributes as ``TextFile``'s.

    Raises:
        Rejected: The sheet is blank.
    """

    def __init__(self, grid: Grid, hints: ReadingHints, limits: Limits) -> None:
        rows = [[cell.strip() for cell in row] for row in grid.rows]
        width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell), default=0)
        if not width:
            raise Rejected("The sheet is blank." if grid.sheet else "The file holds no cells.")
        limits.require("columns", width, "columns")
        limits.require("rows", len(rows), "rows")
        rows = [[*row[:width], *[""] * (width - len(row))] for row in rows]
        self.header: Header = find_header(rows, hints, grid.numbers)
        self.width = width
        self.header_rows = tuple(grid.numbers[i] for i in self.header.rows)
        until = self.header.rows[0] if self.header.rows else self.header.begins
        self.skipped = [
            Skipped(grid.numbers[i], grid.numbers[i], "above the table") for i in range(until) if any(rows[i])
        ]
        drawn = range(self.header.rows[-1] + 1, self.header.begins) if self.header.rows else range(0)
        self.skipped += [Skipped(grid.numbers[i], grid.numbers[i], "a line under the headings") for i in drawn]
        self.notes = list(grid.notes)
        self.bad_rows: list[BadRow] = []
        self._body(rows, grid.numbers, hints)

    @property
    def names(self) -> list[str]:
        """Columns of the frame: ``0``, ``1``, …"""
        return [str(i) for i in range(self.width)]

    def _body(self, rows: list[list[str]], numbers: list[int], hints: ReadingHints) -> None:
        body = [(n, row) for n, row in zip(numbers, rows, strict=True) if any(row)]
        begin = numbers[self.header.begins] if self.header.begins < len(numbers) else numbers[-1] + 1
        body = [(n, row) for n, row in body if n >= begin]
        fills = sorted(sum(map(bool, row)) for _, row in body)
        tail = [row for _, row in (body if hints.ends_before else body[-_TAIL_ROWS:])]
        length = footer_length(tail, self.width, fills[len(fills) // 2] if fills else 0, hints.ends_before)
        if length:
            self.skipped += [Skipped(n, n, "below the table") for n, _ in body[-length:]]
            body = body[:-length]
        self._rows = [(n, row) for n, row in body if not self._is_left_out(n, row)]

    def _is_left_out(self, number: int, row: list[str]) -> bool:
        if self.header.rows and tuple(row[: len(self.header.cells)]) == self.header.cells:
            self.skipped.append(Skipped(number, number, "the headings again"))
            return True
        if any(not cell.isascii() and is_garbled(cell) for cell in row):
            undone = tuple(ungarbled(cell) or cell for cell in row)
            self.bad_rows.append(BadRow(number, "its text was garbled by a wrong encoding", undone))
            return True
        return False

    def frame(self) -> pl.DataFrame:
        """The rows: ``_row`` (Int64) and a text column for each of the sheet's, blank cells null."""
        data = {name: [row[i] or None for _, row in self._rows] for i, name in enumerate(self.names)}
        schema = {ROW: pl.Int64, **dict.fromkeys(self.names, pl.String)}
        return pl.DataFrame({ROW: [n for n, _ in self._rows], **data}, schema=schema)
