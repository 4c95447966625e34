"""Who pays, and for whom from when until when."""

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from integrity.thresholds import Limit, Thresholds
from pandera.api.polars.types import PolarsData

from .common_rules import (
    entry_once,
    insurers_differ,
    not_after_period,
    phone_shape,
    row_once,
    stop_not_before_start,
    zip_shape,
)
from .fields import CUT_ZIPS, count, identifier, money, text
from .rates import rates_plausible

ONE_ROW = Thresholds(warn=Limit(count=1))


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
