"""Corruptions of a file as a whole: not sent, sent again, cut off, garbled, with rows too few or too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from random import Random

import polars as pl

from integrity.assessment.planting import NotApplicable, Planted, corruption, pick, some
from integrity.assessment.specimens import Specimen
from integrity.assessment.texts import end_of
from integrity.submissions.identifying import period_from_name
from integrity.submissions.notations import read_in

_ONE_ROW = "The file has a single row."
_STATED = "The file states its period in columns that are not taken in."
_GARBLED_BYTES = 40


@corruption(
    "supplier_missing",
    says="A supplier sends nothing.",
    dimensions=["completeness"],
    limitations=["1.3"],
    seen_by=["coverage"],
    kinds=["completeness"],
)
def supplier_missing(specimen: Specimen, chance: Random) -> Planted:
    return Planted(None, whole_file=True)


@corruption(
    "unit_missing",
    says="All rows of one reporting unit are left out.",
    dimensions=["completeness"],
    limitations=["1.3", "3.2"],
    seen_by=["population"],
    kinds=["completeness"],
)
def unit_missing(specimen: Specimen, chance: Random) -> Planted:
    column = specimen.unit_column
    if column is None:
        raise NotApplicable("The dependency states no population.")
    filled = specimen.filled(column)
    gone = specimen.cell(pick(chance, filled, "No row names its reporting unit."), column)
    rows = tuple(row for row in filled if specimen.cell(row, column) == gone)
    if len(rows) == len(specimen.rows):
        raise NotApplicable("The file holds a single reporting unit.")
    return Planted(specimen.of_text(specimen.text.without(rows)), rows=rows, whole_file=True)


@corruption(
    "rows_missing",
    says="A fifth of the rows is left out, here and there.",
    dimensions=["completeness"],
    limitations=["3.1", "3.2"],
    seen_by=["population", "profiling"],
    kinds=["completeness"],
    profiled_by="volume_usual",
)
def rows_missing(specimen: Specimen, chance: Random) -> Planted:
    if len(specimen.rows) < 2:
        raise NotApplicable(_ONE_ROW)
    rows = tuple(some(chance, specimen.rows, 0.2, _ONE_ROW))
    return Planted(specimen.of_text(specimen.text.without(rows)), rows=rows, whole_file=True)


@corruption(
    "truncated_between_rows",
    says="The file ends, at the end of a row, before its last third.",
    dimensions=["completeness"],
    limitations=["3.1", "3.2"],
    seen_by=["population", "profiling"],
    kinds=["completeness"],
    profiled_by="volume_usual",
)
def truncated_between_rows(specimen: Specimen, chance: Random) -> Planted:
    if len(specimen.rows) < 3:
        raise NotApplicable("The file has fewer than three rows.")
    first = specimen.rows[len(specimen.rows) * 2 // 3]
    numbers = tuple(range(first, len(specimen.text.lines) + 1))
    return Planted(specimen.of_text(specimen.text.without(numbers)), rows=numbers, whole_file=True)


@corruption(
    "truncated_within_row",
    says="The file breaks off in the middle of a row.",
    dimensions=["completeness", "validity"],
    limitations=["3.1", "5.1"],
    seen_by=["structure"],
    kinds=["completeness", "field_structure"],
)
def truncated_within_row(specimen: Specimen, chance: Random) -> Planted:
    row = specimen.rows[chance.randrange(len(specimen.rows) // 2, len(specimen.rows))]
    fragments = specimen.text.fragments(row)
    if len(fragments) < 3:
        raise NotApplicable("A row has fewer than three cells.")
    kept = chance.randrange(1, len(fragments) - 1)
    begun = specimen.text.dialect.delimiter.join(fragments[:kept])
    cut = replace(specimen.text, lines=(*specimen.text.lines[: row - 1], begun))
    return Planted(specimen.of_text(cut), rows=tuple(range(row, len(specimen.text.lines) + 1)), whole_file=True)


@corruption(
    "file_empty",
    says="The file has no bytes at all.",
    dimensions=["completeness"],
    limitations=["3.1"],
    seen_by=["structure"],
    kinds=["completeness", "field_structure"],
)
def file_empty(specimen: Specimen, chance: Random) -> Planted:
    return Planted(replace(specimen.sent, content=b""), whole_file=True)


@corruption(
    "rows_all_missing",
    says="The file has its headings and no row.",
    dimensions=["completeness"],
    limitations=["3.1"],
    seen_by=["structure"],
    kinds=["completeness"],
)
def rows_all_missing(specimen: Specimen, chance: Random) -> Planted:
    if not specimen.header:
        raise NotApplicable("The file has no single line of headings.")
    header = replace(specimen.text, lines=specimen.text.lines[: specimen.header])
    return Planted(specimen.of_text(header), rows=specimen.rows, whole_file=True)


@corruption(
    "row_duplicated",
    says="A row stands in the file twice.",
    dimensions=["accuracy"],
    limitations=["1.4"],
    seen_by=["structure"],
    kinds=["duplicate", "uniqueness"],
)
def row_duplicated(specimen: Specimen, chance: Random) -> Planted:
    row = pick(chance, specimen.rows, "There is no row.")
    line = specimen.text.lines[row - 1]
    added = specimen.text.with_added(row, [line.removesuffix(end_of(line))])
    return Planted(specimen.of_text(added), rows=(row, row + 1))


@corruption(
    "rows_of_another_supplier",
    says="Rows of another supplier's file stand at the end.",
    dimensions=["accuracy", "consistency"],
    limitations=["1.4"],
    seen_by=["structure", "profiling"],
    kinds=["dependency", "domain_range", "uniqueness"],
)
def rows_of_another_supplier(specimen: Specimen, chance: Random) -> Planted:
    other = specimen.stranger
    if other is None:
        raise NotApplicable("No other supplier has sent a file.")
    shared = [column for column in specimen.places if column in other.places]
    if len(shared) * 2 < len(specimen.places):
        raise NotApplicable("The other supplier's file has too few of the same columns.")
    width = len(specimen.text.fragments(specimen.rows[0]))
    lines = []
    for row in other.rows[: chance.randrange(2, 6)]:
        cells = [""] * width
        for column in shared:
            cells[specimen.places[column]] = specimen.text.written(other.cell(row, column))
        lines.append(specimen.text.dialect.delimiter.join(cells))
    last = specimen.rows[-1]
    rows = tuple(range(last + 1, last + 1 + len(lines)))
    return Planted(specimen.of_text(specimen.text.with_added(last, lines)), rows=rows)


@corruption(
    "old_file_resent",
    says="The last period's file comes again, under this period's name.",
    dimensions=["consistency", "timeliness"],
    limitations=["9.6"],
    seen_by=["structure", "coverage"],
    kinds=["dependency", "business", "completeness"],
)
def old_file_resent(specimen: Specimen, chance: Random) -> Planted:
    if specimen.previous is None:
        raise NotApplicable("There is no earlier file of this supplier.")
    return Planted(replace(specimen.sent, content=specimen.previous.sent.content), whole_file=True)


@corruption(
    "old_figures_redated",
    says="The last period's figures come again, under this period's name and dates.",
    dimensions=["accuracy", "timeliness"],
    limitations=["9.13", "5.4"],
    seen_by=["relations", "profiling"],
    kinds=["derivation", "business"],
)
def old_figures_redated(specimen: Specimen, chance: Random) -> Planted:
    old = specimen.previous
    if old is None:
        raise NotApplicable("There is no earlier file of this supplier.")
    if specimen.dependency.reporting.stated_by(specimen.layout.name):
        raise NotApplicable(_STATED)
    columns = [c.name for c in specimen.date_columns if c.name in old.places]
    dates = {column: specimen.cell(specimen.filled(column)[0], column) for column in columns}
    changed = {(row, column): dates[column] for column in columns for row in old.filled(column)}
    return Planted(replace(specimen.sent, content=old.edited(changed).content), rows=specimen.rows, whole_file=True)


@corruption(
    "period_wrong",
    says="The file is named, or where its name says nothing dated, as that of the next period.",
    dimensions=["consistency", "timeliness"],
    limitations=["9.6"],
    seen_by=["structure", "coverage"],
    kinds=["dependency", "business", "completeness"],
)
def period_wrong(specimen: Specimen, chance: Random) -> Planted:
    reporting, period = specimen.dependency.reporting, specimen.sent.periods[-1]
    later = reporting.next_period(period)
    given = specimen.dependency.file.period_from_name
    if given and period_from_name(specimen.dependency, specimen.sent.name):
        name = specimen.sent.name.replace(given.write(period), given.write(later))
        return Planted(replace(specimen.sent, name=name), whole_file=True)
    if reporting.stated_by(specimen.layout.name):
        raise NotApplicable(_STATED)
    column = specimen.dependency.file.period_from_column
    if column is None:
        raise NotApplicable("No column tells its period.")
    moved = {
        (row, column): cell.strftime(notation)
        for row, notation, cell in _dates(specimen, column)
        for cell in [_in_month(cell, later) if reporting.frequency == "monthly" else cell + (later - period)]
    }
    if not moved:
        raise NotApplicable("No row states a date.")
    return Planted(specimen.edited(moved), rows=tuple(row for row, _ in moved), columns=(column,))


def _in_month(moment: datetime, month: date) -> datetime:
    return moment.replace(year=month.year, month=month.month, day=min(moment.day, 28))


def _dates(specimen: Specimen, column: str) -> list[tuple[int, str, datetime]]:
    """Row, notation and value of each cell that follows one of the layout's notations of dates."""
    if column not in specimen.places:
        return []
    rows = specimen.filled(column)
    cells = pl.Series(column, [specimen.cell(row, column) for row in rows], dtype=pl.String)
    found: dict[int, tuple[int, str, datetime]] = {}
    for notation in specimen.layout.datetime_formats:
        if notation.startswith("%"):
            for row, value in zip(rows, read_in(cells, pl.Datetime(), notation), strict=True):
                if value is not None:
                    found.setdefault(row, (row, notation, value))
    return list(found.values())


@corruption(
    "encoding_garbled",
    says="The text was read in the wrong encoding and saved so: accents have become pairs of signs.",
    dimensions=["validity", "accuracy"],
    limitations=["5.1", "9.8"],
    seen_by=["structure", "layout", "profiling"],
    kinds=["field_structure", "domain_range", "dependency"],
)
def encoding_garbled(specimen: Specimen, chance: Random) -> Planted:
    changed = {}
    for column in specimen.places:
        for row in specimen.filled(column):
            cell = specimen.cell(row, column)
            if not cell.isascii():
                changed[row, column] = cell.encode("utf-8").decode("cp1252", "replace")
    if not changed:
        raise NotApplicable("The file holds no sign outside ASCII that could be garbled.")
    try:
        sent = specimen.edited(changed)
    except UnicodeEncodeError as error:
        raise NotApplicable("The file's encoding has no garbled signs.") from error
    columns = tuple(sorted({column for _, column in changed}))
    return Planted(sent, rows=tuple(sorted({row for row, _ in changed})), columns=columns)


@corruption(
    "bytes_garbled",
    says="A stretch of bytes is damaged, as by a bad transfer.",
    dimensions=["validity"],
    limitations=["5.1", "7.4"],
    seen_by=["structure"],
    kinds=["field_structure", "domain_range", "completeness"],
)
def bytes_garbled(specimen: Specimen, chance: Random) -> Planted:
    row = pick(chance, specimen.rows, "There is no row.")
    before = "".join(specimen.text.lines[: row - 1]).encode(specimen.text.encoding)
    start = len(before) + chance.randrange(0, 20)
    content = specimen.sent.content
    length = min(_GARBLED_BYTES, len(content) - start)
    damaged = bytes(chance.randrange(0x80, 0x100) for _ in range(length))
    content = content[:start] + damaged + content[start + length :]
    return Planted(replace(specimen.sent, content=content), rows=(row,), whole_file=True)


@corruption(
    "control_characters",
    says="A text holds control characters.",
    dimensions=["validity"],
    limitations=["5.1"],
    seen_by=["structure"],
    kinds=["field_structure", "domain_range", "dependency"],
)
def control_characters(specimen: Specimen, chance: Random) -> Planted:
    columns = [c.name for c in specimen.columns if c.type_rule is None and specimen.filled(c.name)]
    column = pick(chance, columns, "The file has no column of text.")
    row = pick(chance, specimen.filled(column), "The column is blank.")
    cell = specimen.cell(row, column)
    place = chance.randrange(0, len(cell)) + 1
    garbled = cell[:place] + chance.choice(["\x07", "\x0b", "\x1b", "\x01"]) + cell[place:]
    return Planted(specimen.edited({(row, column): garbled}), rows=(row,), columns=(column,))


@corruption(
    "quote_unclosed",
    says="A cell begins with a quotation mark that never closes.",
    dimensions=["validity"],
    limitations=["5.1"],
    seen_by=["structure"],
    kinds=["field_structure", "completeness"],
)
def quote_unclosed(specimen: Specimen, chance: Random) -> Planted:
    row = pick(chance, specimen.rows, "There is no row.")
    column = pick(chance, sorted(specimen.places), "No column of the file is known.")
    fragments = specimen.text.fragments(row)
    place = specimen.places[column]
    fragments[place] = '"' + fragments[place].strip().strip('"')
    text = specimen.text.with_fragments({row: fragments})
    return Planted(specimen.of_text(text), rows=(row,), columns=(column,))


@corruption(
    "row_ragged",
    says="A row has a cell too many, so that what follows stands one column further on.",
    dimensions=["validity"],
    limitations=["5.1"],
    seen_by=["structure"],
    kinds=["field_structure"],
)
def row_ragged(specimen: Specimen, chance: Random) -> Planted:
    row = pick(chance, specimen.rows, "There is no row.")
    fragments = specimen.text.fragments(row)
    # Before a cell that holds something: blanks that are moved do no harm.
    place = chance.choice([place for place in sorted(specimen.places.values()) if fragments[place].strip()])
    text = specimen.text.with_fragments({row: [*fragments[:place], "", *fragments[place:]]})
    return Planted(specimen.of_text(text), rows=(row,))
