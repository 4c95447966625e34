"""How the sheets of an xls workbook look, as xlrd tells it; the values are calamine's business."""

from __future__ import annotations

import io
import mmap
import struct
from contextlib import suppress
from pathlib import Path

import xlrd
from xlrd.biffh import XLRDError
from xlrd.compdoc import CompDocError

from integrity.errors import Rejected
from integrity.submissions.cell_texts import is_per_cent, width_of_noughts
from integrity.submissions.workbook_looks import DAMAGED, ERRORS, PROTECTED, Looks

_MOST_ROWS, _MOST_COLUMNS = 65_536, 256
_BREAKDOWNS = (
    XLRDError,
    CompDocError,
    AssertionError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
)
"""All that xlrd is known to raise on a damaged file; it checks little before it reads on."""


def all_looks(path: Path) -> tuple[dict[str, Looks], bool]:
    """How each sheet looks; False where the formats cannot be read, as in some programs' files.

    To be read before calamine opens the workbook: it makes room for all cells between the outermost ones at once, and
    reads some of what is protected or broken in its foundations as if it were not.

    Raises:
        Rejected: A password protects the workbook, or it is damaged.
    """
    with suppress(*_BREAKDOWNS), _open(path, has_formats=True) as book:
        return {name: _looks(book, name) for name in book.sheet_names()}, True
    try:
        with _open(path, has_formats=False) as book:
            found = {name: _looks(book, name) for name in book.sheet_names()}
    except _BREAKDOWNS as error:
        raise Rejected(PROTECTED if "encrypted" in str(error) else DAMAGED.format("it cannot be opened")) from error
    return found, False


def _open(path: Path, *, has_formats: bool) -> xlrd.Book:
    return xlrd.open_workbook(
        str(path), formatting_info=has_formats, on_demand=True, ragged_rows=True, logfile=io.StringIO()
    )


def _looks(book: xlrd.Book, name: str) -> Looks:
    sheet = book.sheet_by_name(name)
    # calamine makes room for what the sheet says of its own size, before it has seen a cell.
    said = getattr(sheet, "_dimnrows", 0), getattr(sheet, "_dimncols", 0)
    if not (0 <= said[0] <= _MOST_ROWS and said[1] <= _MOST_COLUMNS):
        raise Rejected(DAMAGED.format("a sheet states a size that no sheet has"))
    found = Looks(rows=sheet.nrows, columns=sheet.ncols)
    found.hidden_rows = [row + 1 for row, info in sorted(sheet.rowinfo_map.items()) if info.hidden]
    found.hidden_columns = {column + 1 for column, info in sheet.colinfo_map.items() if info.hidden}
    found.merged = [(top + 1, left + 1, bottom, right) for top, bottom, left, right in sheet.merged_cells]
    noughts, per_cent = _formats(book)
    for row in range(sheet.nrows):
        for column, kind in enumerate(sheet.row_types(row)):
            if kind == xlrd.XL_CELL_ERROR:
                found.errors[row + 1, column + 1] = ERRORS.get(int(sheet.cell_value(row, column)), "#ERROR")
            elif kind == xlrd.XL_CELL_NUMBER and (noughts or per_cent):
                style = sheet.cell_xf_index(row, column)
                if style in noughts:
                    found.noughts[row + 1, column + 1] = noughts[style]
                elif style in per_cent:
                    found.per_cent_columns.add(column + 1)
    book.unload_sheet(name)
    return found


def _formats(book: xlrd.Book) -> tuple[dict[int, int], set[int]]:
    """Which styles fill with leading noughts, and to what width; which show per cent. None where they are not read."""
    noughts: dict[int, int] = {}
    per_cent: set[int] = set()
    for index, style in enumerate(book.xf_list if book.formatting_info else []):
        code = book.format_map[style.format_key].format_str if style.format_key in book.format_map else ""
        if width := width_of_noughts(code):
            noughts[index] = width
        if is_per_cent(code):
            per_cent.add(index)
    return noughts, per_cent


def has_macros(path: Path) -> bool:
    """Whether the workbook carries a program: its storage is an entry of the compound file's directory."""
    with path.open("rb") as reader, mmap.mmap(reader.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find("_VBA_PROJECT".encode("utf-16-le")) >= 0
