"""Telling which reporting periods a file speaks of: by its name, by what it states of them, or by its own dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency, Layout, StatedPeriod
from integrity.inventory.headings import bare
from integrity.submissions.layouts import choose_layout
from integrity.submissions.notations import moment
from integrity.submissions.reading import ROW, Reading, Rows


def identify_periods(
    dependency: Dependency,
    file_name: str,
    read: Callable[[], Reading],
    *,
    supplier: str,
    dictionary: tuple[str, ...],
) -> tuple[date, ...]:
    """The reporting periods of a file, in order: one, unless its layout says several.

    Args:
        read: Reads the file; asked only where the name does not tell the period.
        supplier: Who sent it, which decides the layouts that describe it; '' where nobody knows.
        dictionary: Columns of the data dictionary.

    Raises:
        Rejected: They cannot be told, or none is a period of the dependency's calendar.
    """
    named = period_from_name(dependency, file_name)
    # Tables that are submitted together share no column that would tell it.
    by_content = () if named or dependency.tables else _periods_from_content(dependency, read, supplier, dictionary)
    found = (named,) if named else by_content
    if not found:
        raise Rejected("Neither the file's name nor its dates tell which reporting period it is for.")
    covered = tuple(period for period in found if dependency.reporting.is_period(period))
    if not covered:
        label = dependency.reporting.label(found[0])
        raise Rejected(f"The file is for {label}, which is no reporting period of {dependency.title}.")
    return covered


def period_from_name(dependency: Dependency, file_name: str) -> date | None:
    """The period that a file's name gives, or None where the name follows no known form."""
    given = dependency.file.period_from_name
    match = re.search(given.pattern, file_name) if given else None
    day = given.read(match["period"]) if given and match else None
    return dependency.reporting.period_of(day) if day else None


def _periods_from_content(
    dependency: Dependency, read: Callable[[], Reading], supplier: str, dictionary: tuple[str, ...]
) -> tuple[date, ...]:
    try:
        reading = read()
    except Rejected:
        return ()
    fit = choose_layout(reading.headings, dependency.layouts, dictionary, supplier)
    return periods_covered(reading, dependency, fit.layout)


def periods_covered(reading: Reading, dependency: Dependency, layout: Layout) -> tuple[date, ...]:
    """The periods that a file is for, in order; none where no row tells one.

    A file for one period is for the one that most of its rows carry, the first of equally frequent ones; rows of
    another period are the rules' business. A file for several is for every one that a row carries.
    """
    counted: Counter[date] = Counter()
    for batch in reading.rows.batches():
        carried = periods_of_rows(batch, dependency, layout).drop_nulls().to_frame("period")
        counted.update(dict(carried.group_by("period", maintain_order=True).len().iter_rows()))
    if layout.periods == "several":
        return tuple(sorted(counted))
    return tuple(period for period, _ in counted.most_common(1))


def periods_of_rows(frame: pl.DataFrame, dependency: Dependency, layout: Layout) -> pl.Series:
    """The period that each row carries; null where the row does not tell it.

    What the file states of its periods goes before its dates, which may be those of invoices.

    Args:
        frame: Rows as read: ``_row`` and the supplier's own headings, text.
    """
    reporting = dependency.reporting
    stated = reporting.stated_by(layout.name)
    if stated:
        headings = [_heading(frame, {bare(wanted)}) for wanted in stated.headings]
        if None not in headings:
            days = _stated_days(frame, [str(heading) for heading in headings], stated)
            return days.dt.truncate(reporting.every)
    column = dependency.file.period_from_column
    told = {bare(column), *(bare(own) for own, name in layout.rename.items() if name == column)} if column else set()
    heading = _heading(frame, told)
    if heading is None:
        return pl.repeat(None, frame.height, dtype=pl.Date, eager=True)
    days = frame.select(moment(pl.col(heading), layout.datetime_formats).dt.date()).to_series()
    return days.dt.truncate(reporting.every)


def _stated_days(frame: pl.DataFrame, headings: list[str], stated: StatedPeriod) -> pl.Series:
    cells = [pl.col(heading).str.strip_chars() for heading in headings]
    written = frame.select(pl.concat_str(cells, separator=" ")).to_series()
    meant = {cell: stated.read(cell) for cell in written.drop_nulls().unique()}
    return written.replace_strict(meant, default=None, return_dtype=pl.Date)


def _heading(frame: pl.DataFrame, wanted: set[str]) -> str | None:
    return next((heading for heading in frame.columns if heading != ROW and bare(heading) in wanted), None)


def rows_of_period(
    frame: pl.DataFrame, dependency: Dependency, layout: Layout, period: date, covered: tuple[date, ...]
) -> pl.Series:
    """Which rows of a file belong to its submission for ``period``: a mask, true where the row does.

    Each row belongs to exactly one of the covered periods: that which it carries, or else the first, where the rules
    tell what is wrong with its date. So nothing is lost, and nothing is counted twice.

    Args:
        frame: Rows as read, as for ``periods_of_rows``.
        covered: Every period that this same file was registered for, in order; ``period`` is one of them.
    """
    if len(covered) < 2:
        return pl.repeat(period in covered, frame.height, dtype=pl.Boolean, eager=True)
    carried = periods_of_rows(frame, dependency, layout)
    belongs = pl.when(carried.is_in(list(covered))).then(carried).otherwise(pl.lit(covered[0]))
    return frame.select(belongs == period).to_series()


def reading_of_period(
    reading: Reading, dependency: Dependency, layout: Layout, period: date, covered: tuple[date, ...]
) -> Reading:
    """The part of a file that is its submission for ``period``; rows that cannot be parsed go with the first period."""
    if len(covered) < 2:
        return reading
    parts = tuple(
        batch.filter(rows_of_period(batch, dependency, layout, period, covered)).rename(reading.rows.columns)
        for batch in reading.rows.batches()
    )
    rows = Rows(parts=parts, columns=reading.rows.columns, height=sum(part.height for part in parts))
    bad_rows = reading.bad_rows if period == covered[0] else ()
    # The frame that the whole file keeps once it was asked for is not that of its part.
    return replace(reading, rows=rows, bad_rows=bad_rows, _frame=[])
