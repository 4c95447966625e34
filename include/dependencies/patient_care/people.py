"""People in care, and where and by whom they are cared for."""

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule, submission_rule
from pandera.api.polars.types import PolarsData

from .common_rules import (
    entry_once,
    last_day,
    not_after_period,
    phone_shape,
    row_once,
    stop_not_before_start,
    zip_shape,
)
from .copies import costs_own, place_not_copied
from .fields import CUT_ZIPS, count, identifier, latitude, longitude, money, text

SPECIALITIES = [
    *("AUDIOLOGIST", "CHIROPRACTIC", "CLINICAL PSYCHOLOGIST", "CLINICAL SOCIAL WORKER", "EMERGENCY MEDICINE"),
    *("FAMILY PRACTICE", "GENERAL PRACTICE", "INTERNAL MEDICINE", "NURSE PRACTITIONER", "OPTOMETRY"),
    *("PHYSICAL THERAPY", "PHYSICIAN ASSISTANT", "PSYCHIATRY"),
]
"""As Medicare names them; those that the records have had so far."""

LEAST_ROWS = 20
"""Shares of fewer rows say nothing."""


class Patients(pa.DataFrameModel):
    """One row: one person in care. Personal data."""

    id: str = identifier("The person's id")
    birthdate: pl.Datetime = pa.Field(description="Day of birth")
    deathdate: pl.Datetime = pa.Field(nullable=True, description="Day of death")
    ssn: str = pa.Field(description="Social security number; personal")
    drivers: str = text("Number of the driving licence; personal", 20, nullable=True)
    passport: str = text("Number of the passport; personal", 20, nullable=True)
    prefix: str = text("Title, such as Mr., Mrs., Ms.; personal", 10, nullable=True)
    first: str = text("First name; personal", 80)
    last: str = text("Surname; personal", 80)
    suffix: str = text("What follows the name, such as PhD; personal", 10, nullable=True)
    maiden: str = text("Surname at birth; personal", 80, nullable=True)
    marital: str = pa.Field(
        nullable=True, isin=["M", "S", "D", "W"], description="Married, single, divorced or widowed; blank of the young"
    )
    race: str = pa.Field(
        isin=["white", "black", "asian", "native", "hawaiian", "other"], description="Primary race, as the person says"
    )
    ethnicity: str = pa.Field(isin=["hispanic", "nonhispanic"], description="Primary ethnicity, as the person says")
    gender: str = pa.Field(isin=["M", "F"], description="Male or female")
    birthplace: str = text("Town of birth; personal")
    address: str = text("Street and number; personal")
    city: str = text("Town of residence", 80)
    state: str = text("State of residence, in full", 40)
    county: str = text("County of residence", 80)
    zip: str = text("ZIP code of residence", 10, nullable=True)
    lat: pl.Float64 = latitude()
    lon: pl.Float64 = longitude()
    # Sums that are not rounded, unlike every other amount.
    healthcare_expenses: pl.Float64 = pa.Field(ge=0, description="What care has cost the person, US dollars, lifelong")
    healthcare_coverage: pl.Float64 = pa.Field(ge=0, description="What payers have covered, US dollars, lifelong")

    row_once = row_once("id")
    entry_once = entry_once("id")
    not_after_period = not_after_period("birthdate", "deathdate")
    stop_not_before_start = stop_not_before_start("birthdate", "deathdate")
    place_not_copied = place_not_copied("city")
    costs_own = costs_own()
    zip_shape = zip_shape()

    @rule(
        "ssn_shape",
        columns=["ssn"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1"],
        severity="quarantine",
        message="The social security number has not three, two and four digits with hyphens between.",
        mend="Write the number in this form.",
    )
    def ssn_shape(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("ssn").str.contains(r"^\d{3}-\d{2}-\d{4}$"))

    @rule(
        "person_once",
        columns=["ssn", "id"],
        among=["ssn"],
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="quarantine",
        message="The same social security number stands under two ids: one person counted twice, or a number mistyped.",
        mend="Bring the person's records together under one id, or correct the number.",
    )
    def person_once(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("id").n_unique().over("ssn") == 1)

    @rule(
        "age_plausible",
        columns=["birthdate"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1"],
        severity="warn",
        message="The person is or was more than 120 years old.",
        mend="Check the century of the birth; give the day of death where it is missing.",
    )
    def age_plausible(cls, frame: PolarsData) -> pl.LazyFrame:
        until = pl.coalesce(pl.col("deathdate").dt.date(), last_day())
        return frame.lazyframe.select(until <= pl.col("birthdate").dt.offset_by("120y").dt.date())

    @rule(
        "title_fits_gender",
        columns=["prefix", "gender"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="warn",
        message="The title is a man's and the person a woman, or the other way round.",
        mend="Correct the title or the gender.",
    )
    def title_fits_gender(cls, frame: PolarsData) -> pl.LazyFrame:
        meant = pl.col("prefix").replace_strict({"Mr.": "M", "Mrs.": "F", "Ms.": "F"}, default=None)
        return frame.lazyframe.select(meant == pl.col("gender"))

    @rule(
        "licence_at_sixteen",
        columns=["drivers", "birthdate"],
        kind="business",
        dimension="validity",
        limitations=["5.1", "6.1"],
        severity="warn",
        message="The person holds a driving licence and is not yet sixteen.",
        mend="Correct the day of birth, or leave the licence out.",
    )
    def licence_at_sixteen(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("birthdate").dt.offset_by("16y").dt.date() <= last_day())

    @submission_rule(
        "zips_given",
        columns=["zip"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.1", "4.2"],
        severity="warn",
        message="More than half of the people have no ZIP code, so that care cannot be told by district.",
        mend="Fill in the ZIP codes that are known.",
    )
    def zips_given(cls, frame: PolarsData) -> pl.LazyFrame:
        blank = pl.col("zip").is_null().mean()
        holds = pl.when(pl.len() >= LEAST_ROWS).then(blank <= 0.5)
        return frame.lazyframe.select(holds.alias("holds"), blank.alias("share"))


class Organizations(pa.DataFrameModel):
    """One row: one hospital, practice or other place of care."""

    id: str = identifier("The organization's id")
    name: str = text("Name")
    address: str = text("Street and number")
    city: str = text("Town", 80)
    state: str = pa.Field(str_length={"min_value": 2, "max_value": 2}, description="State, two letters")
    zip: str = text("ZIP code, five digits or nine", 10)
    lat: pl.Float64 = latitude()
    lon: pl.Float64 = longitude()
    phone: str = text("Telephone number; several may be one", 40, nullable=True)
    revenue: pl.Float64 = money("What it earned, US dollars")
    utilization: pl.Int64 = count("Encounters held there")

    row_once = row_once("id")
    entry_once = entry_once("id")
    place_not_copied = place_not_copied("zip")
    zip_shape = zip_shape(CUT_ZIPS)
    phone_shape = phone_shape()


class Providers(pa.DataFrameModel):
    """One row: one clinician, at the organization that employs them."""

    id: str = identifier("The clinician's id")
    organization: str = identifier("Organization that employs them")
    name: str = text("First name and surname; personal", 160)
    gender: str = pa.Field(isin=["M", "F"], description="Male or female")
    speciality: str = text("Speciality, such as GENERAL PRACTICE", 80)
    address: str = text("The organization's street and number")
    city: str = text("The organization's town", 80)
    state: str = pa.Field(str_length={"min_value": 2, "max_value": 2}, description="The organization's state")
    zip: str = text("The organization's ZIP code", 10)
    lat: pl.Float64 = latitude()
    lon: pl.Float64 = longitude()
    utilization: pl.Int64 = count("Encounters held by them")

    row_once = row_once("id")
    entry_once = entry_once("id")
    zip_shape = zip_shape(CUT_ZIPS)

    @rule(
        "speciality_known",
        columns=["speciality"],
        kind="domain_range",
        dimension="validity",
        limitations=["5.1", "9.5"],
        severity="warn",
        message="The speciality is none that the records have had so far.",
        mend="Correct its spelling; a speciality that is new is added to the list by the owner.",
    )
    def speciality_known(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("speciality").is_in(SPECIALITIES))
