"""A sheet of cells as text, before anybody has said which of them is the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """Cells of one sheet or text file.

    Attributes:
        rows: Cells as text, '' where blank; rows may differ in length.
        numbers: Physical number of each row, from 1, as the supplier's own program shows it.
        sheet: Name of the worksheet; None for text.
        beside: Names of the other sheets that can be seen, where only one was asked for.
        notes: What was noticed on the way, for people; never a cell's value.
    """

    rows: list[list[str]]
    numbers: list[int]
    sheet: str | None = None
    beside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
