"""Several files in one archive that are one table: read one after the other, each row with a number of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.headings import bare
from integrity.submissions.delimited import ROW
from integrity.submissions.reading import Reading, Rows
from integrity.submissions.tables import Skipped


def joined(readings: Sequence[tuple[str, Reading]]) -> Reading:
    """The members of an archive as one reading.

    Rows are numbered on through the members, so that a number names one row; the notes tell which are whose.

    Args:
        readings: Name and reading of each member, in the order of their names.

    Raises:
        Rejected: Their headings differ, so that they are not one table.
    """
    first_name, first = readings[0]
    parts: list[pl.DataFrame] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    bad_rows = []
    passed = 0
    for name, reading in readings:
        if [bare(heading) for heading in reading.headings] != [bare(heading) for heading in first.headings]:
            raise Rejected(
                f"The archive holds {len(readings)} files that are not one table: the headings of '{name}' are not "
                f"those of '{first_name}'. Please send each as a file of its own."
            )
        frame = reading.frame.rename(dict(zip(reading.headings, first.headings, strict=True)))
        parts.append(frame.with_columns(pl.col(ROW) + passed).rename(first.rows.columns))
        bad_rows += [replace(bad, number=bad.number + passed) for bad in reading.bad_rows]
        skipped += [Skipped(skip.first + passed, skip.last + passed, skip.why) for skip in reading.skipped]
        notes += [f"'{name}': row 1 is counted as row {passed + 1}", *reading.notes]
        last = [*frame[ROW].tail(1).to_list(), *(bad.number for bad in reading.bad_rows)]
        passed += max([*last, *(skip.last for skip in reading.skipped)], default=0)
    return replace(
        first,
        rows=Rows(tuple(parts), first.rows.columns, sum(part.height for part in parts)),
        containers=tuple(dict.fromkeys(each for _, reading in readings for each in reading.containers)),
        skipped=tuple(skipped),
        bad_rows=tuple(bad_rows),
        notes=tuple(dict.fromkeys(notes)),
        problem=next((reading.problem for _, reading in readings if reading.problem), ""),
        _frame=[],
    )
