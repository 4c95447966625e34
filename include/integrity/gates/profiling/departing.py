"""Rules that hold one figure of a submission, or of a column, against the series of the same figure before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from integrity.gates.profiling import rules
from integrity.gates.profiling.answers import Answer, Case, percent, times, too_short
from integrity.gates.profiling.expecting import Departure, Point, departure
from integrity.gates.profiling.profile import LEAST_CELLS, ColumnProfile, NumberFigures

_HALF_A_ROW = 0.5
_DEVIATIONS = 3
_SHARE_WIDTH = 2.0
_STEP = 0.5
"""A magnitude is told in steps of half a decade."""
_SAME_SPREAD = 0.05
_NEAR_TEN = 0.15


def judge_volume(case: Case) -> Answer:
    """Rows, against the number that was to be expected."""
    answer, settings = Answer(rules.VOLUME_USUAL), case.settings
    least = settings.history_needed(answer.rule.name)
    series = [(period, decades(profile.rows)) for period, profile in case.history]
    if len(series) < least:
        answer.cannot(too_short(len(series), least))
        return answer
    rows = case.profile.rows
    found = _departure(case, series, decades(rows), settings.rows_floor, settings.width)
    if found is None or found.by <= 1:
        answer.passes()
        return answer
    expected = round(10**found.expected)
    answer.fails(
        evaluated=max(expected, rows),
        failed=abs(rows - expected),
        detail=f"There are {rows:,} rows, {times(decades(rows) - found.expected)} the {expected:,} expected.",
    )
    return answer


def decades(count: float) -> float:
    """Logarithm of a count; nought is half a row, so that it has one."""
    return math.log10(max(count, _HALF_A_ROW))


@dataclass(frozen=True)
class Share:
    """A part of a column's cells: how many there are, of how many that could be."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole


ShareOf = Callable[[ColumnProfile, int], Share | None]


def nulls_of(column: ColumnProfile, rows: int) -> Share | None:
    return Share(column.nulls, rows)


def noughts_of(column: ColumnProfile, rows: int) -> Share | None:
    return Share(column.number.noughts, rows - column.nulls) if column.number else None


def negatives_of(column: ColumnProfile, rows: int) -> Share | None:
    return Share(column.number.negatives, rows - column.nulls) if column.number else None


def rounds_of(column: ColumnProfile, rows: int) -> Share | None:
    """Of the numbers from 10 on, those that end in 0 or 5."""
    if column.number is None:
        return None
    digits = column.number.digits
    return Share(digits[0] + digits[5], sum(digits)) if sum(digits) >= LEAST_CELLS else None


def wholes_of(column: ColumnProfile, rows: int) -> Share | None:
    """Numbers without decimals."""
    if column.number is None or not column.number.sampled:
        return None
    return Share(column.number.whole, column.number.sampled)


def judge_nulls(case: Case) -> Answer:
    answer = Answer(rules.NULLS_USUAL)
    _judge_shares(case, answer, nulls_of, "cells are blank", floor=case.settings.share_floor)
    return answer


def judge_noughts(case: Case) -> Answer:
    answer = Answer(rules.NOUGHTS_USUAL)
    _judge_shares(case, answer, noughts_of, "filled cells are nought", floor=case.settings.share_floor)
    return answer


def judge_signs(case: Case) -> Answer:
    """Of columns with a cell or a few it is not asked: a single figure that crosses nought has not turned its sign."""
    answer = Answer(rules.SIGNS_USUAL)
    what, floor = "filled cells are negative", case.settings.share_floor
    _judge_shares(case, answer, negatives_of, what, floor=floor, both_ways=True, least=LEAST_CELLS)
    return answer


def judge_digits(case: Case) -> Answer:
    answer = Answer(rules.DIGITS_USUAL)
    floor = case.settings.round_floor
    _judge_shares(case, answer, rounds_of, "numbers end in 0 or 5", floor=floor)
    _judge_shares(case, answer, wholes_of, "numbers have no decimals", floor=floor)
    return answer


def _judge_shares(
    case: Case, answer: Answer, share_of: ShareOf, what: str, *, floor: float, both_ways: bool = False, least: int = 1
) -> None:
    """Ask a rule of a share of every column that has it.

    A share of few cells moves by chance: what one in some hundred submissions would show is allowed.

    Args:
        least: Cells without which it is not asked.
    """
    needed = case.settings.history_needed(answer.rule.name)
    for name, column in case.profile.columns.items():
        now = share_of(column, case.profile.rows)
        if now is None or not now.whole:
            continue
        if now.whole < least:
            answer.cannot(f"fewer than {least} cells", name)
            continue
        past = _past_shares(case, name, share_of)
        if len(past) < needed:
            answer.cannot(too_short(len(past), needed), name)
            continue
        if now.whole < LEAST_CELLS and len({share.value for _, share in past}) > 1:
            answer.cannot(f"fewer than {LEAST_CELLS} cells, and their share has changed before", name)
            continue
        known = past[-case.settings.window :]
        usual = (sum(s.part for _, s in known) + _HALF_A_ROW) / (sum(s.whole for _, s in known) + 1)
        chance = _DEVIATIONS * math.sqrt(usual * (1 - usual) / now.whole)
        found = _departure(
            case, [(p, s.value) for p, s in known], now.value, max(floor, chance), _SHARE_WIDTH, like_last=True
        )
        if found is None or found.by <= 1 or (found.size < 0 and not both_ways):
            answer.passes()
            continue
        expected = percent(min(max(found.expected, 0.0), 1.0))
        answer.fails(
            column=name,
            evaluated=now.whole,
            failed=now.part,
            detail=f"{percent(now.value)} of its {now.whole:,} {what}; {expected} were to be expected.",
        )


def _past_shares(case: Case, name: str, share_of: ShareOf) -> list[tuple[date, Share]]:
    found = []
    for period, profile in case.history:
        column = profile.columns.get(name)
        share = share_of(column, profile.rows) if column else None
        if share and share.whole:
            found.append((period, share))
    return found


def judge_scale(case: Case) -> Answer:
    """Figures that are five times as much or more: a decimal sign lost, another unit."""
    answer, settings = Answer(rules.SCALE_KEPT), case.settings
    least = settings.history_needed(answer.rule.name)
    for name, column in case.profile.columns.items():
        if column.number is None or column.number.magnitude is None:
            continue
        if column.number.level is None and _crosses_nought(case, name, column.number):
            answer.cannot(f"fewer than {LEAST_CELLS} figures, and they cross nought", name)
            continue
        series, value, floor = _sizes(case, name, column.number)
        if len(series) < least:
            answer.cannot(too_short(len(series), least), name)
            continue
        found = _departure(case, series, value, floor, settings.scale_width)
        if found is None or found.by <= 1:
            answer.passes()
            continue
        measured = case.profile.rows - column.nulls - column.number.noughts
        detail = f"They are about {times(found.size)} what was expected{_likely(case, name, found.size)}."
        answer.fails(column=name, evaluated=measured, failed=measured, detail=detail)
    return answer


def judge_level(case: Case, told: frozenset[str]) -> Answer:
    """Figures that have moved further than they use to.

    Args:
        told: Columns of which a change of scale is told.
    """
    answer, settings = Answer(rules.LEVEL_USUAL), case.settings
    least = settings.history_needed(answer.rule.name)
    for name, column in case.profile.columns.items():
        if column.number is None or column.number.magnitude is None:
            continue
        if column.number.level is None:
            answer.cannot(f"fewer than {LEAST_CELLS} figures", name)
            continue
        series = _levels(case, name)
        if name in told:
            answer.cannot(f"see {rules.SCALE_KEPT.name}", name)
        elif len(series) < least:
            answer.cannot(too_short(len(series), least), name)
        else:
            _judge_level(case, answer, name, column.number.level, series)
    return answer


def _judge_level(case: Case, answer: Answer, name: str, level: float, series: list[Point]) -> None:
    found = _departure(case, series, level, case.settings.level_floor, case.settings.width, like_last=True)
    if found is None or found.by <= 1:
        answer.passes()
        return
    column = case.profile.columns[name]
    measured = case.profile.rows - column.nulls - (column.number.noughts if column.number else 0)
    ratio = times(level - found.expected)
    detail = f"They are {ratio} what was expected, {found.by:.2g} times the change that is allowed."
    answer.fails(column=name, evaluated=measured, failed=measured, detail=detail)


def _levels(case: Case, name: str) -> list[Point]:
    past = ((period, column.number) for period, column in case.past(name))
    return [(period, number.level) for period, number in past if number and number.level is not None]


def _sizes(case: Case, name: str, number: NumberFigures) -> tuple[list[Point], float, float]:
    """Series of a column's size, its size now, and the least change to be told: by magnitude if the cells are few."""
    levels = _levels(case, name)
    if number.level is not None and len(levels) >= case.settings.least_for_scale:
        return levels, number.level, case.settings.scale_floor
    past = ((period, column.number) for period, column in case.past(name))
    series = [(period, n.magnitude) for period, n in past if n and n.magnitude is not None]
    # Rounding adds up to half a step at either end.
    return series, number.magnitude or 0.0, case.settings.scale_floor + _STEP / 2


def _crosses_nought(case: Case, name: str, number: NumberFigures) -> bool:
    """Whether a change of sign brings the figures near nought, where a single one has no lasting size."""
    return any(n.negatives for n in (number, *(c.number for _, c in case.past(name))) if n)


def _likely(case: Case, name: str, size: float) -> str:
    """What speaks for one factor over the whole column."""
    said = ""
    if abs(size - round(size)) <= _NEAR_TEN:
        said += f", near a factor of {10 ** abs(round(size)):,}"
    now = case.profile.columns[name].number
    before = [c.number.spread for _, c in case.past(name)[-1:] if c.number and c.number.spread is not None]
    if now and now.spread is not None and before and abs(now.spread - before[0]) <= _SAME_SPREAD:
        said += "; their spread is as before, which speaks for one factor over the column"
    return said


def _departure(
    case: Case, series: list[Point], value: float, floor: float, width: float, *, like_last: bool = False
) -> Departure | None:
    window = case.settings.window
    return departure(series, case.period, value, floor=floor, width=width, window=window, like_last=like_last)
