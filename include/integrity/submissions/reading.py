"""Reading a submission as text: every cell exactly as received, every row with its place in the file.

Casting is the gates' business: a cell that is no number is a finding about that row there,
never a parser's error here.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from integrity.errors import Rejected

ROW = "_row"
"""Column with the physical row number, from 1, as a text editor or spreadsheet counts lines; the header is row 1."""

_DELIMITERS = (",", ";", "\t", "|")
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


@dataclass(frozen=True)
class Reading:
    """What the reader understood.

    Attributes:
        frame: Shape (rows, headings + 1): ``_row`` (Int64) and each heading as text; blank cells are null.
        headings: The header as received, outer blanks removed.
        bad_rows: Physical number and reason of each row that could not be parsed; these are not in ``frame``.
    """

    frame: pl.DataFrame
    headings: tuple[str, ...]
    encoding: str
    delimiter: str
    header_row: int
    bad_rows: tuple[tuple[int, str], ...] = ()


def read_submission(path: Path) -> Reading:
    """Read a CSV file, UTF-8 with or without byte-order mark, header in its first line that is not blank.

    Raises:
        Rejected: The file as a whole cannot be read; the text says why, for its supplier.
    """
    data = path.read_bytes()
    encoding = "utf-8"
    for signature, meaning in _SIGNATURES.items():
        if data.startswith(signature):
            raise Rejected(f"The file is {meaning}; please send a CSV file in UTF-8.")
    if data.startswith(b"\xef\xbb\xbf"):
        data, encoding = data[3:], "utf-8-sig"
    if not data.strip():
        raise Rejected("The file is empty.")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise Rejected(f"Line {line} holds a null byte, so this is not a text file or it was damaged on its way.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Rejected(
            f"Line {line} is not UTF-8 text; please save the file as 'CSV UTF-8' and send it again."
        ) from error
    return _read_text(data, encoding)


def _read_text(data: bytes, encoding: str) -> Reading:
    blank_lines = len(data) - len(data.lstrip(b"\r\n"))
    header_row = data[:blank_lines].count(b"\n") + 1
    body = data[blank_lines:]
    delimiter, headings = _read_header(body)
    _refuse_bad_header(headings)
    frame = _read_regular(body, delimiter, headings, header_row)
    bad_rows: tuple[tuple[int, str], ...] = ()
    if frame is None:
        frame, bad_rows = _read_irregular(body.decode("utf-8"), delimiter, headings, header_row)
    return Reading(frame, headings, encoding, delimiter, header_row, bad_rows)


def _read_header(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Delimiter and headings; a quoted heading may run over several lines."""
    first_line = body.split(b"\n", 1)[0]
    text = (body if first_line.count(b'"') % 2 else first_line).decode("utf-8")
    delimiter = max(_DELIMITERS, key=text.split("\n", 1)[0].count)
    try:
        record = next(csv.reader(io.StringIO(text.rstrip("\r"), newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise Rejected("The header cannot be parsed; please save the file as 'CSV UTF-8' and send it again.") from error
    return delimiter, tuple(" ".join(cell.split()) for cell in record)


def _refuse_bad_header(headings: tuple[str, ...]) -> None:
    for number, heading in enumerate(headings, start=1):
        if not heading:
            raise Rejected(f"The heading of column {number} is blank; please name every column.")
        if heading in headings[: number - 1]:
            raise Rejected(f"Two columns have the heading of column {number}; please name each column once.")


def _read_regular(body: bytes, delimiter: str, headings: tuple[str, ...], header_row: int) -> pl.DataFrame | None:
    """Read with polars where line and row provably are the same thing; None where they may not be.

    Without quotes a line is a row, and the number of delimiters shows that no row is short
    (polars itself refuses long ones, and fills short ones in silence).
    """
    if b'"' in body or body.count(b"\r") > body.count(b"\r\n"):
        return None
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    if lines < 2 or body.count(delimiter.encode()) != (len(headings) - 1) * lines:
        return None
    try:
        frame = pl.read_csv(
            body,
            separator=delimiter,
            quote_char=None,
            has_header=False,
            skip_lines=1,
            new_columns=list(headings),
            infer_schema=False,
            schema={heading: pl.String for heading in headings},
        )
    except (pl.exceptions.PolarsError, OSError):
        return None
    if frame.height != lines - 1:
        return None
    numbered = _with_blanks_null(frame.with_row_index(ROW, offset=header_row + 1), headings)
    # A row of nothing but separators is a blank row, as a person would say and as the record by record way does.
    return numbered.filter(pl.any_horizontal([pl.col(heading).is_not_null() for heading in headings]))


def _read_irregular(
    text: str, delimiter: str, headings: tuple[str, ...], header_row: int
) -> tuple[pl.DataFrame, tuple[tuple[int, str], ...]]:
    """Read quoted, ragged or blank-lined text record by record; slower, and exact about lines."""
    numbers: list[int] = []
    columns: list[list[str]] = [[] for _ in headings]
    bad_rows: list[tuple[int, str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begins = header_row
    try:
        next(reader)
        begins = reader.line_num + header_row
        for record in reader:
            number, begins = begins, reader.line_num + header_row
            if not any(cell.strip() for cell in record):
                continue
            if len(record) != len(headings):
                bad_rows.append((number, f"{len(record)} cells where the header has {len(headings)}"))
                continue
            numbers.append(number)
            for column, cell in zip(columns, record, strict=True):
                column.append(cell)
    except csv.Error as error:
        bad_rows.append((begins, f"the row cannot be parsed ({error})"))
    data = dict(zip(headings, columns, strict=True))
    frame = pl.DataFrame({ROW: numbers, **data}, schema={ROW: pl.Int64, **{heading: pl.String for heading in headings}})
    return _with_blanks_null(frame, headings), tuple(bad_rows)


def _with_blanks_null(frame: pl.DataFrame, headings: tuple[str, ...]) -> pl.DataFrame:
    stripped = [pl.col(heading).str.strip_chars() for heading in headings]
    return frame.select(
        pl.col(ROW).cast(pl.Int64),
        *[
            pl.when(cell.str.len_bytes() > 0).then(cell).alias(name)
            for cell, name in zip(stripped, headings, strict=True)
        ],
    )
