"""Telling which reporting period a file speaks of: by its name, or else by its own dates."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency
from integrity.submissions.layouts import choose_layout
from integrity.submissions.reading import read_submission


def period_from_name(dependency: Dependency, file_name: str) -> date | None:
    """The period that a file's name gives, or None where the name follows no known form."""
    given = dependency.file.period_from_name
    match = re.search(given.pattern, file_name) if given else None
    if not given or not match:
        return None
    try:
        return datetime.strptime(match["period"], given.format).date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return None


def period_from_content(dependency: Dependency, path: Path) -> date | None:
    """The day that most of the file's rows carry, the first of equally frequent ones; None where it cannot be read.

    Rows of another day are the rules' business: they say so, row by row.
    """
    column = dependency.file.period_from_column
    try:
        reading = read_submission(path)
    except Rejected:
        return None
    layout = choose_layout(reading.headings, dependency.layouts, (column,)).layout
    heading = next((h for h in reading.headings if layout.rename.get(h, h) == column), None)
    if heading is None:
        return None
    moments = pl.coalesce([pl.col(heading).str.to_datetime(f, strict=False) for f in layout.datetime_formats])
    days = reading.frame.select(day=moments.dt.date()).drop_nulls().group_by("day", maintain_order=True).len()
    days = days.sort("len", descending=True, maintain_order=True)
    if days.is_empty():
        return None
    first: date = days["day"][0]
    return first


def identify_period(dependency: Dependency, file_name: str, path: Path) -> date:
    """The reporting period of a file that lies archived at ``path``.

    Raises:
        Rejected: It cannot be told, or it is no period of the dependency's calendar.
    """
    period = period_from_name(dependency, file_name) or period_from_content(dependency, path)
    if period is None:
        raise Rejected("Neither the file's name nor its dates tell which reporting period it is for.")
    if not dependency.reporting.is_period(period):
        raise Rejected(f"The file is for {period}, which is no reporting period of {dependency.title}.")
    return period
