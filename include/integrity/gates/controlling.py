"""Control totals: figures that a supplier declares beside its data, held against the data as received.

They lie in a file, or on a sheet, of their own, with the headings ``table`` (where a submission is several), ``figure``
(``rows``, or a column of the data dictionary, whose sum is meant) and ``total``. So a file that was cut on its way, or
exported twice, is noticed although each of its rows is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from integrity.errors import Rejected
from integrity.findings import Finding
from integrity.gates.rules import CONTROL_TOTALS, could_not_check
from integrity.gates.schema import Table
from integrity.inventory.dependency import ControlTotals, Layout, ReadingHints
from integrity.inventory.headings import bare
from integrity.submissions.isolation import read_submission
from integrity.submissions.layouts import choose_layout, in_dictionary_terms
from integrity.submissions.notations import is_number, number, typed
from integrity.submissions.reading import ROW, Reading
from integrity.submissions.workbook_looks import ranges
from integrity.verdicts import Verdict

ROWS = "rows"
"""The figure that is the count of a table's rows, those included that could not be parsed."""
_HEADINGS = ("table", "figure", "total")


Declared = Reading | Rejected | None
"""What declares the totals, as read; None where nothing does."""


def read_totals(path: Path, name: str, stated: ControlTotals, data: Sequence[Reading | Rejected]) -> Declared:
    """Read what a supplier declares beside its data.

    Args:
        name: What the supplier called the submission.
        data: What was read of its tables.
    """
    wanted = re.compile(stated.file)
    beside = {other for reading in data if isinstance(reading, Reading) for other in reading.beside}
    if not any(wanted.search(other) for other in beside):
        return None
    try:
        return read_submission(path, name, ReadingHints(part=stated.file))
    except Rejected as refusal:
        return refusal


def judge_totals(
    declared: Declared,
    stated: ControlTotals,
    tables: Sequence[Table],
    readings: Mapping[str, Reading | Rejected],
    supplier: str,
) -> Finding:
    """Hold declared totals against the tables, whose rows count whether or not they were accepted.

    The finding tells which rows of the totals' own file do not agree, and never a total.
    """
    if declared is None and not stated.required:
        return _not_judged("the supplier has declared no totals")
    if declared is None:
        return could_not_check(CONTROL_TOTALS, "The submission declares none.")
    if isinstance(declared, Rejected):
        return could_not_check(CONTROL_TOTALS, f"What declares them cannot be read: {declared}")
    if any(isinstance(reading, Rejected) for reading in readings.values()):
        return _not_judged("a table could not be read")
    given = {bare(heading): heading for heading in declared.headings}
    wanted = [heading for heading in _HEADINGS if heading != "table" or len(tables) > 1]
    if lacking := [heading for heading in wanted if heading not in given]:
        return could_not_check(CONTROL_TOTALS, f"What declares them has no column '{lacking[0]}'.")
    if not declared.rows.height or declared.bad_rows:
        return could_not_check(CONTROL_TOTALS, "What declares them has no rows, or rows that cannot be parsed.")
    layout = tables[0].dependency.layouts[0]
    lines = declared.frame.with_columns(number(pl.col(given["total"]), pl.Float64(), layout.numbers).alias("read"))
    failing = list(_failing(lines, given, tables, readings, supplier))
    detail = f"They do not agree in rows {ranges(failing)} of the totals' own file." if failing else ""
    return Finding(
        rule=CONTROL_TOTALS,
        verdict=Verdict.FAIL if failing else Verdict.PASS,
        evaluated=lines.height,
        failed=len(failing),
        detail=detail,
    )


def _not_judged(why: str) -> Finding:
    return Finding(rule=CONTROL_TOTALS, verdict=Verdict.PASS, evaluated=0, failed=0, not_judged=why)


def _failing(
    lines: pl.DataFrame,
    given: Mapping[str, str],
    tables: Sequence[Table],
    readings: Mapping[str, Reading | Rejected],
    supplier: str,
) -> Iterator[int]:
    """Numbers of the rows whose total is another one, or that name nothing that is there."""
    by_name = {table.name: table for table in tables}
    for line in lines.iter_rows(named=True):
        name = (line[given["table"]] or "") if len(tables) > 1 else tables[0].name
        table, figure = by_name.get(name), (line[given["figure"]] or "").lower()
        reading = readings.get(name)
        found = _figure(reading, table, figure, supplier) if table and isinstance(reading, Reading) else None
        if found is None or line["read"] is None or not _agree(found, line["read"], line[given["total"]]):
            yield line[ROW]


def _figure(reading: Reading, table: Table, figure: str, supplier: str) -> float | None:
    """What the table really comes to; None where it has no such number."""
    if figure == ROWS:
        return reading.rows.height + len(reading.bad_rows)
    column = table.schema.columns.get(figure)
    if column is None or not is_number(column.dtype):
        return None
    layout = choose_layout(reading.headings, table.dependency.layouts, table.schema.names, supplier).layout
    sums = [_sum(batch, reading, layout, table, figure) for batch in reading.rows.batches()]
    return float(sum(sums))


def _sum(batch: pl.DataFrame, reading: Reading, layout: Layout, table: Table, figure: str) -> float:
    # As the supplier writes it: where its credits are turned for the dictionary, they are not in its own total.
    plain = layout.model_copy(update={"turn_sign": []})
    cells = in_dictionary_terms(batch.lazy(), reading.headings, plain, table.schema.names)
    value = typed(figure, table.schema.columns[figure].dtype, plain)
    return float(cells.select(value.sum()).collect().item() or 0)


def _agree(found: float, declared: float, written: str) -> bool:
    """Whether two figures are the same to as many decimals as were declared."""
    try:
        exponent = Decimal(written.strip()).as_tuple().exponent
    except InvalidOperation:
        exponent = -2  # Written with signs of its own, such as a currency's: to the cent.
    step = 10.0 ** min(int(exponent) if isinstance(exponent, int) else 0, 0)
    return abs(found - declared) <= step / 2 + abs(declared) * 1e-12
