"""Rules of the patient care extract: eighteen linked tables, sent together once a month, each with all that is known.

Source: Synthea, the patient generator of MITRE, Apache License 2.0, as in repository OHDSI/dbt-synthea. All people are
invented; their columns are treated as those of real ones. Columns and meanings are those of Synthea's data dictionary,
lists of values those of its CSV exporter. The rules are as strict as its data allow; where they break a rule, a
threshold says so. What links the tables is judged by dbt: dbt_project/models/gates/patient_care.yml.
"""

from functools import reduce
from operator import or_
from typing import Any

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule, submission_rule
from integrity.thresholds import Limit, Thresholds
from pandera.api.polars.types import PolarsData

from .copies import costs_own, place_not_copied, quantities_differ, quantity_usual
from .rates import rates_plausible

SNOMED = r"^\d{6,18}$"
RXNORM = r"^\d{1,7}$"
CVX = r"^\d{2,3}$"
LOINC = r"^(\d{1,7}-\d|QALY|DALY|QOLS)$"
"""The last three are Synthea's own: years of life by their quality, which no laboratory measures."""

WHOLE_LIFE = ["QALY", "DALY", "QOLS"]
"""Observations of a whole life, which belong to no encounter."""

PLAUSIBLE = {
    "8302-2": (20, 250),  # body height, cm
    "29463-7": (0.3, 500),  # body weight, kg
    "39156-5": (8, 100),  # body mass index, kg/m2
    "8480-6": (40, 300),  # systolic blood pressure, mm[Hg]
    "8462-4": (20, 200),  # diastolic blood pressure, mm[Hg]
    "8867-4": (20, 250),  # heart rate, /min
    "9279-1": (4, 80),  # respiratory rate, /min
    "72514-3": (0, 10),  # pain, score
}
"""Least and greatest value that a living person's vital signs have, by LOINC code."""

CENT = 0.01
"""Synthea rounds each amount by itself, so a balance may be off by a cent."""
_EXACT = 0.005

SPECIALITIES = [
    *("AUDIOLOGIST", "CHIROPRACTIC", "CLINICAL PSYCHOLOGIST", "CLINICAL SOCIAL WORKER", "EMERGENCY MEDICINE"),
    *("FAMILY PRACTICE", "GENERAL PRACTICE", "INTERNAL MEDICINE", "NURSE PRACTITIONER", "OPTOMETRY"),
    *("PHYSICAL THERAPY", "PHYSICIAN ASSISTANT", "PSYCHIATRY"),
]
"""As Medicare names them; those that the records have had so far."""
CUT_ZIPS = Thresholds(warn=Limit(share=0.25))
"""About one in five of the ZIP codes of Massachusetts' organizations has lost its leading nought, and always had."""

LEAST_ROWS = 20
"""Shares of fewer rows say nothing."""

ANY_SHARE = Thresholds(warn=Limit(share=1))
ONE_IN_TWENTY = Thresholds(warn=Limit(share=0.05))
ONE_ROW = Thresholds(warn=Limit(count=1))


def identifier(description: str, **options: Any) -> Any:
    """An id of Synthea's, 36 signs long."""
    return pa.Field(str_length={"min_value": 36, "max_value": 36}, description=description, **options)


def insurer(description: str) -> Any:
    """A payer's id, or the code that there is none, which any number of claims may have."""
    none = {"missing_codes": {"0": "no insurance"}, "thresholds": {"missing_coded": ANY_SHARE}}
    return identifier(description, nullable=True, metadata=none)


def money(description: str, **options: Any) -> Any:
    """An amount in US dollars, to the cent; nothing here is a credit."""
    return pa.Field(ge=0, metadata={"decimals": 2}, description=description, **options)


def text(description: str, most: int = 250, **options: Any) -> Any:
    return pa.Field(str_length={"max_value": most}, description=description, **options)


def count(description: str, least: int = 0) -> Any:
    return pa.Field(ge=least, description=description)


def latitude() -> Any:
    return pa.Field(
        in_range={"min_value": 41, "max_value": 43}, description="Latitude, degrees WGS84, in Massachusetts"
    )


def longitude() -> Any:
    return pa.Field(
        in_range={"min_value": -74, "max_value": -69}, description="Longitude, degrees WGS84, in Massachusetts"
    )


def _whole_row() -> pl.Expr:
    return pl.struct(pl.exclude("_row", "_period", "_latest"))


def _last_day() -> pl.Expr:
    """Last day of the month that is reported, by which the extract was taken."""
    return pl.col("_period").dt.month_end()


def row_once(*key: str) -> Any:
    """No row stands twice.

    Args:
        key: Columns that are always filled and by which equal rows are found.
    """

    @rule(
        "row_once",
        columns=[*key],
        among=key,
        kind="duplicate",
        dimension="accuracy",
        limitations=["1.4"],
        severity="quarantine",
        message="The same row stands in the file more than once.",
        mend="Leave only the first of these rows.",
    )
    def row_once(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_whole_row().is_first_distinct())

    return row_once


def entry_once(*key: str, or_blank: tuple[str, ...] = ()) -> Any:
    """No two rows that differ have the same key.

    Args:
        or_blank: Further columns of the key, which may be blank.
    """

    @rule(
        "entry_once",
        columns=[*key],
        among=key,
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="quarantine",
        message="Two rows that differ stand for the same entry: its key occurs twice.",
        mend="Leave only the row that is right, or give the other one its own key.",
    )
    def entry_once(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_whole_row().n_unique().over(*key, *or_blank) == 1)

    return entry_once


def not_after_period(first: str, *others: str) -> Any:
    """Nothing is dated after the reporting period. The other columns may be blank."""

    @rule(
        "not_after_period",
        columns=[first],
        kind="business",
        dimension="timeliness",
        limitations=["9.6"],
        severity="quarantine",
        message="The row is dated after the reporting period, so it cannot be known yet.",
        mend="Correct the date, or send the row with the month that it belongs to.",
    )
    def not_after_period(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        late = [(pl.col(name).dt.date() > _last_day()).fill_null(value=False) for name in (first, *others)]
        return frame.lazyframe.select(~reduce(or_, late))

    return not_after_period


def stop_not_before_start(start: str = "start", stop: str = "stop") -> Any:
    @rule(
        "stop_not_before_start",
        columns=[stop, start],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="The end lies before the beginning.",
        mend="Correct one of the two; leave the end blank where there is none yet.",
    )
    def stop_not_before_start(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col(stop) >= pl.col(start))

    return stop_not_before_start


def code_shape(pattern: str, *others: str, column: str = "code") -> Any:
    """A code is written as its terminology has it. The other columns may be blank."""

    @rule(
        "code_shape",
        columns=[column],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1", "9.5"],
        severity="quarantine",
        message="The code is not written as its terminology (SNOMED CT, RxNorm, CVX, LOINC) writes codes.",
        mend="Write the code in full, without blanks, and in no spreadsheet's notation such as 1.06E+14.",
    )
    def code_shape(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        odd = [(~pl.col(name).str.contains(pattern)).fill_null(value=False) for name in (column, *others)]
        return frame.lazyframe.select(~reduce(or_, odd))

    return code_shape


def code_one_meaning() -> Any:
    @rule(
        "code_one_meaning",
        columns=["code", "description"],
        among=["code"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.10", "9.5"],
        severity="warn",
        message="Another row describes the same code in other words, so one of the two may be miscoded.",
        mend="Use one description for each code; correct the code where it is the wrong one.",
    )
    def code_one_meaning(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("description").n_unique().over("code") == 1)

    return code_one_meaning


def one_code_each(name: str, code: str, description: str) -> Any:
    """A rule that what is described in one way is coded in one way: a mistyped code stands out among its like."""

    @rule(
        name,
        columns=[code, description],
        among=[description],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "5.10"],
        severity="warn",
        message="Another row gives the same description another code, so one of the two may be miscoded.",
        mend="Use one code for each description; correct the one that is wrong.",
    )
    def one_code(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col(code).n_unique().over(description) == 1)

    return one_code


def description_one_code() -> Any:
    return one_code_each("description_one_code", "code", "description")


def reason_one_code() -> Any:
    return one_code_each("reason_one_code", "reasoncode", "reasondescription")


def reason_described() -> Any:
    @rule(
        "reason_described",
        columns=["reasoncode"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2"],
        severity="quarantine",
        message="A reason is given as a code without its description.",
        mend="Add the description of the code.",
    )
    def reason_described(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("reasondescription").is_not_null())

    return reason_described


def coverage_within_cost(cost: str) -> Any:
    @rule(
        "coverage_within_cost",
        columns=["payer_coverage", cost],
        kind="derivation",
        dimension="accuracy",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="The payer covers more than it cost.",
        mend="Correct the cost or the part that the payer covers.",
    )
    def coverage_within_cost(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("payer_coverage") <= pl.col(cost) + _EXACT)

    return coverage_within_cost


def zip_shape(thresholds: Thresholds | None = None) -> Any:
    @rule(
        "zip_shape",
        columns=["zip"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1", "9.8"],
        severity="warn",
        thresholds=thresholds,
        message="The ZIP code has neither five digits nor five and four; leading noughts may be lost.",
        mend="Export ZIP codes as text, with their leading noughts.",
    )
    def zip_shape(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("zip").str.contains(r"^\d{5}(-\d{4})?$"))

    return zip_shape


def phone_shape() -> Any:
    @rule(
        "phone_shape",
        columns=["phone"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1"],
        severity="warn",
        message="The telephone number has not ten digits (eleven with the country's 1).",
        mend="Write area code and number in digits.",
    )
    def phone_shape(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("phone").str.contains(r"^(1-?)?\d{3}-?\d{3}-?\d{4}$"))

    return phone_shape


def insurers_differ(first: str, second: str) -> Any:
    @rule(
        "insurers_differ",
        columns=[second, first],
        kind="dependency",
        dimension="consistency",
        limitations=["1.4", "6.1"],
        severity="quarantine",
        message="The second insurer is the first one again.",
        mend="Name the other insurer, or none.",
    )
    def insurers_differ(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col(second) != pl.col(first))

    return insurers_differ


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
        until = pl.coalesce(pl.col("deathdate").dt.date(), _last_day())
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
        return frame.lazyframe.select(pl.col("birthdate").dt.offset_by("16y").dt.date() <= _last_day())

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


class Payers(pa.DataFrameModel):
    """One row: one insurer, with lifelong sums over all that it pays for; NO_INSURANCE stands for having none."""

    id: str = identifier("The payer's id")
    name: str = text("Name; NO_INSURANCE for having none", 80)
    address: str = text("Street and number", nullable=True)
    city: str = text("Town", 80, nullable=True)
    state_headquartered: str = pa.Field(
        nullable=True, str_length={"min_value": 2, "max_value": 2}, description="State of its headquarters"
    )
    zip: str = text("ZIP code", 10, nullable=True)
    phone: str = text("Telephone number", 20, nullable=True)
    amount_covered: pl.Float64 = money("What it paid for claims, US dollars")
    amount_uncovered: pl.Float64 = money("What it did not pay of claims, US dollars")
    revenue: pl.Float64 = money("Premiums earned, US dollars")
    covered_encounters: pl.Int64 = count("Encounters that it paid for, in part at least")
    uncovered_encounters: pl.Int64 = count("Encounters that it did not pay for")
    covered_medications: pl.Int64 = count("Medications that it paid for, in part at least")
    uncovered_medications: pl.Int64 = count("Medications that it did not pay for")
    covered_procedures: pl.Int64 = count("Procedures that it paid for, in part at least")
    uncovered_procedures: pl.Int64 = count("Procedures that it did not pay for")
    covered_immunizations: pl.Int64 = count("Immunizations that it paid for, in part at least")
    uncovered_immunizations: pl.Int64 = count("Immunizations that it did not pay for")
    unique_customers: pl.Int64 = count("People whom it has ever insured")
    qols_avg: pl.Float64 = pa.Field(
        nullable=True,
        ge=0,
        metadata={"missing_codes": {"NaN": "it insured nobody"}, "thresholds": {"missing_coded": ONE_ROW}},
        description="Quality of life of those whom it insured, mean, 0 to 1",
    )
    member_months: pl.Int64 = count("Months of insurance, over all people; a year counts as twelve")

    row_once = row_once("id")
    entry_once = entry_once("id")
    rates_plausible = rates_plausible()
    zip_shape = zip_shape(CUT_ZIPS)
    phone_shape = phone_shape()

    @rule(
        "address_given",
        columns=["name"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.1", "4.2"],
        severity="quarantine",
        message="The payer has no address; only NO_INSURANCE has none.",
        mend="Fill in street, town and state.",
    )
    def address_given(cls, frame: PolarsData) -> pl.LazyFrame:
        given = pl.all_horizontal(pl.col("address", "city", "state_headquartered").is_not_null())
        return frame.lazyframe.select((pl.col("name") == "NO_INSURANCE") | given)

    @rule(
        "whole_years_insured",
        columns=["member_months"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="Months of insurance are whole years times twelve, and these are not.",
        mend="Derive the months from the years again.",
    )
    def whole_years_insured(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("member_months") % 12 == 0)

    @rule(
        "customers_have_months",
        columns=["unique_customers", "member_months"],
        kind="dependency",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The payer has insured people for no month, or nobody for some.",
        mend="Count customers and months from the same records.",
    )
    def customers_have_months(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select((pl.col("unique_customers") > 0) == (pl.col("member_months") > 0))

    # Synthea counts too few people without insurance and divides by that number, so that their mean exceeds 1.
    @rule(
        "quality_of_life_on_scale",
        columns=["qols_avg"],
        kind="domain_range",
        dimension="validity",
        limitations=["5.1", "6.1"],
        severity="warn",
        thresholds=ONE_ROW,
        message="The mean quality of life is above 1, the best that there is.",
        mend="Divide by the number of people over whom the sum was taken.",
    )
    def quality_of_life_on_scale(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("qols_avg") <= 1)


class PayerTransitions(pa.DataFrameModel):
    """One row: one stretch of time, usually a year, in which a person was insured by one payer, or by none."""

    patient: str = identifier("The person")
    memberid: str = identifier("The person's number with the payer; blank without insurance", nullable=True)
    start_year: pl.Datetime = pa.Field(description="Moment from which it holds, UTC")
    end_year: pl.Datetime = pa.Field(description="Moment until which it holds, UTC; may lie ahead")
    payer: str = identifier("Payer")
    secondary_payer: str = identifier("Second payer", nullable=True)
    ownership: str = pa.Field(
        nullable=True, isin=["Self", "Spouse", "Guardian"], description="Who holds the policy; blank without insurance"
    )
    ownername: str = text("Name of who holds the policy; personal", 160, nullable=True)

    # A person may change the payer in the very moment in which the year begins, so that a stretch of no length is left.
    row_once = row_once("patient", "start_year")
    entry_once = entry_once("patient", "start_year", "end_year")
    not_after_period = not_after_period("start_year")
    stop_not_before_start = stop_not_before_start("start_year", "end_year")
    insurers_differ = insurers_differ("payer", "secondary_payer")

    @rule(
        "membership_complete",
        columns=["memberid"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2"],
        severity="quarantine",
        message="The person has a member's number, and it is not said who holds the policy.",
        mend="Fill in whether it is the person, spouse or guardian, and the name.",
    )
    def membership_complete(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.all_horizontal(pl.col("ownership", "ownername").is_not_null()))

    @rule(
        "insurance_without_gap",
        columns=["start_year", "end_year", "patient"],
        among=["patient"],
        kind="business",
        dimension="consistency",
        limitations=["1.3", "9.6"],
        severity="warn",
        message="The stretch does not begin where the person's one before it ends: a gap, or two at once.",
        mend="Add the missing stretch, or correct the two moments; also the time without insurance is stated.",
    )
    def insurance_without_gap(cls, frame: PolarsData) -> pl.LazyFrame:
        # One that starts and ends at once comes before the one that starts there as well.
        before = pl.col("end_year").shift(1).over("patient", order_by=["start_year", "end_year"])
        return frame.lazyframe.select((before == pl.col("start_year")) | before.is_null())


class Encounters(pa.DataFrameModel):
    """One row: one meeting of a person with a provider, from a check-up to a stay."""

    id: str = identifier("The encounter's id")
    start: pl.Datetime = pa.Field(description="Moment of its beginning, UTC")
    stop: pl.Datetime = pa.Field(description="Moment of its end, UTC")
    patient: str = identifier("The person")
    organization: str = identifier("Where it took place")
    provider: str = identifier("Clinician")
    payer: str = identifier("Payer; NO_INSURANCE has an id as well")
    encounterclass: str = pa.Field(
        isin=[
            *("wellness", "ambulatory", "outpatient", "urgentcare", "emergency", "inpatient"),
            *("hospice", "home", "snf", "virtual"),
        ],
        description="Kind of encounter",
    )
    code: str = text("SNOMED CT code of the encounter", 18)
    description: str = text("The code in words")
    base_encounter_cost: pl.Float64 = money("Cost without medications, immunizations, procedures and the like")
    total_claim_cost: pl.Float64 = money("Cost with all of these")
    payer_coverage: pl.Float64 = money("Part of the total that the payer covers")
    reasoncode: str = text("SNOMED CT code of the diagnosis that led to it", 18, nullable=True)
    reasondescription: str = text("The diagnosis in words", nullable=True)

    row_once = row_once("id")
    entry_once = entry_once("id")
    description_one_code = description_one_code()
    reason_one_code = reason_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(SNOMED, "reasoncode")
    reason_described = reason_described()
    coverage_within_cost = coverage_within_cost("total_claim_cost")

    @rule(
        "total_covers_base",
        columns=["total_claim_cost", "base_encounter_cost"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="The total is less than the base cost that it contains, and not nought either.",
        mend="Add up the total again; it is 0 where nothing is claimed, as for a death certificate.",
    )
    def total_covers_base(cls, frame: PolarsData) -> pl.LazyFrame:
        total = pl.col("total_claim_cost")
        return frame.lazyframe.select((total == 0) | (total + _EXACT >= pl.col("base_encounter_cost")))

    @rule(
        "visit_within_a_day",
        columns=["stop", "start", "encounterclass"],
        kind="business",
        dimension="accuracy",
        limitations=["5.1", "6.1"],
        severity="warn",
        message="A check-up, visit or emergency lasted more than a day, as only stays do.",
        mend="Correct the end, or the kind of encounter.",
    )
    def visit_within_a_day(cls, frame: PolarsData) -> pl.LazyFrame:
        is_visit = pl.col("encounterclass").is_in(["wellness", "ambulatory", "outpatient", "urgentcare", "emergency"])
        lasted = pl.col("stop") - pl.col("start")
        return frame.lazyframe.select(pl.when(is_visit).then(lasted <= pl.duration(days=1)))


class Claims(pa.DataFrameModel):
    """One row: one claim; each encounter has one of its own, and one for each medication prescribed in it."""

    id: str = identifier("The claim's id")
    patientid: str = identifier("The person")
    providerid: str = identifier("Clinician")
    primarypatientinsuranceid: str = insurer("Payer; 0 for none")
    secondarypatientinsuranceid: str = insurer("Second payer; 0 for none")
    departmentid: str = text("Department", 4)
    patientdepartmentid: str = text("The person's department", 4)
    diagnosis1: str = text("SNOMED CT code of the first diagnosis", 18)
    diagnosis2: str = text("SNOMED CT code of the second diagnosis", 18, nullable=True)
    diagnosis3: str = text("SNOMED CT code of the third diagnosis", 18, nullable=True)
    diagnosis4: str = text("SNOMED CT code of the fourth diagnosis", 18, nullable=True)
    diagnosis5: str = text("SNOMED CT code of the fifth diagnosis", 18, nullable=True)
    diagnosis6: str = text("SNOMED CT code of the sixth diagnosis", 18, nullable=True)
    diagnosis7: str = text("SNOMED CT code of the seventh diagnosis", 18, nullable=True)
    diagnosis8: str = text("SNOMED CT code of the eighth diagnosis", 18, nullable=True)
    referringproviderid: str = identifier("Clinician who referred the person", nullable=True)
    appointmentid: str = identifier("Encounter")
    currentillnessdate: pl.Datetime = pa.Field(description="Moment at which the illness began, UTC")
    servicedate: pl.Datetime = pa.Field(description="Moment of the service, UTC")
    supervisingproviderid: str = identifier("Clinician who supervised")
    status1: str = pa.Field(isin=["BILLED", "CLOSED"], description="Where the first payer's bill stands")
    status2: str = pa.Field(
        nullable=True, isin=["BILLED", "CLOSED"], description="Where the second payer's bill stands"
    )
    statusp: str = pa.Field(isin=["BILLED", "CLOSED"], description="Where the person's bill stands")
    outstanding1: pl.Float64 = money("What the first payer owes")
    outstanding2: pl.Float64 = money("What the second payer owes", nullable=True)
    outstandingp: pl.Float64 = money("What the person owes")
    lastbilleddate1: pl.Datetime = pa.Field(description="When the first payer was last billed, UTC")
    lastbilleddate2: pl.Datetime = pa.Field(nullable=True, description="When the second payer was last billed, UTC")
    lastbilleddatep: pl.Datetime = pa.Field(description="When the person was last billed, UTC")
    healthcareclaimtypeid1: str = pa.Field(isin=["1", "2"], description="Professional (1) or institutional (2) claim")
    healthcareclaimtypeid2: str = pa.Field(
        nullable=True,
        isin=["1", "2"],
        metadata={"missing_codes": {"0": "no second claim"}, "thresholds": {"missing_coded": ANY_SHARE}},
        description="The same of the second payer's claim; 0 for none",
    )

    row_once = row_once("id")
    entry_once = entry_once("id")
    not_after_period = not_after_period("servicedate", "lastbilleddate1", "lastbilleddate2", "lastbilleddatep")
    code_shape = code_shape(SNOMED, *(f"diagnosis{n}" for n in range(2, 9)), column="diagnosis1")
    insurers_differ = insurers_differ("primarypatientinsuranceid", "secondarypatientinsuranceid")

    @rule(
        "diagnoses_in_order",
        columns=["diagnosis1"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="There is a blank between two diagnoses, and charges refer to them by their place.",
        mend="Move the diagnoses up, or fill in the missing one.",
    )
    def diagnoses_in_order(cls, frame: PolarsData) -> pl.LazyFrame:
        filled = [pl.col(f"diagnosis{n}").is_not_null() for n in range(1, 9)]
        return frame.lazyframe.select(~reduce(or_, [~one & two for one, two in zip(filled, filled[1:], strict=False)]))

    @rule(
        "illness_before_service",
        columns=["servicedate", "currentillnessdate"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="The service was rendered before the illness began.",
        mend="Correct one of the two moments.",
    )
    def illness_before_service(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("currentillnessdate") <= pl.col("servicedate"))

    @rule(
        "billed_after_service",
        columns=["lastbilleddate1", "servicedate", "lastbilleddatep"],
        kind="business",
        dimension="timeliness",
        limitations=["6.1"],
        severity="quarantine",
        message="It was billed before the service was rendered.",
        mend="Correct one of the moments.",
    )
    def billed_after_service(cls, frame: PolarsData) -> pl.LazyFrame:
        billed = pl.min_horizontal("lastbilleddate1", "lastbilleddate2", "lastbilleddatep")
        return frame.lazyframe.select(billed >= pl.col("servicedate"))

    @rule(
        "departments_agree",
        columns=["departmentid", "patientdepartmentid"],
        kind="dependency",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The claim's department is not that of the person.",
        mend="Correct one of the two.",
    )
    def departments_agree(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("departmentid") == pl.col("patientdepartmentid"))

    @rule(
        "second_claim_complete",
        columns=["secondarypatientinsuranceid"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2"],
        severity="quarantine",
        message="A second insurer is named, and the kind, state or moment of its bill is missing.",
        mend="Fill these in, or write 0 for the second insurer.",
    )
    def second_claim_complete(cls, frame: PolarsData) -> pl.LazyFrame:
        needed = pl.col("status2", "outstanding2", "lastbilleddate2", "healthcareclaimtypeid2")
        return frame.lazyframe.select(pl.all_horizontal(needed.is_not_null()))

    @rule(
        "closed_is_settled",
        columns=["status1", "outstanding1", "statusp", "outstandingp"],
        kind="business",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The bill is closed and something is still owed.",
        mend="Write what is owed as 0, or leave the bill open (BILLED).",
    )
    def closed_is_settled(cls, frame: PolarsData) -> pl.LazyFrame:
        owed = [
            ((pl.col(f"status{of}") == "CLOSED") & (pl.col(f"outstanding{of}") > 0)).fill_null(value=False)
            for of in ("1", "2", "p")
        ]
        return frame.lazyframe.select(~reduce(or_, owed))


_FILLED = {
    "CHARGE": ("amount", "unitamount", "transfertype"),
    "PAYMENT": ("payments", "method", "outstanding"),
    "TRANSFEROUT": ("transfers", "outstanding"),
    "TRANSFERIN": ("amount", "transfers", "outstanding", "transferoutid", "transfertype"),
    "ADJUSTMENT": ("adjustments",),
}
"""What each type of transaction states; the rest of these columns it leaves blank."""


class ClaimsTransactions(pa.DataFrameModel):
    """One row: one step in the account of a claim: a charge, a payment, or a part passed on to the next who must pay.

    A charge and the steps that follow it, in the order of their numbers, are one line of the claim.
    """

    id: str = identifier("The transaction's id")
    claimid: str = identifier("Claim")
    chargeid: pl.Int64 = count("The transaction's number, in the order in which they were made")
    patientid: str = identifier("The person")
    type: str = pa.Field(isin=[*_FILLED], description="Charge, payment, adjustment, or a part passed out or in")
    amount: pl.Float64 = money("What is charged or passed in", nullable=True)
    method: str = pa.Field(
        nullable=True,
        isin=["CASH", "CHECK", "COPAY", "SYSTEM", "CC", "ECHECK"],
        description="How it was paid: by person in cash, by cheque, card or fixed share; by payer electronically",
    )
    fromdate: pl.Datetime = pa.Field(description="Moment at which the service began, UTC")
    todate: pl.Datetime = pa.Field(
        nullable=True,
        # Synthea writes an end that there is not as moment 0 of its clock.
        metadata={
            "missing_codes": {"1970-01-01T00:00:00Z": "the service has no end of its own"},
            "thresholds": {"missing_coded": ONE_IN_TWENTY},
        },
        description="Moment at which the service ended, UTC",
    )
    placeofservice: str = identifier("Organization")
    procedurecode: str = text("Code of the service: SNOMED CT, RxNorm or CVX", 18)
    modifier1: str = text("Not in use", 20, nullable=True)
    modifier2: str = text("Not in use", 20, nullable=True)
    diagnosisref1: pl.Int64 = pa.Field(ge=1, le=8, description="Place of a diagnosis within the claim")
    diagnosisref2: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a second diagnosis")
    diagnosisref3: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a third diagnosis")
    diagnosisref4: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a fourth diagnosis")
    units: pl.Int64 = count("How often the service was rendered", 1)
    departmentid: str = text("Department", 4)
    notes: str = text("The service in words")
    unitamount: pl.Float64 = money("What one service costs", nullable=True)
    transferoutid: pl.Int64 = pa.Field(nullable=True, ge=0, description="Number of the passing out that is passed in")
    transfertype: str = pa.Field(
        nullable=True, isin=["1", "2", "p"], description="Who is to pay: first payer, second payer, person"
    )
    payments: pl.Float64 = money("What is paid", nullable=True)
    adjustments: pl.Float64 = money("What is adjusted", nullable=True)
    transfers: pl.Float64 = money("What is passed out or in", nullable=True)
    outstanding: pl.Float64 = money("What is left to pay of the line", nullable=True)
    appointmentid: str = identifier("Encounter")
    linenote: str = text("Not in use", nullable=True)
    patientinsuranceid: str = identifier("The person, where insured", nullable=True)
    feescheduleid: str = text("Schedule of fees", 4)
    providerid: str = identifier("Clinician")
    supervisingproviderid: str = identifier("Clinician who supervised")

    row_once = row_once("id")
    entry_once = entry_once("id")
    not_after_period = not_after_period("fromdate", "todate")
    stop_not_before_start = stop_not_before_start("fromdate", "todate")
    code_shape = code_shape(r"^\d{2,18}$", column="procedurecode")

    @rule(
        "charge_once",
        columns=["chargeid", "id"],
        among=["chargeid"],
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="quarantine",
        message="Two transactions have the same number, so that nobody can say which one a part was passed on from.",
        mend="Number the transactions without repeating a number.",
    )
    def charge_once(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("id").n_unique().over("chargeid") == 1)

    @rule(
        "amounts_fit_type",
        columns=["type"],
        kind="dependency",
        dimension="completeness",
        limitations=["4.2", "6.1"],
        severity="quarantine",
        message="An amount or method is missing that this type of transaction states, or stands where it states none.",
        mend="Fill in what the type calls for and leave the rest blank; or correct the type.",
    )
    def amounts_fit_type(cls, frame: PolarsData) -> pl.LazyFrame:
        fits = []
        for column in sorted({name for names in _FILLED.values() for name in names}):
            wanted = pl.col("type").is_in([kind for kind, names in _FILLED.items() if column in names])
            fits.append(pl.col(column).is_not_null() == wanted)
        return frame.lazyframe.select(pl.all_horizontal(fits))

    @rule(
        "charge_is_units_by_price",
        columns=["amount", "units", "unitamount"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="The charge is not the number of services times the price of one, to the cent.",
        mend="Correct the charge, the number or the price.",
    )
    def charge_is_units_by_price(cls, frame: PolarsData) -> pl.LazyFrame:
        off = (pl.col("units") * pl.col("unitamount") - pl.col("amount")).abs()
        return frame.lazyframe.select(off < _EXACT)

    @rule(
        "transfer_matched",
        columns=["transferoutid", "claimid", "transfers"],
        among=["claimid"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.3", "6.1"],
        severity="quarantine",
        message="What is passed in was not passed out with this number and amount within the claim.",
        mend="Give number and amount of the passing out, or add the row that lacks.",
    )
    def transfer_matched(cls, frame: PolarsData) -> pl.LazyFrame:
        is_out = pl.col("type") == "TRANSFEROUT"
        passed = pl.coalesce("transferoutid", "chargeid")
        out = pl.col("transfers").filter(is_out).first().over("claimid", passed)
        return frame.lazyframe.select(((out - pl.col("transfers")).abs() < _EXACT).fill_null(value=False))

    @rule(
        "transfer_is_what_is_left",
        columns=["transfers", "outstanding"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="What is passed on is not what is left to pay, or its amounts differ.",
        mend="Correct the amounts: what is left is passed on as a whole.",
    )
    def transfer_is_what_is_left(cls, frame: PolarsData) -> pl.LazyFrame:
        passed = pl.col("transfers")
        left = (pl.col("outstanding") - passed).abs() < _EXACT
        return frame.lazyframe.select(left & ((pl.col("amount") - passed).abs() < _EXACT).fill_null(value=True))

    @rule(
        "balance_follows",
        columns=["payments", "outstanding", "claimid", "chargeid"],
        among=["claimid"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1", "9.13"],
        severity="warn",
        message="What is left after the payment is not the charge minus all payments so far (nought if more was paid).",
        mend="Carry the balance of the line again; look for a payment that is missing or stands twice.",
    )
    def balance_follows(cls, frame: PolarsData) -> pl.LazyFrame:
        is_charge = pl.col("type") == "CHARGE"
        line = is_charge.cast(pl.Int64).cum_sum().over("claimid", order_by="chargeid").alias("_line")
        charged = pl.col("amount").filter(is_charge).first().over("claimid", "_line")
        paid = pl.col("payments").fill_null(0).cum_sum().over("claimid", "_line", order_by="chargeid")
        left = (charged - paid).clip(lower_bound=0)
        # Floating point carries a cent's difference as slightly more than a cent.
        follows = (left - pl.col("outstanding")).abs() < CENT + _EXACT
        return frame.lazyframe.with_columns(line).select(follows)

    @rule(
        "payments_within_charges",
        columns=["payments", "claimid"],
        among=["claimid"],
        kind="business",
        dimension="accuracy",
        limitations=["1.4", "6.1"],
        severity="warn",
        message="More was paid for the claim than was charged, beyond the person's fixed share.",
        mend="Look for a payment that stands twice, or a charge that is missing.",
    )
    def payments_within_charges(cls, frame: PolarsData) -> pl.LazyFrame:
        # A fixed share (COPAY) is paid in full even where the medicine costs a cent.
        is_share = pl.col("method").fill_null("") == "COPAY"
        paid = pl.col("payments").filter(~is_share).sum().over("claimid")
        charged = pl.col("amount").filter(pl.col("type") == "CHARGE").sum().over("claimid")
        return frame.lazyframe.select(pl.when(~is_share).then(paid < charged + CENT + _EXACT))

    @rule(
        "insured_is_patient",
        columns=["patientinsuranceid", "patientid"],
        kind="dependency",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The insured is another person than the patient.",
        mend="Correct one of the two ids.",
    )
    def insured_is_patient(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("patientinsuranceid") == pl.col("patientid"))


class Conditions(pa.DataFrameModel):
    """One row: one condition of a person, from its onset."""

    start: pl.Datetime = pa.Field(description="Day of the onset, or of the diagnosis")
    stop: pl.Datetime = pa.Field(nullable=True, description="Day on which it was over")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was diagnosed")
    code: str = text("SNOMED CT code", 18)
    description: str = text("The code in words")

    row_once = row_once("patient", "code", "start")
    entry_once = entry_once("patient", "encounter", "code", "start")
    description_one_code = description_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(SNOMED)
    code_one_meaning = code_one_meaning()


class Medications(pa.DataFrameModel):
    """One row: one medication prescribed to a person."""

    start: pl.Datetime = pa.Field(description="Moment of the prescription, UTC")
    stop: pl.Datetime = pa.Field(nullable=True, description="Moment at which it ended, UTC")
    patient: str = identifier("The person")
    payer: str = identifier("Payer")
    encounter: str = identifier("Encounter in which it was prescribed")
    code: str = text("RxNorm code", 7)
    description: str = text("The code in words")
    base_cost: pl.Float64 = money("Cost of one dispensing")
    payer_coverage: pl.Float64 = money("Part that the payer covers")
    dispenses: pl.Int64 = count("How often it was dispensed", 1)
    totalcost: pl.Float64 = money("Cost of all dispensings")
    reasoncode: str = text("SNOMED CT code of the diagnosis that it is for", 18, nullable=True)
    reasondescription: str = text("The diagnosis in words", nullable=True)

    row_once = row_once("patient", "code", "start")
    # The same medication may be prescribed twice in a moment, for one day and from then on.
    entry_once = entry_once("patient", "encounter", "code", "start", or_blank=("stop",))
    description_one_code = description_one_code()
    reason_one_code = reason_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(RXNORM)
    code_one_meaning = code_one_meaning()
    reason_described = reason_described()
    coverage_within_cost = coverage_within_cost("totalcost")

    @rule(
        "total_is_cost_by_dispenses",
        columns=["totalcost", "base_cost", "dispenses"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="The total is not the cost of one dispensing times their number, to the cent.",
        mend="Correct the total, the cost or the number.",
    )
    def total_is_cost_by_dispenses(cls, frame: PolarsData) -> pl.LazyFrame:
        off = (pl.col("base_cost") * pl.col("dispenses") - pl.col("totalcost")).abs()
        return frame.lazyframe.select(off < _EXACT)


class Procedures(pa.DataFrameModel):
    """One row: one procedure done to a person."""

    start: pl.Datetime = pa.Field(description="Moment of its beginning, UTC")
    stop: pl.Datetime = pa.Field(nullable=True, description="Moment of its end, UTC")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was done")
    code: str = text("SNOMED CT code", 18)
    description: str = text("The code in words")
    base_cost: pl.Float64 = money("Cost")
    reasoncode: str = text("SNOMED CT code of the diagnosis that led to it", 18, nullable=True)
    reasondescription: str = text("The diagnosis in words", nullable=True)

    row_once = row_once("patient", "code", "start")
    entry_once = entry_once("patient", "encounter", "code", "start")
    description_one_code = description_one_code()
    reason_one_code = reason_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(SNOMED, "reasoncode")
    reason_described = reason_described()


class Observations(pa.DataFrameModel):
    """One row: one value measured, asked or judged of a person."""

    date: pl.Datetime = pa.Field(description="Moment of the observation, UTC")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was made; blank for those of a whole life", nullable=True)
    category: str = pa.Field(
        nullable=True,
        isin=[
            *("vital-signs", "laboratory", "survey", "procedure", "exam"),
            *("social-history", "imaging", "therapy", "activity"),
        ],
        description="Kind of observation; blank for those of a whole life",
    )
    code: str = text("LOINC code; QALY, DALY and QOLS are Synthea's own", 10)
    description: str = text("The code in words")
    value: str = text("What was found: a number, or words")
    units: str = text(
        "Unit of the value",
        20,
        nullable=True,
        metadata={"missing_codes": {"null": "no unit"}, "thresholds": {"missing_coded": ONE_IN_TWENTY}},
    )
    type: str = pa.Field(isin=["numeric", "text"], description="Whether the value is a number or words")

    row_once = row_once("patient", "code", "date")
    entry_once = entry_once("patient", "code", "date")
    description_one_code = description_one_code()
    not_after_period = not_after_period("date")
    code_shape = code_shape(LOINC)
    code_one_meaning = code_one_meaning()

    @rule(
        "value_is_number",
        columns=["value", "type"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1"],
        severity="quarantine",
        message="The value is no number, as its type says.",
        mend="Write it in digits with a point, without its unit; or correct the type.",
    )
    def value_is_number(cls, frame: PolarsData) -> pl.LazyFrame:
        is_number = pl.col("value").str.contains(r"^-?\d+(\.\d+)?$")
        return frame.lazyframe.select(pl.when(pl.col("type") == "numeric").then(is_number))

    @rule(
        "unit_given",
        columns=["value", "type"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.1", "4.2"],
        severity="quarantine",
        message="A number has no unit.",
        mend="Give its unit; a count or score has one as well, such as {score}.",
    )
    def unit_given(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.when(pl.col("type") == "numeric").then(pl.col("units").is_not_null()))

    @rule(
        "unit_of_code",
        columns=["units", "code"],
        among=["code"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.10", "9.5"],
        severity="quarantine",
        message="The same observation is given in two units.",
        mend="Give each kind of observation in one unit, and convert the values.",
    )
    def unit_of_code(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("units").drop_nulls().n_unique().over("code") == 1)

    @rule(
        "encounter_given",
        columns=["code"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.1", "4.2"],
        severity="quarantine",
        message="The observation names no encounter or no category; only those of a whole life have none.",
        mend="Name the encounter in which it was made, and its category.",
    )
    def encounter_given(cls, frame: PolarsData) -> pl.LazyFrame:
        given = pl.col("encounter").is_not_null() & pl.col("category").is_not_null()
        return frame.lazyframe.select(pl.col("code").is_in(WHOLE_LIFE) | given)

    @rule(
        "vital_sign_plausible",
        columns=["value", "code"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1"],
        severity="quarantine",
        message="The vital sign is none that a living person has.",
        mend="Check the unit, and for a slip of the decimal point.",
    )
    def vital_sign_plausible(cls, frame: PolarsData) -> pl.LazyFrame:
        value = pl.col("value").cast(pl.Float64, strict=False)
        least, most = (
            pl.col("code").replace_strict({code: float(ends[at]) for code, ends in PLAUSIBLE.items()}, default=None)
            for at in (0, 1)
        )
        return frame.lazyframe.select(value.is_between(least, most))


class Immunizations(pa.DataFrameModel):
    """One row: one immunization given to a person."""

    date: pl.Datetime = pa.Field(description="Moment at which it was given, UTC")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was given")
    code: str = text("CVX code", 3)
    description: str = text("The code in words")
    base_cost: pl.Float64 = money("Cost")

    row_once = row_once("patient", "code", "date")
    entry_once = entry_once("patient", "code", "date")
    description_one_code = description_one_code()
    not_after_period = not_after_period("date")
    code_shape = code_shape(CVX)
    code_one_meaning = code_one_meaning()


class Allergies(pa.DataFrameModel):
    """One row: one allergy of a person, with up to two reactions."""

    start: pl.Datetime = pa.Field(description="Day of the diagnosis")
    stop: pl.Datetime = pa.Field(nullable=True, description="Day on which it was over")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was diagnosed")
    code: str = text("Code of what causes it", 18)
    system: str = pa.Field(isin=["SNOMED-CT", "RxNorm"], description="Terminology of the code")
    description: str = text("The code in words")
    type: str = pa.Field(isin=["allergy", "intolerance"], description="Allergy or intolerance")
    category: str = pa.Field(isin=["drug", "medication", "food", "environment"], description="Kind of what causes it")
    reaction1: str = text("SNOMED CT code of a reaction", 18, nullable=True)
    description1: str = text("The reaction in words", nullable=True)
    severity1: str = pa.Field(nullable=True, isin=["MILD", "MODERATE", "SEVERE"], description="Its severity")
    reaction2: str = text("SNOMED CT code of a second reaction", 18, nullable=True)
    description2: str = text("The second reaction in words", nullable=True)
    severity2: str = pa.Field(nullable=True, isin=["MILD", "MODERATE", "SEVERE"], description="Its severity")

    row_once = row_once("patient", "code", "start")
    entry_once = entry_once("patient", "encounter", "code")
    description_one_code = description_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(r"^\d{1,18}$", "reaction1", "reaction2")
    code_one_meaning = code_one_meaning()

    @rule(
        "system_fits_category",
        columns=["system", "category"],
        kind="dependency",
        dimension="consistency",
        limitations=["9.5", "6.1"],
        severity="quarantine",
        message="Medications are coded by RxNorm and all else by SNOMED CT; here it is the other way round.",
        mend="Correct the code and its terminology, or the category.",
    )
    def system_fits_category(cls, frame: PolarsData) -> pl.LazyFrame:
        is_medication = pl.col("category").is_in(["drug", "medication"])
        return frame.lazyframe.select(is_medication == (pl.col("system") == "RxNorm"))

    @rule(
        "reaction_described",
        columns=["code"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2"],
        severity="quarantine",
        message="A reaction lacks its code, its description or its severity, or there is a second one without a first.",
        mend="Give code, description and severity of each reaction, or none of the three.",
    )
    def reaction_described(cls, frame: PolarsData) -> pl.LazyFrame:
        has = {
            n: [pl.col(f"{part}{n}").is_not_null() for part in ("reaction", "description", "severity")] for n in "12"
        }
        alike = [each == of[0] for of in has.values() for each in of[1:]]
        return frame.lazyframe.select(pl.all_horizontal(*alike, has["1"][0] | ~has["2"][0]))


class Careplans(pa.DataFrameModel):
    """One row: one plan of care of a person."""

    id: str = identifier("The plan's id")
    start: pl.Datetime = pa.Field(description="Day from which it holds")
    stop: pl.Datetime = pa.Field(nullable=True, description="Day on which it ended")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was made")
    code: str = text("SNOMED CT code", 18)
    description: str = text("The code in words")
    reasoncode: str = text("SNOMED CT code of the diagnosis that it is for", 18, nullable=True)
    reasondescription: str = text("The diagnosis in words", nullable=True)

    row_once = row_once("id")
    entry_once = entry_once("id")
    description_one_code = description_one_code()
    reason_one_code = reason_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(SNOMED, "reasoncode")
    code_one_meaning = code_one_meaning()
    reason_described = reason_described()


class Devices(pa.DataFrameModel):
    """One row: one device that a person wears, or has implanted."""

    start: pl.Datetime = pa.Field(description="Moment from which the person has it, UTC")
    stop: pl.Datetime = pa.Field(nullable=True, description="Moment at which it was removed, UTC")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was fitted")
    code: str = text("SNOMED CT code", 18)
    description: str = text("The code in words")
    udi: str = text("Unique device identifier, which tells maker, lot and piece", 120)

    row_once = row_once("udi")
    entry_once = entry_once("udi")
    description_one_code = description_one_code()
    not_after_period = not_after_period("start", "stop")
    stop_not_before_start = stop_not_before_start()
    code_shape = code_shape(SNOMED)
    code_one_meaning = code_one_meaning()

    @rule(
        "udi_shape",
        columns=["udi"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1", "9.5"],
        severity="quarantine",
        message="The device's identifier is not written as GS1 writes it: (01) and 14 digits, then its other parts.",
        mend="Copy it from the device's label, with all brackets.",
    )
    def udi_shape(cls, frame: PolarsData) -> pl.LazyFrame:
        parts = r"^\(01\)\d{14}(\((11|17)\)\d{6})*\(10\)[0-9A-Za-z]+\(21\)[0-9A-Za-z]+$"
        return frame.lazyframe.select(pl.col("udi").str.contains(parts))


class Supplies(pa.DataFrameModel):
    """One row: supplies of one kind that were used on a day."""

    date: pl.Datetime = pa.Field(description="Day on which they were used")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which they were used")
    code: str = text("SNOMED CT code", 18)
    description: str = text("The code in words")
    quantity: pl.Int64 = count("How many", 1)

    row_once = row_once("encounter", "code", "date")
    entry_once = entry_once("patient", "encounter", "code", "date")
    description_one_code = description_one_code()
    not_after_period = not_after_period("date")
    code_shape = code_shape(SNOMED)
    code_one_meaning = code_one_meaning()
    quantity_usual = quantity_usual()
    quantities_differ = quantities_differ()


class ImagingStudies(pa.DataFrameModel):
    """One row: one image of a study."""

    id: str = identifier("The study's id; its images share it")
    date: pl.Datetime = pa.Field(description="Moment of the study, UTC")
    patient: str = identifier("The person")
    encounter: str = identifier("Encounter in which it was made")
    series_uid: str = text("DICOM UID of the series", 64)
    bodysite_code: str = text("SNOMED CT code of the part of the body", 18)
    bodysite_description: str = text("The part of the body in words")
    modality_code: str = pa.Field(
        str_length={"min_value": 2, "max_value": 4}, description="DICOM code of the modality, such as DX"
    )
    modality_description: str = text("The modality in words")
    instance_uid: str = text("DICOM UID of the image", 64)
    sop_code: str = text("DICOM UID of the kind of image", 64)
    sop_description: str = text("The kind of image in words")
    procedure_code: str = text("SNOMED CT code of the procedure", 18)

    row_once = row_once("instance_uid")
    entry_once = entry_once("id", "instance_uid")
    not_after_period = not_after_period("date")
    code_shape = code_shape(SNOMED, "bodysite_code", column="procedure_code")

    @rule(
        "uid_shape",
        columns=["instance_uid", "series_uid", "sop_code"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1", "9.5"],
        severity="quarantine",
        message="A DICOM UID is not made of numbers with points between.",
        mend="Export the UIDs as text, as the archive of images has them.",
    )
    def uid_shape(cls, frame: PolarsData) -> pl.LazyFrame:
        uids = pl.col("instance_uid", "series_uid", "sop_code")
        return frame.lazyframe.select(pl.all_horizontal(uids.str.contains(r"^\d+(\.\d+)+$")))
