"""Rules of the national figures: one file a day, one row."""

import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

from .._civil_protection import Figures


class Schema(Figures):
    @rule(
        "day_once",
        columns=["data"],
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="block",
        message="The file must hold a single row for the day.",
        mend="Leave only the row that is right.",
    )
    def day_once(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("data").dt.date().is_first_distinct())
