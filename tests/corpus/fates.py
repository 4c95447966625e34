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
    known |= _run_on(lines, reading.quote, whole)
    blank = str.maketrans("", "", (reading.delimiter or "") + (reading.quote or ""))
    return [n for n, line in enumerate(lines, start=1) if line.translate(blank).strip() and n not in known]


def _run_on(lines: list[str], quote: str | None, begun: set[int]) -> set[int]:
    """Lines within a quoted cell of a record that begins further up; only a record's first line is named."""
    found: set[int] = set()
    for first in begun if quote else ():
        if lines[first - 1].count(quote) % 2 == 0:
            continue
        for number in range(first + 1, len(lines) + 1):
            if number in begun:
                break
            found.add(number)
            if lines[number - 1].count(quote) % 2:
                break
    return found
