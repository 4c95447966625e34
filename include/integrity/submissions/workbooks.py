"""Reading a workbook: the right sheet of it, its cells as text, and what a person should know about them."""

from __future__ import annotations

import re
from pathlib import Path

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.grids import Grid
from integrity.submissions.limits import Limits
from integrity.submissions.supplier_text import printable
from integrity.submissions.workbook_looks import ranges
from integrity.submissions.workbook_sheets import Sheet, Workbook

_HEADER_ROWS = 15
"""Rows, from the first filled one, in which a merged cell may be a heading over several columns."""
_MOST_NAMES = 10


def read_workbook(path: Path, kind: str, hints: ReadingHints, limits: Limits) -> Grid:
    """Read the sheet that holds the table.

    Args:
        kind: ``xlsx``, ``xlsb``, ``xls`` or ``ods``, as ``signatures.kind_of`` tells it.
        hints: Only ``sheet`` and ``part`` are asked; without them the visible sheet with most filled cells is taken.

    Returns:
        Every row from the sheet's first, hidden ones included, so that a row's place in ``rows`` is its number less 1.
        Headings that are merged over several columns stand in each of them. Trailing blank rows and columns are left.

    Raises:
        Rejected: It is damaged, protected, over a limit or built to do harm; or it has no such sheet, or no cells.
    """
    with Workbook(path, kind, limits) as workbook:
        wanted = hints.sheet
        if wanted is None and hints.part is not None:
            wanted = _matching(list(workbook.sheets), hints.part)
        beside = tuple(printable(each) for each, is_visible in workbook.sheets.items() if is_visible and each != wanted)
        name, sheet, notes = _choose(workbook, wanted)
        notes = [*workbook.notes, *notes, *sheet.notes, *sheet.looks.notes()]
    rows = _trimmed(sheet.rows)
    limits.require("rows", len(rows), "rows")
    limits.require("columns", max(map(len, rows), default=0), "columns")
    longest = max((max(map(len, row), default=0) for row in rows), default=0)
    limits.require("cell_characters", longest, "characters in one cell")
    if spread := _spread_headings(rows, sheet.looks.merged):
        notes.append(f"headings merged over several columns stand in each of them, in rows: {ranges(spread)}")
    return Grid(rows, list(range(1, len(rows) + 1)), name, beside if hints.part else (), tuple(notes))


def _choose(workbook: Workbook, wanted: str | None) -> tuple[str, Sheet, list[str]]:
    """Name and cells of the sheet to take, and what is to be said about the others."""
    if wanted is not None:
        name = _find(list(workbook.sheets), wanted)
        sheet = workbook.load(name)
        if not _filled(sheet):
            raise Rejected(f"The sheet '{printable(name)}' is empty.")
        return name, sheet, [] if workbook.sheets[name] else [f"the sheet '{printable(name)}' is hidden"]
    best: tuple[str, Sheet] | None = None
    most, left = 0, []
    for name in [name for name, is_visible in workbook.sheets.items() if is_visible]:
        sheet = workbook.load(name)
        filled = _filled(sheet)
        if filled > most:
            left += [best[0]] if best else []
            most, best = filled, (name, sheet)
        elif filled:
            left.append(name)
    hidden = [name for name, is_visible in workbook.sheets.items() if not is_visible]
    if best is None:
        more = f" Its hidden sheets were not looked at: {_listed(hidden)}." if hidden else ""
        raise Rejected(f"The workbook has no cells on any sheet that can be seen.{more}")
    notes = []
    if left:
        notes.append(
            f"{len(workbook.sheets)} sheets: {_listed([best[0]])} was taken; left, with cells: {_listed(left)}"
        )
    if hidden:
        notes.append(f"hidden sheets were not taken: {_listed(hidden)}")
    return *best, notes


def _matching(names: list[str], part: str) -> str:
    """The one sheet whose name is as is expected."""
    found = [name for name in names if re.search(part, name)]
    if len(found) != 1:
        raise Rejected(
            f"The workbook has {len(found)} sheets of the name that is expected (pattern {part}); "
            f"it has {len(names)}: {_listed(names)}."
        )
    return found[0]


def _find(names: list[str], wanted: str) -> str:
    """The sheet of that name; blanks and case may differ where only one sheet then fits."""
    if wanted in names:
        return wanted
    alike = [name for name in names if " ".join(name.split()).casefold() == " ".join(wanted.split()).casefold()]
    if len(alike) != 1:
        raise Rejected(
            f"The workbook has no sheet '{wanted}'; it has {len(names)}: {_listed(names)}. "
            "Please name the sheet as before, or ask for the layout to be changed."
        )
    return alike[0]


def _listed(names: list[str]) -> str:
    listed = ", ".join(f"'{printable(name)}'" for name in names[:_MOST_NAMES])
    return listed if len(names) <= _MOST_NAMES else f"{listed} and {len(names) - _MOST_NAMES} more"


def _filled(sheet: Sheet) -> int:
    return sum(len(row) - row.count("") for row in sheet.rows)


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Without the blank rows and columns at the end; blank ones at the beginning keep their place."""
    width = height = 0
    for number, row in enumerate(rows, start=1):
        while len(row) > width and any(row[width:]):
            width += 1
        if any(row):
            height = number
    return [row if len(row) <= width else row[:width] for row in rows[:height]]


def _spread_headings(rows: list[list[str]], merged: list[tuple[int, int, int, int]]) -> list[int]:
    """Put a merged heading into each of its columns; gives the rows where that was done.

    A merged cell that stands alone in its row is a title, not a heading.
    """
    first_filled = next((number for number, row in enumerate(rows, start=1) if any(row)), 0)
    spread = []
    for top, left, _, right in merged:
        if right <= left or not first_filled <= top < first_filled + _HEADER_ROWS or top > len(rows):
            continue
        row = rows[top - 1]
        text = row[left - 1] if left <= len(row) else ""
        if text and (any(row[: left - 1]) or any(row[right:])):
            row.extend([""] * (min(right, max(map(len, rows))) - len(row)))
            row[left - 1 : right] = [text] * (min(right, len(row)) - left + 1)
            spread.append(top)
    return spread
