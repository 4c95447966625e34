"""Bringing a supplier's headings to the data dictionary, by a written mapping and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from integrity.errors import Misconfigured
from integrity.inventory.dependency import Layout
from integrity.inventory.headings import bare
from integrity.submissions.reading import ROW, Reading


@dataclass(frozen=True)
class LayoutFit:
    """How well a header fits a layout.

    Attributes:
        missing: Columns of the dictionary that the layout promises and the file lacks.
        unknown: Headings that neither the dictionary nor the layout knows.
        brought: The supplier's own heading of each column of the dictionary that the file has.
        doubled: Headings of each column that several claim, none better than another: the column is missing too.
    """

    layout: Layout
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    brought: dict[str, str] = field(default_factory=dict)
    doubled: dict[str, tuple[str, ...]] = field(default_factory=dict)


def choose_layout(
    headings: tuple[str, ...], layouts: list[Layout], dictionary: tuple[str, ...], supplier: str = ""
) -> LayoutFit:
    """The layout that this header fits best; the first listed where several fit equally.

    Args:
        supplier: Whose file it is: layouts that name other suppliers are not asked, and one that names this
            supplier goes before one that names none. All are asked where it is not known.

    Raises:
        Misconfigured: No layout describes this supplier's files.
    """
    asked = [layout for layout in layouts if not supplier or not layout.suppliers or supplier in layout.suppliers]
    if not asked:
        raise Misconfigured(f"No layout describes the files of supplier '{supplier}': write one that names it.")
    asked = sorted(asked, key=lambda layout: (not layout.suppliers) == bool(supplier))
    fits = [_fit(headings, layout, dictionary) for layout in asked]
    return min(fits, key=lambda fit: len(fit.missing) + len(fit.unknown))


def _fit(headings: tuple[str, ...], layout: Layout, dictionary: tuple[str, ...]) -> LayoutFit:
    claims: dict[str, list[tuple[bool, str]]] = {}
    unknown: list[str] = []
    exact, loose = _known(layout, dictionary)
    for heading in headings:
        column = exact.get(heading, loose.get(bare(heading), ""))
        if column is None:
            continue
        if column not in dictionary:
            unknown.append(heading)
        else:
            claims.setdefault(column, []).append((heading in exact, heading))
    brought: dict[str, str] = {}
    doubled: dict[str, tuple[str, ...]] = {}
    for column, claimed in claims.items():
        best = [heading for is_exact, heading in claimed if is_exact] or [heading for _, heading in claimed]
        if len(best) == 1:
            brought[column] = best[0]
        else:
            doubled[column] = tuple(best)
        unknown += [heading for _, heading in claimed if heading != brought.get(column)]
    missing = tuple(c for c in dictionary if c not in brought and c not in layout.may_lack and c not in layout.fixed)
    return LayoutFit(
        layout,
        missing=tuple(dict.fromkeys([*missing, *doubled])),
        unknown=tuple(sorted(unknown, key=headings.index)),
        brought=brought,
        doubled=doubled,
    )


def _known(layout: Layout, dictionary: tuple[str, ...]) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Column of each heading that is known, as written and regardless of case and blanks; None: known and ignored."""
    exact: dict[str, str | None] = {column: column for column in dictionary}
    exact |= layout.rename
    exact |= dict.fromkeys(layout.ignore)
    # A loose match never goes against what is written: the first of those that look the same.
    loose: dict[str, str | None] = {}
    for heading in [*layout.rename, *dictionary, *layout.ignore]:
        loose.setdefault(bare(heading), exact[heading])
    return exact, loose


def headings_of(layout: Layout, headings: tuple[str, ...], dictionary: tuple[str, ...]) -> dict[str, str]:
    """The supplier's own heading for each column of the dictionary that the file has."""
    return _fit(headings, layout, dictionary).brought


def apply_layout(reading: Reading, layout: Layout, dictionary: tuple[str, ...]) -> pl.DataFrame:
    """The submission in the dictionary's terms, still text: ``_row`` and every column of the dictionary.

    Numbers and moments stay as received; ``notations.typed`` reads them. A column that the file lacks
    holds its fixed value, or is null throughout.
    """
    return in_dictionary_terms(reading.frame.lazy(), reading.headings, layout, dictionary).collect()


def in_dictionary_terms(
    rows: pl.LazyFrame, headings: tuple[str, ...], layout: Layout, dictionary: tuple[str, ...]
) -> pl.LazyFrame:
    """Rows of a submission as ``apply_layout`` gives all of them."""
    given = headings_of(layout, headings, dictionary)
    columns = [
        pl.col(given[column]).alias(column)
        if column in given
        else pl.lit(layout.fixed.get(column), pl.String).alias(column)
        for column in dictionary
    ]
    frame = rows.select(ROW, *columns)
    if layout.pad:
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
