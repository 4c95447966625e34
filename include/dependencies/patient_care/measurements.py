"""What was measured and pictured."""

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

from .common_rules import code_one_meaning, code_shape, description_one_code, entry_once, not_after_period, row_once
from .fields import ONE_IN_TWENTY, SNOMED, identifier, text

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
