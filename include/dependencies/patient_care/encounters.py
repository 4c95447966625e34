"""Visits and stays, and what people were found to have."""

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

from .common_rules import (
    code_one_meaning,
    code_shape,
    coverage_within_cost,
    description_one_code,
    entry_once,
    not_after_period,
    reason_described,
    reason_one_code,
    row_once,
    stop_not_before_start,
)
from .fields import EXACT, SNOMED, identifier, money, text


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
        return frame.lazyframe.select((total == 0) | (total + EXACT >= pl.col("base_encounter_cost")))

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
