"""JSON, JSON lines and Parquet, good and bad."""

from __future__ import annotations

import io
from datetime import date, datetime

import polars as pl

from tests.corpus.cases import Case

_JSON_TABLE = "id,payee,sum\n1,Acme,1.50\n2,Beta,\n"


def _parquet() -> bytes:
    target = io.BytesIO()
    pl.DataFrame(
        {
            "id": [1, 2],
            "paid": [date(2020, 4, 1), None],
            "at": [datetime.fromisoformat("2020-04-01T10:30:00"), datetime.fromisoformat("2020-04-02T00:00:00")],
            "sum": [1.5, 25_000.0],
            "flag": [True, False],
            "code": ["00123", "=1+1"],
        }
    ).write_parquet(target)
    return target.getvalue()


CASES = [
    Case(
        name="records.json",
        data=b'[{"id": 1, "payee": "Acme", "sum": 1.50}, {"id": 2, "payee": "Beta", "sum": null}]',
        about="a list of objects; digits stay as written",
        table=_JSON_TABLE,
        said={"format": "json"},
    ),
    Case(
        name="records_within.json",
        data=b'{"made": "2020-05-01", "rows": [{"id": 1, "payee": "Acme", "sum": 1.50}, {"id": 2, "payee": "Beta"}]}',
        about="the list lies within an object",
        table=_JSON_TABLE,
        told=("records are under 'rows'",),
    ),
    Case(
        name="split.json",
        data=b'{"columns": ["id", "payee", "sum"], "data": [[1, "Acme", 1.50], [2, "Beta", null]]}',
        about="pandas' orient='split'",
        table=_JSON_TABLE,
    ),
    Case(
        name="columns.json",
        data=b'{"id": [1, 2], "payee": ["Acme", "Beta"], "sum": [1.50, null]}',
        about="columns instead of records",
        table=_JSON_TABLE,
    ),
    Case(
        name="keyed_columns.json",
        data=b'{"id": {"0": 1, "1": 2}, "payee": {"0": "Acme", "1": "Beta"}, "sum": {"0": 1.50, "1": null}}',
        about="pandas' default, columns of keyed values",
        table=_JSON_TABLE,
    ),
    Case(
        name="lists.json",
        data=b'[["id", "payee", "sum"], [1, "Acme", 1.50], [2, "Beta", null]]',
        about="lists below their headings",
        table=_JSON_TABLE,
    ),
    Case(
        name="ragged_lists.json",
        data=b'[["a", "b"], [1, 2], [3], [4, 5]]',
        about="a list that is too short",
        table="a,b\n1,2\n4,5\n",
        bad_rows=(3,),
    ),
    Case(
        name="keys_differ.json",
        data=b'[{"a": 1}, {"b": 2}, {"a": 3, "b": 4}]',
        about="objects with different keys",
        table="a,b\n1,\n,2\n3,4\n",
    ),
    Case(
        name="nested.json",
        data=b'[{"a": 1, "b": {"x": [1, 2.50]}}, {"a": 2, "b": []}]',
        about="objects within cells",
        table='a,b\n1,"{""x"":[1,2.50]}"\n2,[]\n',
        told=("kept as JSON text, in: 'b'",),
    ),
    Case(
        name="deep.json",
        data=b"[" * 100_000 + b"]" * 100_000,
        about="a hundred thousand lists deep",
        refused="limit 'depth'",
    ),
    Case(name="deep_object.json", data=b'[{"a":' * 40 + b"1" + b"}]" * 40, about="80 deep", refused="limit 'depth'"),
    Case(
        name="nan.json",
        data=b'[{"a": NaN, "b": Infinity}, {"a": -Infinity, "b": 1}]',
        about="what Python writes and JSON has not: taken as written",
        table="a,b\nNaN,Infinity\n-Infinity,1\n",
    ),
    Case(
        name="repeated_keys.json",
        data=b'[{"a": 1, "a": 2}, {"a": 3}]',
        about="a key twice in an object: which counts?",
        table="a\n3\n",
        bad_rows=(1,),
        told=("occurs twice",),
    ),
    Case(
        name="huge_number.json",
        data=b'[{"a": 1e999999999, "b": 123456789012345678901234567890.10}]',
        about="numbers that no machine number holds",
        table="a,b\n1e999999999,123456789012345678901234567890.10\n",
    ),
    Case(name="truncated.json", data=b'[{"a": 1}, {"a": 2', about="cut off", refused="Line 1, column"),
    Case(
        name="not_a_table.json",
        data=b"[1, 2, 3]",
        about="JSON that is no table",
        refused="No record of the file can be taken",
    ),
    Case(
        name="two_lists.json",
        data=b'{"a": [{"x": 1}], "b": [{"y": 2}]}',
        about="two lists of records",
        refused="2 lists of records",
    ),
    Case(name="no_records.json", data=b"[]", about="an empty list", refused="no records"),
    Case(
        name="half_a_letter.json",
        data=b'[{"a": "\\ud800"}, {"a": "x"}, {"a": "\\u0000"}]',
        about="half a surrogate pair and a null character",
        table="a\nx\n",
        bad_rows=(1, 3),
    ),
    Case(name="utf_16.json", data='[{"a": "é"}]'.encode("utf-16"), about="UTF-16 with a mark", table="a\né\n"),
    Case(
        name="records.jsonl",
        data=b'{"id": 1, "payee": "Acme", "sum": 1.50}\n{"id": 2, "payee": "Beta", "sum": null}\n',
        about="JSON lines",
        table=_JSON_TABLE,
        said={"format": "jsonl"},
        numbers=(1, 2),
    ),
    Case(
        name="broken_line.jsonl",
        data=b'{"a": 1}\n{"a": 2\n\n{"a": 3}\n',
        about="one line is broken",
        table="a\n1\n3\n",
        bad_rows=(2,),
        numbers=(1, 4),
    ),
    Case(
        name="deep_line.jsonl",
        data=b'{"a": 1}\n{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b'}\n{"a": 3}\n',
        about="one line is too deep",
        table="a\n1\n3\n",
        bad_rows=(2,),
        told=("limit 'depth'",),
    ),
    Case(
        name="truncated.jsonl",
        data=b'{"a": 1}\n{"a": 2}\n{"a"',
        about="cut off in the last line",
        table="a\n1\n2\n",
        bad_rows=(3,),
    ),
    Case(
        name="nothing_named.json",
        data=b"[{}, {}]\n",
        about="records that name no value",
        table="\n\n\n",
    ),
    Case(name="no_line.jsonl", data=b"{a\n{b\n", about="no line can be read", refused="No line of the file"),
    Case(
        name="named_csv.csv",
        data=b'{"id": 1, "payee": "Acme", "sum": 1.50}\n{"id": 2, "payee": "Beta", "sum": null}\n',
        about="JSON lines under a wrong ending",
        table=_JSON_TABLE,
        told=("although its name ends in '.csv'",),
    ),
    Case(
        name="bracket_heading.csv",
        data=b"[id],[sum]\n1,2\n3,4\n",
        about="SQL Server's brackets are no JSON",
        table="[id],[sum]\n1,2\n3,4\n",
    ),
    Case(
        name="typed.parquet",
        data=_parquet,
        about="Parquet with every common type",
        table="id,paid,at,sum,flag,code\n1,2020-04-01,2020-04-01T10:30:00,1.5,TRUE,00123\n"
        "2,,2020-04-02T00:00:00,25000,FALSE,=1+1\n",
        said={"format": "parquet"},
    ),
    Case(name="truncated.parquet", data=lambda: _parquet()[:-20], about="cut off", refused="damaged"),
    Case(name="head_only.parquet", data=b"PAR1", about="its first four bytes", refused="damaged"),
    Case(
        name="broken_middle.parquet",
        data=lambda: _parquet()[:60] + b"\xff" * 40 + _parquet()[100:],
        about="bytes in the middle overwritten",
        refused="damaged",
    ),
]
