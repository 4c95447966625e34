"""What the Civil Protection's regional and national figures have in common.

Source: Presidenza del Consiglio dei Ministri - Dipartimento della Protezione Civile, repository
pcm-dpc/COVID-19, CC BY 4.0; columns and meanings are the publisher's own.
"""

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData


def people(description: str, **options: object) -> object:
    """A count of people or tests: a whole number, not below nought."""
    return pa.Field(ge=0, description=description, **options)


class Figures(pa.DataFrameModel):
    """One row: the situation of one place on one day."""

    data: pl.Datetime = pa.Field(description="Moment of the figures, Italian local time")
    stato: str = pa.Field(isin=["ITA"], description="Country, ISO 3166-1 alpha-3")
    ricoverati_con_sintomi: pl.Int64 = people("People in ordinary wards that day")
    terapia_intensiva: pl.Int64 = people("People in intensive care that day")
    totale_ospedalizzati: pl.Int64 = people("People in hospital: ordinary wards and intensive care")
    isolamento_domiciliare: pl.Int64 = people("People isolated at home that day")
    totale_positivi: pl.Int64 = people("Current positives: in hospital and isolated at home")
    variazione_totale_positivi: pl.Int64 = pa.Field(description="Current positives minus those of the day before")
    nuovi_positivi: pl.Int64 = pa.Field(nullable=True, description="Newly found cases; negative after withdrawals")
    dimessi_guariti: pl.Int64 = people("Recovered, running total")
    deceduti: pl.Int64 = people("Deaths, running total")
    casi_da_sospetto_diagnostico: pl.Int64 = people("Cases found from symptoms, running total", nullable=True)
    casi_da_screening: pl.Int64 = people("Cases found by screening, running total", nullable=True)
    totale_casi: pl.Int64 = people("Cases: recovered, deaths and current positives, running total")
    tamponi: pl.Int64 = people("Tests done, running total")
    casi_testati: pl.Int64 = people("People tested, running total, since 19 April 2020", nullable=True)
    ingressi_terapia_intensiva: pl.Int64 = people("Admissions to intensive care that day", nullable=True)

    @rule(
        "not_in_future",
        columns=["data"],
        kind="business",
        dimension="timeliness",
        limitations=["9.6"],
        severity="block",
        message="The row is dated after the reporting period of the file, so it cannot be known yet.",
        mend="Correct the date, or send the file for the day that it speaks of.",
    )
    def not_in_future(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("data").dt.date() <= pl.col("_latest"))

    @rule(
        "date_is_period",
        columns=["data"],
        kind="dependency",
        dimension="consistency",
        limitations=["9.6"],
        severity="block",
        message="The row is dated before the reporting period of the file: these are an earlier day's figures.",
        mend="Send the figures of the day that the file's name states.",
    )
    def date_is_period(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("data").dt.date() >= pl.col("_period"))

    @rule(
        "hospitalised_total",
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        columns=["totale_ospedalizzati", "ricoverati_con_sintomi", "terapia_intensiva"],
        message="People in hospital must equal those in ordinary wards plus those in intensive care.",
        mend="Correct the total or one of its two parts.",
    )
    def hospitalised_total(cls, frame: PolarsData) -> pl.LazyFrame:
        parts = pl.col("ricoverati_con_sintomi") + pl.col("terapia_intensiva")
        return frame.lazyframe.select(pl.col("totale_ospedalizzati") == parts)

    @rule(
        "current_positives_total",
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        columns=["totale_positivi", "totale_ospedalizzati", "isolamento_domiciliare"],
        message="Current positives must equal people in hospital plus people isolated at home.",
        mend="Correct the total or one of its two parts.",
    )
    def current_positives_total(cls, frame: PolarsData) -> pl.LazyFrame:
        parts = pl.col("totale_ospedalizzati") + pl.col("isolamento_domiciliare")
        return frame.lazyframe.select(pl.col("totale_positivi") == parts)

    @rule(
        "total_cases",
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        columns=["totale_casi", "totale_positivi", "dimessi_guariti", "deceduti"],
        message="Total cases must equal current positives plus recovered plus deaths.",
        mend="Correct the total or one of its three parts.",
    )
    def total_cases(cls, frame: PolarsData) -> pl.LazyFrame:
        parts = pl.col("totale_positivi") + pl.col("dimessi_guariti") + pl.col("deceduti")
        return frame.lazyframe.select(pl.col("totale_casi") == parts)

    @rule(
        "cases_by_origin",
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="warn",
        columns=["casi_da_screening", "casi_da_sospetto_diagnostico", "totale_casi"],
        message="Cases found by screening plus cases found from symptoms should equal total cases.",
        mend="Bring both parts up to the day, or leave both blank.",
    )
    def cases_by_origin(cls, frame: PolarsData) -> pl.LazyFrame:
        parts = pl.col("casi_da_screening") + pl.col("casi_da_sospetto_diagnostico")
        return frame.lazyframe.select(pl.col("totale_casi") == parts)

    @rule(
        "tested_at_most_tests",
        kind="business",
        dimension="accuracy",
        limitations=["5.1"],
        severity="quarantine",
        columns=["casi_testati", "tamponi"],
        message="No more people can have been tested than tests were done.",
        mend="Check whether the two figures were swapped or one was mistyped.",
    )
    def tested_at_most_tests(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("casi_testati") <= pl.col("tamponi"))
