"""What the reader understood of a file, as ``integrity read`` tells it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from rich.console import Console

from integrity.reports.rows import ranges
from integrity.submissions.reading import ROW, Reading


def to_json(name: str, reading: Reading) -> dict[str, Any]:
    """All that was decided about one file, and why."""
    return {
        "file": name,
        "readable": True,
        "format": reading.format,
        "containers": list(reading.containers),
        "encoding": reading.encoding,
        "encoding_why": reading.encoding_why,
        "dialect": {
            "delimiter": reading.delimiter,
            "quote": reading.quote,
            "escape": reading.escape,
            "line_ends": reading.line_ends,
            "why": reading.dialect_why,
        },
        "sheet": reading.sheet,
        "header": list(reading.header),
        "header_row": reading.header_rows[-1] if reading.header_rows else None,
        "header_rows": list(reading.header_rows),
        "header_why": reading.header_why,
        "columns": list(reading.columns),
        "rows": reading.rows.height,
        "skipped": [{"first": skip.first, "last": skip.last, "why": skip.why} for skip in reading.skipped],
        "unparsed_rows": [
            {"row": bad.number, "reason": bad.reason, "proposed": bad.mended is not None} for bad in reading.bad_rows
        ],
        "notes": list(reading.notes),
        "problem": reading.problem or None,
    }


def refused(name: str, reason: str) -> dict[str, Any]:
    """A file that could not be read, and why."""
    return {"file": name, "readable": False, "reason": reason}


def write_plain(reading: Reading, target: Path) -> None:
    """Write what was understood as UTF-8 CSV: the headings as found, then every row; none where a file has no header.

    Rows that are not well formed stand among the others in their likeliest reading, where there is one.
    """
    with target.open("w", encoding="utf-8", newline="") as file:
        if reading.header:
            csv.writer(file, lineterminator="\n").writerow(reading.header)
    with target.open("ab") as file:
        if any(bad.mended for bad in reading.bad_rows):
            reading.understood().drop(ROW).write_csv(file, include_header=False)
            return
        for batch in reading.rows.batches():
            batch.drop(ROW).write_csv(file, include_header=False)


def print_read(out: Console, told: list[dict[str, Any]]) -> None:
    """The same for people: a line a file, and below it what they should know."""
    for entry in told:
        if not entry["readable"]:
            out.print(f"{entry['file']}: unreadable. {entry['reason']}", markup=False, style="red")
            continue
        out.print(f"{entry['file']}: {_summary(entry)}", markup=False)
        for line in _remarks(entry):
            out.print(f"  {line}", markup=False)


def _summary(entry: dict[str, Any]) -> str:
    parts = [f"{entry['rows']:,} rows", f"{len(entry['columns'])} columns", entry["format"]]
    parts += [f"out of {container}" for container in entry["containers"]]
    parts += [f"sheet '{entry['sheet']}'"] if entry["sheet"] else []
    if entry["encoding"]:
        dialect = entry["dialect"]
        parts += [entry["encoding"], f"delimiter {dialect['delimiter']!r}", f"lines end with {dialect['line_ends']}"]
    rows = entry["header_rows"]
    parts.append(f"header in row {ranges(rows)}" if rows else "no header")
    return ", ".join(parts)


def _remarks(entry: dict[str, Any]) -> list[str]:
    told = [f"PROBLEM: {entry['problem']}"] if entry["problem"] else []
    told.append(f"header: {entry['header_why']}")
    if entry["encoding"]:
        told += [f"encoding: {entry['encoding_why']}", f"delimiter and quotes: {entry['dialect']['why']}"]
    for skip in entry["skipped"]:
        where = f"row {skip['first']}" if skip["first"] == skip["last"] else f"rows {skip['first']}-{skip['last']}"
        told.append(f"{where} left out: {skip['why']}")
    for bad in entry["unparsed_rows"][:20]:
        proposed = "; its likeliest reading is in the output" if bad["proposed"] else ""
        told.append(f"row {bad['row']} set aside: {bad['reason']}{proposed}")
    if len(entry["unparsed_rows"]) > 20:
        told.append(f"and {len(entry['unparsed_rows']) - 20:,} more rows set aside (--json lists all)")
    return [*told, *entry["notes"]]
