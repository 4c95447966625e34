"""The promise that no row is left in silence, checked on any reading of delimited text."""

from __future__ import annotations

import re

from integrity.submissions.reading import Reading

_ENDS = re.compile(r"\r\n|\n|\r")


def rows_without_fate(text: str, reading: Reading) -> list[int]:
    """Numbers of lines that hold something and that the reading does not account for.

    A line's fate is to be a heading, a row, a bad row, skipped, or part of a quoted cell that began further up.

    Args:
        text: The file's text; no byte-order mark.
    """
    whole = {*reading.header_rows, *reading.frame["_row"].to_list()}
    whole |= {bad.number for bad in reading.bad_rows if "garbled" in bad.reason}
    known = whole | {bad.number for bad in reading.bad_rows}
    for skip in reading.skipped:
        known.update(range(skip.first, skip.last + 1))
    # A few lone returns in a file of other line ends are characters; where they are its ends, that is told.
    is_returned = "CR" in re.split(" and | mixed", reading.line_ends or "")
    lines = _ENDS.split(text) if is_returned else text.split("\n")
    known |= _run_on(lines, reading, whole)
    blank = str.maketrans("", "", (reading.delimiter or "") + (reading.quote or ""))
    return [n for n, line in enumerate(lines, start=1) if line.translate(blank).strip() and n not in known]


def _run_on(lines: list[str], reading: Reading, begun: set[int]) -> set[int]:
    """Lines within a quoted cell of a record that begins further up; only a record's first line is named."""
    quote, found = reading.quote, set[int]()
    for first in begun if quote else ():
        is_open, is_odd = False, lines[first - 1].count(quote or "") % 2 == 1
        for number in range(first, len(lines) + 1):
            if number > first:
                if number in begun or not (is_open or is_odd):
                    break
                found.add(number)
                # A quote within a cell may be text: so it will do, too, if they are paired up to here.
                is_odd = is_odd and lines[number - 1].count(quote or "") % 2 == 0
            is_open = _is_open_after(lines[number - 1], quote or "", reading.delimiter or "", is_open=is_open)
    return found


def _is_open_after(line: str, quote: str, delimiter: str, *, is_open: bool) -> bool:
    """Whether a cell is open after a line, where quotes open at a cell's beginning only, and doubled ones are text."""
    is_beginning, signs = True, iter(range(len(line)))
    for place in signs:
        sign = line[place]
        if is_open and line[place : place + 2] == quote * 2:
            next(signs)
        elif sign == quote and (is_open or is_beginning):
            is_open = not is_open
        is_beginning = not is_open and (sign == delimiter or (is_beginning and sign == " "))
    return is_open
