"""Departures from a supplier's layout, told apart: the harmless are noted, the others stopped and explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import polars as pl

from integrity.findings import Finding, Rule
from integrity.gates import rules
from integrity.gates.schema import Column, Schema
from integrity.inventory.dependency import Layout, Numbers
from integrity.inventory.formats import described
from integrity.inventory.policy import Policy
from integrity.submissions import drift
from integrity.submissions.drift import Shape
from integrity.submissions.layouts import LayoutFit
from integrity.submissions.notations import Notation, fitting, is_number, named, shown, typed, with_signs_used
from integrity.submissions.reading import Reading
from integrity.verdicts import Verdict

_CELLS_AT_LEAST = 3
"""Fewer cells are a row's business and no column's."""
_MOST = 0.5
_NEARLY_ALL = 0.95
_RESEMBLES = 0.62
"""Likeness from which an unknown heading is named as a missing column's likely new one."""


@dataclass(frozen=True)
class Departure:
    """A column whose cells are not what its layout says, and why."""

    rule: Rule
    detail: str


class Columns(Protocol):
    """Whole columns of a submission by their names in the dictionary; a large file's are loaded one by one."""

    def __getitem__(self, name: str, /) -> pl.Series: ...


def type_rule_of(column: Column, layout: Layout) -> Rule | None:
    """The rule that an unreadable cell fails, with its message in the layout's own notation."""
    stated = column.type_rule
    if stated is None:
        return None
    if is_number(column.dtype):
        if layout.numbers == Numbers():
            return stated
        kind = "whole number" if stated.name == rules.WHOLE_NUMBER.name else "number"
        return replace(stated, message=f"The cell must hold a {kind} written as {shown(layout.numbers)}.")
    if layout.datetime_formats == Layout.model_fields["datetime_formats"].default:
        return stated
    return replace(stated, message=f"The cell must hold a date written as {_notation_of(column, layout)}.")


def _notation_of(column: Column, layout: Layout) -> str:
    if is_number(column.dtype):
        return shown(layout.numbers)
    return " or ".join(described(notation) for notation in layout.datetime_formats)


class Departures:
    """What the columns of one submission are held against.

    Attributes:
        text: The submission in the dictionary's terms, as received; ``cast`` is the same, typed.
        before: Shape of the supplier's last accepted file; None where there is none, or it is not known.
    """

    def __init__(self, schema: Schema, fit: LayoutFit, *, text: Columns, cast: Columns, before: Shape | None) -> None:
        self.schema, self.fit, self.layout = schema, fit, fit.layout
        self.text, self.cast, self.before = text, cast, before

    def of(self, column: Column, failing: pl.Series, failed: int, filled: int) -> Departure | None:
        """Why a typed column as a whole cannot be read; None where its unreadable cells are a matter of rows.

        Args:
            failing: Mask of filled cells that the layout's notation cannot read.
        """
        if not failed:
            return None
        # Two columns that each hold what the other should explain more than a notation that happens to fit one of them.
        return (
            self._changed_places(column, failed, filled, with_text=False)
            or self._written_otherwise(column, failing, failed, filled)
            or self._changed_places(column, failed, filled, with_text=True)
        )

    def _written_otherwise(self, column: Column, failing: pl.Series, failed: int, filled: int) -> Departure | None:
        """A column of which most cells can be read in another known notation only.

        A few unreadable cells suffice where that notation gives other values for the cells that the layout does
        read: then those may be misread (1/2/2020 beside 1/22/2020), and nothing is ever guessed.
        """
        given, cast = self.text[column.name], self.cast[column.name]
        is_most = failed >= _CELLS_AT_LEAST and failed > _MOST * filled
        read = -cast if column.name in self.layout.turn_sign else cast
        found: list[tuple[Notation, pl.Series]] = []
        unread, share = given.filter(failing), _NEARLY_ALL if is_most else 1.0
        for notation, values in fitting(given, column.dtype, share=share, hardest=unread):
            differs = bool((values != read).any())
            if (is_most or differs) and not any(values.equals(other) for _, other in found):
                found.append((notation, values))
        if not found:
            return None
        cells = drift.sample(unread)
        used = [with_signs_used(n, cells) if isinstance(n, Numbers) else n for n, _ in found]
        written = " or ".join(named(notation) for notation in used)
        detail = f"'{column.name}' is written {written}; its layout says {_notation_of(column, self.layout)}."
        was = self.before.notations.get(column.name) if self.before else None
        return Departure(rules.NOTATION_KEPT, f"{detail} The last accepted file had {was}." if was else detail)

    def _changed_places(self, column: Column, failed: int, filled: int, *, with_text: bool) -> Departure | None:
        """A column of which hardly a cell can be read, beside another that holds what it should."""
        if failed < _CELLS_AT_LEAST or failed < _NEARLY_ALL * filled:
            return None
        for other in self.schema.columns.values():
            if other.name == column.name or other.name not in self.fit.brought:
                continue
            if (other.type_rule is None) != with_text:
                continue
            cells = drift.sample(self.text[other.name])
            if len(cells) < _CELLS_AT_LEAST or _readable(cells, column, self.layout) < _NEARLY_ALL:
                continue
            if self._is_out_of_place(other, cells, column):
                detail = f"Hardly a cell of '{column.name}' can be read; those of '{other.name}' could be its."
                return Departure(rules.CONTENT_KEPT, detail)
        return None

    def _is_out_of_place(self, other: Column, cells: pl.Series, column: Column) -> bool:
        """Whether a column that would fit elsewhere does not belong where it stands."""
        if other.type_rule is not None:
            return _readable(cells, other, self.layout) <= 1 - _NEARLY_ALL
        if self.before is None:
            # Codes of digits are common in text columns, dates are not.
            return isinstance(column.dtype, pl.Datetime)
        return self.before.kinds.get(other.name, "mixed") not in ("mixed", "blank", drift.kind_of(cells, self.layout))


def _readable(cells: pl.Series, column: Column, layout: Layout) -> float:
    """Share of filled cells, 0 to 1, that can be read as this column's type."""
    frame = cells.rename(column.name).to_frame()
    return 1 - frame.select(typed(column.name, column.dtype, layout)).to_series().null_count() / len(cells)


def drift_findings(before: Shape | None, now: Shape, found: list[Finding], rows: int, policy: Policy) -> list[Finding]:
    """Signs that turned, texts that changed places, and in a note all else that changed since the last accepted file.

    Args:
        before: None where there is none; then nothing has changed.
        found: Findings so far; what a failed one already tells is not told again.
    """
    findings = [
        _finding(rules.NOTATION_KEPT, column, f"Nearly every value of '{column}' has changed its sign {_SINCE}.", rows)
        for column in drift.turned_signs(before, now, rows)
    ]
    findings += [
        _finding(rules.CONTENT_KEPT, one, f"'{one}' now holds what '{other}' held in the last accepted file.", rows)
        for one, other in drift.swapped_texts(before, now)
    ]
    names = {f.rule.name for f in [*found, *findings]}
    findings += [_passed(rule) for rule in (rules.NOTATION_KEPT, rules.CONTENT_KEPT) if rule.name not in names]
    told = " ".join(f.detail for f in found if f.verdict is not Verdict.PASS)
    changed = [sentence for sentence in drift.changes(before, now) if sentence not in told]
    verdict = rules.verdict_of(rules.LAYOUT_KEPT, failed=len(changed), evaluated=1, rows=rows, policy=policy)
    note = Finding(
        rule=rules.LAYOUT_KEPT, verdict=verdict, evaluated=1, failed=min(len(changed), 1), detail=" ".join(changed)
    )
    return [*findings, note]


_SINCE = "since the last accepted file"


def _finding(rule: Rule, column: str, detail: str, rows: int) -> Finding:
    return Finding(rule=rule, verdict=Verdict.FAIL, evaluated=rows, failed=rows, column=column, detail=detail)


def _passed(rule: Rule) -> Finding:
    return Finding(rule=rule, verdict=Verdict.PASS, evaluated=1, failed=0)


def header_findings(
    reading: Reading, fit: LayoutFit, schema: Schema, before: Shape | None, policy: Policy
) -> list[Finding]:
    """Missing and unknown columns; with what may be a missing one under another heading, and what changed."""
    places = dict(zip(reading.headings, reading.columns, strict=True))

    def finding(rule: Rule, names: tuple[str, ...], details: list[str]) -> Finding:
        verdict = rules.verdict_of(rule, failed=len(names), evaluated=len(places), rows=len(places), policy=policy)
        return Finding(
            rule=rule,
            verdict=verdict,
            evaluated=len(places),
            failed=len(names),
            column=names[0] if len(names) == 1 else None,
            detail=" ".join(details) if names else "",
        )

    lacking = [f"Missing: {', '.join(fit.missing)}."]
    lacking += [
        f"Columns {' and '.join(str(places[h]) for h in headings)} both claim to be '{column}'."
        for column, headings in fit.doubled.items()
    ]
    lacking += _look_alikes(reading, fit, schema, places)
    if before is not None:
        lacking += drift.columns_changed(before, drift.header_of(reading, fit))
    # An unknown heading is the supplier's text, and may be anything at all: its place is named, not its wording.
    strange = [f"By position: {', '.join(str(places[heading]) for heading in fit.unknown)}."]
    blank = [str(places[h]) for h in fit.unknown if reading.column(h).null_count() == reading.rows.height]
    strange += [f"Blank throughout: {', '.join(blank)}."] if blank else []
    return [
        finding(rules.COLUMNS_PRESENT, fit.missing, lacking),
        finding(rules.COLUMNS_KNOWN, tuple(f"column {places[heading]}" for heading in fit.unknown), strange),
    ]


def _look_alikes(reading: Reading, fit: LayoutFit, schema: Schema, places: Mapping[str, int]) -> list[str]:
    """Unknown headings that may be missing columns renamed: by their words, or as the only one with such cells."""
    told = []
    for name in (c for c in fit.missing if c not in fit.doubled):
        column = schema.columns[name]
        known = [name, *(heading for heading, renamed in fit.layout.rename.items() if renamed == name)]
        likeness = {h: max(drift.likeness(h, wording) for wording in known) for h in fit.unknown}
        holding = {h: _holds(drift.sample(reading.column(h)), column, fit.layout) for h in fit.unknown}
        possible = [h for h in fit.unknown if holding[h]]
        alike = [h for h in possible if likeness[h] >= _RESEMBLES]
        best = max(alike, key=lambda h: likeness[h], default=None)
        if best is not None:
            told.append(f"Column {places[best]} looks like '{name}' under another heading (similar words).")
        elif column.type_rule is not None and len(possible) == 1:
            told.append(f"Column {places[possible[0]]} looks like '{name}' under another heading (by its cells).")
    return told


def _holds(cells: pl.Series, column: Column, layout: Layout) -> bool:
    """Whether a column's cells could be those of a column of the dictionary; blank ones could not."""
    if cells.is_empty():
        return False
    if column.type_rule is None:
        return True
    if _readable(cells, column, layout) >= _NEARLY_ALL:
        return True
    return next(fitting(cells, column.dtype, share=_NEARLY_ALL), None) is not None
