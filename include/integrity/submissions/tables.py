"""Finding the table in a sheet of cells: what stands above it, its headings, where its rows begin and end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.cells import TYPED, ColumnProfile, class_of, profiles

_LOOKED_AT = 200
"""Rows from the top in which a header is looked for."""

_LONGEST_HEADING = 80

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Marks without width that come along where a heading was copied from a web page; no layout has them."""

_TOTAL = re.compile(r"\s*(?:grand |sub-?)?(?:total|sum|summe|gesamt|totale|somme)\b", re.I)


@dataclass(frozen=True)
class Header:
    """Where the headings stand, and what they are.

    Attributes:
        rows: Positions in the sample of the rows of headings, from 0; empty where the file has none.
        begins: Position of the first row below them.
        cells: The headings as found, one for each column that the rows have; '' where blank, empty without a header.
        width: Cells that a row has.
        why: How it was told, for people.
        problem: What keeps the headings from being trusted; '' if nothing does.
    """

    rows: tuple[int, ...]
    begins: int
    cells: tuple[str, ...]
    width: int
    why: str
    problem: str = ""


def find_header(rows: Sequence[Sequence[str]], hints: ReadingHints, numbers: Sequence[int]) -> Header:
    """Find the headings among the first rows of a sheet.

    Args:
        rows: The first rows; blank ones included.
        numbers: Physical number of each, by which a layout speaks of them.

    Raises:
        Rejected: The layout names a row of headings that is not there or is blank.
    """
    return _find(hints, [[cell.strip() for cell in row] for row in rows[:_LOOKED_AT]], numbers)


def _find(hints: ReadingHints, rows: list[list[str]], numbers: Sequence[int]) -> Header:
    if hints.header_row is not None:
        return _told_header(rows, hints, numbers)
    width = usual_width(rows)
    first = _first_candidate(rows, width)
    if first is not None and len(rows[first]) < width:
        first = _whole_header(rows, first, width)
    if first is None:
        return Header((), 0, (), width, "no row has text in most of its cells")
    if not _is_header(rows[first], _columns(rows[first + 1 :], width)):
        begins = next(i for i, row in enumerate(rows) if len(row) == width and any(row))
        return Header((), begins, (), width, "the first row holds the same kinds of cells as the others")
    last = first
    while last + 1 < len(rows) and last - first < 4:
        if not _continues_header(rows[first], rows[last + 1], _columns(rows[last + 2 :], width)):
            break
        last += 1
    return _header(rows, tuple(range(first, last + 1)), width, _why(first, numbers))


def _columns(rows: list[list[str]], width: int) -> list[ColumnProfile]:
    return profiles([row for row in rows if len(row) == width and any(row)], width)


def _why(first: int, numbers: Sequence[int]) -> str:
    return "the first row with a name over every column" if first else f"row {numbers[0]} names the columns"


def _told_header(rows: list[list[str]], hints: ReadingHints, numbers: Sequence[int]) -> Header:
    if hints.header_row == 0:
        width = len(hints.headings) or usual_width(rows)
        begins = next((i for i, row in enumerate(rows) if any(row)), 0)
        return Header((), begins, tuple(hints.headings), width, "the layout names the columns")
    if hints.header_row not in numbers or not any(rows[numbers.index(hints.header_row)]):
        raise Rejected(f"The headings should stand in row {hints.header_row}, and that row is blank or missing.")
    last = numbers.index(hints.header_row)
    first = max(0, last - hints.header_rows + 1)
    below = [row for row in rows[last + 1 :] if any(row)]
    width = max(usual_width(below) if below else 0, _filled_until(rows[last]))
    return _header(rows, tuple(range(first, last + 1)), width, "as the layout says")


def _header(rows: list[list[str]], where: tuple[int, ...], width: int, why: str) -> Header:
    joined = _joined([rows[i] for i in where], width)
    problem = ""
    named = sum(bool(cell) for cell in joined)
    blank = [i for i, cell in enumerate(joined) if not cell]
    if len(joined) > width and len(joined) - width <= len(blank):
        # A separator too many: it shows as a blank between the names, since the rows have no cell for it.
        for position in blank[: len(joined) - width]:
            joined = joined[:position] + joined[position + 1 :] if position < len(joined) else joined[:-1]
    elif len(joined) > width:
        width = len(joined)
    elif len(rows[where[-1]]) < width and named < width:
        problem = f"the header has {named} names for {width} columns, so it is not sure which column each belongs to"
    joined = [*joined, *[""] * (width - len(joined))]
    begins = where[-1] + 1
    while begins < len(rows) and _is_rule(rows[begins]):
        begins += 1
    return Header(where, begins, tuple(joined), width, why, problem)


def _joined(parts: list[list[str]], width: int) -> list[str]:
    """Headings over several rows read as one: ``Paid`` above ``on`` gives ``Paid on``."""
    count = max(width if len(parts) > 1 else 0, *(len(part) for part in parts))
    columns = [[part[i] if i < len(part) else "" for part in parts] for i in range(count)]
    joined = [" ".join(_UNSEEN.sub("", " ".join(column)).split()) for column in columns]
    if len(parts) == 1:
        while len(joined) > width and not joined[-1]:
            joined.pop()
    return joined


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Cells that most rows have; where rows are padded, as in a workbook, columns that are ever filled."""
    widths = Counter(len(row) for row in rows if sum(map(bool, row)) > 1 or len(row) == 1 and row[0])
    if not widths:
        return max((len(row) for row in rows), default=0)
    width = max(widths, key=lambda w: widths[w] * (1 if w > 1 else 0.2))
    filled = [_filled_until(row) for row in rows if len(row) == width]
    return width if widths[width] > 1 else max([width, *filled])


def _filled_until(row: Sequence[str]) -> int:
    return max((i + 1 for i, cell in enumerate(row) if cell), default=0)


def _first_candidate(rows: list[list[str]], width: int) -> int | None:
    """The first row that could be the header: names in most of the columns that the rows below it fill."""
    usual = _usual_fill(rows, width)
    for i, row in enumerate(rows):
        filled = [cell for cell in row if cell]
        if not filled or (len(filled) == 1 and (width > 2 or len(row) != width)):
            continue
        if len(filled) >= 0.6 * usual and abs(len(row) - width) <= max(2, len(row) - len(filled)):
            return i
    return None


def _whole_header(rows: list[list[str]], first: int, width: int) -> int:
    """A row soon below a short one that has a name over every column; the short one where there is none."""
    for i in range(first + 1, min(first + 10, len(rows))):
        if len(rows[i]) == width and names_columns([row for row in rows[i:] if len(row) == width], width):
            return i
    return first


def _usual_fill(rows: list[list[str]], width: int) -> int:
    fills = Counter(sum(map(bool, row)) for row in rows if len(row) == width and any(row))
    return fills.most_common(1)[0][0] if fills else width


def names_columns(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first of some rows has a name over every column, and over figures in the rows below it."""
    first, *below = rows or [[]]
    if len(first) != width or not all(cell.strip() for cell in first):
        return False
    alike, different = _alike(first, profiles([row for row in below if any(row)][:50], width))
    return different > alike


def _alike(row: Sequence[str], columns: Sequence[ColumnProfile]) -> tuple[int, int]:
    """Of the columns of figures and their like, how many have a cell of that kind in the row, and how many another."""
    alike = different = 0
    for cell, column in zip(row, columns, strict=False):
        if column.dominant not in TYPED or not cell.strip():
            continue
        found = class_of(cell)
        # Names such as 'q1' stand over figures; a code among figures is no figure.
        if found in TYPED and (found != "code" or column.classes.get("code")):
            alike += 1
        else:
            different += 1
    return alike, different


def _is_header(row: list[str], columns: list[ColumnProfile]) -> bool:
    """Whether a row names columns rather than being one of them: by the kinds of its cells against those below."""
    filled = [cell for cell in row if cell]
    if not columns or columns[0].rows == 0:
        return sum(class_of(cell) in TYPED for cell in filled) < 0.5 * len(filled)
    alike, different = _alike(row, columns)
    if alike or different:
        return different > alike
    return len(set(filled)) == len(filled)


def _is_rule(row: Sequence[str]) -> bool:
    """Whether a row is nothing but a line drawn under the headings."""
    text = "".join(row)
    return len(text) > 1 and not text.strip("-=_+: ")


def _continues_header(first: list[str], row: list[str], columns: list[ColumnProfile]) -> bool:
    """Whether the row below a header is more of it: words over columns of figures, or the very same names again."""
    if len(row) != len(first) or not any(row) or _is_rule(row) or max(map(len, row)) > _LONGEST_HEADING:
        return False
    if row == first:
        return True
    if not columns or not columns[0].rows:
        return False
    typed = [(cell, column) for cell, column in zip(row, columns, strict=False) if column.dominant in TYPED]
    filled = [(cell, column) for cell, column in typed if cell]
    if len(filled) < 2 or len(filled) < 0.6 * len(typed):
        return False
    # A row of the table has at least one figure where figures stand; a second row of headings has none at all.
    return all(class_of(cell) not in TYPED and column.cost(cell) > 1 for cell, column in filled)


@dataclass(frozen=True)
class Skipped:
    """Rows that are no part of the table, with the reason; they are told, and never silently left.

    Attributes:
        first, last: Physical numbers, both included.
    """

    first: int
    last: int
    why: str


def joined_skips(skips: Sequence[Skipped]) -> tuple[Skipped, ...]:
    """Neighbouring rows that were skipped for the same reason, told as one."""
    told: list[Skipped] = []
    for skip in sorted(skips, key=lambda s: s.first):
        if told and told[-1].why == skip.why and told[-1].last + 1 >= skip.first:
            told[-1] = replace(told[-1], last=max(told[-1].last, skip.last))
        else:
            told.append(skip)
    return tuple(told)


def footer_length(rows: Sequence[Sequence[str]], width: int, usual_fill: float, ends_before: str | None) -> int:
    """How many rows at the end are no part of the table: totals, remarks, blank rows.

    Args:
        rows: The last rows of the file, none of them above its header.
        usual_fill: Filled cells that a row commonly has.
        ends_before: The layout's pattern of the first filled cell at which the table has ended.
    """
    if ends_before:
        pattern = re.compile(ends_before)
        for i, row in enumerate(rows):
            first = next((cell for cell in row if cell.strip()), None)
            if first is not None and pattern.search(first):
                return len(rows) - i
        return 0
    length = 0
    for i, row in enumerate(reversed(rows), start=1):
        filled = [cell for cell in row if cell.strip()]
        if not filled:
            continue
        if width < 3 or not _is_footer(row, filled, usual_fill):
            break
        length = i
    return length


def _is_footer(row: Sequence[str], filled: list[str], usual_fill: float) -> bool:
    if _TOTAL.match(filled[0]) and len(filled) < usual_fill:
        return True
    return len(filled) <= max(1, 0.34 * usual_fill) and (len(filled) == 1 or not row[0].strip())


def is_cut_row(last: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the last line of a file is the beginning of a row, as where the file was cut off, and no remark below it.

    Args:
        last: Cells of the last line, which has no end.
        rows: Cells of the lines above it.
    """
    cells = [cell.strip() for cell in last]
    if not any(cells) or len(cells) >= width or _TOTAL.match(cells[0]):
        return False
    whole = [row for row in rows if len(row) == width]
    columns = profiles(whole, width)
    known = [{row[i].strip() for row in whole} for i in range(len(cells))]
    if len(cells) == 1 and any(cell.startswith(cells[0]) for cell in known[0]):
        return True
    # The cell in which it was cut may look like anything, unless there is no other.
    complete = cells[:-1] or cells
    return any(complete) and all(
        cell in known[i] or (columns[i].dominant in TYPED and class_of(cell) == columns[i].dominant)
        for i, cell in enumerate(complete)
    )
