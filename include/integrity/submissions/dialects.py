"""How a text file separates and quotes its cells, decided from a sample of its lines.

Every combination is tried, and the one wins under which the rows are most alike and the cells most like data:
the measure of consistency of van den Burg, Nazábal and Sutton (Data Mining and Knowledge Discovery 33, 2019).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from integrity.inventory.dependency import ReadingHints
from integrity.submissions.cells import class_of

DELIMITERS = (",", ";", "\t", "|", "\x1f", "^", "~", ":", " ")
"""In order of preference where two explain a file equally well."""

_SAMPLE_LINES = 400
_NAMED = re.compile(r'"?sep=(.)"?\s*', re.I)
"""The line by which Excel is told the delimiter."""
_DULL = 0.1
"""Worth of a cell that is free text with another delimiter's sign in it; a typed cell is worth 1."""


@dataclass(frozen=True)
class Dialect:
    """What stands between cells and around them.

    Attributes:
        delimiter: One character; '' where a row is one cell.
        quote: One character; '' where nothing is quoted.
        escape: A backslash where one stands before a quote within quotes; '' where quotes are doubled.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""

    def cells(self, line: str) -> list[str] | None:
        """The cells of a line by the letter of the format; None where it is not well formed."""
        if not self.delimiter:
            return [line]
        if not self.quote or self.quote not in line:
            return line.split(self.delimiter)
        try:
            return next(csv.reader([self._doubled(line)], self._csv))
        except (csv.Error, StopIteration):
            return None

    def lenient_cells(self, line: str) -> list[str]:
        """The cells of a line where a quote closes only before a delimiter or the end; others stand for themselves."""
        if not self.delimiter or not self.quote:
            return line.split(self.delimiter) if self.delimiter else [line]
        found = []
        for match in self._lenient.finditer(self._doubled(line)):
            quoted, plain = match.group(1), match.group(2)
            found.append(plain if quoted is None else quoted.replace(self.quote * 2, self.quote))
        return found

    def plain_cells(self, line: str) -> list[str]:
        """Those of the cells that have no quotes around them."""
        return [match.group(1) for match in self._formal.finditer(self._doubled(line)) if match.group(1)]

    def _doubled(self, line: str) -> str:
        return line.replace(self.escape + self.quote, self.quote * 2) if self.escape else line

    @cached_property
    def _csv(self) -> type[csv.Dialect]:
        own = {"delimiter": self.delimiter, "quotechar": self.quote, "skipinitialspace": self.delimiter != " "}
        return type("Own", (csv.excel,), {**own, "strict": True})

    @cached_property
    def _formal(self) -> re.Pattern[str]:
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        blank = "" if self.delimiter == " " else " *"
        quoted = f"{blank}{q}(?:[^{q}]|{q}{q})*+{q}(?={d}|$)"
        return re.compile(f"(?:^|(?<={d}))(?:{quoted}|([^{d}]*))(?:{d}|$)")

    @cached_property
    def _lenient(self) -> re.Pattern[str]:
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        blank = "" if self.delimiter == " " else " *"
        quoted = f"{blank}{q}((?:[^{q}]|{q}(?!{blank}(?:{d}|$)))*){q}{blank}"
        return re.compile(f"(?:^|(?<={d}))(?:{quoted}|([^{d}]*))(?:{d}|$)")


def head_records(lines: Sequence[str], dialect: Dialect) -> list[tuple[int, int, list[str]]]:
    """The first records of a file before anybody knows its columns: first line, last line, cells."""
    found, position = [], 0
    while position < len(lines):
        length, cells = 1, dialect.cells(lines[position])
        if cells is None:
            length, cells = joined_record(lines, position, dialect, 50)
        found.append((position + 1, position + length, cells or dialect.lenient_cells(lines[position])))
        position += length
    return found


def joined_record(lines: Sequence[str], position: int, dialect: Dialect, most: int) -> tuple[int, list[str] | None]:
    """The record that begins on a line whose quote closes on a later one; (1, None) where none does."""
    if lines[position].count(dialect.quote) % 2 == 0:
        return 1, None
    for length in range(2, most + 1):
        if position + length > len(lines):
            break
        if dialect.quote in lines[position + length - 1]:
            cells = dialect.cells("\n".join(lines[position : position + length]))
            if cells:
                return length, cells
    return 1, None


def detect_dialect(lines: list[str], hints: ReadingHints) -> tuple[Dialect, str]:
    """The dialect of a file, and why.

    Args:
        lines: Lines of the file without their ends; the first few hundred that are not blank are looked at.
        hints: What the layout says of it, which is not doubted.
    """
    sample = [line[:20_000] for line in lines if line.strip()][:_SAMPLE_LINES]
    if not hints.delimiter and len(sample) > 1 and (named := _NAMED.fullmatch(sample[0])):
        dialect, _ = detect_dialect(sample[1:], hints.model_copy(update={"delimiter": named[1]}))
        return dialect, f"line {lines.index(sample[0]) + 1} names the delimiter"
    quotes = [hints.quote] if hints.quote is not None else _quotes(sample)
    delimiters = (hints.delimiter.rstrip() or hints.delimiter,) if hints.delimiter else DELIMITERS
    best, best_score, seen = Dialect("", ""), 0.0, 0
    for delimiter in delimiters:
        if not hints.delimiter and not any(delimiter in line for line in sample):
            continue
        for quote in quotes:
            seen += 1
            dialect = Dialect(delimiter[:1], quote, _escape(sample, quote))
            score = _score(dialect, sample) * (1.0 if delimiter in ",;\t|" else 0.7)
            if score > best_score * 1.001:
                best, best_score = dialect, score
    if hints.delimiter and not best.delimiter:
        best = Dialect(delimiters[0][:1], quotes[0], _escape(sample, quotes[0]))
    why = "as the layout says" if hints.delimiter else f"the most regular of {seen} that were tried"
    return best, why


def _quotes(sample: list[str]) -> list[str]:
    """Quotes that may be in use: an apostrophe only where it surely encloses cells, since it is a letter as well."""
    found = []
    for quote in ('"', "'"):
        enclosing = re.compile(rf"(?:^|[,;\t| ]){quote}[^{quote}]+(?:{quote}[^,;\t|{quote}]+)*{quote}(?:[,;\t| ]|$)")
        lines = sum(bool(enclosing.search(line)) for line in sample)
        if (quote == '"' and any(quote in line for line in sample)) or lines > max(1, 0.2 * len(sample)):
            found.append(quote)
    return [*found, ""] if found else ['"']


def _escape(sample: list[str], quote: str) -> str:
    """A backslash, where one stands before a quote oftener than a quote is doubled within a cell."""
    if not quote:
        return ""
    # A backslash before the quote that ends a cell is the cell's own, as in C:\data\.
    slashed = sum(len(re.findall(rf"\\{quote}(?!\s*(?:[,;\t|]|$))", line)) for line in sample)
    # Two quotes after a delimiter are a blank cell.
    doubled = sum(len(re.findall(rf"[^\\{quote},;\t|]{quote}{quote}[^{quote}]", line)) for line in sample)
    return "\\" if slashed > doubled else ""


def _score(dialect: Dialect, sample: list[str]) -> float:
    rows = [cells for _, _, cells in head_records(sample, dialect)]
    widths = Counter(len(row) for row in rows)
    pattern = sum(count * (width - 1) / width for width, count in widths.items()) / len(widths)
    cells = [cell for row in rows[:100] for cell in row]
    worth = sum(_worth(cell, dialect) for cell in cells) / len(cells)
    return pattern * worth


def _worth(cell: str, dialect: Dialect) -> float:
    found = class_of(cell)
    if found == "blank":
        return 0.7
    if found != "text":
        return 1.0
    if dialect.quote != '"' and cell.strip().startswith('"'):
        return _DULL  # A quote that was taken for text.
    return _DULL if any(d in cell for d in ";\t|") else 0.8
