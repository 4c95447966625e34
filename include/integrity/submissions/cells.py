"""What a cell looks like, told from its text alone: enough to tell headings from figures, and columns apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*"
_CLASSES = (
    ("whole", re.compile(r"[+-]?\d+")),
    (
        "number",
        re.compile(
            r"[(+-]?\s*(?:[$€£¥]|[A-Z]{3} ?)?\s*[+-]?"
            r"(?:\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+|\d+)?(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
            r"\s*(?:[$€£¥%-]|CR|DR|[A-Z]{3})?\)?"
        ),
    ),
    (
        "moment",
        re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"),
    ),
    (
        "date",
        re.compile(
            rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}|\d{{1,2}}[- ]?{_MONTH}[- ]?\d{{2,4}}|{_MONTH}[- ]\d{{2,4}}", re.I
        ),
    ),
    ("time", re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?", re.I)),
    ("address", re.compile(r"(?:https?://|www\.)\S+|[^\s@]+@[^\s@]+\.[a-z]+", re.I)),
    ("word", re.compile(r"[^\W\d]+")),
    ("code", re.compile(r"(?=\S*\d)[\w./#-]+")),
)
TYPED = frozenset({"whole", "number", "moment", "date", "time", "address", "code"})
"""Classes that no heading has; a column of them under a word is a column under its heading."""

_COSTLIEST = 2.5


def class_of(cell: str) -> str:
    """Its kind: ``blank``, ``whole``, ``number``, ``moment``, ``date``, ``time``, ``address``, ``word``, ``code``
    or ``text``."""
    cell = cell.strip()
    if not cell:
        return "blank"
    if len(cell) > 200:
        return "text"
    for name, pattern in _CLASSES:
        if pattern.fullmatch(cell) and (name != "number" or any(c.isdigit() for c in cell)):
            return name
    return "text"


def shape_of(cell: str) -> str:
    """The cell with every digit as 9 and every letter as A: ``28/01/2018`` gives ``99/99/9999``."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", cell.strip()))


@dataclass(frozen=True)
class ColumnProfile:
    """What the sound rows of a file have in one column.

    Attributes:
        shape: The one shape that nine in ten of its filled cells have; None where there is none.
    """

    rows: int
    classes: dict[str, int]
    shape: str | None

    def cost(self, cell: str) -> float:
        """How ill a cell fits here: 0 where every cell looks like it, at most 3."""
        found = class_of(cell)
        cost = min(_COSTLIEST, -log10((self.classes.get(found, 0) + 0.02) / (self.rows + 0.2)))
        if self.shape and found != "blank" and shape_of(cell) != self.shape:
            cost += 0.5
        return max(cost, 0.0)

    def is_tight(self) -> bool:
        """Whether its cells can be told by their shape alone, as a date's or a time's can."""
        return self.shape is not None and any(c in self.shape for c in "9") and len(self.shape) >= 4

    @property
    def dominant(self) -> str:
        """The commonest class of its filled cells; ``blank`` where none is filled."""
        filled = {name: count for name, count in self.classes.items() if name != "blank"}
        return max(filled, key=lambda name: filled[name]) if filled else "blank"


def profiles(rows: Sequence[Sequence[str]], width: int) -> list[ColumnProfile]:
    """A profile for each of ``width`` columns, from rows that all have that many cells."""
    return [_profile([row[column] for row in rows]) for column in range(width)]


def _profile(cells: Iterable[str]) -> ColumnProfile:
    cells = list(cells)
    shapes = Counter(shape_of(cell) for cell in cells if cell.strip())
    filled = sum(shapes.values())
    shape, count = shapes.most_common(1)[0] if shapes else ("", 0)
    return ColumnProfile(
        len(cells), dict(Counter(map(class_of, cells))), shape if count >= max(3, 0.9 * filled) else None
    )
