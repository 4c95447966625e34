"""Opening a submission, whatever it is: out of its containers, by its bytes to its reader, from there to one table.

This runs in a process of its own (``isolation``): parsers of strangers' files crash, hang and swell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.delimited import ROW, TextFile, require_short_cells
from integrity.submissions.limits import Limits
from integrity.submissions.lines import BLOCK_BYTES
from integrity.submissions.members import joined
from integrity.submissions.reading import Reading, Rows, named
from integrity.submissions.records import BadRow
from integrity.submissions.sheets import Sheet
from integrity.submissions.signatures import extension_note, kind_of, refusal_of
from integrity.submissions.structured import Records
from integrity.submissions.tables import Header, joined_skips
from integrity.submissions.unpacking import Unpacked, members


class Keeper(Protocol):
    """Keeps the rows of a reading, part by part."""

    def begin(self, headings: Sequence[str], columns: dict[str, str]) -> None:
        """Be told of the columns of a large file, where its headings are certain before the first part."""

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame | Path:
        """Take a part of the rows, and give it back, or the Arrow file that it is in from now on."""


class _InMemory:
    def begin(self, headings: Sequence[str], columns: dict[str, str]) -> None:
        """Nobody waits for the first part."""

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame | Path:
        return frame


_IN_MEMORY = _InMemory()

_WORKBOOKS = ("xlsx", "xlsb", "xls", "ods")


def open_submission(
    path: Path, name: str, hints: ReadingHints, limits: Limits, scratch: Path, keeper: Keeper = _IN_MEMORY
) -> Reading:
    """Read a file of any kind that is taken in.

    Args:
        name: What its supplier called it.
        hints: What its layout says of it.
        scratch: An empty folder for what has to be written on the way; the caller removes it.
        keeper: Takes the rows.

    Raises:
        Rejected: The file as a whole cannot be read; the text says why, for its supplier.
    """
    size = path.stat().st_size
    limits.require("file_bytes", size, "bytes")
    if not size:
        raise Rejected("The file is empty.")
    found = members(path, name, limits, scratch, hints.part)
    if len(found) == 1:
        return _open(found[0], hints, limits, scratch, keeper)
    reading = joined([(each.name, _open(each, hints, limits, scratch, _IN_MEMORY)) for each in found])
    parts = tuple(keeper.keep(part) if isinstance(part, pl.DataFrame) else part for part in reading.rows.parts)
    return replace(reading, rows=replace(reading.rows, parts=parts))


def _open(found: Unpacked, hints: ReadingHints, limits: Limits, scratch: Path, keeper: Keeper) -> Reading:
    kind = kind_of(found.path, found.name)
    if refusal := refusal_of(kind):
        raise Rejected(refusal)
    if kind == "text":
        reading = _text(found, hints, limits, scratch, keeper)
    elif kind in _WORKBOOKS:
        reading = _sheet(found, kind, hints, limits, keeper)
    else:
        reading = _records(_read_records(found, kind, limits), kind, limits, keeper)
    note = extension_note(kind, found.name)
    notes = (*found.notes, *([note] if note else []), *reading.notes)
    beside = (*found.beside, *reading.beside)
    return replace(reading, containers=found.containers, notes=notes, beside=beside)


def _read_records(found: Unpacked, kind: str, limits: Limits) -> Records:
    if kind == "parquet":
        from integrity.submissions.parquet import read_parquet

        return read_parquet(found.path, limits)
    from integrity.submissions.structured import read_json, read_json_lines

    reader = read_json if kind == "json" else read_json_lines
    return reader(found.path.read_bytes(), limits)


def _text(found: Unpacked, hints: ReadingHints, limits: Limits, scratch: Path, keeper: Keeper) -> Reading:
    file = TextFile(found.path, hints, limits, scratch)
    if file.text.path.stat().st_size > BLOCK_BYTES and file.header.cells and all(file.header.cells):
        columns, names, _ = named(file.header.cells, file.width, [True] * file.width, range(1, file.width + 1))
        keeper.begin(names, dict(zip(names, map(str, columns), strict=True)))
    rows, kept, names, problem = _stored(file.frames(), file.width, file.header.cells, limits, keeper)
    if not rows.height and not file.header.cells and not file.bad_rows:
        raise Rejected("The file holds no cells.")
    return Reading(
        rows=rows,
        header=tuple(file.header.cells[i] for i in kept) if file.header.cells else (),
        headings=tuple(names),
        columns=tuple(i + 1 for i in kept),
        header_rows=file.header_rows,
        header_why=file.header.why,
        format="csv",
        encoding=file.encoding.name,
        encoding_why=file.encoding.why,
        delimiter=file.dialect.delimiter or None,
        quote=file.dialect.quote or None,
        escape=file.dialect.escape or None,
        line_ends=file.text.line_ends,
        dialect_why=file.dialect_why,
        skipped=joined_skips(file.skipped),
        bad_rows=_of_columns(file.bad_rows, kept),
        notes=tuple(file.notes),
        problem=_header_problem(file.header, kept) or problem or _mostly_bad(rows.height, len(file.bad_rows)),
    )


def _of_columns(bad_rows: Iterable[BadRow], kept: list[int]) -> tuple[BadRow, ...]:
    """Bad rows in order, their likeliest readings cut to the columns that the table has."""
    cut = (replace(bad, mended=bad.mended and tuple(bad.mended[i] for i in kept)) for bad in bad_rows)
    return tuple(sorted(cut, key=lambda bad: bad.number))


def _header_problem(header: Header, kept: list[int]) -> str:
    """What keeps the headings from being trusted, unless each column that holds anything has a heading over it."""
    return header.problem if header.problem and any(not header.cells[i] for i in kept) else ""


def _mostly_bad(sound: int, bad: int) -> str:
    if bad <= sound:
        return ""
    return f"{bad:,} of {bad + sound:,} rows are not well formed, so that it is not sure how the file is to be read"


def _sheet(found: Unpacked, kind: str, hints: ReadingHints, limits: Limits, keeper: Keeper) -> Reading:
    from integrity.submissions.workbooks import read_workbook

    grid = read_workbook(found.path, kind, hints, limits)
    sheet = Sheet(grid, hints, limits)
    rows, kept, names, problem = _stored(
        [_sound(sheet.frame(), limits)], sheet.width, sheet.header.cells, limits, keeper
    )
    return Reading(
        rows=rows,
        header=tuple(sheet.header.cells[i] for i in kept) if sheet.header.cells else (),
        headings=tuple(names),
        columns=tuple(i + 1 for i in kept),
        header_rows=sheet.header_rows,
        header_why=sheet.header.why,
        format=kind,
        sheet=grid.sheet,
        beside=grid.beside,
        skipped=joined_skips(sheet.skipped),
        bad_rows=_of_columns(sheet.bad_rows, kept),
        notes=tuple(sheet.notes),
        problem=sheet.header.problem or problem,
    )


def _records(records: Records, kind: str, limits: Limits, keeper: Keeper) -> Reading:
    frame = records.frame.rename({heading: str(i) for i, heading in enumerate(records.headings)})
    rows, kept, names, problem = _stored(
        [_sound(frame, limits)], len(records.headings), records.headings, limits, keeper
    )
    return Reading(
        rows=rows,
        header=tuple(records.headings[i] for i in kept),
        headings=tuple(names),
        columns=tuple(i + 1 for i in kept),
        header_rows=(records.header_row,) if records.header_row else (),
        header_why="each record names its values" if kind.startswith("json") else "the file names its columns",
        format=kind,
        bad_rows=tuple(BadRow(number, reason) for number, reason in records.bad_rows),
        notes=records.notes,
        problem=problem,
    )


def _sound(frame: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """The frame itself, if every cell is one that a database stores: no null character in it, and not too long."""
    texts = [name for name in frame.columns if name != ROW]
    found = frame.filter(pl.any_horizontal(pl.col(texts).str.contains("\0", literal=True))) if texts else frame.clear()
    if found.height:
        raise Rejected(f"Row {found[ROW][0]} holds a null character, which no cell may; the file may be damaged.")
    require_short_cells(frame, limits)
    return frame


def _stored(
    frames: Iterable[pl.DataFrame], width: int, header: tuple[str, ...], limits: Limits, keeper: Keeper
) -> tuple[Rows, list[int], list[str], str]:
    """The rows, put where they are kept, and the columns that hold anything."""
    parts: list[pl.DataFrame | Path] = []
    height, filled = 0, [bool(header and cell) for cell in header] or [False] * width
    for frame in frames:
        height += frame.height
        for i in range(width):
            filled[i] = filled[i] or frame[str(i)].null_count() < frame.height
        if frame.height:
            parts.append(keeper.keep(frame))
    kept, names, problem = named(header, width, filled, range(1, width + 1))
    return Rows(tuple(parts), dict(zip(names, map(str, kept), strict=True)), height), kept, names, problem
