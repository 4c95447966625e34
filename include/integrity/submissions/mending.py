"""What a row that is not well formed was most likely meant to be.

A proposal, never a fact: such a row is set aside whatever is proposed, and the proposal goes to whoever looks at it.
All ways of cutting the line into as many cells as the table has columns are weighed at once (dynamic programming):
what is wrong with the cells' form against how well they fit their columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integrity.submissions.cells import TYPED, ColumnProfile, shape_of
from integrity.submissions.dialects import DELIMITERS, Dialect

_LONGEST_LINE = 20_000
_MOST_DELIMITERS = 150

_STRAY_QUOTE = 2.0
_LONE_QUOTE_WITHIN = 0.6
_QUOTE_AT_DELIMITER_WITHIN = 3.0
_DELIMITER_WITHIN = 1.2
_BLANK_WITHIN = 0.3
_FURTHER_DELIMITER = 0.1
_BLANK_BESIDE_DELIMITER = 1.5
_DELIMITER_MISSING = 2.0
_DELIMITER_TOO_MANY = 2.0
_CELL_MISSING = 2.5
_LAST_CELL_MISSING = 1.5
_OTHER_DELIMITER = 1.0
_DOUBTFUL = 4.0
"""Cost from which another delimiter is thought of."""


_FIGURE_BEFORE_WORD = re.compile(r"[^\w\s]?[\d.,:/-]*\d(?=[^\W\d])")


@dataclass(frozen=True)
class _Piece:
    """One way on from a place in the line: the next cell (None: no cell, a delimiter too many) and where it ends."""

    end: int
    cell: str | None
    cost: float


def mend(line: str, dialect: Dialect, width: int, columns: Sequence[ColumnProfile] = ()) -> tuple[str, ...] | None:
    """The likeliest reading of a line as ``width`` cells.

    Args:
        columns: What the sound rows have in each column; empty where too few are known.

    Returns:
        The cells; None where the line is too long to weigh.
    """
    if len(line) > _LONGEST_LINE or not dialect.delimiter:
        return None
    cost, cells = _best(line, dialect, width, columns)
    if cost > _DOUBTFUL:
        for other in DELIMITERS:
            if other != dialect.delimiter and line.count(other) >= width - 2:
                rival, rivals = _best(line, Dialect(other, dialect.quote, dialect.escape), width, columns)
                if rivals and rival + _OTHER_DELIMITER < cost:
                    cost, cells = rival + _OTHER_DELIMITER, rivals
    return cells


def mend_header(line: str, dialect: Dialect, width: int) -> tuple[str, ...] | None:
    """Headings of a line that is not well formed, where there is one cheap way to have a name over every column."""
    for delimiter in dict.fromkeys([dialect.delimiter, *DELIMITERS]):
        if delimiter and len(line) <= _LONGEST_LINE and line.count(delimiter) >= width - 2:
            cost, cells = _best(line, Dialect(delimiter, dialect.quote, dialect.escape), width, ())
            if cells and all(cell.strip() for cell in cells) and cost <= _STRAY_QUOTE + _LONE_QUOTE_WITHIN:
                return cells
    return None


def _best(
    line: str, dialect: Dialect, width: int, columns: Sequence[ColumnProfile]
) -> tuple[float, tuple[str, ...] | None]:
    """Cheapest way from the line's beginning with no cell done to its end with all of them done."""
    if line.count(dialect.delimiter) > _MOST_DELIMITERS:
        return float("inf"), None
    if dialect.escape:
        line = line.replace(dialect.escape + dialect.quote, dialect.quote * 2)
    end = len(line) + 1  # One past the delimiter that every line is thought to end with.
    ways = _Ways()
    ways.keep(0, 0, 0.0, ())
    for place in range(end + 1):
        for done in range(width):
            if way := ways.get((place, done)):
                missing = _LAST_CELL_MISSING if place == end else _CELL_MISSING
                for piece in [
                    _Piece(place, "", missing),
                    *_pieces(line, place, dialect, columns[done : done + 2]),
                ]:
                    ways.go_on(way, done, piece, columns)
        if way := ways.get((place, width)):
            for piece in _pieces(line, place, dialect, ()):
                if piece.cell is None:
                    ways.go_on(way, width, piece, columns)
    return ways.get((end, width), (float("inf"), None))


class _Ways(dict[tuple[int, int], tuple[float, tuple[str, ...] | None]]):
    """The cheapest way to each place with so many cells done: its cost and the cells."""

    def go_on(
        self,
        way: tuple[float, tuple[str, ...] | None],
        done: int,
        piece: _Piece,
        columns: Sequence[ColumnProfile],
    ) -> None:
        cost, cells = way[0] + piece.cost, way[1] or ()
        if piece.cell is None:
            self.keep(piece.end, done, cost, cells)
        else:
            self.keep(piece.end, done + 1, cost + _fit(columns, done, piece.cell), (*cells, piece.cell))

    def keep(self, place: int, done: int, cost: float, cells: tuple[str, ...]) -> None:
        known = self.get((place, done))
        if known is None or cost < known[0]:
            self[place, done] = (cost, cells)


def _fit(columns: Sequence[ColumnProfile], column: int, cell: str) -> float:
    return columns[column].cost(cell) if columns else 0.0


def _pieces(line: str, start: int, dialect: Dialect, columns: Sequence[ColumnProfile]) -> Iterator[_Piece]:
    if start > len(line):
        return
    yield from _plain(line, start, dialect)
    if dialect.quote:
        yield from _quoted(line, start, dialect)
    yield from _run_together(line, start, dialect, columns)


def _plain(line: str, start: int, dialect: Dialect) -> Iterator[_Piece]:
    """Cells without quotes around them, up to the next delimiter or a later one."""
    within, end, passed = 0.0, start - 1, 0
    while end < len(line):
        end = line.find(dialect.delimiter, end + 1)
        end = len(line) if end < 0 else end
        cell = line[start:end]
        if passed == 1:
            within = _BLANK_WITHIN if dialect.delimiter == " " else _DELIMITER_WITHIN
        elif passed > 1:
            within += _FURTHER_DELIMITER
        yield _Piece(end + 1, cell, within + _form_cost(cell, dialect))
        if not cell and end < len(line):
            yield _Piece(end + 1, None, _DELIMITER_TOO_MANY)
        passed += 1


def _form_cost(cell: str, dialect: Dialect) -> float:
    """What speaks against a cell without quotes around it: quotes within it, delimiters that part nothing."""
    quotes = cell.count(dialect.quote) if dialect.quote else 0
    cost = _LONE_QUOTE_WITHIN * quotes
    if quotes and cell.lstrip().startswith(dialect.quote):
        cost += _STRAY_QUOTE - _LONE_QUOTE_WITHIN
    parts = cell.split(dialect.delimiter)
    if len(parts) > 1 and dialect.delimiter != " ":
        cost += _BLANK_BESIDE_DELIMITER * sum(not part.strip() for part in parts)
    return cost


def _quoted(line: str, start: int, dialect: Dialect) -> Iterator[_Piece]:
    """Cells in quotes, closing at any quote from which the line can go on: at a delimiter, or with one missing."""
    quote, delimiter = dialect.quote, dialect.delimiter
    opening = start
    while opening < len(line) and line[opening] == " " and delimiter != " ":
        opening += 1
    if line[opening : opening + 1] != quote:
        return
    closing = line.find(quote, opening + 1)
    while closing >= 0:
        content = line[opening + 1 : closing]
        cell = content.replace(quote * 2, quote)
        lone = content.count(quote) - 2 * content.count(quote * 2)
        cost = _LONE_QUOTE_WITHIN * lone
        cost += _QUOTE_AT_DELIMITER_WITHIN * (content.count(quote + delimiter) + content.count(delimiter + quote))
        after = closing + 1
        while delimiter != " " and line[after : after + 1] == " ":
            after += 1
        if after >= len(line) or line[after] == delimiter:
            yield _Piece(after + 1, cell, cost)
        else:
            yield _Piece(closing + 1, cell, cost + _DELIMITER_MISSING)
        closing = line.find(quote, closing + 1)


def _run_together(line: str, start: int, dialect: Dialect, columns: Sequence[ColumnProfile]) -> Iterator[_Piece]:
    """Cells that run into the next one: where a quote opens, or where one of the two columns has a shape of its own."""
    end = line.find(dialect.delimiter, start)
    cell = line[start : end if end >= 0 else len(line)]
    opening = cell.find(dialect.quote, 1) if dialect.quote else -1
    if opening > 0 and not cell.startswith(dialect.quote):
        yield _Piece(start + opening, cell[:opening], _DELIMITER_MISSING)
    cuts = set()
    if columns and columns[0].shape and columns[0].is_tight():
        cuts.add(len(columns[0].shape))
    if len(columns) > 1 and columns[1].shape and columns[1].is_tight():
        cuts.add(len(cell) - len(columns[1].shape))
    if columns and columns[0].dominant in TYPED and (figure := _FIGURE_BEFORE_WORD.match(cell)):
        yield _Piece(start + figure.end(), figure.group(), _DELIMITER_MISSING)
    for cut in cuts:
        if 0 < cut < len(cell) and any(
            column.is_tight() and shape_of(part) == column.shape
            for column, part in zip(columns, (cell[:cut], cell[cut:]), strict=False)
        ):
            yield _Piece(start + cut, cell[:cut], _DELIMITER_MISSING)
