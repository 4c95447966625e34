"""Opening a workbook of any kind: which sheets it has, and one sheet's cells as text with how they look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import python_calamine as calamine

from integrity.errors import Rejected
from integrity.submissions import workbook_ods, workbook_xls, workbook_xlsb, workbook_xlsx
from integrity.submissions.cell_texts import text_of, with_leading_noughts
from integrity.submissions.limits import Limits
from integrity.submissions.workbook_looks import DAMAGED, PROTECTED, Looks, ranges
from integrity.submissions.workbook_parts import Formats, Parts

_EXACT_BELOW = 1e15
_MACROS = "the workbook has macros; they were not run"
_NO_LOOKS = "the workbook's formats could not be read: hidden rows, merged cells and leading noughts are not known"


@dataclass
class Sheet:
    """Cells of one sheet, from its first row and column on, '' where blank; rows may differ in length."""

    rows: list[list[str]]
    looks: Looks
    notes: list[str] = field(default_factory=list)


class Workbook:
    """An open workbook; use it as a context.

    Attributes:
        sheets: Whether each worksheet is visible, by its name and in the workbook's order; no charts.
        notes: What was noticed of the workbook as a whole.
    """

    sheets: dict[str, bool]
    notes: list[str]

    def __init__(self, path: Path, kind: str, limits: Limits) -> None:
        self._path, self._kind, self._limits = path, kind, limits
        self._stack = ExitStack()

    def __enter__(self) -> Workbook:
        with ExitStack() as stack:
            stack.enter_context(_refusing_the_unreadable())
            self.notes = []
            self._load: Callable[[str], Sheet] = {"ods": self._open_ods, "xls": self._open_xls}.get(
                self._kind, self._open_zipped
            )(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def load(self, name: str) -> Sheet:
        """The cells of one sheet.

        Raises:
            Rejected: The sheet is damaged, over a limit, or built to do harm.
        """
        return self._load(name)

    def _open_ods(self, stack: ExitStack) -> Callable[[str], Sheet]:
        parts = stack.enter_context(Parts(self._path, self._limits))
        parts.count(but="content.xml")
        sheets = {sheet.name: sheet for sheet in workbook_ods.read_sheets(parts, self._limits)}
        self.sheets = {name: sheet.is_visible for name, sheet in sheets.items()}
        if any(name.startswith(("basic/", "scripts/")) for name in parts.names):
            self.notes.append(_MACROS)
        return lambda name: Sheet(sheets[name].rows, sheets[name].looks)

    def _open_zipped(self, stack: ExitStack) -> Callable[[str], Sheet]:
        parts = stack.enter_context(Parts(self._path, self._limits))
        parts.count(but="xl/worksheets/")
        reader: ModuleType = workbook_xlsb if self._kind == "xlsb" else workbook_xlsx
        styles: Formats = reader.formats(parts)
        places: dict[str, str] = reader.sheet_parts(parts)
        if workbook_xlsx.has_macros(parts):
            self.notes.append(_MACROS)
        book = self._open_values(stack)

        def load(name: str) -> Sheet:
            if name not in places:
                raise Rejected(DAMAGED.format("a sheet is missing"))
            looks: Looks = reader.looks(parts, places[name], styles)
            self._limits.require("cells", looks.rows * looks.columns, "cells, blank ones between them included")
            return _sheet(book, name, looks)

        return load

    def _open_xls(self, stack: ExitStack) -> Callable[[str], Sheet]:
        looks, has_formats = workbook_xls.all_looks(self._path)
        cells = sum(sheet.rows * sheet.columns for sheet in looks.values())
        self._limits.require("cells", cells, "cells, blank ones between them included")
        book = self._open_values(stack)
        if workbook_xls.has_macros(self._path):
            self.notes.append(_MACROS)
        if not has_formats or not looks.keys() >= self.sheets.keys():
            self.notes.append(_NO_LOOKS)
        return lambda name: _sheet(book, name, looks.get(name, Looks()))

    def _open_values(self, stack: ExitStack) -> calamine.CalamineWorkbook:
        """Open with calamine, by content: given a path it would go by the name's extension."""
        book = stack.enter_context(calamine.CalamineWorkbook.from_filelike(stack.enter_context(self._path.open("rb"))))
        self.sheets = {
            sheet.name: sheet.visible == calamine.SheetVisibleEnum.Visible
            for sheet in book.sheets_metadata
            if sheet.typ == calamine.SheetTypeEnum.WorkSheet
        }
        return book


def _sheet(book: calamine.CalamineWorkbook, name: str, looks: Looks) -> Sheet:
    source = book.get_sheet_by_name(name)
    left = source.start[1] if source.start else 0
    long_numbers: list[int] = []
    rows = [
        [""] * left + [cell if isinstance(cell, str) else _text(cell, number, long_numbers) for cell in cells]
        for number, cells in enumerate(source.iter_rows(), start=1)
    ]
    for (row, column), text in looks.errors.items():
        _put(rows, row, column, text)
    for (row, column), width in looks.noughts.items():
        if row <= len(rows) and column <= len(rows[row - 1]):
            rows[row - 1][column - 1] = with_leading_noughts(rows[row - 1][column - 1], width)
    notes = []
    if long_numbers:
        notes.append(
            "numbers of more than 15 digits lose the others in Excel; codes should be sent as text, "
            f"in rows: {ranges(long_numbers)}"
        )
    return Sheet(rows, looks, notes)


def _text(cell: Any, row: int, long_numbers: list[int]) -> str:
    if cell.__class__ is float and not -_EXACT_BELOW < cell < _EXACT_BELOW:
        long_numbers.append(row)
    return text_of(cell)


def _put(rows: list[list[str]], row: int, column: int, text: str) -> None:
    rows.extend([] for _ in range(row - len(rows)))
    cells = rows[row - 1]
    cells.extend([""] * (column - len(cells)))
    cells[column - 1] = text


@contextmanager
def _refusing_the_unreadable() -> Iterator[None]:
    """Say in a clerk's words what calamine reports in its own; a panic of calamine's is no crash of ours."""
    try:
        yield
    except calamine.PasswordError as error:
        raise Rejected(PROTECTED) from error
    except calamine.CalamineError as error:
        raise Rejected(DAMAGED.format("it cannot be opened")) from error
    except OSError as error:
        if error.errno is not None:
            raise  # the machine's trouble, not the file's; calamine reports a file that breaks off without a number
        raise Rejected(DAMAGED.format("it breaks off")) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise Rejected(DAMAGED.format("its inner tables make no sense")) from error
        raise
