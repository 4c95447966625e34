"""Bringing a supplier's headings and notations to the data dictionary, by a written mapping and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from integrity.inventory.dependency import Layout
from integrity.submissions.reading import ROW, Reading


@dataclass(frozen=True)
class LayoutFit:
    """How well a header fits a layout.

    Attributes:
        missing: Columns of the dictionary that the layout promises and the file lacks.
        unknown: Headings that neither the dictionary nor the layout knows.
    """

    layout: Layout
    missing: tuple[str, ...]
    unknown: tuple[str, ...]


def choose_layout(headings: tuple[str, ...], layouts: list[Layout], dictionary: tuple[str, ...]) -> LayoutFit:
    """The layout that this header fits best; the first listed where several fit equally."""
    fits = [_fit(headings, layout, dictionary) for layout in layouts]
    return min(fits, key=lambda fit: len(fit.missing) + len(fit.unknown))


def _fit(headings: tuple[str, ...], layout: Layout, dictionary: tuple[str, ...]) -> LayoutFit:
    brought = {layout.rename.get(heading, heading): heading for heading in headings if heading not in layout.ignore}
    missing = tuple(c for c in dictionary if c not in brought and c not in layout.may_lack)
    unknown = tuple(heading for column, heading in brought.items() if column not in dictionary)
    return LayoutFit(layout, missing, unknown)


def apply_layout(reading: Reading, layout: Layout, dictionary: tuple[str, ...]) -> pl.DataFrame:
    """The submission in the dictionary's terms, still text: ``_row`` and every column of the dictionary.

    A column that the file lacks is null throughout.
    """
    given = {layout.rename.get(h, h): h for h in reading.headings if h not in layout.ignore}
    frame = reading.frame.select(
        ROW,
        *[
            pl.col(given[column]).alias(column) if column in given else pl.lit(None, pl.String).alias(column)
            for column in dictionary
        ],
    )
    frame = frame.with_columns([pl.col(column).str.zfill(width) for column, width in layout.pad.items()])
    for recode in layout.recode:
        holds = pl.all_horizontal([pl.col(column) == value for column, value in recode.when.items()])
        frame = frame.with_columns(
            [
                pl.when(holds).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
                for column, value in recode.set.items()
            ]
        )
    return frame


def headings_of(layout: Layout, headings: tuple[str, ...]) -> dict[str, str]:
    """The supplier's own heading for each column of the dictionary that the file has."""
    return {layout.rename.get(heading, heading): heading for heading in headings}
