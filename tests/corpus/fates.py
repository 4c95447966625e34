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
    known = {*reading.header_rows, *reading.frame["_row"].to_list(), *(bad.number for bad in reading.bad_rows)}
    for skip in reading.skipped:
        known.update(range(skip.first, skip.last + 1))
    for number, *cells in reading.frame.iter_rows():
        known.update(range(number, number + sum((cell or "").count("\n") for cell in cells) + 1))
    lines = text.split("\n") if reading.line_ends == "LF" else _ENDS.split(text)
    known |= _headings_over_lines(lines, reading, known)
    blank = str.maketrans("", "", (reading.delimiter or "") + (reading.quote or ""))
    return [n for n, line in enumerate(lines, start=1) if line.translate(blank).strip() and n not in known]


def _headings_over_lines(lines: list[str], reading: Reading, known: set[int]) -> set[int]:
    """Lines that a quoted heading runs on over; only the first of a record's lines is named."""
    if not reading.quote or not reading.header_rows:
        return set()
    first = reading.header_rows[-1]
    if lines[first - 1].count(reading.quote) % 2 == 0:
        return set()
    return set(range(first + 1, min((n for n in known if n > first), default=len(lines) + 1)))
