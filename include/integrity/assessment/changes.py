"""Harmless changes: the same figures, written or ordered otherwise. Whatever a gate says of them is a false alarm."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from integrity.assessment.planting import NotApplicable, Planted, harmless
from integrity.assessment.specimens import Specimen
from integrity.assessment.texts import end_of


@harmless("rows_reordered", says="The rows stand in another order.")
def rows_reordered(specimen: Specimen, chance: Random) -> Planted:
    if len(specimen.rows) < 2:
        raise NotApplicable("The file has a single row.")
    order = chance.sample(specimen.rows, len(specimen.rows))
    if order == list(specimen.rows):
        order.reverse()
    moved = dict(zip(specimen.rows, order, strict=True))
    numbers = [moved.get(number, number) for number in range(1, len(specimen.text.lines) + 1)]
    return Planted(specimen.of_text(specimen.text.in_order(numbers)), rows=specimen.rows)


@harmless("line_ends_changed", says="Lines end otherwise.")
def line_ends_changed(specimen: Specimen, chance: Random) -> Planted:
    other = "\n" if specimen.text.line_end == "\r\n" else "\r\n"
    ends = {end_of(line) for line in specimen.text.lines} - {""}
    if len(ends) != 1 or ends == {"\r"}:
        raise NotApplicable("Lines end in several ways.")
    lines = tuple(line.removesuffix(end_of(line)) + (other if end_of(line) else "") for line in specimen.text.lines)
    return Planted(specimen.of_text(replace(specimen.text, lines=lines)), whole_file=True)


@harmless("cells_quoted", says="Every cell stands in quotation marks.")
def cells_quoted(specimen: Specimen, chance: Random) -> Planted:
    if specimen.text.dialect.quote not in ('"', "") or specimen.text.dialect.escape:
        raise NotApplicable("The file quotes in a way of its own.")
    quoted = {}
    for number in [*([specimen.header] if specimen.header else []), *specimen.rows]:
        cells = specimen.text.cells(number)
        if any('"' in cell for cell in cells):
            continue
        quoted[number] = [f'"{cell}"' for cell in cells]
    return Planted(specimen.of_text(specimen.text.with_fragments(quoted)), whole_file=True)


@harmless("columns_reordered", says="The columns, headings and cells, stand in the reverse order.")
def columns_reordered(specimen: Specimen, chance: Random) -> Planted:
    if not specimen.header:
        raise NotApplicable("The file has no single line of headings.")
    lines = [specimen.header, *specimen.rows]
    fragments = {number: specimen.text.fragments(number) for number in lines}
    width = len(fragments[specimen.header])
    if any(len(found) != width for found in fragments.values()) or len(lines) < len(specimen.text.lines):
        raise NotApplicable("Some lines are no row.")
    reversed_ = {number: [part.strip() for part in found[::-1]] for number, found in fragments.items()}
    return Planted(specimen.of_text(specimen.text.with_fragments(reversed_)), whole_file=True)
