"""Rules on figures that nothing else in the records holds: those that were copied from one row to another."""

from typing import Any

import polars as pl
from integrity.gates.rules import rule, submission_rule
from pandera.api.polars.types import PolarsData

LEAST_ROWS = 20
"""Rows without which it is no wonder that all hold the same."""


def place_not_copied(*area: str) -> Any:
    """No two rows of different areas share a latitude or a longitude, which have six decimals and more.

    Args:
        area: Columns that say where the row's place is, roughly; a ZIP code says it by its region.
    """

    @rule(
        "place_not_copied",
        columns=["lat", "lon", *area],
        kind="duplicate",
        dimension="accuracy",
        limitations=["5.4", "9.13"],
        severity="warn",
        message="The latitude or longitude is that of a place in another area.",
        mend="Look the place up again; the co-ordinates may have been copied from another row.",
    )
    def place_not_copied(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        where = pl.struct(_region(column) for column in area)
        return frame.lazyframe.select((where.n_unique().over("lat") == 1) & (where.n_unique().over("lon") == 1))

    return place_not_copied


def _region(column: str) -> pl.Expr:
    """The area that a cell names; of a ZIP code the region, which a lost leading nought does not change."""
    if column != "zip":
        return pl.col(column)
    return pl.col(column).str.strip_chars_start("0").str.slice(0, 2)


def costs_own() -> Any:
    """No two people's costs of a life are the same to the cent."""

    @rule(
        "costs_own",
        columns=["healthcare_expenses", "healthcare_coverage", "id"],
        kind="duplicate",
        dimension="accuracy",
        limitations=["5.4", "9.13"],
        severity="warn",
        message="Another person's care has cost, or was covered, to the very cent as much over a whole life.",
        mend="Sum up the costs of both people again; one sum may have been copied.",
    )
    def costs_own(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        sums = ["healthcare_expenses", "healthcare_coverage"]
        # Of one person's own rows that stand there twice, other rules tell.
        is_own = [(pl.col(sum_) == 0) | (pl.col("id").n_unique().over(sum_) == 1) for sum_ in sums]
        return frame.lazyframe.select(pl.all_horizontal(is_own))

    return costs_own


def quantity_usual() -> Any:
    """A supply is used in the quantity in which it is used on most days, where there is such a one."""

    @rule(
        "quantity_usual",
        columns=["quantity", "code"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1", "5.4"],
        severity="warn",
        message="The supply is used in another quantity than on most days.",
        mend="Check the quantity; confirm it if more or less was needed.",
    )
    def quantity_usual(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        # The first of equally frequent ones: a verdict must not hang on the order in which a hash table gives them.
        usual = pl.col("quantity").mode(maintain_order=True).first().over("code")
        is_usual = pl.col("quantity") == usual
        return frame.lazyframe.select(pl.when(is_usual.mean().over("code") > 0.5).then(is_usual))

    return quantity_usual


def quantities_differ() -> Any:
    """Not everything is used in the same quantity."""

    @submission_rule(
        "quantities_differ",
        columns=["quantity", "code"],
        kind="duplicate",
        dimension="accuracy",
        limitations=["5.4", "9.13"],
        severity="warn",
        message="Supplies of several kinds are all used in one and the same quantity; it may have been copied down.",
        mend="Export the quantities again; confirm them if they are right.",
    )
    def quantities_differ(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        has_kinds = (pl.len() >= LEAST_ROWS) & (pl.col("code").n_unique() > 1)
        return frame.lazyframe.select(pl.when(has_kinds).then(pl.col("quantity").n_unique() > 1).alias("holds"))

    return quantities_differ
