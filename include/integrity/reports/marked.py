"""The supplier's own file back, with the failing cells marked and a column of reasons.

An Excel workbook is marked in place, in a process of its own, since opening it a second time is as dangerous as the
first. Everything else comes back as a new workbook with the cells as text at their own rows; what is too large for
that as a CSV file of the failing rows.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from integrity.reports import marking
from integrity.reports.cells import csv_text, workbook_text
from integrity.reports.feedback_source import RuleOutcome
from integrity.reports.marked_workbook import write_workbook
from integrity.reports.marks import MOST_ROWS, OWN_ROW, REASONS, Marks, marks_on
from integrity.reports.received import Received
from integrity.submissions.reading import ROW

_MOST_CELLS = 400_000
"""Some ten seconds of writing. Of a larger file the failing rows alone are of more use."""
_SHEET_ROWS = 1_048_575
_IN_PLACE = ("xlsx", "xlsm")
_IN_PLACE_BYTES = 64 << 20
_IN_PLACE_SECONDS = 120


def write_marked(
    folder: Path, stem: str, tables: Mapping[str, Received], failing: Sequence[RuleOutcome]
) -> Path | None:
    """Write the marked file, in one piece, the same bytes for the same input.

    Args:
        tables: What was read of each table, '' being the only one.

    Returns:
        ``<stem>.marked.xlsx`` or ``<stem>.marked.csv``; of several tables ``<stem>.marked.zip`` with one of these for
        each in which something is marked. None where there is no cell and no row to mark.
    """
    told: dict[str, list[RuleOutcome]] = {table: [] for table in tables}
    for outcome in failing:
        table, own = outcome.within(tables)
        if table in told:
            told[table].append(own)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".marking-") as room:
        written = {}
        for table, received in tables.items():
            if found := _write_table(Path(room), table or "marked", received, told[table]):
                written[table] = found
        if not written:
            return None
        if "" in written:
            made = written[""]
        else:
            made = Path(room) / "all.zip"
            _pack(made, written.values())
        target = folder / f"{stem}.marked{made.suffix}"
        made.replace(target)
    return target


def _write_table(room: Path, name: str, received: Received, failing: Sequence[RuleOutcome]) -> Path | None:
    """Write one table with its marks, if there are any."""
    marks = marks_on(received, failing)
    if not marks.rows and not marks.headings:
        return None
    if not _fits_a_sheet(received):
        written = room / f"{name}.csv"
        _write_failing_rows(received, marks, written)
        return written
    written = room / f"{name}.xlsx"
    if not (_can_be_marked_in_place(received) and _mark_in_place(received, marks, written)):
        write_workbook(received, marks, written)
    return written


def _pack(target: Path, files: Iterable[Path]) -> None:
    """Zip files, without a word of when."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


def _fits_a_sheet(received: Received) -> bool:
    height = received.rows.height + len(received.bad_rows)
    if height > MOST_ROWS or height * len(received.columns) > _MOST_CELLS:
        return False
    last = max([*received.bad_rows, *(part[ROW][-1] for part in received.rows.batches())], default=0)
    return last < _SHEET_ROWS


def _can_be_marked_in_place(received: Received) -> bool:
    if received.format not in _IN_PLACE or received.is_packed or not received.sheet or not received.header_row:
        return False
    try:
        with zipfile.ZipFile(received.path) as packed:
            return sum(member.file_size for member in packed.infolist()) <= _IN_PLACE_BYTES
    except (OSError, zipfile.BadZipFile):
        return False


def _mark_in_place(received: Received, marks: Marks, target: Path) -> bool:
    """Have the original workbook marked in a process that can be killed; false where it does not manage."""
    numbers = [column.number for column in received.columns]
    cells = [[row, numbers[i], marks.comment((row, i)), (row, i) in marks.serious] for row, i in sorted(marks.cells)]
    cells += [[received.header_row, numbers[i], marks.heading_comment(i), False] for i in sorted(marks.headings)]
    order = {
        "source": str(received.path.resolve()),
        "target": str(target.resolve()),
        "sheet": received.sheet,
        "header_row": received.header_row,
        "heading": REASONS,
        "cells": cells,
        "rows": [[row, workbook_text(marks.reason(row))] for row in sorted(marks.rows)],
    }
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    try:
        done = subprocess.run(  # noqa: S603 - our own module; what comes from the supplier goes through standard input
            [sys.executable, "-m", marking.__name__],
            input=json.dumps(order).encode(),
            env=environment,
            capture_output=True,
            timeout=_IN_PLACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and target.is_file()


def _write_failing_rows(received: Received, marks: Marks, target: Path) -> None:
    """Only the failing rows, with their numbers and reasons, in the file's own dialect and UTF-8 that Excel knows."""
    delimiter = received.delimiter if received.delimiter and len(received.delimiter) == 1 else ","
    numbers = sorted(marks.rows)[:MOST_ROWS]
    wanted = pl.DataFrame({ROW: numbers}, schema={ROW: pl.Int64})
    rows = wanted.join(received.at(numbers), on=ROW, how="left", maintain_order="left")
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([OWN_ROW, *(csv_text(heading) for heading in received.headings), REASONS])
        for number, *cells in rows.iter_rows():
            writer.writerow([number, *(csv_text(cell or "") for cell in cells), csv_text(marks.reason(number))])
