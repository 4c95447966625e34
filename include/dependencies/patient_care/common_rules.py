"""Rules that several tables of the patient care extract share."""

from functools import reduce
from operator import or_
from typing import Any

import polars as pl
from integrity.gates.rules import rule
from integrity.thresholds import Thresholds
from pandera.api.polars.types import PolarsData

from .fields import EXACT


def _whole_row() -> pl.Expr:
    return pl.struct(pl.exclude("_row", "_period", "_latest"))


def last_day() -> pl.Expr:
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
        late = [(pl.col(name).dt.date() > last_day()).fill_null(value=False) for name in (first, *others)]
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
        return frame.lazyframe.select(pl.col("payer_coverage") <= pl.col(cost) + EXACT)

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
