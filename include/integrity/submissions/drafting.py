"""Drafting a new supplier's layout from one of its files: every line with its reason, for a person to edit.

A draft proposes and never decides: where a file's cells can be read in two ways, the draft does not load
until somebody has written which is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import combinations
from typing import Protocol

import polars as pl

from integrity.inventory.dependency import Layout, Numbers
from integrity.inventory.formats import described, refuse_formats
from integrity.inventory.headings import bare
from integrity.submissions.drift import likeness, words
from integrity.submissions.notations import (
    MOMENT_NOTATIONS,
    Notation,
    fitting,
    is_number,
    named,
    read_in,
    typed,
    with_signs_used,
)
from integrity.submissions.reading import Reading

TODO = "TODO"
"""Stands where a person must decide; no notation is called so, so a draft that holds it does not load."""

_ALIKE = 0.62
_FITS = 0.9
_MOST_NOTATIONS = 3
_GENERAL = {"name", "number", "no", "nr", "code", "id", "ref", "reference", "of", "the", "and", "or", "a"}


class Described(Protocol):
    """A column of the data dictionary, as far as a draft needs it."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> pl.DataType: ...
    @property
    def description(self) -> str: ...


@dataclass(frozen=True)
class Proposal:
    """One heading and the column that it may be.

    Attributes:
        reasons: Why, in words; without a cell's value.
    """

    heading: str
    column: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A layout to be edited.

    Attributes:
        undecided: What a person must decide before it loads.
        lacking: Columns of the dictionary for which no heading was found.
    """

    name: str
    supplier: str
    text: str
    proposals: tuple[Proposal, ...]
    undecided: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass
class _Lines:
    lines: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def add(self, text: str, why: str = "") -> None:
        self.lines.append(f"{text}  # {why}" if why else text)


def draft_layout(reading: Reading, columns: Iterable[Described], supplier: str) -> Draft:
    """Propose a layout for a supplier's files by its headings and by what stands under them.

    Args:
        reading: One of the supplier's files.
        columns: The dictionary.
        supplier: The supplier's code; it names the draft.
    """
    dictionary = {column.name: column for column in columns}
    proposals = _assigned(reading, dictionary)
    brought = {proposal.column for proposal in proposals}
    lacking = tuple(name for name in dictionary if name not in brought)
    name = re.sub(r"[^a-z0-9_]", "_", supplier.lower()) or "supplier"
    out = _Lines()
    out.add("# A draft by machine from one file. Read every line, correct what is wrong, then put it into layouts/.")
    out.add(f"name: {name if name[0].isalpha() else f's_{name}'}")
    out.add(f"describes: {_text('Drafted from one file; say here which files it describes')}")
    if supplier:
        out.add(f"suppliers: [{_text(supplier)}]")
    _write_reading(out, reading)
    _write_headings(out, reading, proposals, dictionary)
    _write_lacking(out, lacking, dictionary)
    cells = {p.column: reading.frame[p.heading].rename(p.column) for p in proposals}
    _write_moments(out, [cells[c] for c in cells if isinstance(dictionary[c].dtype, pl.Datetime)])
    _write_numbers(out, [cells[c] for c in cells if is_number(dictionary[c].dtype)])
    return Draft(
        name=name,
        supplier=supplier,
        text="\n".join([*out.lines, ""]),
        proposals=tuple(proposals),
        undecided=tuple(out.undecided),
        lacking=lacking,
    )


def _assigned(reading: Reading, dictionary: Mapping[str, Described]) -> list[Proposal]:
    """Each heading to at most one column and each column to at most one heading, the likeliest first."""
    possible = [
        proposal
        for heading in reading.headings
        for column in dictionary.values()
        if (proposal := _proposal(heading, reading.frame[heading], column)) is not None
    ]
    taken: set[str] = set()
    chosen = []
    for proposal in sorted(possible, key=lambda p: -p.score):
        claims = {f"h:{proposal.heading}", f"c:{proposal.column}"}
        if not claims & taken:
            taken |= claims
            chosen.append(proposal)
    return sorted(chosen, key=lambda p: reading.headings.index(p.heading))


def _proposal(heading: str, cells: pl.Series, column: Described) -> Proposal | None:
    """Whether the heading may be the column: its words must be alike, and its cells must not speak against it."""
    by_name, by_description = likeness(heading, column.name), _told_by(column.description, heading)
    alike = max(by_name, by_description)
    if alike < _ALIKE:
        return None
    if by_name >= by_description:
        reasons = ["same words" if by_name >= 1 else "similar words"]
    else:
        reasons = ["words of its description"]
    filled = cells.drop_nulls().head(1000)
    if filled.is_empty():
        return Proposal(heading, column.name, alike * 0.5, (*reasons, "no cell is filled"))
    if column.dtype == pl.String():
        return Proposal(heading, column.name, alike, (*reasons, "text"))
    share = _readable_share(filled, column.dtype)
    if share < _FITS:
        return None
    kind = "numbers" if is_number(column.dtype) else "dates"
    return Proposal(heading, column.name, alike + 0.5 * share, (*reasons, f"{share:.0%} {kind}"))


def _told_by(description: str, heading: str) -> float:
    """How far the first clause of a description tells of a heading, from 0 to 1; weaker than the column's own name."""
    clause = re.split(r"[:;.]", description, maxsplit=1)[0]
    telling = set(words(heading)) - _GENERAL
    told = 0.7 if telling and telling <= set(words(clause)) else 0.0
    return max(told, 0.9 * SequenceMatcher(None, bare(heading), bare(clause), autojunk=False).ratio())


def _readable_share(filled: pl.Series, dtype: pl.DataType) -> float:
    """Share of cells, 0 to 1, that one known notation or a few of them together can read."""
    best = next(fitting(filled, dtype, share=_FITS), None)
    if best is not None:
        return 1 - best[1].null_count() / len(filled)
    if is_number(dtype):
        return 0.0
    return 1 - len(_unread(filled, _several(filled))) / len(filled)


def _write_reading(out: _Lines, reading: Reading) -> None:
    """What the reader had to find out and the next file should be told."""
    told = []
    if len(reading.header_rows) > 1:
        told.append((f"header_rows: {len(reading.header_rows)}", reading.header_why))
    if reading.sheet is not None:
        told.append(
            (f"sheet: {_text(reading.sheet)}", "the table was found on this sheet; drop it if its name changes")
        )
    if not reading.header_rows and reading.format not in ("json", "jsonl", "parquet"):
        told.append(("header_row: 0", "no headings were found"))
        told.append((f"headings: {json.dumps(reading.headings, ensure_ascii=False)}", "give each column its name"))
    if told:
        out.add("reading:")
        for line, why in told:
            out.add(f"  {line}", _comment(why))


def _write_headings(
    out: _Lines, reading: Reading, proposals: list[Proposal], dictionary: Mapping[str, Described]
) -> None:
    if proposals:
        out.add("rename:")
    for proposal in proposals:
        why = f"column {_place(reading, proposal.heading)}: {', '.join(proposal.reasons)}"
        out.add(f"  {_text(proposal.heading)}: {proposal.column}", _comment(why))
    known = {proposal.heading for proposal in proposals}
    unknown = [heading for heading in reading.headings if heading not in known]
    if unknown:
        out.add("ignore:", "not taken in; move a line to rename if it is wanted")
    for heading in unknown:
        cells = reading.frame[heading].drop_nulls().head(1000)
        out.add(
            f"  - {_text(heading)}",
            f"column {_place(reading, heading)}: {_held(cells)}; nothing in the dictionary is like it",
        )


def _held(cells: pl.Series) -> str:
    if cells.is_empty():
        return "blank"
    if next(fitting(cells, pl.Float64(), share=_FITS), None) is not None:
        return "numbers"
    return "dates" if next(fitting(cells, pl.Datetime(), share=_FITS), None) is not None else "text"


def _place(reading: Reading, heading: str) -> int:
    return reading.columns[reading.headings.index(heading)]


def _write_lacking(out: _Lines, lacking: tuple[str, ...], dictionary: Mapping[str, Described]) -> None:
    if lacking:
        out.add("may_lack:", "no heading was found for these: correct rename, or give their value under fixed")
    for name in lacking:
        out.add(f"  - {name}", _comment(dictionary[name].description))


def _write_moments(out: _Lines, columns: list[pl.Series]) -> None:
    """One list of notations for all date columns; a day that may be a month is left to a person."""
    if not columns:
        return
    cells = pl.concat([column.rename("cells") for column in columns]).drop_nulls()
    if cells.is_empty():
        out.undecided.append("the notation of dates, since no date is filled")
        out.add(f"datetime_formats: [{TODO}]", "no date is filled in this file: write how they are written")
        return
    readings = _different(cells, pl.Datetime())
    if len(readings) > 1:
        shown = " and as ".join(named(notation) for notation in readings)
        choices = " or ".join(f"[{_text(str(notation))}]" for notation in readings)
        out.undecided.append("whether the day or the month comes first")
        out.add(f"datetime_formats: [{TODO}]", f"every cell can be read as {shown}: write {choices}")
        return
    used = [str(readings[0])] if readings else _several(cells)
    unread = len(_unread(cells, used)) if used else len(cells)
    why = f"{', '.join(described(notation) for notation in used)}: every cell can be read so"
    if unread:
        out.undecided.append("the notation of dates")
        why = f"{unread} of {len(cells)} cells follow no known notation, or the day may be the month"
        used = [*used, TODO]
    out.add(f"datetime_formats: [{', '.join(_text(notation) for notation in used)}]", why)


def _different(cells: pl.Series, dtype: pl.DataType) -> list[Notation]:
    """The notations in which every cell can be read, one for each way in which their values differ."""
    found: list[tuple[Notation, pl.Series]] = []
    for notation, values in fitting(cells, dtype):
        if not any(values.equals(other) for _, other in found):
            found.append((notation, values))
    return [notation for notation, _ in found]


def _several(cells: pl.Series) -> list[str]:
    """A few notations that together read most cells and cannot be confused; the one that reads most comes first."""
    unread, used = cells, list[str]()
    known = [(n, read_in(cells.head(2000), pl.Datetime(), n)) for n in MOMENT_NOTATIONS]
    reading = [notation for notation, values in known if values.null_count() < len(values)]
    while len(used) < _MOST_NOTATIONS and not unread.is_empty():
        counts = {n: len(unread) - read_in(unread, pl.Datetime(), n).null_count() for n in reading if n not in used}
        best = max(counts, key=lambda n: counts[n], default=None)
        if best is None or not counts[best] or not _go_together([*used, best]):
            break
        rivals = [n for n, count in counts.items() if n != best and count == counts[best]]
        if any(not _go_together([best, rival]) for rival in rivals):
            break
        used.append(best)
        unread = _unread(unread, [best])
    return used


def _go_together(notations: list[str]) -> bool:
    try:
        for pair in combinations(notations, 2):
            refuse_formats(pair)
    except ValueError:
        return False
    return True


def _unread(cells: pl.Series, notations: list[str]) -> pl.Series:
    for notation in notations:
        cells = cells.filter(read_in(cells, pl.Datetime(), notation).is_null())
    return cells


def _write_numbers(out: _Lines, columns: list[pl.Series]) -> None:
    cells = [column.drop_nulls() for column in columns if column.null_count() < len(column)]
    if not cells:
        return
    together = pl.concat([column.rename("cells") for column in cells])
    readings = _different(together, pl.Float64())
    if len(readings) > 1:
        choices = " or ".join(_numbers_text(notation) for notation in readings if isinstance(notation, Numbers))
        out.undecided.append("which sign is the decimal one")
        out.add(f"numbers: {TODO}", f"every cell can be read in more than one way: write {choices}")
        return
    if not readings:
        share = next(fitting(together, pl.Float64(), share=_FITS), None)
        out.undecided.append("the notation of numbers")
        proposal = f"; most follow {_numbers_text(share[0])}" if share and isinstance(share[0], Numbers) else ""
        out.add(f"numbers: {TODO}", f"not every cell follows one known notation{proposal}")
        return
    notation = readings[0]
    assert isinstance(notation, Numbers)  # noqa: S101 - asked for numbers
    narrowed = with_signs_used(notation, together)
    if narrowed != Numbers():
        out.add(f"numbers: {_numbers_text(narrowed)}", f"written as {named(narrowed)}: every cell can be read so")
    layout = Layout(name="draft", describes="", numbers=narrowed)
    for column in cells:
        values = column.to_frame().select(typed(column.name, pl.Float64(), layout)).to_series()
        _remark_on_sign(out, column.name, float((values < 0).sum()) / len(values))


def _remark_on_sign(out: _Lines, column: str, below_nought: float) -> None:
    told = f"# {column}: {below_nought:.1%} of the values are below nought."
    if below_nought > 0.5:
        out.add(f"{told} If these are ordinary amounts and not credits: turn_sign: [{column}]")
    else:
        out.add(f"{told} Ask the supplier how credits are written." if not below_nought else told)


def _numbers_text(notation: Notation) -> str:
    assert isinstance(notation, Numbers)  # noqa: S101
    return json.dumps(notation.model_dump(exclude_defaults=True), ensure_ascii=False)


def _text(value: str) -> str:
    """A scalar that YAML reads back as this very text."""
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _comment(why: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in why).split())
