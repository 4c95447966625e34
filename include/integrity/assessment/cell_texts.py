"""Corruptions of cells that hold names, codes and dates, and of cells that hold nothing any more."""

from __future__ import annotations

from random import Random

import polars as pl

from integrity.assessment.planting import NotApplicable, Planted, corruption, pick, some
from integrity.assessment.specimens import Specimen
from integrity.submissions.notations import read_in

_NO_CODES = "The file has no column of codes: none with a list of allowed values, and none whose texts often repeat."


def _blanked(specimen: Specimen, column: str, rows: list[int]) -> Planted:
    sent = specimen.edited({(row, column): "" for row in rows})
    return Planted(sent, rows=tuple(rows), columns=(column,))


def _required(specimen: Specimen) -> list[str]:
    return [c.name for c in specimen.columns if c.required and specimen.filled(c.name)]


@corruption(
    "field_blanked_few",
    says="One or two cells of a required field are blank.",
    dimensions=["completeness"],
    limitations=["4.1", "4.2"],
    seen_by=["structure"],
    kinds=["completeness"],
)
def field_blanked_few(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, _required(specimen), "The file has no required field that is filled.")
    filled = specimen.filled(column)
    rows = sorted(chance.sample(filled, min(len(filled), chance.choice([1, 2]))))
    return _blanked(specimen, column, rows)


@corruption(
    "field_blanked_many",
    says="Half of the cells of a required field are blank.",
    dimensions=["completeness"],
    limitations=["4.1", "4.2"],
    seen_by=["structure"],
    kinds=["completeness"],
)
def field_blanked_many(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, _required(specimen), "The file has no required field that is filled.")
    return _blanked(specimen, column, some(chance, specimen.filled(column), 0.5, "The field is blank."))


@corruption(
    "optional_field_blanked",
    says="A field that need not be filled, and usually is, is blank in most rows.",
    dimensions=["completeness"],
    limitations=["4.1", "4.2"],
    seen_by=["profiling"],
    kinds=["completeness"],
    profiled_by="nulls_usual",
)
def optional_field_blanked(specimen: Specimen, chance: Random) -> Planted:
    usual = [c.name for c in specimen.columns if not c.required and _is_usually_filled(specimen, c.name)]
    column = pick(chance, usual, "The file has no optional field that is usually filled.")
    return _blanked(specimen, column, some(chance, specimen.filled(column), 0.8, "The field is blank."))


def _is_usually_filled(specimen: Specimen, column: str) -> bool:
    return len(specimen.filled(column)) >= 0.9 * len(specimen.rows)


@corruption(
    "code_mistyped",
    says="A code has two signs in the wrong order, or one doubled or left out.",
    dimensions=["validity", "consistency"],
    limitations=["5.1", "9.5"],
    seen_by=["structure"],
    kinds=["domain_range", "dependency"],
)
def code_mistyped(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, specimen.code_columns, _NO_CODES).name
    row = pick(chance, specimen.filled(column), "The column is blank.")
    cell = specimen.cell(row, column)
    known = {specimen.cell(each, column) for each in specimen.filled(column)}
    typos = sorted({typo for typo in _typos(cell) if typo and typo not in known})
    typo = pick(chance, typos, "No typing error in the code gives another that is not in use.")
    return Planted(specimen.edited({(row, column): typo}), rows=(row,), columns=(column,))


def _typos(cell: str) -> list[str]:
    swapped = [cell[:i] + cell[i + 1] + cell[i] + cell[i + 2 :] for i in range(len(cell) - 1)]
    doubled = [cell[:i] + cell[i] + cell[i:] for i in range(len(cell))]
    dropped = [cell[:i] + cell[i + 1 :] for i in range(len(cell))]
    return [*swapped, *doubled, *dropped]


@corruption(
    "code_unknown",
    says="A code of the usual form stands in a row that nobody has announced.",
    dimensions=["validity", "consistency"],
    limitations=["5.1", "9.2", "9.5"],
    seen_by=["structure", "profiling"],
    kinds=["domain_range", "dependency"],
)
def code_unknown(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, specimen.code_columns, _NO_CODES).name
    row = pick(chance, specimen.filled(column), "The column is blank.")
    cell = specimen.cell(row, column)
    known = {specimen.cell(each, column) for each in specimen.filled(column)}
    made = "".join(_other_sign(sign, chance) for sign in cell)
    if made in known or made == cell:
        raise NotApplicable("No other code of the same form could be made.")
    return Planted(specimen.edited({(row, column): made}), rows=(row,), columns=(column,))


def _other_sign(sign: str, chance: Random) -> str:
    if sign.isdigit():
        return chance.choice("789")
    if not sign.isalpha():
        return sign
    made = chance.choice("QXZWK")
    return made if sign.isupper() else made.lower()


@corruption(
    "noughts_lost",
    says="Codes have lost their leading noughts, as when a spreadsheet took them for numbers.",
    dimensions=["validity", "consistency"],
    limitations=["5.1", "9.8"],
    seen_by=["structure", "layout"],
    kinds=["domain_range", "dependency"],
)
def noughts_lost(specimen: Specimen, chance: Random) -> Planted:
    texts = [c.name for c in specimen.columns if c.type_rule is None and c.name not in specimen.layout.pad]
    changed = {}
    for column in texts:
        for row in specimen.filled(column):
            cell = specimen.cell(row, column)
            if cell.isdecimal() and cell.startswith("0") and cell.strip("0"):
                changed[row, column] = cell.lstrip("0")
    columns = sorted({column for _, column in changed})
    column = pick(chance, columns, "No code begins with a nought, or the layout fills noughts in.")
    changed = {place: cell for place, cell in changed.items() if place[1] == column}
    return Planted(specimen.edited(changed), rows=tuple(row for row, _ in changed), columns=(column,))


@corruption(
    "date_notation_changed",
    says="Dates are written month first instead of day first, or the reverse; or in that way instead of year first.",
    dimensions=["validity", "consistency"],
    limitations=["9.8", "9.12"],
    seen_by=["layout", "structure"],
    kinds=["field_structure", "dependency", "business"],
)
def date_notation_changed(specimen: Specimen, chance: Random) -> Planted:
    column = pick(chance, specimen.date_columns, "The file has no column of dates.").name
    changed: dict[tuple[int, str], str] = {}
    for notation in specimen.layout.datetime_formats:
        other = _other_notation(notation)
        rows = [row for row in specimen.filled(column) if (row, column) not in changed]
        cells = pl.Series(column, [specimen.cell(row, column) for row in rows], dtype=pl.String)
        if other is None:
            continue
        for row, value in zip(rows, read_in(cells, pl.Datetime(), notation), strict=True):
            if value is not None:
                changed[row, column] = value.strftime(other)
    changed = {place: cell for place, cell in changed.items() if cell != specimen.cell(*place)}
    if not changed:
        raise NotApplicable("No date is written in a notation of which another could be made.")
    return Planted(specimen.edited(changed), rows=tuple(row for row, _ in changed), columns=(column,))


def _other_notation(notation: str) -> str | None:
    """The same notation with day and month in the other order; day first where it was year first."""
    if "%d" not in notation or not any(month in notation for month in ("%m", "%b", "%B")):
        return None
    if notation.startswith("%Y"):
        time = "".join(part for part in notation.partition("%d")[2:])
        return f"%d/%m/%Y{time.replace('T', ' ')}"
    plain = notation.replace("%b", "%m").replace("%B", "%m")
    return plain.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")
