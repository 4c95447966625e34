"""What was given, done and used."""

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
from .copies import quantities_differ, quantity_usual
from .fields import EXACT, SNOMED, count, identifier, money, text

RXNORM = r"^\d{1,7}$"
CVX = r"^\d{2,3}$"


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
        return frame.lazyframe.select(off < EXACT)


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
