"""Reading delimited text: any dialect, any line ends, rows that are not well formed told apart from those that are.

Well-formed lines go to polars in blocks, at its speed; only what is not well formed is looked at line by line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.cells import TYPED
from integrity.submissions.dialects import detect_dialect, head_records
from integrity.submissions.encodings import SUSPECTS, detect_encoding, is_garbled, ungarbled
from integrity.submissions.limits import Limits
from integrity.submissions.lines import plain_text
from integrity.submissions.records import BadRow, RowReader, mended_headings
from integrity.submissions.tables import Skipped, find_header, footer_length, is_cut_row

ROW = "_row"
"""Column with the physical row number, from 1, as a text editor or spreadsheet counts lines; the header is row 1."""

_PASTED = b"\n" + codecs.BOM_UTF8
_HEAD_BYTES = 1 << 20
_HEAD_LINES = 2_000
_TAIL_BYTES = 1 << 16
_WIDEST_PATTERN = 300
"""Columns up to which one regular expression checks a whole line."""


class TextFile:
    """A delimited text file: decided about when opened, then read through once, block by block.

    Attributes:
        header: Where the headings stand and what they are, by position among the first records.
        header_rows: Physical numbers of the lines of headings.
        skipped: Lines that are no part of the table; whole once ``frames`` is through.
        notes: What a person should know; whole once ``frames`` is through.

    Args:
        scratch: Folder for a copy in UTF-8, where the file is in another encoding.

    Raises:
        Rejected: The file as a whole cannot be read.
    """

    def __init__(self, path: Path, hints: ReadingHints, limits: Limits, scratch: Path) -> None:
        self._hints, self._limits = hints, limits
        self.encoding = detect_encoding(path, hints.encoding)
        self.text = plain_text(path, self.encoding, scratch)
        self.notes: list[str] = []
        lines = self._unwrapped(scratch)
        if not any(line.strip() for line in lines):
            raise Rejected("The file is empty." if not self.text.lines else "The file holds nothing but blank lines.")
        self.dialect, self.dialect_why = detect_dialect(lines, hints)
        lines = lines[:_HEAD_LINES]
        records = mended_headings(head_records(lines, self.dialect), lines, self.dialect)
        self.header = find_header([cells for _, _, cells in records], hints, [first for first, _, _ in records])
        self.width = max(self.header.width, 1)
        limits.require("columns", self.width, "columns")
        self.header_rows = tuple(records[i][0] for i in self.header.rows)
        self._reader = RowReader(self.dialect, self.width)
        self._reader.learn([cells for _, _, cells in records[self.header.begins :]])
        above = records[: self.header.rows[0] if self.header.rows else self.header.begins]
        self._begins = records[self.header.begins - 1][1] + 1 if self.header.begins else 1
        self.skipped = [Skipped(first, last, "above the table") for first, last, cells in above if any(cells)]
        if self.header.rows:
            drawn = records[self.header.rows[-1] + 1 : self.header.begins]
            self.skipped += [Skipped(first, last, "a line under the headings") for first, last, _ in drawn]
        self._other_begins: int | None = None

    def _unwrapped(self, scratch: Path) -> list[str]:
        """The first lines; where nearly every line is one quoted cell, what the quotes enclose is the file."""
        lines = self.text.head(_HEAD_BYTES)
        filled = [line for line in lines[:_HEAD_LINES] if line.strip()]
        if len(filled) < 3 or sum(map(_is_wrapped, filled)) < 0.9 * len(filled):  # noqa: PLR2004
            return lines
        copy = scratch / "unwrapped.utf8"
        with self.text.path.open(encoding="utf-8", newline="") as reader, copy.open("w", encoding="utf-8") as writer:
            reader.seek(self.text.begins)
            for line in reader:
                text = line.rstrip("\r\n")
                inner = text[1:-1].replace('""', '"') if _is_wrapped(text) else text
                writer.write(inner + "\n")
        self.text = replace(self.text, path=copy, begins=0)
        self.notes.append("every line was one quoted cell; what the quotes enclose was read")
        return self.text.head(_HEAD_BYTES)

    @property
    def bad_rows(self) -> list[BadRow]:
        """Rows that could not be taken; whole once ``frames`` is through."""
        return self._reader.bad_rows

    @property
    def names(self) -> list[str]:
        """Columns of the frames: ``0``, ``1``, …"""
        return [str(i) for i in range(self.width)]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The sound rows: ``_row`` (Int64) and a text column for each of the table's, blank cells null."""
        begin = self.text.offset_of(self._begins)
        end, below = self._end(begin)
        rows, number = 0, self._begins
        for data in self.text.blocks(begin, end, self.dialect.quote):
            lines = data.count(b"\n") + (not data.endswith(b"\n"))
            if _PASTED in data:
                data = data.replace(_PASTED, b"\n")  # noqa: PLW2901 - the same block, without marks
                self.notes.append("a byte-order mark stands within the file, as where files were pasted together")
            frame = self._regular(data, lines, number)
            if frame is None:
                frame = self._mixed(data.decode("utf-8", "replace"), number)
            if not data.isascii():
                frame = self._without_garbled(frame)
            frame = self._without_other_table(self._without_repeated_headings(frame))
            number, rows = number + lines, rows + frame.height
            self._limits.require("rows", rows + len(self.bad_rows), "rows")
            require_short_cells(frame, self._limits)
            yield frame
        self.skipped += below
        self.notes += [f"{count:,} rows {what}" for what, count in self._reader.told.items()]
        if self._reader.other_table:
            self.notes.append(f"another table begins in row {self._reader.other_table[0]}; its rows were set aside")

    def _without_other_table(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Set aside a table that begins below a blank line with headings of its own, though it is just as wide."""
        if self._other_begins is None:
            typed = [str(i) for i, column in enumerate(self._reader.columns) if column.dominant in TYPED]
            if len(typed) < 2:  # noqa: PLR2004 - one column of words may well be a slip in one cell
                return frame
            words = pl.all_horizontal(pl.col(self.names).is_not_null(), ~pl.col(typed).str.contains(r"\d"))
            # Cells are looked at below blank lines only, which a large file hardly has.
            found = frame.filter(pl.col(ROW).diff() > 1).filter(words)
            if not found.height:
                return frame
            self._other_begins = int(found[ROW][0])
            self.notes.append(f"another table begins in row {self._other_begins}; its rows were set aside")
        why = f"it belongs to another table, which begins in row {self._other_begins}"
        others = frame.filter(pl.col(ROW) >= self._other_begins)[ROW].to_list()
        self.bad_rows.extend(BadRow(number, why) for number in others)
        return frame.filter(pl.col(ROW) < self._other_begins)

    def _end(self, begin: int) -> tuple[int, list[Skipped]]:
        """The byte at which the rows end, and what stands below them."""
        size = self.text.path.stat().st_size
        lines = self.text.tail(begin, _TAIL_BYTES if not self._hints.ends_before else size)
        cells = [self._cells(line.decode("utf-8", "replace").rstrip("\r\n")) for line in lines]
        fills = sorted(sum(bool(c.strip()) for c in row) for row in cells if len(row) == self.width)
        usual = fills[len(fills) // 2] if fills else self.width
        length = footer_length(cells, self.width, usual, self._hints.ends_before)
        if length and not lines[-1].endswith(b"\n") and is_cut_row(cells[-1], cells[:-1], self.width):
            length = 0  # It is for the rules of rows to say so.
        quote = self.dialect.quote.encode()
        while length and quote and any(line.count(quote) % 2 for line in lines[-length:]):
            length -= 1  # It may be part of a quoted cell, of which the last row may have one over several lines.
        if not length:
            return size, []
        first = self.text.lines - length + 1
        told = [Skipped(first + i, first + i, "below the table") for i, row in enumerate(cells[-length:]) if any(row)]
        return size - sum(map(len, lines[-length:])), told

    def _cells(self, line: str) -> list[str]:
        return self.dialect.cells(line) or self.dialect.lenient_cells(line)

    def _regular(self, data: bytes, lines: int, number: int) -> pl.DataFrame | None:
        """A block of which every line is provably a row, or None.

        Without quotes a line is a row, and the number of delimiters shows that no row is short
        (polars itself refuses long ones, and fills short ones in silence).
        """
        dialect = self.dialect
        if not dialect.delimiter or (dialect.quote and dialect.quote.encode() in data):
            return None
        frame = self._parsed(data, lines, is_quoted=False)
        if frame is None:
            return None
        # A short row lacks its last cell: where none does, nothing need be counted.
        if frame[self.names[-1]].null_count() and data.count(dialect.delimiter.encode()) != (self.width - 1) * lines:
            return None
        frame = frame.with_row_index(ROW, offset=number).with_columns(pl.col(ROW).cast(pl.Int64))
        if frame[self.names[0]].null_count():
            frame = frame.filter(pl.any_horizontal(pl.col(self.names).is_not_null()))
        return frame

    def _parsed(self, data: bytes, lines: int, *, is_quoted: bool) -> pl.DataFrame | None:
        try:
            frame = pl.read_csv(
                data,
                separator=self.dialect.delimiter,
                quote_char=self.dialect.quote if is_quoted else None,
                has_header=False,
                infer_schema=False,
                schema=dict.fromkeys(self.names, pl.String),
            )
        except (pl.exceptions.PolarsError, OSError):
            return None
        if frame.height != lines:
            return None
        return _stripped(frame) if is_quoted or _has_outer_blanks(data, self.dialect.delimiter.encode()) else frame

    def _mixed(self, text: str, number: int) -> pl.DataFrame:
        """A block in which some lines may be no rows by themselves: those that are go to polars all the same."""
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        column = pl.Series("line", lines, dtype=pl.String).str.strip_suffix("\r")
        sound = self._is_sound(column)
        kept = column.filter(sound)
        parsed = self._parsed("\n".join(kept).encode(), len(kept), is_quoted=True) if len(kept) else None
        if parsed is None:
            sound = pl.repeat(False, len(lines), eager=True)
            parsed = pl.DataFrame(schema=dict.fromkeys(self.names, pl.String))
        numbers = pl.int_range(number, number + len(lines), dtype=pl.Int64, eager=True).filter(sound)
        irregular = self._irregular(column.to_list(), sound, number)
        regular = parsed.select(numbers.alias(ROW), *self.names).filter(~pl.col(ROW).is_in(self._reader.run_on))
        frame = pl.concat([regular, irregular])
        return frame.sort(ROW).filter(pl.any_horizontal(pl.col(self.names).is_not_null()))

    def _is_sound(self, lines: pl.Series) -> pl.Series:
        """Which lines are rows by the letter: as many cells as there are columns, quotes closed and doubled."""
        dialect = self.dialect
        if not dialect.delimiter or not dialect.quote or dialect.escape or self.width > _WIDEST_PATTERN:
            return pl.repeat(False, len(lines), eager=True)
        d, q = re.escape(dialect.delimiter), re.escape(dialect.quote)
        cell = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{d}]*)"
        quoted = lines.str.contains(dialect.quote, literal=True)
        count = lines.str.count_matches(dialect.delimiter, literal=True) == self.width - 1
        return (count & ~quoted) | (quoted & lines.str.contains(f"^{cell}(?:{d}{cell}){{{self.width - 1}}}$"))

    def _irregular(self, lines: list[str], sound: pl.Series, number: int) -> pl.DataFrame:
        found = list(self._reader.rows(lines, sound.to_list(), number))
        data = {name: [cells[i] for _, cells in found] for i, name in enumerate(self.names)}
        schema = {ROW: pl.Int64, **dict.fromkeys(self.names, pl.String)}
        return _stripped(pl.DataFrame({ROW: [first for first, _ in found], **data}, schema=schema))

    def _without_garbled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Set aside rows whose text was garbled before it came here, so that it is not passed on."""
        suspect = frame.filter(pl.any_horizontal(pl.col(self.names).str.contains(SUSPECTS)))
        garbled = []
        for number, *cells in suspect.iter_rows():
            if any(cell and is_garbled(cell) for cell in cells):
                undone = tuple((ungarbled(cell) or cell) if cell else "" for cell in cells)
                mended = None if any("\ufffd" in cell for cell in undone) else undone
                self.bad_rows.append(BadRow(number, "its text was garbled by a wrong encoding", mended))
                garbled.append(number)
        return frame.filter(~pl.col(ROW).is_in(garbled)) if garbled else frame

    def _without_repeated_headings(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Leave out rows that repeat the headings, as page breaks of a printed list do."""
        named = [(name, cell) for name, cell in zip(self.names, self.header.cells, strict=False) if cell]
        if not named or not self.header.rows:
            return frame
        repeated = pl.all_horizontal(pl.col(name) == cell for name, cell in named)
        # Most rows are told from the headings by one cell, and the longest heading is the least likely one.
        name, cell = max(named, key=lambda heading: len(heading[1]))
        numbers = frame.filter(pl.col(name) == cell).filter(repeated)[ROW].to_list()
        self.skipped += [Skipped(number, number, "the headings again") for number in numbers]
        return frame.filter(~pl.col(ROW).is_in(numbers)) if numbers else frame


def require_short_cells(frame: pl.DataFrame, limits: Limits) -> None:
    """Refuse a file of which a cell is longer than cells may be."""
    cells = pl.exclude(ROW).str
    # Bytes are known of every cell, and are never fewer than its characters, which have to be counted.
    if _most(frame, cells.len_bytes()) > limits.cell_characters:
        limits.require("cell_characters", _most(frame, cells.len_chars()), "characters in one cell")


def _most(frame: pl.DataFrame, lengths: pl.Expr) -> int:
    """The greatest of the columns' greatest lengths; 0 where there is no row, or no column."""
    longest = frame.select(lengths.max()).fill_null(0)
    return max(longest.row(0), default=0) if frame.height and longest.width else 0


def _is_wrapped(line: str) -> bool:
    """Whether a line is one quoted cell with a delimiter in it."""
    inner = line[1:-1]
    is_quoted = len(line) > 1 and line[0] == line[-1] == '"' and '"' not in inner.replace('""', "")
    return is_quoted and any(delimiter in inner for delimiter in ",;\t|")


def _stripped(frame: pl.DataFrame) -> pl.DataFrame:
    """Outer blanks removed, and what is blank then null."""
    cells = [pl.col(name).str.strip_chars() for name in frame.columns if name != ROW]
    return frame.with_columns(pl.when(cell.str.len_bytes() > 0).then(cell) for cell in cells)


def _has_outer_blanks(data: bytes, delimiter: bytes) -> bool:
    """Whether any cell of an unquoted block may begin or end with a blank."""
    if not data.isascii():
        return True  # No-break spaces and their like.
    if b"\t" in data or data[:1] == b" " or data[-1:] == b" ":
        return True
    if b" " not in data:
        return False
    sign = re.escape(delimiter.decode())
    return bool(pl.Series([data.decode("ascii")]).str.contains(f" {sign}|{sign} | \n|\n | \r")[0])
