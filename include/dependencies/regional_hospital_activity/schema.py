"""Rules of the regional figures: one file a day, one row a region or autonomous province."""

from pathlib import Path

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

from .._civil_protection import Figures

REGIONS = pl.read_csv(Path(__file__).parent / "reference" / "regions.csv", infer_schema=False)
_KEY = ["data", "codice_regione"]


class Schema(Figures):
    codice_regione: str = pa.Field(isin=REGIONS["codice_regione"].to_list(), description="ISTAT code, two digits")
    denominazione_regione: str = pa.Field(description="Name of the region or autonomous province")
    lat: pl.Float64 = pa.Field(in_range={"min_value": 35, "max_value": 48}, description="Latitude, degrees WGS84")
    long: pl.Float64 = pa.Field(in_range={"min_value": 6, "max_value": 19}, description="Longitude, degrees WGS84")

    @rule(
        "name_matches_code",
        columns=["denominazione_regione", "codice_regione"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "9.5"],
        severity="quarantine",
        message="The region's name does not belong to its code.",
        mend="Correct the name or the code by the reference list of regions.",
    )
    def name_matches_code(cls, frame: PolarsData) -> pl.LazyFrame:
        names = dict(zip(REGIONS["codice_regione"], REGIONS["denominazione_regione"], strict=True))
        expected = pl.col("codice_regione").replace_strict(names, default=None, return_dtype=pl.String)
        return frame.lazyframe.select(pl.col("denominazione_regione") == expected)

    @rule(
        "row_once",
        columns=_KEY,
        kind="duplicate",
        dimension="accuracy",
        limitations=["1.4"],
        severity="quarantine",
        message="The same row stands in the file more than once.",
        mend="Leave only the first of these rows.",
    )
    def row_once(cls, frame: PolarsData) -> pl.LazyFrame:
        whole_row = pl.struct(pl.exclude("_row", "_period", "_latest"))
        return frame.lazyframe.select(whole_row.is_first_distinct())

    @rule(
        "region_once",
        columns=_KEY,
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="quarantine",
        message="Two rows give different figures for the same region and day.",
        mend="Leave only the row that is right.",
    )
    def region_once(cls, frame: PolarsData) -> pl.LazyFrame:
        different_rows = pl.struct(pl.exclude("_row", "_period", "_latest")).n_unique().over(_KEY)
        return frame.lazyframe.select(different_rows == 1)
