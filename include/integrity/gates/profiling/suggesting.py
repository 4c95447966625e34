"""Rules that a dependency's history speaks for, each with what it rests on and what it would have caught.

A proposal is for an engineer to judge: that something never happened is no proof that it must not. What a profile does
not hold is not proposed: exact bounds and lists of values are the warehouse's to tell, and each suggestion says how.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from integrity.gates.profiling.departing import decades
from integrity.gates.profiling.profile import ColumnProfile, Profile
from integrity.gates.schema import Column, Schema

LEAST_SUBMISSIONS = 8
_LEAST_CELLS = 100
"""Cells in all, without which nothing is proposed of a column."""
_SELDOM = 0.001
_MOST_VALUES = 50
_ONE_FORMAT = 0.999
_LARGEST_SUM_STEP = 0.3
"""Sums that move further than this (decades: twofold) from one submission to the next are not stable."""
_HEADROOM = 1.5
_WHERE = "SELECT DISTINCT {column} FROM published.{dependency}, and ask the owner which of them are allowed"


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A rule to consider.

    Attributes:
        kind: Of the nine in `manual/validity_rules.yml`.
        proposal: The rule, in a sentence; bounds in it are powers of ten, or counts of characters and values.
        declaration: How it is written in `schema.py`; '' where the profile does not know enough to write it.
        how: What the engineer still has to find out, and where.
        evidence: Counts that it rests on.
        caught: Submissions of this history that it would have found fault with.
        caught_cells: Cells in them.
    """

    column: str
    kind: str
    proposal: str
    declaration: str
    evidence: dict[str, int]
    caught: int
    caught_cells: int
    how: str = ""


@dataclass(frozen=True)
class _Seen:
    """A column through its history."""

    column: Column
    profiles: tuple[Profile, ...]
    cells: tuple[ColumnProfile, ...]

    @property
    def filled(self) -> int:
        return self.rows - self.nulls

    @property
    def rows(self) -> int:
        return sum(profile.rows for profile in self.profiles)

    @property
    def nulls(self) -> int:
        return sum(cell.nulls for cell in self.cells)

    @property
    def checks(self) -> set[str]:
        return {str(check.name) for _, check in self.column.checks}

    @property
    def evidence(self) -> dict[str, int]:
        return {"submissions": len(self.profiles), "rows": self.rows, "filled": self.filled}

    def suggestion(
        self, kind: str, proposal: str, declaration: str = "", *, caught: int = 0, caught_cells: int = 0, how: str = ""
    ) -> Suggestion:
        return Suggestion(
            column=self.column.name,
            kind=kind,
            proposal=proposal,
            declaration=declaration,
            evidence=self.evidence,
            caught=caught,
            caught_cells=caught_cells,
            how=how,
        )


def suggest(profiles: Sequence[tuple[date, Profile]], schema: Schema) -> list[Suggestion]:
    """Propose rules that the schema does not have and that the history keeps, or nearly keeps.

    Args:
        profiles: Of one dependency's released submissions with their periods; of one supplier, oldest first, if sums
            are to be compared.

    Returns:
        Suggestions in the order of the dictionary; none where fewer than `LEAST_SUBMISSIONS` are known.
    """
    if len(profiles) < LEAST_SUBMISSIONS:
        return []
    found: list[Suggestion] = []
    for name, column in schema.columns.items():
        known = [(profile, profile.columns[name]) for _, profile in profiles if name in profile.columns]
        if len(known) < LEAST_SUBMISSIONS:
            continue
        seen = _Seen(column, tuple(profile for profile, _ in known), tuple(cell for _, cell in known))
        if seen.rows >= _LEAST_CELLS:
            for propose in (_not_null, _not_negative, _at_most, _unique, _domain, _length, _format, _stable_sum):
                found += propose(seen)
    return found


def _not_null(seen: _Seen) -> Iterator[Suggestion]:
    if not seen.column.required and seen.nulls <= _SELDOM * seen.rows:
        caught = sum(1 for cell in seen.cells if cell.nulls)
        yield seen.suggestion(
            "completeness",
            "The cell must not be blank.",
            "pa.Field(nullable=False)",
            caught=caught,
            caught_cells=seen.nulls,
        )


def _not_negative(seen: _Seen) -> Iterator[Suggestion]:
    numbers = [cell.number for cell in seen.cells if cell.number]
    if not numbers or seen.filled < _LEAST_CELLS or {"greater_than_or_equal_to", "in_range"} & seen.checks:
        return
    negatives = sum(number.negatives for number in numbers)
    if negatives <= _SELDOM * seen.filled:
        caught = sum(1 for number in numbers if number.negatives)
        yield seen.suggestion(
            "domain_range",
            "The number is not below nought.",
            "pa.Field(ge=0)",
            caught=caught,
            caught_cells=negatives,
        )


def _at_most(seen: _Seen) -> Iterator[Suggestion]:
    reaches = [cell.number.reach for cell in seen.cells if cell.number and cell.number.reach is not None]
    if not reaches or seen.filled < _LEAST_CELLS or {"less_than_or_equal_to", "in_range"} & seen.checks:
        return
    bound = f"1e{max(reaches)}" if max(reaches) < 0 else f"{10 ** max(reaches):_}"
    yield seen.suggestion(
        "domain_range",
        f"The number is at most {bound.replace('_', ',')}, the next power of ten above all so far.",
        f"pa.Field(le={bound})",
        how="A closer bound follows from what the figure means; the profile keeps no largest value.",
    )


def _unique(seen: _Seen) -> Iterator[Suggestion]:
    """Also of a sample of values: whatever occurs of a sampled value is counted in full."""
    repeated = [cell.values.cells - (cell.values.distinct >> cell.values.level) for cell in seen.cells]
    sampled = sum(cell.values.cells for cell in seen.cells)
    is_some = any(profile.rows > 1 for profile in seen.profiles)
    # A number with a range is a quantity, whose values differ by chance.
    is_key = seen.column.dtype == pl.String() or (seen.column.dtype == pl.Int64() and not seen.checks)
    if is_key and is_some and sampled >= _LEAST_CELLS and sum(repeated) <= _SELDOM * sampled:
        yield seen.suggestion(
            "uniqueness",
            "No value stands twice in a submission.",
            f'@rule(…) returning pl.col("{seen.column.name}").is_unique()',
            caught=sum(1 for each in repeated if each),
            caught_cells=sum(repeated),
            how="" if all(cell.values.level == 0 for cell in seen.cells) else "Counted on a sample of the values.",
        )


def _domain(seen: _Seen) -> Iterator[Suggestion]:
    """Few values, all of which were known in the first half of the history."""
    if seen.column.dtype != pl.String() or "isin" in seen.checks or not all(c.values.is_whole for c in seen.cells):
        return
    names = [cell.values.counts for cell in seen.cells]
    known: set[str] = set().union(*names[: len(names) // 2])
    fresh = [{name: count for name, count in each.items() if name not in known} for each in names[len(names) // 2 :]]
    if 0 < len(known) <= _MOST_VALUES and sum(sum(f.values()) for f in fresh) <= _SELDOM * seen.filled:
        yield seen.suggestion(
            "domain_range",
            f"The value is one of a list of {len(known):,}.",
            caught=sum(1 for each in fresh if each),
            caught_cells=sum(sum(each.values()) for each in fresh),
            how=f"The list is not in the profile: {_WHERE.format(column=seen.column.name, dependency='<dependency>')}.",
        )


def _length(seen: _Seen) -> Iterator[Suggestion]:
    told = [c.text for c in seen.cells if c.text and c.text.shortest is not None and c.text.longest is not None]
    if len(told) < LEAST_SUBMISSIONS or seen.filled < _LEAST_CELLS:
        return
    shortest = min(text.shortest or 0 for text in told)
    longest = max(text.longest or 0 for text in told)
    if shortest != longest:
        return
    yield seen.suggestion(
        "field_structure",
        f"The text has {longest:,} characters.",
        f'@rule(…) returning pl.col("{seen.column.name}").str.len_chars() == {longest}',
    )


def _format(seen: _Seen) -> Iterator[Suggestion]:
    texts = [cell.text for cell in seen.cells if cell.text]
    formatted, counts = sum(text.formatted for text in texts), dict[str, int]()
    for text in texts:
        for name, count in text.formats.items():
            counts[name] = counts.get(name, 0) + count
    if formatted < _LEAST_CELLS or not counts:
        return
    name = max(counts, key=lambda one: counts[one])
    if counts[name] < _ONE_FORMAT * formatted:
        return
    kinds = {"L": "letters", "D": "digits", "S": "a blank", "P": "other signs"}
    classes = {"L": r"\p{L}+", "D": r"\p{N}+", "S": r"\s+", "P": r"[^\p{L}\p{N}\s]+"}
    pattern = "".join(classes[kind] for kind in name)
    yield seen.suggestion(
        "field_structure",
        f"The text is made of {', '.join(kinds[kind] for kind in name)}, in this order.",
        f'@rule(…) returning pl.col("{seen.column.name}").str.contains(r"^{pattern}$")',
        caught=sum(1 for text in texts if text.formats.get(name, 0) < text.formatted),
        caught_cells=formatted - counts[name],
    )


def _stable_sum(seen: _Seen) -> Iterator[Suggestion]:
    totals = [cell.number.total for cell in seen.cells if cell.number and cell.number.total]
    if len(totals) < LEAST_SUBMISSIONS:
        return
    steps = sorted(abs(decades(abs(b)) - decades(abs(a))) for a, b in zip(totals, totals[1:], strict=False))
    usual = steps[math.ceil(0.95 * len(steps)) - 1]
    limit = max(_HEADROOM * usual, 0.005)
    if usual > _LARGEST_SUM_STEP / _HEADROOM:
        return
    yield seen.suggestion(
        "business",
        f"The sum changes by at most {(10**limit - 1) * 100:.2g} % from one submission to the next.",
        caught=sum(1 for step in steps if step > limit),
        how="A rule over two periods is a dbt test; see the relations of regional_hospital_activity.",
    )
