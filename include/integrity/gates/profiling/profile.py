"""What a submission looks like, in figures that tell no cell: what the register keeps of it.

A profile leaves the warehouse, so none of its figures may be a cell's value. What is kept of small groups follows
statistical offices' custom for what they publish, with `LEAST_CELLS` as the least size of a group:

- a text is told by a keyed hash only, whose key is not stored beside it; lengths and formats are told where at least
  ten cells share in them;
- no least and no greatest value is kept, and no raw quantile: a number is first put into one of a hundred classes of
  magnitude a decade (so that a figure is 1.2 % off at most), and a quantile is told where ten cells lie on either side;
- a column's level (mean of the logarithms) is told of ten cells or more, its sum where besides no cell has half of it;
- of fewer cells only the half decade of their level is told, which says as much as a number's count of digits does;
- counts of blanks, noughts, negative numbers and rows are told whatever they are: they are what findings tell, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LEAST_CELLS = 10
"""Figures of fewer cells than this tell of the cells themselves."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HashedSet(_Kept):
    """Distinct values or rows by their keyed hashes: all of them, or those whose hash falls into a known part.

    Attributes:
        level: 0 where all are in it; each level above keeps every second only, the same ones in every submission.
        distinct: How many there are; an estimate above level 0.
        cells: Cells, or rows, that `counts` speaks of, before its tail was cut off.
        counts: How often each occurs, most frequent first; not more than are worth keeping.
        depths: For each hash in `counts` the highest level at which it would still be in; empty where all are at 0.
    """

    level: int
    distinct: int
    cells: int
    counts: dict[str, int]
    depths: tuple[int, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every value is in it, so that what is not in it did not occur."""
        return self.level == 0 and len(self.counts) == self.distinct

    def at(self, level: int) -> frozenset[str]:
        """Those that would be in it at a level which is not below its own."""
        if level == 0:
            return frozenset(self.counts)
        return frozenset(name for name, depth in zip(self.counts, self.depths, strict=True) if depth >= level)


class TextFigures(_Kept):
    """A text column.

    Attributes:
        shortest, longest, mean_length: Of the cells, in characters; None where fewer than ten are filled.
        formats: Cells by their sequence of letters (L), digits (D), blanks (S) and other characters (P), such as `LSD`;
            of values in `values` only, and where at least ten share in it.
        formatted: Cells that `formats` speaks of, those of rarer formats included.
    """

    shortest: int | None
    longest: int | None
    mean_length: float | None
    formats: dict[str, int]
    formatted: int


class NumberFigures(_Kept):
    """A column of numbers; logarithms are to the base 10, of the absolute values of cells that are not nought.

    Attributes:
        noughts, negatives: Cells.
        magnitude: Mean logarithm, to the nearest half; None where every cell is blank or nought.
        level: Mean logarithm.
        spread: Standard deviation of the logarithms.
        reach: The whole power of ten that no cell exceeds.
        quantiles: Of all cells, by per cent: as many as have ten cells on either side.
        total: Sum, to three digits.
        digits: Cells by the last digit before the point, of those at or above 10; of a sample where there are many.
        whole: Cells without decimals, among the sample's `sampled`.
        sampled: Filled cells of the sample.
    """

    noughts: int
    negatives: int
    magnitude: float | None
    level: float | None
    spread: float | None
    reach: int | None
    quantiles: dict[str, float]
    total: float | None
    digits: tuple[int, ...]
    whole: int
    sampled: int


class ColumnProfile(_Kept):
    """One column of the data dictionary in one submission.

    Attributes:
        content: Keyed hash of all its cells, whatever their order; those of two profiles are compared only if they
            were hashed the same way.
    """

    nulls: int
    content: str
    values: HashedSet
    text: TextFigures | None = None
    number: NumberFigures | None = None


class Profile(_Kept):
    """One accepted submission.

    Attributes:
        hashing: What the row hashes were made with; those of two profiles are compared only if it is the same.
        content: Keyed hash of the set of its rows without their dates; '' where it has no other columns.
        records: Its rows without their dates.
        keys: What the key's columns other than dates hold, row by row; None where there are none.
        tables: Profile of each table of a submission that is several; it has no columns itself.
    """

    version: Literal[1] = 1
    rows: int = Field(ge=0)
    columns: dict[str, ColumnProfile]
    hashing: str
    content: str
    records: HashedSet
    keys: HashedSet | None
    tables: dict[str, Profile] = {}

    @classmethod
    def of_tables(cls, tables: Mapping[str, Profile]) -> Profile:
        """The profile of a submission of several tables, one at least."""
        return cls(
            rows=sum(profile.rows for profile in tables.values()),
            columns={},
            hashing=next(iter(tables.values())).hashing,
            content="",
            records=HashedSet(level=0, distinct=0, cells=0, counts={}),
            keys=None,
            tables=dict(tables),
        )

    def of(self, table: str) -> Profile:
        """Of one of its tables; '' is the only one."""
        return self.tables[table] if table else self

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude=None if self.tables else {"tables"})

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Profile:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is of another version, or no profile: then the submission has to be profiled again.
        """
        return cls.model_validate(kept)
