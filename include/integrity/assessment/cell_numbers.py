"""Corruptions of numbers: slipped, turned, rounded, biased, stale, or written otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import polars as pl

from integrity.assessment.planting import NotApplicable, Planted, corruption, pick, some
from integrity.assessment.specimens import Specimen
from integrity.assessment.texts import rewritten
from integrity.gates.schema import Column
from integrity.inventory.dependency import Numbers

_NO_NUMBER = "The file has no number other than nought."


def _changed(specimen: Specimen, column: Column, rows: Iterable[int], change: Callable[[float], float]) -> Planted:
    """Other numbers in these rows of a column; rows that come out as they were are not on record."""
    changed = {}
    is_whole = column.dtype == pl.Int64()
    for row in rows:
        was = specimen.values[column.name].get(row)
        if was is None:
            continue
        value = change(was)
        cell = specimen.cell(row, column.name)
        places = 0 if is_whole else None
        written = rewritten(cell, round(value) if is_whole else value, specimen.layout.numbers, was=was, places=places)
        if written != cell:
            changed[row, column.name] = written
    if not changed:
        raise NotApplicable("No number of the column would change.")
    return Planted(specimen.edited(changed), rows=tuple(row for row, _ in changed), columns=(column.name,))


def _column(specimen: Specimen, chance: Random, *, least: float = 0) -> Column:
    """A number column that holds an amount above ``least`` somewhere."""
    usable = [c for c in specimen.number_columns if any(abs(v) > least for v in specimen.values[c.name].values())]
    return pick(chance, usable, _NO_NUMBER)


def _row(specimen: Specimen, chance: Random, column: Column, *, least: float = 0) -> int:
    rows = [row for row, value in specimen.values[column.name].items() if abs(value) > least]
    return pick(chance, rows, _NO_NUMBER)


@corruption(
    "decimal_shifted_cell",
    says="The decimal point of one number has slipped by one or two places.",
    dimensions=["accuracy"],
    limitations=["5.1"],
    seen_by=["structure", "relations", "profiling"],
    kinds=["derivation", "domain_range", "business"],
)
def decimal_shifted_cell(specimen: Specimen, chance: Random) -> Planted:
    factor = chance.choice([0.01, 0.1, 10, 100])
    column = _column(specimen, chance, least=1)
    row = _row(specimen, chance, column, least=1)
    return _changed(specimen, column, [row], lambda value: value * factor)


@corruption(
    "decimal_shifted_column",
    says="The decimal point of a whole column has slipped by two places.",
    dimensions=["accuracy"],
    limitations=["5.4", "5.6", "9.8"],
    seen_by=["structure", "relations", "profiling"],
    kinds=["derivation", "domain_range", "business"],
)
def decimal_shifted_column(specimen: Specimen, chance: Random) -> Planted:
    factor = chance.choice([0.01, 100])
    column = _column(specimen, chance, least=1)
    return _changed(specimen, column, specimen.rows, lambda value: value * factor)


@corruption(
    "unit_changed",
    says="A column is given in thousands.",
    dimensions=["accuracy", "consistency"],
    limitations=["5.4", "5.6", "9.12"],
    seen_by=["structure", "relations", "profiling"],
    kinds=["derivation", "domain_range", "business"],
)
def unit_changed(specimen: Specimen, chance: Random) -> Planted:
    return _changed(specimen, _column(specimen, chance, least=1), specimen.rows, lambda value: value / 1000)


@corruption(
    "total_broken",
    says="A total does not follow from its parts any more.",
    dimensions=["accuracy"],
    limitations=["6.1"],
    seen_by=["structure"],
    kinds=["derivation"],
)
def total_broken(specimen: Specimen, chance: Random) -> Planted:
    derived = [c for c in specimen.columns if c.name in specimen.derived_columns and specimen.values.get(c.name)]
    column = pick(chance, derived, "No column that the file fills follows from others.")
    row = pick(chance, sorted(specimen.values[column.name]), "The column is blank.")
    return _changed(specimen, column, [row], lambda value: value + chance.choice([1, 3, 10]))


@corruption(
    "sign_flipped_cell",
    says="One number has the wrong sign.",
    dimensions=["accuracy"],
    limitations=["5.1"],
    seen_by=["structure", "relations", "profiling"],
    kinds=["derivation", "domain_range", "business"],
)
def sign_flipped_cell(specimen: Specimen, chance: Random) -> Planted:
    column = _column(specimen, chance)
    return _changed(specimen, column, [_row(specimen, chance, column)], lambda value: -value)


@corruption(
    "sign_flipped_column",
    says="A column of numbers has the wrong sign throughout.",
    dimensions=["accuracy", "consistency"],
    limitations=["5.4", "5.6", "9.12"],
    seen_by=["structure", "layout", "relations", "profiling"],
    kinds=["field_structure", "derivation", "domain_range", "business"],
)
def sign_flipped_column(specimen: Specimen, chance: Random) -> Planted:
    return _changed(specimen, _column(specimen, chance), specimen.rows, lambda value: -value)


@corruption(
    "negative_number",
    says="A number is negative where none may be.",
    dimensions=["validity"],
    limitations=["5.1"],
    seen_by=["structure"],
    kinds=["domain_range", "derivation"],
)
def negative_number(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, [c for c in specimen.number_columns if _is_bounded(c)], "No number has to be nought or more.")
    return _changed(specimen, column, [_row(specimen, chance, column)], lambda value: -abs(value))


def _is_bounded(column: Column) -> bool:
    """Whether the data dictionary lets no number of the column be negative."""
    return any(
        (check.statistics or {}).get("min_value", -1) >= 0 for rule, check in column.checks if rule.name == "in_range"
    )


@corruption(
    "biased",
    says="Every number of a column is 5 per cent too high.",
    dimensions=["accuracy", "consistency"],
    limitations=["5.4", "5.5", "5.6"],
    seen_by=["profiling"],
    kinds=["derivation", "business"],
    profiled_by="level_usual",
)
def biased(specimen: Specimen, chance: Random) -> Planted:
    return _changed(specimen, _column(specimen, chance, least=10), specimen.rows, lambda value: value * 1.05)


@corruption(
    "column_constant",
    says="Every row of a column holds the first row's number.",
    dimensions=["accuracy"],
    limitations=["5.4", "9.13"],
    seen_by=["structure", "profiling"],
    kinds=["derivation", "business", "dependency"],
)
def column_constant(specimen: Specimen, chance: Random) -> Planted:
    varied = [c for c in specimen.number_columns if len(set(specimen.values[c.name].values())) > 1]
    column = pick(chance, varied, "No column holds two different numbers.")
    first = specimen.values[column.name][min(specimen.values[column.name])]
    return _changed(specimen, column, specimen.rows, lambda _: first)


@corruption(
    "copied_down",
    says="In a third of the rows a column repeats the number of the row above.",
    dimensions=["accuracy"],
    limitations=["5.4", "9.13"],
    seen_by=["structure", "profiling"],
    kinds=["derivation", "business", "dependency"],
)
def copied_down(specimen: Specimen, chance: Random) -> Planted:
    varied = [c for c in specimen.number_columns if len(set(specimen.values[c.name].values())) > 1]
    column = pick(chance, varied, "No column holds two different numbers.")
    filled = sorted(specimen.values[column.name])
    above = dict(zip(filled[1:], filled[:-1], strict=True))
    rows = some(chance, filled[1:], 1 / 3, "The column has a single number.")
    changed = {
        (row, column.name): specimen.cell(above[row], column.name)
        for row in rows
        if specimen.cell(row, column.name) != specimen.cell(above[row], column.name)
    }
    if not changed:
        raise NotApplicable("The rows chosen already hold what stands above them.")
    return Planted(specimen.edited(changed), rows=tuple(row for row, _ in changed), columns=(column.name,))


@corruption(
    "digits_rounded",
    says="The numbers of a column are rounded to hundreds.",
    dimensions=["accuracy"],
    limitations=["5.4", "9.13"],
    seen_by=["structure", "profiling"],
    kinds=["derivation", "business"],
)
def digits_rounded(specimen: Specimen, chance: Random) -> Planted:
    column = _column(specimen, chance, least=100)
    return _changed(specimen, column, specimen.rows, lambda value: float(round(value / 100) * 100))


@corruption(
    "cumulative_stale",
    says="A reporting unit's running total is that of the period before.",
    dimensions=["accuracy", "timeliness"],
    limitations=["9.13"],
    seen_by=["relations", "profiling"],
    kinds=["business", "derivation"],
)
def cumulative_stale(specimen: Specimen, chance: Random) -> Planted:
    old = specimen.previous
    if not specimen.cumulative_columns:
        raise NotApplicable("The data dictionary names no running total that the file fills.")
    if old is None:
        raise NotApplicable("There is no earlier file of this supplier.")
    risen = []
    for column in (c for c in specimen.cumulative_columns if c.name in old.places):
        for row, value in specimen.values[column.name].items():
            before = _row_before(specimen, row)
            was = old.values[column.name].get(before) if before else None
            if was is not None and was < value:
                risen.append((column, row, was))
    column, row, was = pick(chance, risen, "No running total has risen since the period before.")
    return _changed(specimen, column, [row], lambda _: was)


def _row_before(specimen: Specimen, row: int) -> int | None:
    """The same unit's row in the file before; the only row where the dependency has no population."""
    old = specimen.previous
    if old is None:
        return None
    if specimen.unit_column is None:
        return old.rows[0] if len(old.rows) == len(specimen.rows) == 1 else None
    return old.row_of(specimen.cell(row, specimen.unit_column))


@corruption(
    "text_in_number",
    says="A word, or a letter for a digit, stands where a number should.",
    dimensions=["validity"],
    limitations=["5.1"],
    seen_by=["structure"],
    kinds=["field_structure"],
)
def text_in_number(specimen: Specimen, chance: Random) -> Planted:
    column = _column(specimen, chance)
    row = _row(specimen, chance, column)
    cell = specimen.cell(row, column.name)
    text = chance.choice(["n/a", "tbc", f"{cell}*", cell[:-1] + "O", f"about {cell}"])
    return Planted(specimen.edited({(row, column.name): text}), rows=(row,), columns=(column.name,))


@corruption(
    "number_notation_changed",
    says="Numbers have a comma for a decimal point and points between thousands.",
    dimensions=["validity", "consistency"],
    limitations=["9.8", "9.12"],
    seen_by=["layout", "structure"],
    kinds=["field_structure"],
)
def number_notation_changed(specimen: Specimen, chance: Random) -> Planted:
    numbers = specimen.layout.numbers
    decimal, thousands = (",", ".") if numbers.decimal == "." else (".", ",")
    changed: dict[tuple[int, str], str] = {}
    for column in specimen.number_columns:
        for row, value in specimen.values[column.name].items():
            cell = specimen.cell(row, column.name)
            written = _in_other_notation(cell, value, numbers, decimal, thousands)
            if written != cell:
                changed[row, column.name] = written
    if not changed:
        raise NotApplicable("No number has decimals or thousands.")
    columns = tuple(sorted({column for _, column in changed}))
    return Planted(specimen.edited(changed), rows=tuple(sorted({row for row, _ in changed})), columns=columns)


def _in_other_notation(cell: str, value: float, numbers: Numbers, decimal: str, thousands: str) -> str:
    fraction = cell.rsplit(numbers.decimal, 1)[1] if numbers.decimal in cell else ""
    places = sum(sign.isdecimal() for sign in fraction)
    whole, _, decimals = f"{value:,.{places}f}".partition(".")
    return whole.replace(",", thousands) + (decimal + decimals if decimals else "")
