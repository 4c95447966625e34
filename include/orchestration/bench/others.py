"""The rules of the generated files as users of Great Expectations and of Pandera on pandas would state them.

Run by an interpreter that has those and nothing of ours: ``others.py PROGRAM FILE``. Both get the columns typed by
pandas while reading, which spares them the casts that our own gate judges cell by cell.
"""

# mypy: ignore-errors
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

_REQUIRED = ("day", "unit", "ward", "a", "b", "total", "c", "rate", "cost", "code")
_AT_LEAST_0 = ("a", "b", "total", "c", "cost")
_WARDS = ["A", "B", "C", "D"]


def _read(file: str) -> pd.DataFrame:
    return pd.read_csv(file, parse_dates=["day"], dtype={"code": "str"})


def great_expectations() -> Callable[[str], bool]:
    import great_expectations as gx
    from great_expectations import expectations as gxe

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("files").add_dataframe_asset("file")
    batch = asset.add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(gx.ExpectationSuite("rules"))
    stated: list[Any] = [gxe.ExpectColumnValuesToNotBeNull(column=column) for column in _REQUIRED]
    stated += [gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0) for column in _AT_LEAST_0]
    stated += [
        gxe.ExpectColumnValuesToBeBetween(column="rate", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeInSet(column="ward", value_set=_WARDS),
        gxe.ExpectColumnValuesToBeUnique(column="unit"),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="total", column_B="parts"),
    ]
    for expectation in stated:
        suite.add_expectation(expectation)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="judged", data=batch, suite=suite))

    def judge(file: str) -> bool:
        frame = _read(file)
        frame["parts"] = frame["a"] + frame["b"]
        return bool(definition.run(batch_parameters={"dataframe": frame}, result_format="SUMMARY").success)

    return judge


def pandera() -> Callable[[str], bool]:
    import pandera.pandas as pa

    at_least_0 = pa.Check.ge(0)
    columns = {
        "day": pa.Column("datetime64[us]", coerce=True),
        "unit": pa.Column(str, unique=True),
        "ward": pa.Column(str, pa.Check.isin(_WARDS)),
        **{name: pa.Column("int64", at_least_0) for name in ("a", "b", "total", "c")},
        "d": pa.Column("int64", nullable=True),
        "rate": pa.Column(float, pa.Check.in_range(0, 1)),
        "cost": pa.Column(float, at_least_0),
        "note": pa.Column(str, nullable=True),
        "code": pa.Column(str),
    }
    schema = pa.DataFrameSchema(columns, checks=pa.Check(lambda frame: frame["total"] == frame["a"] + frame["b"]))

    def judge(file: str) -> bool:
        schema.validate(_read(file), lazy=True)
        return True

    return judge


def main() -> None:
    program, file = sys.argv[1:]
    judge = {"Great Expectations": great_expectations, "Pandera": pandera}[program]()
    started = time.perf_counter()
    passed = judge(file)
    seconds = time.perf_counter() - started
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "passed": passed}) + "\n")


if __name__ == "__main__":
    main()
