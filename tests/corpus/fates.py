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
    blank = str.maketrans("", "", (reading.delimiter or "") + (reading.quote or ""))
    found = []
    for number, line in enumerate(_ENDS.split(text) if reading.line_ends != "LF" else text.split("\n"), start=1):
        if line.translate(blank).strip() and number not in known:
            found.append(number)
    if found and reading.header_rows and "\n" in "".join(reading.header):
        return [number for number in found if number > reading.header_rows[-1] + "".join(reading.header).count("\n")]
    return found
