"""The rules of the generated files as users of Great Expectations and of Pandera on pandas would state them.

Run by an interpreter that has those and nothing of ours: ``others.py PROGRAM FILE HOW``. ``same rules`` reads text and
asks of every cell whether it can be read, as our own gate does; ``typed by pandas`` lets pandas' reader take that for
granted, and stops at the first cell that is not so.
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
_WHOLE_NUMBERS = ("a", "b", "total", "c", "d")
_NUMBERS = ("rate", "cost")
_NOTATIONS = {
    **dict.fromkeys(_WHOLE_NUMBERS, r"^[+-]?\d+$"),
    **dict.fromkeys(_NUMBERS, r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$"),
}
_MOMENT = "%Y-%m-%dT%H:%M:%S"


def _read(file: str, is_typed: bool) -> pd.DataFrame:
    if is_typed:
        frame = pd.read_csv(file, parse_dates=["day"], dtype={"code": "str"})
    else:
        text = pd.read_csv(file, dtype=str)
        frame = text.rename(columns={name: f"{name} as text" for name in (*_NOTATIONS, "day")})
        for name in _NOTATIONS:
            frame[name] = pd.to_numeric(text[name], errors="coerce")
        frame["day"] = pd.to_datetime(text["day"], format=_MOMENT, errors="coerce")
    frame["parts"] = frame["a"] + frame["b"]
    return frame


def great_expectations(is_typed: bool) -> Callable[[str], bool]:
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
    if not is_typed:
        stated += [
            gxe.ExpectColumnValuesToMatchRegex(column=f"{column} as text", regex=notation)
            for column, notation in _NOTATIONS.items()
        ]
        stated.append(gxe.ExpectColumnValuesToMatchStrftimeFormat(column="day as text", strftime_format=_MOMENT))
    for expectation in stated:
        suite.add_expectation(expectation)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="judged", data=batch, suite=suite))

    def judge(file: str) -> bool:
        return bool(
            definition.run(batch_parameters={"dataframe": _read(file, is_typed)}, result_format="SUMMARY").success
        )

    return judge


def pandera(is_typed: bool) -> Callable[[str], bool]:
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
    if not is_typed:
        columns |= {f"{name} as text": pa.Column(str, pa.Check.str_matches(like)) for name, like in _NOTATIONS.items()}
        columns["day as text"] = pa.Column(str, pa.Check(_is_moment))
    schema = pa.DataFrameSchema(columns, checks=pa.Check(lambda frame: frame["total"] == frame["parts"]))

    def judge(file: str) -> bool:
        schema.validate(_read(file, is_typed), lazy=True)
        return True

    return judge


def _is_moment(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, format=_MOMENT, errors="coerce").notna()


def main() -> None:
    program, file, how = sys.argv[1:]
    judge = {"Great Expectations": great_expectations, "Pandera": pandera}[program](how == "typed by pandas")
    started = time.perf_counter()
    passed = judge(file)
    seconds = time.perf_counter() - started
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "passed": passed}) + "\n")


if __name__ == "__main__":
    main()
