"""Telling the rules that look at one row at a time from those that look across rows.

The former can be asked batch by batch, the latter only of all rows at once. Their author need not say which is which:
polars' own plan does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import polars as pl
from polars.io.plugins import register_io_source

_SOURCE = "streaming-python-scan"
_STEPS = ("select", "with-columns", "simple-projection")
"""Steps of a plan under which each row stays by itself; whatever else may come counts as looking across rows."""


def is_row_by_row(schema: pl.Schema, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> bool:
    """Whether a rule's answer on a row is the same whatever other rows there are.

    Args:
        schema: Columns that the rule may read.
        ask: The rule: a lazy frame of one column for a lazy frame of rows.
    """
    was_read = False

    def nothing(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        nonlocal was_read
        was_read = True
        yield pl.DataFrame(schema=schema).select(columns or pl.all())

    try:
        answer = ask(register_io_source(nothing, schema=schema))
        drawn = answer.show_graph(raw_output=True, plan_stage="physical", engine="streaming") or ""
    except Exception:  # noqa: BLE001 - a rule that breaks here will break, and be told, where it is asked in earnest
        return False
    # A step's name stands first in its label; what follows may hold a rule's own words, quotes and all.
    steps = [label.split("\\n")[0] for label in re.findall(r'label="((?:[^"\\]|\\.)*)"', drawn)]
    # A rule that has collected rows already has made of them who knows what.
    return not was_read and steps.count(_SOURCE) == 1 and {*steps} <= {_SOURCE, *_STEPS}


def columns_read(schema: pl.Schema, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> list[str]:
    """The columns that a rule looks at: those that polars asks its source for, whatever the rule says of itself.

    Args:
        schema: Columns that the rule may read.
        ask: The rule: a lazy frame of one column for a lazy frame of rows.
    """
    read: set[str] = set()

    def nothing(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        read.update(columns or schema.names())
        yield pl.DataFrame(schema=schema).select(columns or pl.all())

    try:
        ask(register_io_source(nothing, schema=schema)).collect()
    except Exception:  # noqa: BLE001 - as above
        return schema.names()
    return [name for name in schema.names() if name in read]
