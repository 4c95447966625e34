"""Reading Parquet: its typed columns as text, in the notation that every other format is brought to."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from integrity.errors import Rejected
from integrity.submissions.cell_texts import text_of
from integrity.submissions.limits import Limits
from integrity.submissions.structured import ROW, Records, clean_headings
from integrity.submissions.supplier_text import printable

_DAMAGED = "The Parquet file is damaged or was cut off on its way. Please write it again and send that."
_PANDAS_INDEX = "__index_level_"


def read_parquet(path: Path, limits: Limits) -> Records:
    """Read a Parquet file.

    Raises:
        Rejected: It is damaged, over a limit, or a column holds what is no text, number or date.
    """
    try:
        return _read(path, limits)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise Rejected(_DAMAGED) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise Rejected(_DAMAGED) from error
        raise


def _read(path: Path, limits: Limits) -> Records:
    source = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    schema = source.collect_schema()
    names = [name for name in schema.names() if not name.startswith(_PANDAS_INDEX)]
    limits.require("columns", len(names), "columns")
    limits.require("rows", int(source.select(pl.len()).collect().item()), "records")
    headings = clean_headings(names)
    frame = source.select(names).collect()
    texts = [_text(frame[name]).alias(heading) for name, heading in zip(names, headings, strict=True)]
    longest = max((int(text.str.len_chars().max() or 0) for text in texts), default=0)  # type: ignore[arg-type]
    limits.require("cell_characters", longest, "characters in one value")
    notes = ["rows are counted as records, from 1"]
    if nested := [name for name in names if schema[name].is_nested()]:
        listed = ", ".join(f"'{printable(name)}'" for name in nested[:10])
        notes.append(f"values that are lists or objects were kept as JSON text, in: {listed}")
    if len(names) < len(schema):
        notes.append("the index that pandas adds was left out")
    if not texts or not frame.height:
        raise Rejected("The file holds no records.")
    blanks_null = [pl.when(pl.col(h).str.strip_chars().str.len_bytes() > 0).then(pl.col(h)).alias(h) for h in headings]
    numbered = pl.DataFrame(texts).with_row_index(ROW, offset=1).select(pl.col(ROW).cast(pl.Int64), *blanks_null)
    return Records(headings, numbered, notes=tuple(notes))


def _text(column: pl.Series) -> pl.Series:
    """A column as text; nulls stay null."""
    kind = column.dtype
    if kind == pl.String:
        return column
    if kind.is_float():
        return _text_of_floats(column)
    if kind == pl.Boolean:
        return column.replace_strict({True: "TRUE", False: "FALSE"}, default=None, return_dtype=pl.String)
    if isinstance(kind, pl.Datetime):
        return _text_of_moments(column, kind)
    if kind == pl.Date:
        return column.dt.to_string("%Y-%m-%d")
    if kind == pl.Time:
        return column.dt.to_string("%H:%M:%S%.f")
    if kind == pl.Duration:
        return column.map_elements(text_of, return_dtype=pl.String)
    if kind == pl.Binary:
        return _text_of_bytes(column)
    if kind.is_nested() or kind == pl.Object:
        return column.map_elements(_compact, return_dtype=pl.String)
    return column.cast(pl.String)


def _text_of_floats(column: pl.Series) -> pl.Series:
    """Shortest plain decimals; the few that would have an exponent are written out one by one."""
    text = column.cast(pl.String).str.strip_suffix(".0")
    has_exponent = text.str.contains("e", literal=True).fill_null(value=False)
    if not has_exponent.any():
        return text
    written_out = text.filter(has_exponent).unique()
    return text.replace(written_out, [format(Decimal(number), "f") for number in written_out])


def _text_of_moments(column: pl.Series, kind: pl.Datetime) -> pl.Series:
    """Moments; a column in which all are midnight holds days, which some programs store as moments."""
    if kind.time_zone is not None:
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z")
    if bool((column.dt.truncate("1d") == column).all()):
        return column.dt.to_string("%Y-%m-%d")
    return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f")


def _text_of_bytes(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise Rejected(
            f"The column '{printable(column.name)}' holds bytes that are no text. Please write it as text."
        ) from error


def _compact(value: Any) -> str:
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=text_of)
