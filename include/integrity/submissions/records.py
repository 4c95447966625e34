"""Rows of delimited text that are not one well-formed line each: several lines in quotes, lone quotes, ragged ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from integrity.submissions.cells import TYPED, ColumnProfile, class_of, profiles
from integrity.submissions.dialects import Dialect, joined_record
from integrity.submissions.mending import mend, mend_header
from integrity.submissions.tables import names_columns, usual_width

_MOST_MENDED = 2_000
"""Proposals made for one file; one with more rows that are not well formed has another fault."""
_LONGEST_RECORD = 1_000
"""Lines that one quoted cell may run over."""
_ILL = 1.5
"""Cost (see ``ColumnProfile.cost``) from which a cell does not look like its column's others."""


@dataclass(frozen=True)
class BadRow:
    """A row that could not be taken as it stands.

    Attributes:
        number: Physical number of the line or row that it begins on.
        reason: What is wrong, without any cell's value.
        mended: The likeliest reading, a cell for each column, to be looked at by a person; None where there is none.
    """

    number: int
    reason: str
    mended: tuple[str, ...] | None = None


def mended_headings(
    records: list[tuple[int, int, list[str]]], lines: Sequence[str], dialect: Dialect
) -> list[tuple[int, int, list[str]]]:
    """The first records, with a first row of the wrong width mended where names for every column can be made of it."""
    width = usual_width([cells for _, _, cells in records])
    for i, (first, last, cells) in enumerate(records[:20]):
        if len(cells) == width or names_columns([row for _, _, row in records[i + 1 :] if len(row) == width], width):
            break
        headings = mend_header(lines[first - 1], dialect, width) if width > 2 and first == last else None
        if headings:
            return [*records[:i], (first, last, list(headings)), *records[i + 1 :]]
    return records


@dataclass
class RowReader:
    """Reads what is not well formed, knowing the table's columns; counts what it had to be lenient about.

    Attributes:
        columns: What the sound rows look like, column by column; empty where too few are known.
        pads: Whether this file leaves out blanks at the end of rows.
        bad_rows: Rows that could not be taken.
        told: How many rows were taken with which leniency.
        other_table: Number of the row in which another table begins, and its columns.
        run_on: Numbers of lines that are part of a quoted cell, though each would be a row if it stood alone.
    """

    dialect: Dialect
    width: int
    columns: list[ColumnProfile] = field(default_factory=list)
    pads: bool = False
    bad_rows: list[BadRow] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    other_table: tuple[int, int] | None = None
    run_on: list[int] = field(default_factory=list)

    def learn(self, rows: Sequence[Sequence[str]]) -> None:
        """Learn from the first rows what the columns hold, and whether short rows are this file's habit."""
        sound = [row for row in rows if len(row) == self.width][:500]
        self.columns = profiles(sound, self.width) if len(sound) >= 3 else []
        short = [row for row in rows if 1 < len(row) < self.width]
        self.pads = len(short) > max(2, 0.05 * len(rows)) and all(self._fits(row) for row in short)

    def rows(self, lines: Sequence[str], is_sound: Sequence[bool], number: int) -> Iterator[tuple[int, list[str]]]:
        """Rows, with the number of the line that each begins on, of the lines that are not sound.

        Args:
            lines: Lines of a block, the first of which has ``number``.
            is_sound: Which of them are well-formed rows, and read elsewhere.
        """
        taken = 0
        for position, (line, sound) in enumerate(zip(lines, is_sound, strict=True)):
            if sound or position < taken or not line.strip():
                continue
            cells, length = self._record(lines, position, is_sound, number + position)
            taken = position + length
            if cells is None:
                self._set_aside(number + position, line)
            else:
                self.run_on += [number + i for i in range(position + 1, taken) if is_sound[i]]
                yield number + position, cells

    def _record(
        self, lines: Sequence[str], position: int, is_sound: Sequence[bool], number: int
    ) -> tuple[list[str] | None, int]:
        line = lines[position]
        cells = self.dialect.cells(line)
        if cells is not None and len(cells) == self.width:
            return (None if self._is_doubtful(line, cells) else cells), 1
        if cells is None:
            length, joined = self._over_lines(lines, position, is_sound)
            if joined is not None:
                return joined, length
            cells = self.dialect.lenient_cells(line)
            opened = any(cell.lstrip().startswith(self.dialect.quote) for cell in cells)
            # A backslash before a quote may be this program's way to escape it, or the text's own.
            may_be_escaped = not self.dialect.escape and "\\" + self.dialect.quote in line
            if len(cells) == self.width and not opened and not may_be_escaped and self._fits(cells):
                self.told["have quotation marks within a quoted cell that are not doubled"] += 1
                return cells, 1
            return None, 1
        if len(cells) != self.width and self.other_table is None and self._begins_other_table(lines, position, cells):
            self.other_table = number, len(cells)
        if self.other_table and len(cells) == self.other_table[1]:
            return None, 1
        if len(cells) > self.width and not any(map(str.strip, cells[self.width :])) and self._fits(cells):
            self.told["end in superfluous delimiters"] += 1
            cells = cells[: self.width]
        elif len(cells) < self.width and self.pads and self._fits(cells):
            self.told["leave out blank cells at their end"] += 1
            cells = [*cells, *[""] * (self.width - len(cells))]
        return (cells if len(cells) == self.width else None), 1

    def _is_doubtful(self, line: str, cells: Sequence[str]) -> bool:
        """Whether a row that has its cells may have the wrong ones: for a quote within a cell that is not quoted.

        It may be an inch mark; or text with a delimiter in it was begun within one cell and ended with another, as
        where a delimiter before a quoted cell is missing. Then the cells do not look like their columns' others.
        """
        quote = self.dialect.quote
        if not quote or quote not in line:
            return False
        plain = [cell.strip() for cell in self.dialect.plain_cells(line)]
        if not any(quote in cell for cell in plain):
            return False
        if not self._fits(cells):
            return True
        opened = [i for i, cell in enumerate(plain) if quote in cell[1:-1]]
        closed = [i for i, cell in enumerate(plain) if cell.endswith(quote)]
        return bool(opened) and any(end > opened[0] for end in closed)

    def _over_lines(
        self, lines: Sequence[str], position: int, is_sound: Sequence[bool]
    ) -> tuple[int, list[str] | None]:
        length, cells = joined_record(lines, position, self.dialect, _LONGEST_RECORD)
        between = is_sound[position + 1 : position + length]
        # A row within a quoted cell is no text: then the quote is a stray one, and swallows nobody else's row.
        if cells is None or len(cells) != self.width or (self.width > 2 and any(between)):
            return 1, None
        return length, cells

    def _fits(self, cells: Sequence[str]) -> bool:
        return all(
            not cell.strip() or column.cost(cell) < _ILL for cell, column in zip(cells, self.columns, strict=False)
        )

    def _begins_other_table(self, lines: Sequence[str], position: int, cells: Sequence[str]) -> bool:
        """Whether a row of another width is the header of a table of its own: names only, over rows as wide."""
        figures = TYPED - {"code"}  # A heading may end in a number.
        if len(cells) < 2 or any(not cell.strip() or class_of(cell) in figures for cell in cells):
            return False
        below = [self.dialect.cells(line) for line in lines[position + 1 : position + 4] if line.strip()]
        return bool(below) and all(row is not None and len(row) == len(cells) for row in below)

    def _set_aside(self, number: int, line: str) -> None:
        cells = self.dialect.cells(line)
        if cells and self.other_table and len(cells) == self.other_table[1]:
            self.bad_rows.append(
                BadRow(number, f"it belongs to another table, which begins in row {self.other_table[0]}")
            )
            return
        reason = (
            "a quotation mark is not closed, or stands where none may"
            if cells is None or len(cells) == self.width
            else f"{len(cells)} cells where the table has {self.width} columns"
        )
        mended = mend(line, self.dialect, self.width, self.columns) if len(self.bad_rows) < _MOST_MENDED else None
        self.bad_rows.append(BadRow(number, reason, mended))
