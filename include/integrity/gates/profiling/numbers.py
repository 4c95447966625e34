"""A column of numbers, as sums that can be added up batch by batch, and as figures that tell no cell."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import polars as pl

from integrity.gates.profiling.profile import LEAST_CELLS, NumberFigures

CLASSES = 100
"""Classes of magnitude a decade: ten times as much is exactly a hundred classes more."""

PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_TINIEST, _GREATEST = -12, 30
"""Powers of ten between which magnitudes are told apart."""
_ROUNDING = 1e-9
"""Puts a whole power of ten into its own class, whatever the last bit of its logarithm."""
_PENCE = 100
_SAFE = 9.0e18
_UTMOST = 1e30
_DOMINATES = 0.5
_NO_DIGITS = (0,) * 10


@dataclass
class NumberTally:
    """Whole numbers only, so that their sums do not depend on the order of batches.

    Attributes:
        classes, squares: Sum over cells other than nought of their class of magnitude, and of its square.
        pence: Sum of all cells in hundredths.
        largest: The highest class of magnitude.
    """

    filled: int = 0
    noughts: int = 0
    negatives: int = 0
    classes: int = 0
    squares: int = 0
    pence: int = 0
    largest: int | None = None

    def add(self, other: NumberTally) -> None:
        for field in fields(self):
            if field.name != "largest":
                setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        known = [largest for largest in (self.largest, other.largest) if largest is not None]
        self.largest = max(known, default=None)

    @property
    def measured(self) -> int:
        """Cells that have a magnitude."""
        return self.filled - self.noughts

    @property
    def mean(self) -> float:
        """Mean logarithm, from the middles of the classes."""
        return (self.classes / self.measured + 0.5) / CLASSES

    @property
    def spread(self) -> float:
        variance = self.squares / self.measured - (self.classes / self.measured) ** 2
        return math.sqrt(max(variance, 0.0)) / CLASSES


def tally(cells: pl.Series) -> NumberTally:
    """Tally of some filled cells; those that are no finite number are left out."""
    if cells.dtype.is_float():
        cells = cells.filter(cells.is_finite())
    sizes = cells.cast(pl.Float64).abs()
    classes = class_of(sizes.filter(sizes > 0))
    return NumberTally(
        filled=cells.len(),
        noughts=cells.len() - classes.len(),
        negatives=int((cells < 0).sum()),
        classes=int(classes.sum()),
        squares=int((classes * classes).sum()),
        pence=_pence(cells, greatest=_greatest(sizes) or 0.0),
        largest=None if classes.is_empty() else int(_greatest(classes) or 0),
    )


def _greatest(cells: pl.Series) -> float | None:
    greatest = cells.max()
    assert greatest is None or isinstance(greatest, int | float)  # noqa: S101 - of numbers
    return greatest


def class_of(sizes: pl.Series) -> pl.Series:
    """Class of magnitude of numbers above nought."""
    return (sizes.log10().clip(_TINIEST, _GREATEST) * CLASSES + _ROUNDING).floor().cast(pl.Int64)


def _pence(cells: pl.Series, greatest: float) -> int:
    """Sum in hundredths, exact, so that it does not hang on the order in which the cells are added."""
    if greatest * _PENCE * max(cells.len(), 1) < _SAFE:
        scaled = (cells * _PENCE).round() if cells.dtype.is_float() else cells * _PENCE
        return int(scaled.cast(pl.Int64).sum())
    scaled = (cells.cast(pl.Float64).clip(-_UTMOST, _UTMOST) * _PENCE).round()
    return int(scaled.cast(pl.Int128).sum())


def figures(tallied: NumberTally, sampled: pl.Series) -> NumberFigures:
    """What may be told of a column.

    Args:
        sampled: Filled cells of the submission, or of a fair sample of them.
    """
    measured = tallied.measured
    is_many = measured >= LEAST_CELLS
    if sampled.dtype.is_float():
        sampled = sampled.filter(sampled.is_finite())
    is_sampled = sampled.len() >= LEAST_CELLS
    return NumberFigures(
        noughts=tallied.noughts,
        negatives=tallied.negatives,
        magnitude=round(tallied.mean * 2) / 2 if measured else None,
        level=round(tallied.mean, 4) if is_many else None,
        spread=round(tallied.spread, 4) if is_many else None,
        reach=math.ceil((tallied.largest + 1) / CLASSES) if tallied.largest is not None else None,
        quantiles=_quantiles(sampled),
        total=_total(tallied),
        digits=_last_digits(sampled) if is_sampled else _NO_DIGITS,
        whole=_whole(sampled) if is_sampled else 0,
        sampled=sampled.len() if is_sampled else 0,
    )


def _total(tallied: NumberTally) -> float | None:
    total = tallied.pence / _PENCE
    if tallied.measured < LEAST_CELLS or tallied.largest is None:
        return None
    if 10 ** (tallied.largest / CLASSES) > abs(total) * _DOMINATES:
        return None
    return float(f"{total:.3g}")


def _quantiles(cells: pl.Series) -> dict[str, float]:
    """The middle of the class in which each lies, never a cell."""
    ordered = cells.sort()
    told = {}
    for percent in PERCENTS:
        place = (ordered.len() * percent) // 100
        if min(place, ordered.len() - 1 - place) >= LEAST_CELLS:
            told[str(percent)] = _middle(float(ordered[place]))
    return told


def _middle(number: float) -> float:
    if number == 0:
        return 0.0
    size = 10 ** ((math.floor(math.log10(abs(number)) * CLASSES + _ROUNDING) + 0.5) / CLASSES)
    return math.copysign(float(f"{size:.3g}"), number)


def _last_digits(cells: pl.Series) -> tuple[int, ...]:
    sizes = cells.cast(pl.Float64).abs()
    digits = (sizes.filter((sizes >= 10) & (sizes < _SAFE)).floor().cast(pl.Int64) % 10).alias("digit").value_counts()
    counts = dict(digits.iter_rows())
    return tuple(counts.get(digit, 0) for digit in range(10))


def _whole(cells: pl.Series) -> int:
    return int((cells == cells.floor()).sum()) if cells.dtype.is_float() else cells.len()
