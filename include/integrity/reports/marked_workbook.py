"""A new workbook from the cells of a submission that was no workbook, marked."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter

from integrity.reports.cells import starts_formula, workbook_text
from integrity.reports.marking import REASONS_WIDTH, Styles, height_for, print_on_one_width, steady
from integrity.reports.marks import OWN_ROW, REASONS, Marks
from integrity.reports.received import Received

_NOT_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LOOKED_AT = 200


def write_workbook(received: Received, marks: Marks, target: Path) -> None:
    """Write every row as text at its own number and column, the reasons behind the last column.

    A format without a header row gets one, and the record's own number beside the reasons.
    """
    book = Workbook(write_only=True)
    _Sheet(book, received, marks).write()
    raw = io.BytesIO()
    book.save(raw)
    target.write_bytes(steady(raw.getvalue()))


class _Sheet:
    def __init__(self, book: Workbook, received: Received, marks: Marks) -> None:
        self.received, self.marks, self.styles = received, marks, Styles()
        self.sheet: Any = book.create_sheet(title=_title(received.sheet))
        self.header = received.header_row or 1
        self.shift = 0 if received.header_row else 1
        self.places = [column.number or index for index, column in enumerate(received.columns, start=1)]
        self.width = max(self.places, default=0)
        self.extra = [OWN_ROW, REASONS] if self.shift else [REASONS]
        self.written = 0

    def write(self) -> None:
        sheet = self.sheet
        print_on_one_width(sheet)
        sheet.freeze_panes = f"A{self.header + 1}"
        last = get_column_letter(self.width + len(self.extra))
        for place, width in self._widths():
            sheet.column_dimensions[get_column_letter(place)].width = width
        sheet.column_dimensions[last].width = REASONS_WIDTH
        self._append(self.header, self._heading_cells())
        for row, cells in self._rows():
            self._append(row + self.shift, self._row_cells(row, cells))
        sheet.auto_filter.ref = f"A{self.header}:{last}{self.written}"

    def _append(self, row: int, cells: list[Any]) -> None:
        while self.written < row - 1:
            self.sheet.append([])
            self.written += 1
        self.sheet.append(cells)
        self.written += 1

    def _heading_cells(self) -> list[Any]:
        made: list[Any] = [None] * self.width
        for index, (place, column) in enumerate(zip(self.places, self.received.columns, strict=True)):
            cell = self._cell(column.heading)
            self.styles.heading(cell)
            if index in self.marks.headings:
                self.styles.mark(cell, self.marks.heading_comment(index), is_serious=False)
            made[place - 1] = cell
        for text in self.extra:
            made.append(self._cell(text))
            self.styles.heading(made[-1])
        return made

    def _row_cells(self, row: int, cells: tuple[str | None, ...]) -> list[Any]:
        made: list[Any] = [None] * self.width
        for index, (place, text) in enumerate(zip(self.places, cells, strict=True)):
            at = (row, index)
            if not text and at not in self.marks.cells:
                continue
            if at not in self.marks.cells and text and text[0].isalnum() and text.isascii() and "_x" not in text:
                # Nothing in it can be taken for anything but text, so that it need not be made a cell by hand.
                made[place - 1] = workbook_text(text)
                continue
            made[place - 1] = cell = self._cell(text or "")
            if at in self.marks.cells:
                self.styles.mark(cell, self.marks.comment(at), is_serious=at in self.marks.serious)
        if self.shift:
            made.append(self._cell(str(row)))
        if row in self.marks.rows:
            said = self.marks.reason(row)
            self.sheet.row_dimensions[row + self.shift].height = height_for(said)
            made.append(self._cell(said))
            self.styles.reason(made[-1])
        return made

    def _cell(self, text: str) -> Any:
        cell: Any = WriteOnlyCell(self.sheet)
        cell.value = workbook_text(text)
        cell.data_type = "s"
        if starts_formula(text):
            cell.quotePrefix = True
        return cell

    def _rows(self) -> Iterator[tuple[int, tuple[str | None, ...]]]:
        """Rows in order; one that could not be parsed in its likeliest reading, or by its number only."""
        blank: tuple[str | None, ...] = (None,) * len(self.places)
        given = (row for part in self.received.rows.batches() for row in part.iter_rows())
        read = ((row, tuple(cells)) for row, *cells in given)
        bad = ((row, tuple(self.received.mended.get(row, blank))) for row in sorted(self.received.bad_rows))
        yield from heapq.merge(read, bad, key=lambda entry: entry[0])

    def _widths(self) -> Iterator[tuple[int, int]]:
        """Columns as wide as their first cells ask for, within reason."""
        head = next((part.head(_LOOKED_AT) for part in self.received.rows.batches()), pl.DataFrame())
        for place, column in zip(self.places, self.received.columns, strict=True):
            cells = head[column.heading].drop_nulls() if head.height else ()
            longest = max(map(len, cells), default=0)
            yield place, min(max(len(column.heading) + 4, longest + 2, 8), 40)


def _title(sheet: str | None) -> str:
    """A sheet's name that Excel accepts."""
    return workbook_text(sheet or "").translate(_NOT_IN_TITLES).strip("' ")[:31] or "Your file"
