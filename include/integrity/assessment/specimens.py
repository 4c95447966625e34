"""A submission in which errors are planted: the file as sent, and what the project's own reader understands of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from integrity.assessment.bundles import Place, alone
from integrity.assessment.texts import SentText, Unwritable
from integrity.errors import Rejected
from integrity.gates.schema import Column, Schema, Table
from integrity.inventory.dependency import Dependency, Layout
from integrity.pipeline.office import Office
from integrity.reports.understood import write_plain
from integrity.submissions.dialects import Dialect
from integrity.submissions.fitting import read_fitting
from integrity.submissions.isolation import shared_reader
from integrity.submissions.layouts import choose_layout
from integrity.submissions.notations import is_number, number
from integrity.submissions.reading import ROW, Reading

_CUMULATIVE = ("running total", "cumulative")
"""Words by which a data dictionary says that a column counts from the beginning on."""
_MOST_BYTES = 16 << 20
"""A planted file is held whole, line by line, and judged some fifty times."""


@dataclass(frozen=True)
class Sent:
    """A file as a supplier sends it.

    Attributes:
        periods: The reporting periods that it is for, in order.
    """

    content: bytes = field(repr=False)
    name: str
    supplier: str
    periods: tuple[date, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A sent file, its cells in reach by the columns of the data dictionary.

    Attributes:
        header: Number of the line of headings; 0 where there is none, or it takes several lines.
        rows: Numbers of the lines that are one well-formed row each: only these are ever changed.
        places: Position of each dictionary column's cell in a line, from 0.
        values: What the number columns hold, by column and line; cells that are no number are not in it.
        previous: The same supplier's file for the period before; None where there is none.
        stranger: Another supplier's file; None where there is no other supplier.
        is_rendered: The supplier sent a workbook or the like; this is its plain CSV.
        table: Of which table of the dependency it is; '' is the only one.
        place: Where its file lies in what was submitted; None where it is what was submitted.
    """

    sent: Sent
    text: SentText
    header: int
    rows: tuple[int, ...]
    places: dict[str, int]
    values: dict[str, dict[int, float]]
    layout: Layout
    dependency: Dependency
    schema: Schema
    previous: Specimen | None = None
    stranger: Specimen | None = None
    is_rendered: bool = False
    table: str = ""
    place: Place | None = None

    def submitted(self, sent: Sent) -> Sent:
        """What is submitted where this file is sent in the specimen's place."""
        return self.place.with_part(sent) if self.place else sent

    def cell(self, row: int, column: str) -> str:
        """The text of a cell, without blanks and quotes around it."""
        return self._cells[row][self.places[column]].strip()

    def filled(self, column: str) -> list[int]:
        """Rows in which the column's cell is not blank."""
        return [row for row in self.rows if self.cell(row, column)]

    def edited(self, changed: dict[tuple[int, str], str]) -> Sent:
        """The file with other cells, by row and column."""
        cells = {(row, self.places[column]): value for (row, column), value in changed.items()}
        return self.of_text(self.text.with_cells(cells))

    def of_text(self, text: SentText) -> Sent:
        return replace(self.sent, content=text.to_bytes())

    @cached_property
    def _cells(self) -> dict[int, list[str]]:
        return {row: self.text.cells(row) for row in self.rows}

    @property
    def columns(self) -> list[Column]:
        """Those columns of the data dictionary that the file brings."""
        return [column for name, column in self.schema.columns.items() if name in self.places]

    @property
    def number_columns(self) -> list[Column]:
        """Those that hold a number other than nought."""
        return [c for c in self.columns if any(self.values.get(c.name, {}).values())]

    @property
    def date_columns(self) -> list[Column]:
        return [c for c in self.columns if isinstance(c.dtype, pl.Datetime) and self.filled(c.name)]

    @property
    def code_columns(self) -> list[Column]:
        """Texts with a list of allowed values, the names and codes of reporting units, and texts that often repeat."""
        population = self.dependency.population
        named = {population.column, population.name_column} if population else set()
        found = []
        for column in self.columns:
            cells = [self.cell(row, column.name) for row in self.filled(column.name)]
            is_listed = any(rule.name == "in_list" for rule, _ in column.checks) or column.name in named
            repeats = len(cells) >= 10 and len(set(cells)) * 5 <= len(cells)
            if column.dtype == pl.String() and cells and (is_listed or repeats):
                found.append(column)
        return found

    @property
    def derived_columns(self) -> list[str]:
        """Columns that follow from others: those that a rule of kind ``derivation`` names first."""
        derived = dict.fromkeys(r.columns[0] for r in self.schema.row_rules if r.rule.kind == "derivation")
        return [name for name in derived if name in self.places]

    @property
    def cumulative_columns(self) -> list[Column]:
        """Columns that the data dictionary calls running totals, or cumulative."""
        return [c for c in self.number_columns if any(word in c.description.lower() for word in _CUMULATIVE)]

    @property
    def unit_column(self) -> str | None:
        """The column that names the reporting unit, where the dependency states its population."""
        population = self.dependency.population
        return population.column if population and population.column in self.places else None

    def row_of(self, unit: str) -> int | None:
        """The first row of a reporting unit."""
        column = self.unit_column
        return next((row for row in self.rows if column and self.cell(row, column) == unit), None)


def open_specimens(office: Office, sent: Sent, *, neighbours: Sequence[Sent] = ()) -> list[Specimen]:
    """Read a submission, table by table, so that errors can be planted in it; tables that have no rows are left out.

    Raises:
        Rejected: It cannot be read, or no row of it can be changed.
    """
    if not office.registered.dependency.tables:
        return [open_specimen(office.table(), sent, neighbours=neighbours)]
    found = []
    for table in office.tables:
        place = Place.of(sent, table)
        beside = [Place.of(other, table).part() for other in neighbours]
        try:
            specimen = open_specimen(alone(table), place.part(), neighbours=beside)
        except Rejected:
            continue
        if not specimen.is_rendered:
            found.append(replace(specimen, place=place))
    if not found:
        raise Rejected(f"{sent.name} has no table in which a row can be changed.")
    return found


def open_specimen(table: Table, sent: Sent, *, neighbours: Iterable[Sent] = ()) -> Specimen:
    """Read a file of one table as its layout says, so that errors can be planted in it.

    A file that cannot be written back byte for byte (a workbook, an archive, text in two encodings) is planted in as
    its plain CSV in UTF-8.

    Args:
        neighbours: The supplier's file before this one, and one of another supplier.

    Raises:
        Rejected: It cannot be read, or no row of it can be changed.
    """
    opened = _open(table, sent)
    previous = stranger = None
    for neighbour in neighbours:
        try:
            other = _open(table, neighbour)
        except Rejected:
            continue  # What would be taken from it is not applicable then.
        if neighbour.supplier == sent.supplier:
            previous = other
        else:
            stranger = other
    return replace(opened, previous=previous, stranger=stranger)


def _open(table: Table, sent: Sent) -> Specimen:
    if len(sent.content) > _MOST_BYTES:
        raise Rejected(f"{sent.name} is larger than the {_MOST_BYTES:,} bytes in which errors are planted.")
    try:
        return _understood(table, sent)
    except Unwritable:
        rendered = replace(sent, content=_rendered(table, sent), name=f"{sent.name}.csv")
        try:
            return replace(_understood(table, rendered), is_rendered=True)
        except Unwritable as error:
            raise Rejected(f"{sent.name} cannot be written back, and neither can its plain CSV.") from error


def _rendered(table: Table, sent: Sent) -> bytes:
    with tempfile.TemporaryDirectory(prefix="ig-") as folder:
        path, plain = Path(folder) / "as_sent", Path(folder) / "plain.csv"
        path.write_bytes(sent.content)
        reading = read_fitting(path, sent.name, table.dependency, sent.supplier, table.schema.names)
        write_plain(reading, plain)
        shared_reader().release(reading)
        return plain.read_bytes()


def _understood(table: Table, sent: Sent) -> Specimen:
    dependency, schema = table.dependency, table.schema
    with tempfile.TemporaryDirectory(prefix="ig-") as folder:
        path = Path(folder) / "as_sent"
        path.write_bytes(sent.content)
        reading = read_fitting(path, sent.name, dependency, sent.supplier, schema.names)
    if reading.format != "csv" or reading.containers or reading.encoding is None:
        raise Unwritable
    dialect = Dialect(reading.delimiter or "", reading.quote or "", reading.escape or "")
    text = SentText.of(sent.content, reading.encoding, dialect)
    fit = choose_layout(reading.headings, dependency.layouts, schema.names, sent.supplier)
    frame = reading.frame
    rows = _changeable(text, reading, frame)
    if not rows:
        raise Unwritable
    position = {heading: place - 1 for heading, place in zip(reading.headings, reading.columns, strict=True)}
    return Specimen(
        sent=sent,
        text=text,
        header=reading.header_rows[0] if len(reading.header_rows) == 1 else 0,
        rows=rows,
        places={column: position[heading] for column, heading in fit.brought.items()},
        values={
            column: _numbers(frame, heading, fit.layout, rows)
            for column, heading in fit.brought.items()
            if is_number(schema.columns[column].dtype)
        },
        layout=fit.layout,
        dependency=dependency,
        schema=schema,
        table=table.name,
    )


def _changeable(text: SentText, reading: Reading, frame: pl.DataFrame) -> tuple[int, ...]:
    """Rows whose line gives the same cells as the reader found."""
    positions = [place - 1 for place in reading.columns]
    return tuple(
        row for row, *cells in frame.select(ROW, *reading.headings).iter_rows() if _same(text, row, positions, cells)
    )


def _same(text: SentText, row: int, positions: Sequence[int], read: Sequence[str | None]) -> bool:
    if not 0 < row <= len(text.lines):
        return False
    cells = text.cells(row)
    return len(cells) > max(positions) and all(
        cells[position].strip() == (found or "").strip() for position, found in zip(positions, read, strict=True)
    )


def _numbers(frame: pl.DataFrame, heading: str, layout: Layout, rows: tuple[int, ...]) -> dict[int, float]:
    read = frame.select(ROW, number(pl.col(heading), pl.Float64(), layout.numbers).alias("value")).drop_nulls()
    changeable = set(rows)
    return {row: value for row, value in read.iter_rows() if row in changeable}
