"""Marks a supplier's own workbook in place. Run as a program of its own, with limits, since it opens what others made.

It reads one order (JSON) from standard input and writes the marked workbook where the order says. It keeps the look
and the values of the original; macros, formulas, links and whatever else would act when the file is opened are left
behind.
"""

from __future__ import annotations

import io
import json
import re
import sys
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidationList
from openpyxl.worksheet.properties import PageSetupProperties

from integrity.reports.cells import starts_formula

REASONS_WIDTH = 70
_MEMORY_BYTES = 3 << 29
_CPU_SECONDS = 90
_MOST_COMMENTS = 2_000
_THEN = (1980, 1, 1, 0, 0, 0)
_STAMPS = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")


class Styles:
    """How a mark looks: red where a cell must be corrected, yellow where something is only noted."""

    def __init__(self) -> None:
        self._serious = PatternFill("solid", start_color="FFFFC7CE")
        self._noted = PatternFill("solid", start_color="FFFFEB9C")
        self._head = PatternFill("solid", start_color="FFE7E6E6")
        self._bold = Font(name="Calibri", size=11, bold=True)
        self._red = Font(name="Calibri", size=11, color="FF9C0006")
        self._wrapped = Alignment(wrap_text=True, vertical="top")
        self._comments = 0

    def mark(self, cell: Any, said: str, *, is_serious: bool) -> None:
        """Fill a cell and hang the sentence on it; beyond some thousands of comments Excel is of no use."""
        cell.fill = self._serious if is_serious else self._noted
        self._comments += 1
        if self._comments <= _MOST_COMMENTS:
            lines = 2 + len(said) // 40
            cell.comment = Comment(said, "Data desk", height=18 * lines + 10, width=300)

    def heading(self, cell: Any) -> None:
        cell.fill, cell.font = self._head, self._bold

    def reason(self, cell: Any) -> None:
        cell.font, cell.alignment = self._red, self._wrapped


def mark(order: dict[str, Any]) -> None:
    """Mark one workbook as ordered."""
    # As bytes: the archive's names have no ending, by which openpyxl would tell a workbook.
    with Path(order["source"]).open("rb") as source, warnings.catch_warnings():
        # What openpyxl says it drops, it may drop: what is judged are the cells.
        warnings.simplefilter("ignore")
        book = load_workbook(source, data_only=True, keep_vba=False, keep_links=False)
    sheet = book[order["sheet"]]
    for each in book.worksheets:
        _disarm(each)
    book.defined_names.clear()
    sheet.defined_names.clear()
    reasons = _first_free_column(sheet)
    styles = Styles()
    for row, column, said, is_serious in order["cells"]:
        cell = sheet.cell(row, column)
        if not isinstance(cell, MergedCell):
            styles.mark(cell, said, is_serious=is_serious)
    heading = sheet.cell(order["header_row"], reasons, order["heading"])
    styles.heading(heading)
    for row, said in order["rows"]:
        cell = sheet.cell(row, reasons, said)
        cell.data_type = "s"
        styles.reason(cell)
        given = sheet.row_dimensions[row].height
        sheet.row_dimensions[row].height = max(given or 0, height_for(said))
    sheet.column_dimensions[heading.column_letter].width = REASONS_WIDTH
    print_on_one_width(sheet)
    sheet.sheet_state = "visible"
    book.active = sheet
    raw = io.BytesIO()
    book.save(raw)
    Path(order["target"]).write_bytes(steady(raw.getvalue()))


def height_for(said: str) -> float:
    """Height of a row, in points, in which a reason can be read; not every program finds it by itself."""
    lines = sum(1 + len(line) // REASONS_WIDTH for line in said.split("\n"))
    return min(15 * lines, 400)


def print_on_one_width(sheet: Any) -> None:
    """On paper the reasons must stand beside the rows that they are about."""
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _disarm(sheet: Any) -> None:
    """Take out of a sheet what would act or reach out; what begins like a formula is stored as text."""
    sheet.conditional_formatting = ConditionalFormattingList()
    sheet.data_validations = DataValidationList()
    sheet.legacy_drawing = None
    sheet._pivots = []
    # The sheet's own store: asking for rows would create every cell up to the farthest one.
    for cell in sheet._cells.values():
        if isinstance(cell, MergedCell):
            continue
        cell.hyperlink = None
        if cell.data_type == "f" or (isinstance(cell.value, str) and starts_formula(cell.value)):
            cell.data_type = "s"
            cell.value = str(cell.value) if not isinstance(cell.value, str) else cell.value
            cell.data_type = "s"
            cell.quotePrefix = True


def _first_free_column(sheet: Any) -> int:
    """The column behind the last one in which anything stands; formats alone do not count."""
    filled = [column for (_, column), cell in sheet._cells.items() if cell.value is not None]
    merged = [found.max_col for found in sheet.merged_cells.ranges]
    return max([*filled, *merged], default=0) + 1


def steady(workbook: bytes) -> bytes:
    """The same workbook without the moment at which it was written."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as given,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made,
    ):
        for name in given.namelist():
            content = given.read(name)
            if name == "docProps/core.xml":
                content = _STAMPS.sub(b"", content)
            made.writestr(zipfile.ZipInfo(name, _THEN), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def main() -> None:
    """Run as a program: nothing that goes wrong here is told, it could quote cells; the exit code is enough."""
    order = json.load(sys.stdin)
    with suppress(ImportError, ValueError, OSError):  # Not every system has it; the time that it may take holds anyway.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    mark(order)


if __name__ == "__main__":
    main()
