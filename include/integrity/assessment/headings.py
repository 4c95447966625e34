"""Corruptions of a file's headings, and of which column stands under which."""

from __future__ import annotations

from random import Random

from integrity.assessment.planting import NotApplicable, Planted, corruption, pick
from integrity.assessment.specimens import Specimen
from integrity.assessment.texts import SentText
from integrity.gates.schema import Column

_NO_HEADER = "The file has no single line of headings."


def _header(specimen: Specimen) -> list[str]:
    if not specimen.header:
        raise NotApplicable(_NO_HEADER)
    return specimen.text.fragments(specimen.header)


def _lines(specimen: Specimen) -> list[int]:
    """The line of headings and every row."""
    return [specimen.header, *specimen.rows]


def without_place(specimen: Specimen, place: int) -> SentText:
    """The file without the column at this place."""
    fragments = {number: specimen.text.fragments(number) for number in _lines(specimen)}
    return specimen.text.with_fragments({n: [*f[:place], *f[place + 1 :]] for n, f in fragments.items()})


@corruption(
    "heading_renamed",
    says="A column has another heading.",
    dimensions=["consistency", "completeness"],
    limitations=["9.2", "9.12"],
    seen_by=["layout"],
    kinds=["field_structure"],
)
def heading_renamed(specimen: Specimen, chance: Random) -> Planted:
    header = _header(specimen)
    column = pick(chance, sorted(specimen.places), "No column of the file is known.")
    header[specimen.places[column]] = specimen.text.written(f"{column} new")
    text = specimen.text.with_fragments({specimen.header: header})
    return Planted(specimen.of_text(text), rows=(specimen.header,), columns=(column,))


@corruption(
    "column_missing",
    says="A column is left out, heading and cells.",
    dimensions=["completeness"],
    limitations=["9.2", "4.2"],
    seen_by=["layout"],
    kinds=["field_structure", "completeness"],
)
def column_missing(specimen: Specimen, chance: Random) -> Planted:
    _header(specimen)
    column = pick(chance, [c for c in sorted(specimen.places) if specimen.filled(c)], "Every column is blank.")
    return Planted(specimen.of_text(without_place(specimen, specimen.places[column])), columns=(column,))


@corruption(
    "column_added",
    says="There is a column that nobody has announced.",
    dimensions=["consistency"],
    limitations=["9.2", "9.12"],
    seen_by=["layout"],
    kinds=["field_structure"],
)
def column_added(specimen: Specimen, chance: Random) -> Planted:
    _header(specimen)
    place = chance.randrange(0, len(_header(specimen)) + 1)
    changed = {}
    for number in _lines(specimen):
        fragments = specimen.text.fragments(number)
        cell = "internal_reference" if number == specimen.header else f"R{chance.randrange(10_000, 99_999)}"
        changed[number] = [*fragments[:place], cell, *fragments[place:]]
    return Planted(specimen.of_text(specimen.text.with_fragments(changed)), whole_file=True)


@corruption(
    "header_missing",
    says="The line of headings is left out.",
    dimensions=["consistency", "validity"],
    limitations=["9.2", "9.12"],
    seen_by=["layout", "structure"],
    kinds=["field_structure"],
)
def header_missing(specimen: Specimen, chance: Random) -> Planted:
    _header(specimen)
    return Planted(specimen.of_text(specimen.text.without([specimen.header])), rows=(specimen.header,), whole_file=True)


@corruption(
    "headings_reordered",
    says="The headings of three columns have changed places; the cells have not.",
    dimensions=["accuracy", "consistency"],
    limitations=["9.2", "9.8"],
    seen_by=["structure", "layout"],
    kinds=["field_structure", "derivation", "domain_range", "dependency", "business", "completeness"],
)
def headings_reordered(specimen: Specimen, chance: Random) -> Planted:
    header = _header(specimen)
    filled = [column for column in sorted(specimen.places) if specimen.filled(column)]
    if len(filled) < 3:
        raise NotApplicable("Fewer than three columns hold anything.")
    chosen = chance.sample(filled, 3)
    headings = [header[specimen.places[column]] for column in chosen]
    for column, heading in zip(chosen, [*headings[1:], headings[0]], strict=True):
        header[specimen.places[column]] = heading
    text = specimen.text.with_fragments({specimen.header: header})
    return Planted(specimen.of_text(text), columns=tuple(chosen))


def _swapped(specimen: Specimen, one: str, other: str) -> Planted:
    changed = {}
    for row in specimen.rows:
        if specimen.cell(row, one) != specimen.cell(row, other):
            changed[row, one] = specimen.cell(row, other)
            changed[row, other] = specimen.cell(row, one)
    rows = tuple(sorted({row for row, _ in changed}))
    return Planted(specimen.edited(changed), rows=rows, columns=(one, other))


def _pairs(specimen: Specimen, *, alike: bool) -> list[tuple[str, str]]:
    columns = [column for column in specimen.columns if specimen.filled(column.name)]
    return [
        (one.name, other.name)
        for i, one in enumerate(columns)
        for other in columns[i + 1 :]
        if _is_alike(one, other) is alike and _differ(specimen, one.name, other.name)
    ]


def _is_alike(one: Column, other: Column) -> bool:
    return one.dtype == other.dtype


def _differ(specimen: Specimen, one: str, other: str) -> bool:
    return any(specimen.cell(row, one) != specimen.cell(row, other) for row in specimen.rows)


@corruption(
    "columns_swapped_unlike",
    says="Two columns of different types have changed places under their headings.",
    dimensions=["accuracy", "validity"],
    limitations=["9.2", "9.8"],
    seen_by=["structure", "layout"],
    kinds=["field_structure", "domain_range"],
)
def columns_swapped_unlike(specimen: Specimen, chance: Random) -> Planted:
    return _swapped(specimen, *pick(chance, _pairs(specimen, alike=False), "There are no columns of two types."))


@corruption(
    "columns_swapped_alike",
    says="Two columns of the same type have changed places under their headings.",
    dimensions=["accuracy"],
    limitations=["9.2", "9.8"],
    seen_by=["structure", "layout", "relations", "profiling"],
    kinds=["field_structure", "derivation", "dependency", "domain_range", "business"],
)
def columns_swapped_alike(specimen: Specimen, chance: Random) -> Planted:
    return _swapped(specimen, *pick(chance, _pairs(specimen, alike=True), "There are no two columns of a type."))
