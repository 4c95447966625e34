"""How a sheet looks to the person who made it: what is hidden, merged, shown as an error or with leading noughts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from integrity.errors import Rejected

MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
"""What any spreadsheet program can hold."""
MOST_RANGES = 10
"""Ranges of rows that a note lists before it says how many more there are."""
DAMAGED = (
    "The workbook is damaged or was cut off on its way ({}). Please open it in Excel, save it again and send that."
)
PROTECTED = (
    "The workbook is protected by a password, so it cannot be read. "
    "Please save it without the password and send it again."
)
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


@dataclass
class Looks:
    """What a sheet's cells do not tell by their values. Rows and columns count from 1.

    Attributes:
        rows: The last row with a value.
        columns: The last column with a value.
        errors: Text of each error cell, by row and column.
        noughts: Width to which the number in a cell is shown with leading noughts, by row and column.
        uncached: Rows with a formula whose result is not in the file.
        merged: First row, first column, last row and last column of each merged range.
    """

    rows: int = 0
    columns: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    noughts: dict[tuple[int, int], int] = field(default_factory=dict)
    uncached: list[int] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    per_cent_columns: set[int] = field(default_factory=set)

    def fill(self, row: int, column: int) -> None:
        """Note that a cell has a value.

        Raises:
            Rejected: No spreadsheet has such a cell, so the file is damaged or made to do harm.
        """
        if not (1 <= row <= MOST_ROWS and 1 <= column <= MOST_COLUMNS):
            raise Rejected(DAMAGED.format("a cell lies outside of any sheet"))
        if row > self.rows:
            self.rows = row
        if column > self.columns:
            self.columns = column

    def hide_columns(self, first: int, last: int) -> None:
        self.hidden_columns.update(range(max(first, 1), min(last, MOST_COLUMNS) + 1))

    def notes(self) -> list[str]:
        """What a person should know of the sheet; rows and columns as the spreadsheet names them."""
        columns = {column for column in self.hidden_columns if column <= self.columns}
        rows = [row for row in self.hidden_rows if row <= self.rows]
        told = (
            (rows, "hidden rows were taken in: {}", ranges),
            (columns, "hidden columns were taken in: {}", column_ranges),
            (self.uncached, "formulas without a stored result are blank, in rows: {}", ranges),
            (
                self.per_cent_columns,
                "numbers are shown as per cent and taken as stored (5% is 0.05), in columns: {}",
                column_ranges,
            ),
        )
        return [text.format(shown(places)) for places, text, shown in told if places]


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as ranges, ``3-5, 9``; a long list is cut."""
    runs = _runs(numbers)
    listed = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs[:MOST_RANGES])
    return listed if len(runs) <= MOST_RANGES else f"{listed} and {len(runs) - MOST_RANGES} more ranges"


def column_ranges(numbers: Iterable[int]) -> str:
    """Columns as a spreadsheet letters them, ``B, D-F``."""
    return ", ".join(
        column_letters(first) if first == last else f"{column_letters(first)}-{column_letters(last)}"
        for first, last in _runs(numbers)
    )


def column_letters(number: int) -> str:
    """``1`` is A, ``27`` is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """``A`` is 1, ``AA`` is 27; 0 where these are no letters of a column."""
    number = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z" or number > MOST_COLUMNS:
            return 0
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
